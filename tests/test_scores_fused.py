"""Fusing scores: the regression against its own optimum, files, missing scores, and the way through the CLI."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from dst3d_datasets.cli import main
from dst3d_datasets.errors import UsageError
from dst3d_datasets.recipe.filter_options import FusedScoreOptions
from dst3d_datasets.scores import NOT_JUDGED
from dst3d_datasets.scores.fused import FusedScorer
from dst3d_datasets.scores.logistic import auroc, fit, probability, solve, weights_of


def _rated(count: int = 400) -> tuple[dict[str, np.ndarray], np.ndarray, list[str]]:
    """Two scores that each know half of the truth, one that knows nothing; a tenth of the samples is bad."""
    dice = np.random.default_rng(0)
    good = np.arange(count) % 10 > 0
    sees = np.arange(count) // 10 % 2 == 0  # which score sees this one's failure

    def score(visible: np.ndarray) -> np.ndarray:
        return np.clip(0.7 - 0.35 * (~good & visible) + dice.normal(0, 0.08, count), 0, 1)

    table = {"one": score(sees), "two": score(~sees), "none": dice.uniform(0, 1, count)}
    return table, good, [f"model-{number // 4}" for number in range(count)]


def test_the_fusion_is_better_than_any_of_its_scores() -> None:
    table, good, groups = _rated()
    weights = fit(table, good, groups)
    alone = max(auroc(values[good], values[~good]) for values in table.values())
    assert alone < 0.85
    assert weights.auroc > alone + 0.08  # cross-validated
    assert abs(weights.weight[2]) < 0.3 * min(weights.weight[:2])
    assert (weights.rated, weights.good) == (400, 360)
    values, known = probability(weights, table, 400)
    assert ((values > 0) & (values < 1)).all()
    assert set(known) == {3}
    assert abs(np.median(values[good]) + np.median(values[~good]) - 1.0) < 0.5  # balanced: 0.5 lies between


def test_the_solution_is_the_minimum() -> None:
    """No step in any direction makes the loss less, and a perfect separation stays finite."""
    dice = np.random.default_rng(1)
    design = np.concatenate([dice.normal(size=(60, 3)), np.ones((60, 1))], 1)
    for good in (dice.uniform(size=60) < 0.8, design[:, 0] > 0):
        found = solve(design, good, 1.0)
        share = np.where(good, 30 / good.sum(), 30 / (~good).sum())

        def loss(at: np.ndarray, good: np.ndarray = good, share: np.ndarray = share) -> float:
            signed = np.where(good, -1, 1) * (design @ at)
            return (share * np.logaddexp(0, signed)).sum() + 0.5 * (at[:-1] ** 2).sum()

        assert np.isfinite(found).all()
        assert min(loss(found + 1e-3 * step) for step in dice.normal(size=(50, 4))) > loss(found)


def test_missing_scores_are_imputed_and_told_apart() -> None:
    """Being not judged is evidence where the ratings say so, and nothing where they never saw it."""
    table, good, groups = _rated()
    assert not any(fit(table, good, groups).missing)
    table["one"] = np.where(~good & (np.arange(400) % 20 == 0), NOT_JUDGED, table["one"])
    weights = fit(table, good, groups)
    assert weights.missing[0] < -0.2
    without, known = probability(weights, {"two": np.array([0.7, NOT_JUDGED])}, 2)
    assert known.tolist() == [1, 0]
    assert without[0] < probability(weights, {"one": np.array([0.7]), "two": np.array([0.7])}, 1)[0][0]


def test_a_file_there_and_back_and_wrong_ones() -> None:
    weights = fit(*_rated())
    assert weights_of(weights.to_json(), "w.json") == weights
    plain = json.loads(weights.to_json())
    for wrong in (b"", b"[]", b"{}", json.dumps({**plain, "mean": [0.0]}).encode(), b'{"schema": "dst3d-fused/1"}'):
        with pytest.raises(UsageError, match=r"w\.json"):
            weights_of(wrong, "w.json")


def test_too_few_ratings() -> None:
    table, good, groups = _rated()
    with pytest.raises(UsageError, match="5 of each"):
        fit({name: values[:40] for name, values in table.items()}, good[:40], groups[:40])
    with pytest.raises(UsageError, match="has a score"):
        fit({"one": np.full(400, NOT_JUDGED)}, good, groups)


def test_auroc_by_hand() -> None:
    assert auroc(np.array([3.0, 2.0, 1.0]), np.array([1.0, 0.0])) == pytest.approx(5.5 / 6)
    assert auroc(np.array([]), np.array([1.0])) == 0.5


def test_the_scorer(tmp_path: Path) -> None:
    path = tmp_path / "w.json"
    scorer = FusedScorer(FusedScoreOptions(weights=str(path)))
    with pytest.raises(UsageError, match="dst3d fuse"):
        _ = scorer.revision
    path.write_bytes(fit(*_rated()).to_json())
    scorer = FusedScorer(FusedScoreOptions(weights=str(path)))
    assert scorer.needs_scores == ("one", "two", "none")
    judged = scorer.fuse({"one": np.array([0.9, 0.1, NOT_JUDGED]), "two": np.array([0.9, 0.1, NOT_JUDGED])})
    assert judged.scores["fused"][0] > 0.5 > judged.scores["fused"][1]
    assert judged.scores["fused"][2] == NOT_JUDGED
    assert [bool(reason) for reason in judged.reasons] == [False, False, True]
    with pytest.raises(UsageError, match="none of them"):
        scorer.fuse({"other": np.array([0.5])})


def test_from_ratings_to_fused_scores(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """rate, score, fuse, score again: a fused table lies beside the others; without ratings it says what to do."""
    pytest.importorskip("pyarrow")
    pytest.importorskip("cv2")
    from _fake_run import fake_run

    from dst3d_datasets.rating import Rating, RatingTable
    from dst3d_datasets.rating.choose import choose
    from dst3d_datasets.scoring import score
    from dst3d_datasets.store import Store

    store = fake_run(tmp_path / "run")
    weights = str(tmp_path / "w.json")
    assert main(["fuse", store.url, "-o", weights]) == 2
    assert "dst3d rate" in capsys.readouterr().err
    table = RatingTable(f"{store.url}/ratings.tsv")
    chosen = choose(Store(store.url), 30)
    table.put([Rating(each.key, number % 3 > 0, "", 1, 1.0) for number, each in enumerate(chosen)])
    assert main(["fuse", store.url, "-o", weights]) == 2
    assert "dst3d score" in capsys.readouterr().err
    score(store.url, overrides=["scores=[edges, mask]"], workers=1)
    assert main(["fuse", store.url, "-o", weights, "--without", "edge_recall", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["rated"], told["good"]) == (30, 20)
    assert sorted(told["weights"]) == ["edge_precision", "mask_agreement"]
    report = score(store.url, overrides=[f"scores=[edges, mask, {{kind: fused, weights: {weights}}}]"], workers=1)
    assert (report.failed, len(report.made)) == ({}, 3)
    assert main(["fuse", store.url, "--without", "beauty"]) == 2
