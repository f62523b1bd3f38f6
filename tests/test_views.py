"""View sampling, against SciPy's distributions and the reference's definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from dst3d_datasets.camera import centre_of
from dst3d_datasets.nouns import ModelRef
from dst3d_datasets.recipe import Distribution, validate
from dst3d_datasets.views import STRATEGIES, quantile, sample_views

COUNT = 4000


def ref_of(**fields: object) -> ModelRef:
    return ModelRef(source="toy", model_id="m", class_name="c", **fields)  # type: ignore[arg-type]


def truncated(mean: float, sd: float, low: float, high: float):
    return stats.truncnorm((low - mean) / sd, (high - mean) / sd, loc=mean, scale=sd)


@pytest.mark.parametrize(
    ("distribution", "expected"),
    [
        (Distribution(uniform=(-195.0, 15.0)), stats.uniform(-195, 210)),
        (Distribution(truncated_normal=(90.0, 30.0, 0.0, 180.0)), truncated(90, 30, 0, 180)),
        (Distribution(truncated_normal=(60.0, 20.0, 0.0, 195.0)), truncated(60, 20, 0, 195)),
        (Distribution(truncated_normal=(0.0, 1.0, 5.0, 9.0)), truncated(0, 1, 5, 9)),
        (Distribution(truncated_normal=(0.0, 1.0, -9.0, -5.0)), truncated(0, 1, -9, -5)),
    ],
)
def test_quantiles_equal_scipys(distribution: Distribution, expected) -> None:
    for u in (1e-9, 0.01, 0.25, 0.5, 0.9, 0.999, 1 - 1e-9):
        assert quantile(distribution, u) == pytest.approx(expected.ppf(u), rel=1e-5, abs=1e-6)


def test_sphere_is_even_in_area() -> None:
    values = [quantile(Distribution(sphere=(-90.0, 90.0)), (i + 0.5) / 999) for i in range(999)]
    np.testing.assert_allclose(np.sin(np.radians(values)), np.linspace(-1, 1, 1999)[1::2], atol=1e-9)


def test_fixed_and_choice() -> None:
    assert quantile(Distribution(fixed=3.0), 0.7) == 3.0
    assert {quantile(Distribution(choice=(1.0, 2.0)), u) for u in (0.1, 0.49, 0.51, 0.99)} == {1.0, 2.0}


# Written down from the reference's sampler: (theta distribution, phi distribution)
REFERENCE = {
    1: (stats.uniform(0, 360), truncated(90, 30, 0, 180)),
    2: (stats.uniform(-195, 210), truncated(90, 30, 0, 180)),
    3: (stats.uniform(0, 360), truncated(60, 20, 0, 195)),
    4: (stats.uniform(-195, 210), truncated(60, 20, 0, 195)),
    5: (stats.uniform(0, 360), stats.uniform(0, 180)),
}


@pytest.mark.parametrize("strategy", sorted(STRATEGIES))
def test_the_reference_strategies(strategy: int) -> None:
    recipe = validate({"views": {"per_model": 1, "sampling": "catalogue"}})
    views = sample_views(recipe, ref_of(sampling=strategy, distance=1.4), 0, COUNT)
    theta, phi = REFERENCE[strategy]
    # canonical azimuth = theta + 90 and elevation = 90 - phi; no phi above 180 is drawn in 4000 (6 sd away)
    azimuths = np.array([view.azimuth for view in views]) - 90.0
    low = theta.ppf(0.0)
    azimuths = (azimuths - low) % 360.0 + low
    assert stats.kstest(azimuths, theta.cdf).pvalue > 1e-4
    assert stats.kstest([90.0 - view.elevation for view in views], phi.cdf).pvalue > 1e-4
    assert {view.distance for view in views} == {1.4}
    assert {view.theta for view in views} == {0.0}
    forced = validate({"views": {"per_model": 1, "sampling": strategy}})
    assert sample_views(forced, ref_of(sampling=1, distance=1.4), 0, 50) == views[:50]


def test_random_distance_is_the_references() -> None:
    recipe = validate({"views": {"per_model": 1, "distance": "catalogue_random"}})
    distances = [view.distance for view in sample_views(recipe, ref_of(distance=1.6), 0, COUNT)]
    assert stats.kstest(distances, truncated(1.6, 0.5, 1.1, 3.1).cdf).pvalue > 1e-4


def test_ones_own_distributions() -> None:
    sampling = {"azimuth": {"uniform": [350, 370]}, "elevation": {"sphere": [-30, 60]}, "theta": {"uniform": [-20, 20]}}
    recipe = validate({"views": {"per_model": 1, "sampling": sampling, "distance": {"uniform": [1.0, 2.0]}}})
    views = sample_views(recipe, ref_of(), 0, 500)
    assert all(view.azimuth >= 350 or view.azimuth <= 10 for view in views)
    assert all(-30 <= view.elevation <= 60 and -20 <= view.theta <= 20 and 1 <= view.distance <= 2 for view in views)
    assert len({view.azimuth for view in views}) == 500


def test_the_four_numbers_of_a_view_are_independent() -> None:
    sampling = {name: {"uniform": [-80, 80]} for name in ("azimuth", "elevation", "theta")}
    recipe = validate({"views": {"per_model": 1, "sampling": sampling, "distance": {"uniform": [1.0, 2.0]}}})
    views = sample_views(recipe, ref_of(), 0, COUNT)
    columns = np.array([[(v.azimuth + 180) % 360, v.elevation, v.theta, v.distance] for v in views]).T
    assert np.abs(np.corrcoef(columns) - np.eye(4)).max() < 4 / math.sqrt(COUNT)


def test_later_views_can_be_asked_for_alone() -> None:
    recipe = validate({"views": {"per_model": 9}})
    assert sample_views(recipe, ref_of(), 5, 3) == sample_views(recipe, ref_of(), 0, 9)[5:8]
    assert np.linalg.norm(centre_of(10.0, 20.0, 1.3)) == pytest.approx(1.3)
