"""`bench filters`: its numbers are as worked out by hand, its ratings belong to its recipe, its rows are all there."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from dst3d_datasets.bench import filters, filters_natural
from dst3d_datasets.bench.filters_data import MemorySamples
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
from dst3d_datasets.bench.filters_planted import KINDS
from dst3d_datasets.bench.filters_scale import Scale
from dst3d_datasets.bench.filters_tables import NAMES, Table, ranks
from dst3d_datasets.build import plan_for
from dst3d_datasets.errors import MissingDependency

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
    of_plan = {key for spec in plan for key in spec.keys()}  # noqa: SIM118 - a method of the spec
    assert set(known) == {key for key in of_plan if int(key.rsplit("-", 1)[1]) < 10}
    same, kappa = filters_natural.agreement(list(known.values()))
    assert same > 0.9
    assert kappa > 0.8
    bad = sum(not first and not second for first, second in known.values())
    assert 0.2 < bad / len(known) < 0.6


def test_agreement_beyond_chance() -> None:
    found = [(True, True)] * 4 + [(False, False)] * 4 + [(True, False)] * 1 + [(False, True)] * 1
    assert filters_natural.agreement(found) == (pytest.approx(0.8), pytest.approx(0.6))


SMALL = Scale(
    classes=("sports car",), models=4, views=10, size=32, rates=(0.4,), background="plain", single=("edges",),
    options={
        "kcf_reference": {"backbone": "small", "size": 32, "epochs": 1, "folds": 2, "min_samples": 4},
        "kcf": {"size": 32, "rounds": 2, "folds": 2, "min_samples": 4},
    },
    steps=2, seeds=2, learn_size=32, test=(1, 4),
)  # fmt: skip


def test_every_filter_has_its_row_and_every_choice_its_accuracy() -> None:
    measured = filters.measure(SMALL, workers=1)
    rows = [dict(zip(measured.columns, row, strict=True)) for row in measured.rows]
    asked = ["kcf_reference", "kcf", "edge_precision", "edge_recall", "fused"]
    asked += ["cleanlab"] if importlib.util.find_spec("cleanlab") else []
    assert [row["filter"] for row in rows] == [NAMES[score] for score in NAMES if score in asked]
    for row in rows:
        assert row["data"] == "renders"
        assert row["bad %"] == 40.0
        assert 0 <= row["AUROC"] <= 1
        assert 0 < row["AUPRC"] <= 1
        assert 0.55 < row["good of 90 % kept"] <= 1
        assert all(isinstance(row[f"AUROC {kind}"], float) or row[f"AUROC {kind}"] == "-" for kind in KINDS)
    by_name = {row["filter"]: row for row in rows}
    assert by_name["edges, recall"]["AUROC"] > 0.85
    assert by_name[NAMES["kcf_reference"]]["x reference"] == 1.0
    told = next(note for note in measured.notes if note.startswith("A pose network"))
    assert [name in told for name in ("unfiltered", "KCF, reference", "KCF, ours", "fusion", "oracle")] == [True] * 5
    full = measured.facts["rows"]
    assert [fact["score"] for fact in full] == [score for score in NAMES if score in asked]
    assert full[0]["samples"] == 40


def test_without_cleanlab_its_row_is_missing_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(table: object) -> None:
        raise MissingDependency("confident learning needs cleanlab; run: pip install cleanlab")

    monkeypatch.setattr(filters.filters_cleanlab, "add", missing)
    monkeypatch.setattr(filters.filters_fusion, "add", lambda tables: None)
    monkeypatch.setattr(filters, "rows_of", lambda data, tables: ([], []))
    report = filters.Report()
    report.judge("renders", [None])  # type: ignore[list-item]
    report.judge("renders", [None])  # type: ignore[list-item]
    assert report.notes == [
        "No row for confident learning: confident learning needs cleanlab; run: pip install cleanlab."
    ]


def test_what_is_learnt_from_is_what_a_filter_ranks_highest() -> None:
    samples = MemorySamples("n0", [{"cad_id": "a"}] * 5, np.zeros((5, 1, 1, 3), np.uint8), {})
    scores = {"kcf": np.array([0.9, 0.1, 0.8, -1.0, 0.2])}
    table = Table(samples, ["", "180", "", "", "30"], np.ones(5, bool), scores, {})
    found = filters.choices(table, 0.4)
    assert list(found) == ["unfiltered", "KCF, ours", "oracle"]
    assert found["KCF, ours"].tolist() == [True, False, True, True, False]
    assert found["oracle"].tolist() == [True, False, True, True, False]
