"""Orientation networks: angles by hand, frames found on renders, and a tiny network fitted to one class."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("cv2")
transformers = pytest.importorskip("transformers")

from _planted import SIZE, Kept, Listed, candidate, world  # noqa: E402

from dst3d_datasets.recipe.filter_options import OrientationScoreOptions  # noqa: E402
from dst3d_datasets.scores import NOT_JUDGED, Candidate  # noqa: E402
from dst3d_datasets.scores.logistic import auroc  # noqa: E402
from dst3d_datasets.scores.networks import Network, around_object  # noqa: E402
from dst3d_datasets.scores.orientation import OrientationNetwork, OrientationScorer  # noqa: E402
from dst3d_datasets.scores.orientation_frame import (  # noqa: E402
    FRONTLESS,
    ROUND,
    Angles,
    Frame,
    angles_of,
    calibrate,
    error_of,
    fronts_of,
    judge_angles,
)
from dst3d_datasets.weights import WeightsError  # noqa: E402

LAYOUT = {"azimuth": 36, "polar": 18, "rotation": 36, "hidden": 0, "side": 56, "fronts": [1, 0]}
OUTPUTS = 36 + 18 + 36 + 2


def _label(azimuth: float, elevation: float = 10.0, theta: float = 0.0, symmetry: int = 1) -> dict[str, Any]:
    return {"azimuth": azimuth, "elevation": elevation, "theta": theta, "symmetry_shape": symmetry}


def test_bins_by_hand() -> None:
    logits = np.zeros((2, OUTPUTS))
    logits[0, [9, 36 + 10, 36 + 18 + 18, 90]] = 5
    logits[1, [35, 36, 36 + 18, 91]] = 5
    assert angles_of(logits, LAYOUT) == [Angles(90.0, 10.0, 0.0, 1), Angles(350.0, -90.0, -180.0, 0)]
    narrow = angles_of(logits, {**LAYOUT, "rotation_span": 180.0})
    assert narrow[1].theta == -90.0


@pytest.mark.parametrize(
    ("peaks", "fronts"), [([10], 1), ([10, 190], 2), ([0, 90, 180, 270], 4), ([], 0), ([5, 40], 1)]
)
def test_fronts_are_the_peaks_of_the_azimuth(peaks: list[int], fronts: int) -> None:
    away = np.arange(360)
    logits = np.full(360, -6.0)
    for peak in peaks:
        apart = np.minimum((away - peak) % 360, (peak - away) % 360)
        logits = np.maximum(logits, 4.0 - (apart / 8.0) ** 2)
    assert fronts_of(logits) == fronts


def test_frames_are_found_on_renders() -> None:
    """An offset, a reversed azimuth and flipped signs come out, also for objects of order 2 with two answers."""
    for turn, offset, up, roll in ((1, 0.0, 1, 1), (-1, 75.0, 1, -1), (1, -130.0, -1, 1)):
        for order in (1, 2):
            labels = [_label(37.0 * k % 360, 5.0 * (k % 7) + 5.0, 3.0 * k - 20.0, order) for k in range(12)]
            said = [
                Angles(
                    (offset + turn * label["azimuth"] + (180.0 * (k % 2) if order == 2 else 0.0)) % 360,
                    up * label["elevation"],
                    roll * label["theta"],
                    1,
                )
                for k, label in enumerate(labels)
            ]
            frame = calibrate(said, labels)
            assert (frame.turn, frame.up, frame.roll) == (turn, up, roll)
            assert frame.error < 1e-4
    wild = [Angles(float(np.random.default_rng(k).uniform(0, 360)), 0.0, 0.0, 1) for k in range(40)]
    assert calibrate(wild, [_label(9.0 * k) for k in range(40)]).error > 45
    assert calibrate([Angles(0.0, 0.0, 0.0, 0)] * 5, [_label(9.0)] * 5).error == 180.0


def test_errors_by_hand() -> None:
    frame = Frame(1, 0.0, 1, 1, 0.0)
    assert error_of(Angles(190.0, 0.0, 0.0, 1), _label(10.0, 0.0), frame) == pytest.approx(180.0)
    assert error_of(Angles(190.0, 0.0, 0.0, 1), _label(10.0, 0.0, symmetry=2), frame) == pytest.approx(0.0, abs=1e-4)
    assert error_of(Angles(100.0, 0.0, 0.0, 4), _label(10.0, 0.0), frame) == pytest.approx(0.0, abs=1e-4)
    assert error_of(Angles(10.0, 30.0, 0.0, 1), _label(10.0, 0.0), frame) == pytest.approx(30.0)
    assert error_of(Angles(10.0, 0.0, -20.0, 1), _label(10.0, 0.0), frame) == pytest.approx(20.0)
    labels = [_label(10.0, 0.0), _label(0.0, symmetry=0), _label(0.0)]
    judged = judge_angles([Angles(100.0, 0.0, 0.0, 1), Angles(0, 0, 0, 1), Angles(0, 0, 0, 0)], labels, frame)
    assert judged.scores["orientation"].tolist() == pytest.approx([0.5, NOT_JUDGED, NOT_JUDGED])
    assert judged.reasons == ["", ROUND, FRONTLESS]
    assert judged.details["orientation_error"][0] == pytest.approx(90.0)


@pytest.fixture(scope="module")
def views() -> list[Candidate]:
    """A sports car from twelve sides; the picture is the render."""
    here = world()
    model = next(model for model in here.models if model.ref.class_name == "sports car")
    shots = [here.shot(model, 30.0 * k, 10.0, index=k) for k in range(12)]
    rows = [candidate(shot, shot.controls.render) for shot in shots]
    whole = {"bbox_visible": [0.0, 0.0, float(SIZE), float(SIZE)]}  # so that no cut tells the view
    return [replace(row, label={**row.label, **whole}) for row in rows]


@pytest.fixture(scope="module")
def network(views: list[Candidate], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random DINOv2 whose linear head is fitted to those views; its front is 50 degrees from ours, and reversed."""
    folder = tmp_path_factory.mktemp("orientation")
    torch.manual_seed(0)
    sizes = {"hidden_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2, "mlp_ratio": 2}
    config = transformers.Dinov2Config(**sizes, image_size=56, patch_size=7)
    tiny = OrientationNetwork(transformers.Dinov2Model(config), 0, OUTPUTS).eval()
    plain = {"backbone": {"model_type": "dinov2", **config.to_diff_dict()}, "orientation": LAYOUT}
    (folder / "config.json").write_text(json.dumps(plain))
    with torch.no_grad():
        pictures = [around_object(view.image, view.label) for view in views]
        batch = Network(str(folder), "main", "x", "cpu").tensor(pictures, 56)
        seen = tiny.backbone(pixel_values=batch).last_hidden_state[:, 0]
        wanted = torch.zeros(len(views), OUTPUTS)
        for row, view in enumerate(views):
            azimuth, elevation = (50.0 - view.label["azimuth"]) % 360, view.label["elevation"]
            wanted[row, [int(azimuth / 10), 36 + int((elevation + 90) / 10), 54 + 18, 90]] = 10.0
        design = torch.cat([seen, torch.ones(len(views), 1)], 1)
        solution = torch.linalg.lstsq(design, wanted, driver="gelsd").solution
        tiny.head.weight.copy_(solution[:-1].T)
        tiny.head.bias.copy_(solution[-1])
    from safetensors.torch import save_file

    save_file({name: value.contiguous() for name, value in tiny.state_dict().items()}, folder / "model.safetensors")
    return folder


def test_pictures_of_another_side_score_lower(views: list[Candidate], network: Path) -> None:
    scorer = OrientationScorer(OrientationScoreOptions(model=str(network), device="cpu", batch_size=5))
    good = scorer.judge(Listed(views), Kept())
    assert not any(good.reasons)
    assert good.scores["orientation"].min() > 0.95
    flipped = [replace(view, image=views[(k + 6) % 12].image) for k, view in enumerate(views)]
    aside = [replace(view, image=views[(k + 1) % 12].image) for k, view in enumerate(views)]
    for rows, error in ((flipped, 150.0), (aside, 25.0)):
        judged = scorer.judge(Listed(rows), Kept())
        assert auroc(good.scores["orientation"], judged.scores["orientation"]) > 0.97
        assert np.median(judged.details["orientation_error"]) > error
    assert scorer.revision.startswith("1-sha256:")


def test_a_class_that_the_network_does_not_know_is_not_judged(views: list[Candidate], network: Path) -> None:
    renders = [views[(5 * k * k + 3) % 12].controls["render"] for k in range(12)]
    strange = [
        replace(view, controls={**view.controls, "render": render}) for view, render in zip(views, renders, strict=True)
    ]
    scorer = OrientationScorer(OrientationScoreOptions(model=str(network), device="cpu"))
    judged = scorer.judge(Listed(strange), Kept())
    assert set(judged.scores["orientation"]) == {NOT_JUDGED}
    assert all("own renders the network errs" in reason for reason in judged.reasons)


def test_what_is_no_orientation_network(views: list[Candidate], network: Path, tmp_path: Path) -> None:
    def judge(folder: Path) -> None:
        OrientationScorer(OrientationScoreOptions(model=str(folder), device="cpu")).judge(Listed(views), Kept())

    with pytest.raises(WeightsError, match="lacks"):
        judge(tmp_path)
    (tmp_path / "model.safetensors").write_bytes((network / "model.safetensors").read_bytes())
    plain = json.loads((network / "config.json").read_text())
    for wrong in ({}, {**plain, "backbone": {}}, {**plain, "orientation": {**LAYOUT, "azimuth": 40}}):
        (tmp_path / "config.json").write_text(json.dumps(wrong))
        with pytest.raises(WeightsError, match="cannot be loaded"):
            judge(tmp_path)
