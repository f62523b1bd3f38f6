"""K-fold consistency: folds, planted failures, what is not judged, and going on after a kill."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from _kcf import Kept, changed, mug, toy

from dst3d_datasets.bench.kcf_data import Pictures, auroc, plant
from dst3d_datasets.recipe.score_options import KcfOptions
from dst3d_datasets.scores import NOT_JUDGED, kcf_refine
from dst3d_datasets.scores.kcf import Kcf
from dst3d_datasets.scores.kcf_case import Case
from dst3d_datasets.scores.kcf_folds import folds_of, poses_of
from dst3d_datasets.scores.kcf_screen import Screened, screen

SMALL = {"backbone": "small", "size": 32, "epochs": 1, "least_steps": 3, "batch_size": 16, "device": "cpu"}


@pytest.fixture(autouse=True)
def _one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def cars() -> Pictures:
    return toy(8, 15)


def test_no_model_is_in_two_folds_and_order_does_not_matter(cars: Pictures) -> None:
    """Folds are whole models, about equally large, and the same for the same samples in any order."""
    poses = poses_of(cars.labels)
    fold = folds_of(poses, 5, "model", "toy")
    for model in set(poses.models):
        assert len(set(fold[poses.models == model])) == 1
    assert sorted(np.bincount(fold).tolist()) == [15, 15, 30, 30, 30]
    order = np.random.default_rng(0).permutation(len(poses))
    assert (folds_of(poses.take(order), 5, "model", "toy") == fold[order]).all()
    assert (folds_of(poses, 5, "model", "other") != fold).any()
    assert folds_of(poses, 50, "model", "toy").max() == 7
    by_image = folds_of(poses, 5, "image", "toy")
    assert np.bincount(by_image).tolist() == [24] * 5
    assert len(set(by_image[poses.models == poses.models[0]])) > 1


def test_planted_failures_are_found(cars: Pictures) -> None:
    """Flips and random azimuths among renders of shapes that no regression has seen."""
    wrong = plant(cars, 0.2)
    found = Kcf(KcfOptions(device="cpu")).judge(wrong, Kept())
    score = found.scores["kcf"]
    assert score.shape == (120,)
    assert ((score >= 0) & (score <= 1)).all()
    assert set(found.reasons) == {""}
    bad = wrong.planted != ""
    assert 12 < bad.sum() < 40
    assert auroc(score, bad) > 0.97
    flips = (wrong.planted == "flip") | ~bad
    assert auroc(score[flips], bad[flips]) > 0.97
    assert np.median(score[~bad]) > 0.5 > 2 * np.median(score[bad])
    assert (found.details["kcf_folds"] == 5).all()
    assert np.allclose(found.details["kcf_loss"], -np.log(np.maximum(score, 1e-12)))


def test_later_rounds_are_better_than_the_first(cars: Pictures) -> None:
    """Two fifths of the labels wrong: distrusting them in the next round helps."""
    wrong = plant(cars, 0.4)
    bad = wrong.planted != ""
    first, last = (
        auroc(Kcf(KcfOptions(rounds=rounds, device="cpu")).judge(wrong, Kept()).scores["kcf"], bad) for rounds in (1, 4)
    )
    assert last > first
    assert last > 0.9


def test_the_same_class_gets_the_same_scores() -> None:
    """Bit by bit, from names alone."""
    wrong = plant(toy(4, 10, 32), 0.2)
    once, again = (Kcf(KcfOptions(device="cpu")).judge(wrong, Kept()).scores["kcf"] for _ in range(2))
    assert (once == again).all()


@pytest.mark.parametrize(("shape", "mirror"), [("car", True), ("mug", False)])
def test_mirror_images_are_used_where_the_class_has_them(cars: Pictures, shape: str, mirror: bool) -> None:
    """Cars are their own mirror images; a mug with its handle on the right is none."""
    pictures = cars if shape == "car" else toy(8, 15, shape=mug)
    assert _screened(pictures, KcfOptions(device="cpu")).mirror is mirror


def _screened(pictures: Pictures, options: KcfOptions) -> Screened:
    return screen(_case(pictures, options, Kept()))


def _case(pictures: Pictures, options: KcfOptions, kept: Kept) -> Case:
    poses = poses_of(pictures.labels)
    fold = folds_of(poses, options.folds, options.by, pictures.class_id)
    return Case(options, pictures, np.arange(len(poses)), poses, fold, kept, lambda share: None)


def test_a_symmetric_objects_turns_are_all_right(cars: Pictures) -> None:
    """Flips of a class of order 2 are no failures; a body of revolution is judged by its elevation alone."""
    twofold = changed(plant(cars, 0.2, ("flip",)), symmetry=2)
    score = Kcf(KcfOptions(device="cpu")).judge(twofold, Kept()).scores["kcf"]
    bad = twofold.planted != ""
    assert abs(np.median(score[bad]) - np.median(score[~bad])) < 0.05
    assert np.median(score) > 0.6
    shuffled = changed(cars, {i: {"azimuth": 360.0 * math.sin(i) ** 2} for i in range(120)}, symmetry=0)
    as_it_was = changed(cars, symmetry=0)
    for score in (Kcf(KcfOptions(device="cpu")).judge(p, Kept()).scores["kcf"] for p in (shuffled, as_it_was)):
        assert np.median(score) > 0.6


@pytest.mark.parametrize(
    ("pictures", "reason"),
    [
        (toy(1, 30, 32), "one CAD model only"),
        (toy(2, 4, 32), "8 of at least 20"),
        (changed(toy(3, 10, 32), azimuth=10.0, elevation=20.0), "all labels are alike"),
        (changed(toy(3, 10, 32), elevation=20.0, symmetry=0), "all labels are alike"),
        (changed(toy(3, 10, 32), azimuth=float("nan")), "0 of at least 20"),
    ],
)
def test_classes_that_cannot_be_judged_say_why(pictures: Pictures, reason: str) -> None:
    """No score, no crash, and no picture decoded."""
    silent = replace(pictures, images=np.zeros((0, 1, 1, 3), np.uint8))
    found = Kcf(KcfOptions(device="cpu")).judge(silent, Kept())
    assert (found.scores["kcf"] == NOT_JUDGED).all()
    assert all(reason in text for text in found.reasons)
    assert {len(values) for values in found.details.values()} == {len(pictures)}


def test_two_models_make_two_folds_and_a_broken_label_stands_alone() -> None:
    """Fewer folds are told; a sample whose label is no number is not judged and spoils no other."""
    pictures = toy(2, 20, 32)
    found = Kcf(KcfOptions(device="cpu")).judge(changed(pictures, {3: {"azimuth": float("nan")}}), Kept())
    assert found.details["kcf_folds"].tolist() == [2] * 40
    assert found.scores["kcf"][3] == NOT_JUDGED
    assert "no numbers" in found.reasons[3]
    assert (np.delete(found.scores["kcf"], 3) >= 0).all()
    assert [text for text in found.reasons if text] == [found.reasons[3]]


def test_a_killed_judgement_goes_on_from_the_last_fold(monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed after two of four networks: the rest is trained, and the scores are those of an undisturbed run."""
    pictures, options = plant(toy(4, 12, 32), 0.2), KcfOptions(folds=4, rounds=2, **SMALL)  # type: ignore[arg-type]
    made: list[int] = []
    real = kcf_refine.network_of
    monkeypatch.setattr(kcf_refine, "network_of", lambda *a: made.append(a[2]) or real(*a))
    whole = Kcf(options).judge(pictures, Kept()).scores["kcf"]
    assert len(made) == 4
    kept = Kept()
    kept.budget = 2 + 2  # both rounds of the regressions and two folds
    with pytest.raises(KeyboardInterrupt):
        Kcf(options).judge(pictures, kept)
    assert sorted(kept) == ["fold0of4", "fold1of4", "round0", "round1"]
    made.clear()
    kept.budget = 100
    assert (Kcf(options).judge(pictures, kept).scores["kcf"] == whole).all()
    assert len(made) == 2
    silent = replace(pictures, images=np.zeros((0, 1, 1, 3), np.uint8))  # all is kept: nothing is decoded
    assert (Kcf(options).judge(silent, kept).scores["kcf"] == whole).all()


def test_networks_side_by_side_give_what_they_give_alone() -> None:
    """Four networks trained as one network of grouped convolutions, and one after the other."""
    pictures, options = toy(4, 12, 32), KcfOptions(folds=4, rounds=1, **SMALL)  # type: ignore[arg-type]
    answers = []
    for together in (1, 4):
        kept = Kept()
        case = _case(pictures, options, kept)
        kcf_refine.Networks(case, screen(case), together).trust()
        answers.append(np.concatenate([kept[f"fold{f}of4"]["plain"] for f in range(4)]))
    assert np.allclose(answers[0], answers[1], atol=1e-5)
    assert answers[0].std() > 1e-6


def test_progress_never_goes_back() -> None:
    """From nothing to 1."""
    told: list[float] = []
    options = KcfOptions(folds=2, rounds=1, **SMALL)  # type: ignore[arg-type]
    Kcf(options).judge(toy(2, 12, 32), Kept(), told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert len(told) > 3


def test_a_picture_that_shows_no_pose_scores_low(cars: Pictures) -> None:
    """An empty picture agrees with every label as far as it goes; what is given to the label outright says more."""
    empty = np.arange(120)[:, None, None, None] % 10 == 3
    blank = replace(cars, images=np.where(empty, 128, cars.images).astype(np.uint8))
    score = Kcf(KcfOptions(device="cpu")).judge(blank, Kept()).scores["kcf"]
    assert auroc(score, np.arange(120) % 10 == 3) > 0.95
