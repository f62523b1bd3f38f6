"""Planted failures of `bench filters` are what they say, and its numbers are those worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from dst3d_datasets.bench.filters_data import Corpus, corpora, pictures_of
from dst3d_datasets.bench.filters_planted import (
    CLEAR,
    FAR,
    KINDS,
    NEAR,
    chosen,
    elsewhere,
    is_seen,
    kind_of,
    mirror_error,
    pose_error,
    turn_of,
    wrong_view,
)
from dst3d_datasets.bench.filters_shots import Subject, shots_of, subject_of
from dst3d_datasets.nouns import View
from dst3d_datasets.recipe import Recipe, load_recipe
from dst3d_datasets.sources.catalogue import build_sources, resolve
from dst3d_datasets.tools import Tools

GIVEN = [
    "catalogue.classes=[sports car, wine bottle]",
    "sources=[{kind: primitives, models_per_class: 2}]",
    "views={per_model: 10, sampling: sphere}",
    "render={size: 48, device: cpu}",
]


@cache
def small() -> tuple[Recipe, list[Corpus]]:
    recipe = load_recipe("render", GIVEN)
    return recipe, corpora(recipe, resolve(recipe, build_sources(recipe))[0], 1.0)


def label(azimuth: float, elevation: float = 0.0, symmetry: int = 1) -> dict[str, Any]:
    return {"key": f"k{azimuth}", "azimuth": azimuth, "elevation": elevation, "theta": 0.0, "symmetry": symmetry}


@pytest.mark.parametrize(
    ("symmetry", "azimuth", "wanted"),
    [(1, 210.0, 180.0), (2, 210.0, 0.0), (4, 120.0, 0.0), (4, 75.0, 45.0), (3, 210.0, 60.0), (0, 123.4, 0.0)],
)
def test_the_error_of_a_pose_is_the_least_over_the_turns_that_look_alike(
    symmetry: int, azimuth: float, wanted: float
) -> None:
    assert pose_error(label(30.0, symmetry=symmetry), azimuth, 0.0, 0.0) == pytest.approx(wanted, abs=0.51)


def test_what_nobody_could_see_is_no_failure() -> None:
    assert not is_seen("180", label(10.0, symmetry=2))
    assert not any(is_seen(kind, label(10.0, symmetry=0)) for kind in ("180", "30", "90", "mirrored"))
    assert not is_seen("mirrored", label(3.0))  # from the front
    assert not is_seen("mirrored", label(92.0))  # a mug, whose handle lies in its mirror plane
    assert is_seen("mirrored", label(45.0))
    assert mirror_error(label(45.0)) == pytest.approx(90.0)
    assert is_seen("180", label(10.0, 40.0))
    assert {kind_of(label(float(azimuth), symmetry=0)) for azimuth in range(60)} == {
        "class", "missing", "edges", "scale"
    }  # fmt: skip
    assert {kind_of(label(float(azimuth))) for azimuth in range(90)} == set(KINDS)


def test_rates_are_exact_and_a_higher_one_adds_to_a_lower_one() -> None:
    keys = [f"sample-{number}" for number in range(200)]
    few, many = chosen(keys, 0.05), chosen(keys, 0.4)
    assert (len(few), len(many)) == (10, 80)
    assert set(few) < set(many)
    names = {keys[index] for index in few}
    assert {keys[::-1][index] for index in chosen(keys[::-1], 0.05)} == names  # by name, not by order


def test_wrong_views_are_wrong_by_what_they_say() -> None:
    view = View(index=0, azimuth=350.0, elevation=5.0, theta=0.0, distance=2.0)
    assert wrong_view("180", view, "a").azimuth == 170.0
    assert {turn_of("30", f"{number}") for number in range(20)} == {30.0, -30.0}
    assert {turn_of("90", f"{number}") for number in range(20)} == {90.0, -90.0}
    assert {wrong_view("scale", view, f"{number}").distance for number in range(20)} == {2 * FAR, 2 * NEAR}
    for number in range(20):
        own = label(350.0, 5.0)
        other = elsewhere(view, own, f"{number}")
        assert pose_error(own, other.azimuth, other.elevation, other.theta) >= 60.0
        assert other.distance == 2.0


def test_spoiled_pictures_are_drawn_for_what_is_wrong_and_labels_and_controls_stay() -> None:
    recipe, (first, second) = small()
    tools = Tools(recipe)
    seen = set()
    for corpus in (first, second):
        spoiled, kinds = corpus.at(1.0)
        assert spoiled.labels is corpus.good.labels
        assert spoiled.controls is corpus.good.controls
        assert len(spoiled) == 20
        for index, kind in enumerate(kinds):
            seen.add(kind)
            row, good = corpus.good.labels[index], corpus.good.pictures[index]
            assert not np.array_equal(spoiled.pictures[index], good)
            if kind == "mirrored":
                np.testing.assert_array_equal(spoiled.pictures[index], good[:, ::-1])
            if kind in ("180", "30", "90"):
                np.testing.assert_array_equal(
                    spoiled.pictures[index], _drawn(recipe, tools, row, turn_of(kind, row["key"]))
                )
    assert {"180", "mirrored", "class", "missing", "edges", "scale"} <= seen


@cache
def _subject(synset: str, model_id: str) -> Subject:
    tools = Tools(small()[0])
    ref = tools.source("primitives").find(synset, model_id)
    assert ref is not None
    return subject_of(tools, ref)


def _drawn(recipe: Recipe, tools: Tools, row: dict[str, Any], turn: float) -> np.ndarray:
    """The picture of the same model from a camera that stands `turn` degrees further, drawn by itself."""
    view = View(
        index=row["view"], azimuth=row["azimuth"], elevation=row["elevation"], theta=0.0, distance=row["distance"]
    )
    view = replace(view, azimuth=(view.azimuth + turn) % 360.0)
    [shot] = shots_of(recipe, tools, _subject(row["synset"], row["cad_id"]), [view], [row["seed"]])
    assert shot is not None
    return pictures_of(recipe, tools, [shot])[0]


def test_a_missing_object_leaves_nothing_of_it() -> None:
    _, found = small()
    for corpus in found:
        for index, kind in corpus.kinds.items():
            if kind != "missing":
                continue
            mask = corpus.good.controls["mask"][index]
            before, after = corpus.good.pictures[index].astype(int), corpus.spoiled[index].astype(int)
            assert np.abs(before - after)[mask].mean() > 4 * np.abs(before - after)[~mask].mean()
            return
    pytest.fail("no object is missing")


def test_round_bottles_are_never_spoiled_by_a_turn() -> None:
    _, found = small()
    for corpus in found:
        for index, kind in corpus.kinds.items():
            row = corpus.good.labels[index]
            if kind in ("180", "30", "90"):
                assert pose_error(row, row["azimuth"] + turn_of(kind, row["key"]), row["elevation"], 0.0) >= CLEAR
            if row["symmetry"] == 0:
                assert kind in ("class", "missing", "edges", "scale")
