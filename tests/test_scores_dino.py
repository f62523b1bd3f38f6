"""Render and compare: planted flips, what cannot be told apart, networks, and models drawn again from a run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("cv2")
pytest.importorskip("torch")

from _planted import Kept, Listed, planted, world

from dst3d_datasets.camera import rotation_of
from dst3d_datasets.errors import ModelRefused, Reason
from dst3d_datasets.recipe.filter_options import DinoScoreOptions
from dst3d_datasets.scores import NOT_JUDGED, Candidate, Judgement
from dst3d_datasets.scores.dino import DinoScorer, views_of
from dst3d_datasets.scores.features import Hog
from dst3d_datasets.scores.logistic import auroc


def _judge(rows: list[Candidate] | tuple[Candidate, ...], **options: object) -> Judgement:
    scorer = DinoScorer(DinoScoreOptions(**options))
    scorer.redraw = world().redraw
    return scorer.judge(Listed(list(rows)), Kept())


def test_pictures_of_another_side_score_lower() -> None:
    found = {kind: _judge(planted()[kind]) for kind in ("good", "flip", "mirror", "off30", "off90")}
    good = found.pop("good")
    assert not any(good.reasons)
    assert good.scores["pose_contrast"].mean() > 0.8
    assert list(good.details["pose_best"]) == ["label"] * len(good.reasons)
    for kind, judgement in found.items():
        values = judgement.scores["pose_contrast"]
        assert ((values >= 0) & (values <= 1)).all()
        assert auroc(good.scores["pose_contrast"], values) > 0.97, kind
    assert {"+180", "mirrored", "+30", "-90"} <= {
        str(name) for judgement in found.values() for name in judgement.details["pose_best"]
    }


def test_the_cameras_are_those_of_the_turned_angles() -> None:
    label = planted()["good"][1].label
    azimuth, elevation, theta = (label[name] for name in ("azimuth", "elevation", "theta"))
    cameras = views_of(label)
    for name, turned, roll in (("+180", 180.0, theta), ("-30", -30.0, theta), ("mirrored", -2 * azimuth, -theta)):
        assert np.allclose(cameras[name].R, rotation_of(azimuth + turned, elevation, roll), atol=1e-12)
        assert np.allclose(cameras[name].t, label["t"])


@pytest.mark.parametrize(
    ("order", "left"),
    [
        (0, []),
        (1, ["+180", "-90", "+90", "-30", "+30", "mirrored"]),
        (2, ["-90", "+90", "-30", "+30", "mirrored"]),
        (4, ["-30", "+30", "mirrored"]),
        (12, ["mirrored"]),
    ],
)
def test_turns_that_keep_the_shape_are_not_asked_about(order: int, left: list[str]) -> None:
    label = {**planted()["good"][0].label, "symmetry_shape": order}
    assert list(views_of(label)) == ["label", *left]


def test_what_cannot_be_judged_says_why() -> None:
    row = planted()["good"][0]
    unable = DinoScorer(DinoScoreOptions()).judge(Listed([row]), Kept())
    assert unable.reasons == ["the CAD models are not at hand"]

    def alike(label: object, cameras: list[object]) -> list[tuple[np.ndarray, np.ndarray]]:
        return [(row.controls["render"], row.controls["mask"])] * len(cameras)

    def gone(label: object, cameras: list[object]) -> list[tuple[np.ndarray, np.ndarray]]:
        raise ModelRefused(Reason.MISSING, "no such file")

    scorer, round_one = DinoScorer(DinoScoreOptions()), replace(row, label={**row.label, "symmetry_shape": 0})
    for redraw, sample, reason in (
        (alike, row, "the object looks the same from every side"),
        (alike, round_one, "the object looks the same from every side"),
        (gone, row, "the CAD model cannot be drawn again: no such file"),
        (alike, replace(row, controls={"mask": row.controls["mask"] & False}), "the mask is empty"),
    ):
        scorer.redraw = redraw
        judgement = scorer.judge(Listed([sample]), Kept())
        assert judgement.reasons == [reason]
        assert judgement.scores["pose_contrast"][0] == NOT_JUDGED


def test_histograms_do_not_see_brightness_or_its_sign() -> None:
    """A light object before dark and its negative are alike; the same turned by 90 degrees are not."""
    picture = np.zeros((126, 126, 3), np.uint8)
    picture[30:90, 50:70] = 200
    hog = Hog(21)
    first, negative, turned = hog([picture, 220 - picture, np.rot90(picture).copy()])
    assert first.shape == (21, 21, 8)
    assert np.linalg.norm(first, axis=-1).max() <= 1.0
    assert (first * negative).sum() > 0.9 * (first * first).sum()
    assert (first * turned).sum() < 0.5 * (first * first).sum()


@pytest.fixture(scope="module")
def tiny_dino(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random DINOv2 with patches of 7 pixels."""
    transformers = pytest.importorskip("transformers")
    import torch

    torch.manual_seed(0)
    sizes = {"hidden_size": 48, "num_hidden_layers": 1, "num_attention_heads": 2, "mlp_ratio": 2}
    config = transformers.Dinov2Config(**sizes, image_size=70, patch_size=7)
    folder = tmp_path_factory.mktemp("dino")
    transformers.Dinov2Model(config).save_pretrained(folder)
    return folder


def test_a_network_by_its_folder(tiny_dino: Path) -> None:
    """Even one that nobody trained tells a picture of another class and side from the right one more often than not."""
    options = {"model": str(tiny_dino), "patches": 10, "device": "cpu"}
    good, bad = (_judge(planted()[kind], **options) for kind in ("good", "off90"))
    assert not any(good.reasons)
    assert auroc(good.details["pose_margin"], bad.details["pose_margin"]) > 0.6
    scorer = DinoScorer(DinoScoreOptions(**options))
    assert scorer.features([np.zeros((70, 70, 3), np.uint8)] * 3).shape == (3, 10, 10, 48)
    assert scorer.revision.startswith("1-sha256:")
    assert DinoScorer(DinoScoreOptions()).revision == "1-hog-1"


def test_the_models_of_a_run_are_drawn_again(tmp_path: Path) -> None:
    """From the label's own camera the redrawn control is the stored one; `dst3d score` hands it to the scorer."""
    pytest.importorskip("pyarrow")
    from dst3d_datasets.build import build
    from dst3d_datasets.convert.label import camera_of_label
    from dst3d_datasets.recipe import load_recipe
    from dst3d_datasets.run import read_run
    from dst3d_datasets.scoring import score
    from dst3d_datasets.scoring.jobs import classes_of, found_tables
    from dst3d_datasets.scoring.redraw import RunRedraw
    from dst3d_datasets.scoring.samples import RunSamples
    from dst3d_datasets.scoring.tables import read_table
    from dst3d_datasets.store import Store

    changes = ["catalogue.classes=[folding chair]", "views.per_model=2", "render.size=64"]
    recipe = load_recipe("render", [*changes, "sources=[{kind: primitives, models_per_class: 1}]", "scores=[dino]"])
    build(recipe, str(tmp_path / "run"), workers=1)
    store = Store(tmp_path / "run")
    classes = classes_of(store, read_run(store)[1]).all()
    redraw = RunRedraw(recipe)
    for sample in RunSamples(store, next(iter(classes.values())), ("mask", "render")):
        render, mask = redraw(sample.label, [camera_of_label(sample.label)])[0]
        assert np.array_equal(mask, sample.controls["mask"])
        assert np.abs(render.astype(int) - sample.controls["render"]).mean() < 3  # the stored one is a JPEG
    with pytest.raises(ModelRefused, match="not in the catalogue"):
        redraw({**sample.label, "cad_id": "nobody"}, [])
    assert score(store.url, workers=1).failed == {}
    table = read_table(store, next(iter(found_tables(store, recipe, classes).values())).path)
    assert (table.scores["pose_contrast"] > 0.5).all()
