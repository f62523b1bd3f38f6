"""`bench filters`: its numbers are those worked out by hand, its ratings belong to its recipe, and its rows are all there."""

from __future__ import annotations

import numpy as np
import pytest

from dst3d_datasets.bench import filters, filters_natural
from dst3d_datasets.bench.filters_metrics import (
    auprc,
    auroc,
    draws,
    keep_rates,
    kept,
    precision_kept,
    quality,
    view_bins,
)
from dst3d_datasets.bench.filters_tables import ranks
from dst3d_datasets.build import plan_for

SCORE = np.array([0.1, 0.2, 0.3, 0.4, 0.5])
BAD = np.array([True, False, True, False, False])


def test_auroc_counts_pairs_and_ties_half() -> None:
    assert auroc(SCORE, BAD)[0] == pytest.approx(5 / 6)  # of 6 pairs only 0.2 (good) < 0.3 (bad) is wrong
    assert auroc(-SCORE, BAD)[0] == pytest.approx(1 / 6)
    assert auroc(np.zeros(5), BAD)[0] == 0.5
    assert auroc(np.array([0.0, 0.0, 0.0, 1.0, 1.0]), BAD)[0] == pytest.approx((2 * 0.5 + 4) / 6)
    assert np.isnan(auroc(SCORE, np.zeros(5, bool))[0])


def test_auprc_is_precision_times_gained_recall() -> None:
    assert auprc(SCORE, BAD)[0] == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)  # found at rank 1, then 2 of 3
    assert auprc(-SCORE, BAD)[0] == pytest.approx(0.5 * 1 / 3 + 0.5 * 2 / 5)
    assert auprc(np.zeros(5), BAD)[0] == pytest.approx(0.4)  # all at once: the share of bad ones
    assert np.isnan(auprc(SCORE, np.zeros(5, bool))[0])


def test_metrics_agree_with_sklearn_on_ties() -> None:
    sklearn = pytest.importorskip("sklearn.metrics")
    random = np.random.default_rng(0)
    score, bad = random.integers(0, 12, 300) / 12, random.random(300) < 0.2
    assert auroc(score, bad)[0] == pytest.approx(sklearn.roc_auc_score(~bad, score))
    assert auprc(score, bad)[0] == pytest.approx(sklearn.average_precision_score(bad, -score))


def test_weights_are_repetitions() -> None:
    weight = np.array([[2, 1, 0, 3, 1]])
    index = np.repeat(np.arange(5), weight[0])
    assert auroc(SCORE, BAD, weight)[0] == pytest.approx(auroc(SCORE[index], BAD[index])[0])
    assert auprc(SCORE, BAD, weight)[0] == pytest.approx(auprc(SCORE[index], BAD[index])[0])


def test_the_bootstrap_draws_whole_models_and_its_interval_holds_the_value() -> None:
    groups = [f"model-{i // 10}" for i in range(200)]
    weight = draws(groups, "a")
    assert (weight.reshape(len(weight), 20, 10) == weight[:, ::10][:, :, None]).all()
    assert (weight.sum(1) == 200).all()
    np.testing.assert_array_equal(weight, draws(groups, "a"))
    random = np.random.default_rng(1)
    bad = random.random(200) < 0.3
    found = quality(random.random(200) - 0.5 * bad, bad, groups, "a")
    assert found.auroc_range[0] < found.auroc < found.auroc_range[1]
    assert found.auprc_range[0] < found.auprc < found.auprc_range[1]
    assert 0.01 < found.auroc_range[1] - found.auroc_range[0] < 0.3


def test_keeping_the_best_shares_ties_out() -> None:
    np.testing.assert_allclose(kept(SCORE, 0.6), [0, 0, 1, 1, 1])
    np.testing.assert_allclose(kept(SCORE, 0.5), [0, 0, 0.5, 1, 1])
    np.testing.assert_allclose(kept(np.array([0.0, 0.0, 1.0, 1.0]), 0.75), [0.5, 0.5, 1, 1])
    assert precision_kept(SCORE, BAD, 0.6) == pytest.approx(2 / 3)
    assert precision_kept(np.zeros(5), BAD, 0.6) == pytest.approx(3 / 5)


def test_keep_rates_are_of_bins_with_enough_samples() -> None:
    score = np.arange(20) / 20
    bins = ["low"] * 8 + ["few"] * 4 + ["high"] * 8
    assert keep_rates(score, bins, 0.75) == {"low": pytest.approx(3 / 8), "high": 1.0}


def test_view_bins_name_class_side_and_height() -> None:
    label = {"class_name": "cab", "azimuth": 350.0, "elevation": 10.0, "symmetry": 1}
    assert view_bins([label, {**label, "azimuth": 90.0, "elevation": -5.0}]) == ["cab, front level", "cab, left below"]


def test_ranks_are_within_the_class_and_unjudged_samples_are_kept() -> None:
    np.testing.assert_allclose(ranks(np.array([0.3, 0.1, 0.3, -1.0])), [0.625, 0.25, 0.625, 1.0])


def test_the_ratings_are_two_whole_passes_over_the_recipe_s_first_views() -> None:
    known = filters_natural.ratings()
    assert len(known) >= 300
    plan, missing = plan_for(filters_natural.recipe_of())
    assert not missing
    of_plan = {key for spec in plan for key in spec.keys()}
    assert set(known) == {key for key in of_plan if int(key.rsplit("-", 1)[1]) < 10}
    same, kappa = filters_natural.agreement(list(known.values()))
    assert same > 0.9
    assert kappa > 0.8
    bad = sum(not first and not second for first, second in known.values())
    assert 0.2 < bad / len(known) < 0.6


def test_agreement_beyond_chance() -> None:
    found = [(True, True)] * 4 + [(False, False)] * 4 + [(True, False)] * 1 + [(False, True)] * 1
    assert filters_natural.agreement(found) == (pytest.approx(0.8), pytest.approx(0.6))


def test_rates_for_the_recipe_cover_every_class() -> None:
    assert {key.split("-")[0] for key in filters_natural.ratings()} == {
        "n02690373", "n04099969", "n04285008", "n04398044"
    }  # fmt: skip
    assert filters.COLUMNS[:3] == ("data", "bad %", "filter")
