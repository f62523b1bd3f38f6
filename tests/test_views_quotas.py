"""Quotas: how many views they are sure to get, where those lie, and that nothing else moves."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from dst3d_datasets.errors import RecipeError
from dst3d_datasets.nouns import ModelRef
from dst3d_datasets.plan import Plan
from dst3d_datasets.recipe import validate
from dst3d_datasets.views import draw
from dst3d_datasets.views.columns import Angles, Span
from dst3d_datasets.views.quotas import REGIONS, inside
from dst3d_datasets.views.survey import survey
from dst3d_datasets.views.wheel import FREE, deal, turn


def ref_of(number: int = 0, class_name: str = "c") -> ModelRef:
    return ModelRef(source="toy", model_id=f"m{number}", class_name=class_name)


def recipe_with(quotas: list[dict[str, Any]], **views: Any):
    return validate({"views": {"per_model": 1, "quotas": quotas, **views}})


def span_of(number: int) -> Span:
    return Span(recipe_with([]), ref_of(number), 0, 1)


shares = st.lists(st.integers(1, 60), min_size=1, max_size=5).map(
    lambda parts: tuple(part / 100 for part in parts) if sum(parts) <= 100 else tuple(part / 400 for part in parts)
)


@settings(max_examples=80, deadline=None)
@given(shares)
def test_every_beginning_of_a_round_is_off_by_less_than_one(parts: tuple[float, ...]) -> None:
    slots = deal(parts)
    steps = np.arange(1, len(slots) + 1)
    for index, part in enumerate(parts):
        had = np.cumsum(slots == index)
        assert np.abs(had - steps * part).max() < 1.0
        assert had[-1] == Fraction(str(part)) * len(slots)


@settings(max_examples=60, deadline=None)
@given(shares, st.integers(0, 50), st.integers(0, 3000), st.integers(1, 400))
def test_the_promise_of_the_wheel(parts: tuple[float, ...], model: int, first: int, count: int) -> None:
    """Any consecutive views of any model: less than 1 off for one share, less than 2 for several."""
    wheel = turn(span_of(model), parts, "quota")
    taken = wheel.at(np.arange(first, first + count))
    for index, part in enumerate(parts):
        got = int((taken == index).sum())
        assert abs(got - count * part) < (1.0 + 1e-9 if len(parts) == 1 else 2.0)
        if len(parts) == 1:
            exact = count * Fraction(str(part))
            assert got in (exact.__floor__(), exact.__ceil__())
        assert wheel.seen(index, first + count) - wheel.seen(index, first) == got
    whole = wheel.at(np.arange(first, first + len(wheel.round)))
    assert [int((whole == index).sum()) for index in range(len(parts))] == [
        int(Fraction(str(part)) * len(wheel.round)) for part in parts
    ]


def test_models_start_evenly_so_that_small_shares_of_few_views_come_out() -> None:
    """300 models of 8 views and 5 %: 120 views are due though no model is due one."""
    starts = [turn(span_of(number), (0.05,), "quota") for number in range(3000)]
    counts = np.bincount([wheel.start for wheel in starts], minlength=20)
    assert len(counts) == 20
    assert stats.chisquare(counts).pvalue > 1e-3
    got = sum(int((wheel.at(np.arange(8)) == 0).sum()) for wheel in starts)
    assert abs(got - 1200) < 4 * np.sqrt(3000 * 0.4 * 0.6)


def test_shares_that_fill_the_wheel() -> None:
    assert set(deal((0.5, 0.5)).tolist()) == {0, 1}
    assert deal((1.0,)).tolist() == [0]
    assert FREE in deal((0.9999,)).tolist()


@pytest.mark.parametrize("region", sorted(REGIONS))
def test_views_of_a_region_lie_in_it_and_fill_it_evenly(region: str) -> None:
    recipe = recipe_with([{"region": region, "share": 1.0}], sampling=2)
    found = draw(recipe, ref_of(), 0, 6000)
    quota = recipe.views.quotas[0]
    assert inside(quota, Angles(found.azimuth, found.elevation, found.theta)).all()
    plain = draw(recipe_with([], sampling=2), ref_of(), 0, 6000)
    if region == "upside_down":
        assert (np.abs(found.theta) >= 135).all()
        np.testing.assert_array_equal(found.azimuth, plain.azimuth)
        return
    assert (found.theta == 0).all()
    boxes = REGIONS[region]
    (_, (low, high)) = boxes[0]
    sines = np.sin(np.radians([low, high]))
    heights = (np.sin(np.radians(found.elevation)) - sines[0]) / (sines[1] - sines[0])
    assert stats.kstest(heights, stats.uniform.cdf).pvalue > 1e-3
    for (left, right), _ in boxes:
        here = ((found.azimuth - left) % 360) <= right - left
        assert abs(here.mean() - 1 / len(boxes)) < 0.03
        if len(boxes) == 1:
            assert stats.kstest((found.azimuth - left) % 360 / (right - left), stats.uniform.cdf).pvalue > 1e-3


def test_ones_own_ranges_with_theta() -> None:
    quota = {"azimuth": [330, 390], "elevation": [-80, -40], "theta": [170, 190], "share": 1.0}
    found = draw(recipe_with([quota]), ref_of(), 0, 500)
    assert (((found.azimuth + 30) % 360) <= 60).all()
    assert ((found.elevation >= -80) & (found.elevation <= -40)).all()
    assert (np.abs(found.theta) >= 170).all()


def test_the_objects_left_is_where_azimuth_90_looks_from() -> None:
    """A car facing -y with z up has its left at +x: forward x up = right = -x."""
    right = np.cross([0, -1, 0], [0, 0, 1])
    np.testing.assert_array_equal(right, [-1, 0, 0])
    found = draw(recipe_with([{"region": "left_side", "share": 1.0}]), ref_of(), 0, 50)
    x = np.cos(np.radians(found.elevation)) * np.sin(np.radians(found.azimuth))
    assert (x > 0.7).all()


def test_a_quota_moves_no_other_view_and_views_do_not_depend_on_how_many_there_are() -> None:
    quotas = [{"region": "below", "share": 0.1}, {"region": "rear", "share": 0.25}]
    plain, found = draw(recipe_with([]), ref_of(), 0, 400), draw(recipe_with(quotas), ref_of(), 0, 400)
    free = found.quota == FREE
    assert 0.6 < free.mean() < 0.7
    for name in ("azimuth", "elevation", "theta", "distance"):
        np.testing.assert_array_equal(getattr(found, name)[free], getattr(plain, name)[free])
    truncated = recipe_with(quotas, truncation={"share": 0.3}, roll={"uniform": [-9, 9]}, sampling="so3")
    whole = draw(truncated, ref_of(), 0, 400).views()
    for first, count in ((0, 7), (7, 1), (133, 50), (399, 1)):
        assert draw(truncated, ref_of(), first, count).views() == whole[first : first + count]


def test_truncated_views_are_spread_over_quotas_in_their_share() -> None:
    quotas = [{"region": "below", "share": 0.1}, {"region": "rear", "share": 0.3}]
    recipe = recipe_with(quotas, truncation={"share": 0.2, "visible": {"uniform": [0.5, 0.8]}})
    for model in range(20):
        found = draw(recipe, ref_of(model), 0, 97)
        for kind in (FREE, 0, 1):
            here = found.quota == kind
            cut = found.visible[here] < 1.0
            assert abs(cut.sum() - 0.2 * here.sum()) < 1.0
        assert ((found.visible == 1.0) | ((found.visible >= 0.5) & (found.visible <= 0.8))).all()
        assert (found.towards[found.visible == 1.0] == 0).all()


@pytest.mark.parametrize("counts", [{"per_model": 40}, {"per_class": 2500}, {"per_class": 100}])
def test_every_class_of_a_plan_gets_its_share(counts: dict[str, int]) -> None:
    quotas = [{"region": "below", "share": 0.05}, {"region": "sides", "share": 0.15}]
    recipe = validate({"views": {**counts, "quotas": quotas}})
    refs = [ref_of(number, f"class {number % 3}") for number in range(30)]
    found = survey(Plan(recipe, refs))
    for index in range(3):
        views = int((found.class_of == index).sum())
        for asked, got in zip((0.05, 0.15), found.quotas(index), strict=True):
            assert abs(got.drawn - asked * views) < (1e-9 if counts == {"per_model": 40} else 2 * 10)
            assert got.inside >= got.drawn


@pytest.mark.parametrize(
    ("quota", "said"),
    [
        ({"share": 0.1}, "either a region or ranges"),
        ({"share": 0.1, "region": "below", "azimuth": [0, 9]}, "either a region or ranges"),
        ({"share": 0.1, "region": "beneath"}, "below"),
        ({"share": 0.0, "region": "below"}, "greater than 0"),
        ({"share": 0.33333, "region": "below"}, "4 decimals"),
        ({"share": 0.1, "elevation": [-95, 0]}, "elevation"),
        ({"share": 0.1, "azimuth": [90, 10]}, "low < high"),
        ({"share": 0.1, "azimut": [0, 10]}, "did you mean 'azimuth'"),
    ],
)
def test_what_is_refused(quota: dict[str, Any], said: str) -> None:
    with pytest.raises(RecipeError) as error:
        recipe_with([quota])
    assert said in str(error.value)
    assert "views.quotas.0" in str(error.value)


def test_more_than_everything_is_refused() -> None:
    with pytest.raises(RecipeError, match="more than 1"):
        recipe_with([{"region": "below", "share": 0.6}, {"region": "above", "share": 0.5}])
