"""Edges and masks of pictures against those they were drawn from: planted failures, by-hand cases, refusals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("cv2")
pytest.importorskip("torch")

from _planted import Kept, Listed, planted

from dst3d_datasets import registry
from dst3d_datasets.recipe.filter_options import EdgeScoreOptions, MaskScoreOptions
from dst3d_datasets.scores import NOT_JUDGED, Candidate, Judgement
from dst3d_datasets.scores.edges import EdgeScorer, compare, sectors_of
from dst3d_datasets.scores.logistic import auroc
from dst3d_datasets.scores.mask import MaskScorer

OPTIONS = {"edges": EdgeScoreOptions(kind="edges"), "mask": MaskScoreOptions(kind="mask")}


def _judge(kind: str, rows: list[Candidate]) -> Judgement:
    told: list[float] = []
    scorer = registry.lookup("scores", kind)(OPTIONS[kind])
    judgement = scorer.judge(Listed(rows), Kept(), told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert tuple(judgement.scores) == scorer.scores
    for values in judgement.scores.values():
        judged = values != NOT_JUDGED
        assert ((values[judged] >= 0) & (values[judged] <= 1)).all()
        assert [bool(reason) for reason in judgement.reasons] == list(~judged)
    return judgement


@pytest.mark.parametrize("name", ["edge_precision", "edge_recall", "mask_agreement"])
def test_planted_failures_score_lower(name: str) -> None:
    kind = "mask" if name == "mask_agreement" else "edges"
    found = {failure: _judge(kind, list(rows)).scores[name] for failure, rows in planted().items()}
    least = {failure: auroc(found["good"], values) for failure, values in found.items() if failure != "good"}
    assert min(least.values()) > 0.75, least
    assert min(least["class"], least["off90"]) > 0.95, least
    assert np.mean(list(least.values())) > 0.9, least


def test_a_picture_full_of_noise_gains_nothing_by_it() -> None:
    """It has an edge near every wanted one; what chance gives is taken off."""
    dice = np.random.default_rng(0)
    good = planted()["good"]
    noisy = [replace(row, image=dice.integers(0, 256, row.image.shape, np.uint8)) for row in good]
    judgement = _judge("edges", noisy)
    assert judgement.details["edge_recall_raw"].mean() > 0.6
    for name in ("edge_recall", "edge_precision"):
        assert judgement.scores[name].mean() < 0.15
        assert judgement.scores[name].max() < _judge("edges", list(good)).scores[name].min()


def test_edges_by_hand() -> None:
    """A line two pixels off is found, one three pixels off is not, nor one that crosses."""
    grey = np.zeros((64, 64), np.uint8)
    grey[20, 4:60] = 255
    mask = np.ones((64, 64), bool)

    def against(other: np.ndarray) -> tuple[float, ...]:
        return compare(other > 0, sectors_of(other), grey > 0, sectors_of(grey), mask, 2.0)

    assert against(grey) == (1.0, 1.0, 1.0, 1.0)
    assert against(np.roll(grey, 2, 0)) == (1.0, 1.0, 1.0, 1.0)
    assert against(np.roll(grey, 3, 0)) == (0.0, 0.0, 0.0, 0.0)
    crossing = against(grey.T.copy())
    assert crossing[0] < 0.05
    assert crossing[1] < 0.05
    assert against(np.zeros_like(grey)) == (0.0, 0.0, 0.0, 0.0)


def test_the_tolerance_grows_with_the_picture() -> None:
    row = planted()["good"][1]
    large = {name: np.kron(value, np.ones((5, 5), bool)) for name, value in row.controls.items() if value.ndim == 2}
    shifted = Candidate(
        key=row.key,
        label=row.label,
        image=np.roll(np.kron(row.image, np.ones((5, 5, 1), np.uint8)), 3, 1),
        controls={**large, "edge": large["edge"]},
    )
    near = EdgeScorer(EdgeScoreOptions(kind="edges", tolerance=2.0)).judge(Listed([shifted]), Kept())
    far = EdgeScorer(EdgeScoreOptions(kind="edges", tolerance=0.25)).judge(Listed([shifted]), Kept())
    assert near.details["edge_recall_raw"][0] > far.details["edge_recall_raw"][0] + 0.2


def test_lines_may_be_compared_instead() -> None:
    scorer = EdgeScorer(EdgeScoreOptions(kind="edges", control="line"))
    assert scorer.controls == ("line", "mask")
    right = scorer.judge(Listed(planted()["good"]), Kept()).scores["edge_recall"]
    wrong = scorer.judge(Listed(planted()["class"]), Kept()).scores["edge_recall"]
    assert auroc(right, wrong) > 0.95


def test_what_cannot_be_judged_says_why() -> None:
    row = planted()["good"][0]
    nothing = np.zeros_like(row.controls["mask"])
    no_edge = replace(row, controls={**row.controls, "edge": nothing})
    no_mask = replace(row, controls={**row.controls, "mask": nothing})
    full = replace(row, controls={**row.controls, "mask": ~nothing})
    flat = replace(row, image=np.full_like(row.image, 77))
    edges = _judge("edges", [no_edge, no_mask, full, flat])
    assert edges.reasons == ["the edge control shows no edge", "the mask is empty", "", ""]
    assert edges.scores["edge_recall"][3] == 0.0
    masks = _judge("mask", [no_mask, full, flat])
    assert masks.reasons == ["the mask is too small", "the mask fills the picture", ""]
    assert masks.scores["mask_agreement"][0] == NOT_JUDGED
    assert masks.scores["mask_agreement"][2] < 0.55
    assert _judge("mask", [row]).scores["mask_agreement"][0] > 0.7


def test_large_pictures_are_shrunk_and_judged_alike() -> None:
    row = planted()["good"][4]
    large = replace(
        row,
        image=np.kron(row.image, np.ones((4, 4, 1), np.uint8)),
        controls={"mask": np.kron(row.controls["mask"], np.ones((4, 4), bool))},
    )
    small, shrunk = MaskScorer(OPTIONS["mask"]).judge(Listed([row, large]), Kept()).scores["mask_agreement"]
    assert abs(small - shrunk) < 0.1
