"""View sampling, against SciPy's distributions and the reference's definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from dst3d_datasets.camera import camera_of, centre_of, project, rotation_of
from dst3d_datasets.errors import RecipeError
from dst3d_datasets.nouns import ModelRef
from dst3d_datasets.recipe import Distribution, fingerprint, sample_fingerprint, validate
from dst3d_datasets.seeds import uniforms
from dst3d_datasets.views import STRATEGIES, draw, quantile, sample_views
from dst3d_datasets.views.lens import NEAREST

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


def numbers(recipe, count: int = 20_000, **fields: object) -> dict[str, np.ndarray]:
    """Columns of one model's views."""
    columns = draw(recipe, ref_of(**fields), 0, count)
    names = ("azimuth", "elevation", "theta", "distance", "focal", "right", "down", "visible", "towards")
    return {name: getattr(columns, name) for name in names}


def recipe_with(**views: object):
    return validate({"views": {"per_model": 1, **views}})


@pytest.mark.parametrize("sampling", ["sphere", "so3"])
def test_sphere_has_as_many_views_in_every_cell_of_one_area(sampling: str) -> None:
    found = numbers(recipe_with(sampling=sampling))
    column = (found["azimuth"] / 360 * 12).astype(int)
    row = np.minimum(((np.sin(np.radians(found["elevation"])) + 1) / 2 * 6).astype(int), 5)
    counts = np.bincount(row * 12 + column, minlength=72)
    assert counts.size == 72
    assert stats.chisquare(counts).pvalue > 1e-3
    uneven = np.minimum(((found["elevation"] + 90) / 180 * 6).astype(int), 5)
    assert stats.chisquare(np.bincount(uneven * 12 + column, minlength=72)).pvalue < 1e-9, "the test can fail"


def test_so3_is_the_uniform_distribution_of_rotations() -> None:
    """By what is known of it: E R = 0, the angle of rotation has density (1 - cos) / pi, and every axis is even."""
    found = numbers(recipe_with(sampling="so3"), 4000)
    rotations = np.array([rotation_of(*angles) for angles in zip(*list(found.values())[:3], strict=True)])
    assert np.abs(rotations.mean(0)).max() < 5 / math.sqrt(3 * len(rotations))
    angle = np.arccos(np.clip((np.trace(rotations, axis1=1, axis2=2) - 1) / 2, -1, 1))
    assert stats.kstest(angle, lambda t: (t - np.sin(t)) / np.pi).pvalue > 1e-3
    for row in range(3):
        for column in range(3):  # Archimedes: a coordinate of an even unit vector is even in [-1, 1]
            assert stats.kstest(rotations[:, row, column], stats.uniform(-1, 2).cdf).pvalue > 1e-4
    sphere = numbers(recipe_with(sampling="sphere"), 4000)
    np.testing.assert_array_equal(sphere["azimuth"], found["azimuth"])
    assert (sphere["theta"] == 0).all()


def test_numbers_in_the_middle_of_a_column_are_computed_alone() -> None:
    whole = uniforms("a", 1, count=50)
    for first in range(12):
        np.testing.assert_array_equal(uniforms("a", 1, count=9, first=first), whole[first : first + 9])


def test_roll_turns_the_picture_and_nothing_else() -> None:
    plain, rolled = numbers(recipe_with(), 500), numbers(recipe_with(roll={"uniform": [-40, 40]}), 500)
    assert stats.kstest(rolled.pop("theta"), stats.uniform(-40, 80).cdf).pvalue > 1e-3
    assert (plain.pop("theta") == 0).all()
    for name, column in plain.items():
        np.testing.assert_array_equal(column, rolled[name])


def test_the_lens_comes_from_render_unless_views_says_otherwise() -> None:
    recipe = validate({"views": {"per_model": 1}, "render": {"focal": 2.0}})
    assert set(numbers(recipe, 5)["focal"]) == {2.0}
    found = numbers(recipe_with(focal={"uniform": [0.7, 3.0]}))
    assert stats.kstest(found["focal"], stats.uniform(0.7, 2.3).cdf).pvalue > 1e-3
    assert set(found["distance"]) == {1.5}


def test_keep_size_moves_the_camera_with_the_lens() -> None:
    focal = {"uniform": [0.5, 3.0]}
    plain, kept = numbers(recipe_with(focal=focal), 500), numbers(recipe_with(focal=focal, keep_size=True), 500)
    np.testing.assert_array_equal(plain["focal"], kept["focal"])
    size = kept["focal"] / kept["distance"]
    np.testing.assert_allclose(size, 35 / 32 / 1.5, rtol=1e-12)
    wide = numbers(recipe_with(focal={"fixed": 0.2}, keep_size=True), 5)
    assert set(wide["distance"]) == {NEAREST}


@pytest.mark.parametrize("by", ["distance", "focal"])
def test_scale_changes_the_size_in_the_picture(by: str) -> None:
    found = numbers(recipe_with(scale={"uniform": [0.5, 2.0]}, scale_by=by), 5000)
    size = found["focal"] / found["distance"] / (35 / 32 / 1.5)
    assert stats.kstest(size, stats.uniform(0.5, 1.5).cdf).pvalue > 1e-3
    other = "focal" if by == "distance" else "distance"
    assert len(set(found[other])) == 1


def test_principal_point_moves_the_object_and_the_angles_stay() -> None:
    shift = {"x": {"uniform": [-0.3, 0.3]}, "y": {"fixed": 0.1}}
    plain, moved = numbers(recipe_with(), 300), numbers(recipe_with(principal=shift), 300)
    assert stats.kstest(moved.pop("right"), stats.uniform(-0.3, 0.6).cdf).pvalue > 1e-3
    assert set(moved.pop("down")) == {0.1}
    for name, column in moved.items():
        np.testing.assert_array_equal(column, plain[name])
    view = sample_views(recipe_with(principal=shift), ref_of(), 0, 1)[0]
    camera = camera_of(view, 640, 480)
    np.testing.assert_allclose(project(camera, [[0, 0, 0]])[0][0], [320 + 640 * view.principal[0], 240 + 64])


@pytest.mark.parametrize(
    ("views", "said"),
    [
        ({"focal": {"uniform": [0.01, 1.0]}}, "focal: gives 0.01 to 1; stay in [0.1, 20]"),
        ({"scale": {"fixed": 0.0}}, "scale: gives 0 to 0"),
        ({"principal": {"x": {"fixed": 0.7}}}, "x: gives 0.7 to 0.7; stay in [-0.5, 0.5]"),
        ({"truncation": {"share": 0.5, "visible": {"uniform": [0, 1]}}}, "visible: gives 0 to 1"),
        ({"truncation": {"share": 0.12345}}, "at most 4 decimals"),
        ({"sampling": "prior"}, "prior needs the field prior"),
        ({"sampling": "ball"}, "so3"),
        ({"prior": {"file": "x.csv"}}, "with sampling: prior alone"),
        ({"distance": "prior", "sampling": 1, "prior": {"file": "x.csv"}}, "prior"),
        ({"truncation": {"shar": 0.5}}, "did you mean 'share'"),
    ],
)
def test_what_is_refused(views: dict[str, object], said: str) -> None:
    with pytest.raises(RecipeError) as error:
        recipe_with(**views)
    assert said in str(error.value)
    assert "views" in str(error.value)


def test_fields_that_came_later_are_no_part_of_old_fingerprints() -> None:
    plain = recipe_with()
    same = recipe_with(quotas=[], roll=None, keep_size=False)
    assert fingerprint(plain) == fingerprint(same)
    for changed in (recipe_with(keep_size=True), recipe_with(roll={"fixed": 1.0}), recipe_with(sampling="sphere")):
        assert sample_fingerprint(plain) != sample_fingerprint(changed)
