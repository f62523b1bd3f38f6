"""Boxes and corners by hand, at the image's edge and behind the camera; labels through `datasets`; the card."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from _fake_run import fake_run
from _hf import isolate
from _label_fields import SIGNS

from dst3d_datasets.boxes import EDGES, NEAR, SIDES, box_corners, leaves, mask_box, seen_corners
from dst3d_datasets.camera import camera_of, project
from dst3d_datasets.nouns import Camera, View
from dst3d_datasets.release import make_release

SIZE = (1.0, 0.6, 0.4)


def camera(azimuth: float = 30.0, elevation: float = 20.0, distance: float = 2.0) -> Camera:
    return camera_of(View(index=0, azimuth=azimuth, elevation=elevation, theta=10.0, distance=distance), 96, 64)


def test_the_order_of_corners() -> None:
    assert ["".join("+" if side > 0 else "-" for side in corner) for corner in SIDES] == SIGNS
    assert box_corners(SIZE)[6].tolist() == [0.5, 0.3, -0.2]
    lengths = [np.abs(box_corners(SIZE)[a] - box_corners(SIZE)[b]).max() for a, b in EDGES]
    assert np.allclose(lengths, [1.0] * 4 + [0.6] * 4 + [0.4] * 4)
    assert len(set(EDGES)) == 12


def test_corners_are_seen_where_the_camera_projects_them() -> None:
    corners, pixels = seen_corners(camera(), SIZE)
    expected, z = project(camera(), box_corners(SIZE))
    np.testing.assert_allclose(pixels, expected, atol=1e-9)
    np.testing.assert_allclose(corners[:, 2], z, atol=1e-12)


def test_corners_behind_the_camera_are_finite_and_on_their_side() -> None:
    """From within the box: at the near plane, x and y are kept, so the direction in the picture is too."""
    inside = camera(distance=0.1)
    corners, pixels = seen_corners(inside, SIZE)
    behind = corners[:, 2] < NEAR
    assert 0 < behind.sum() < 8
    assert np.isfinite(pixels).all()
    from_middle = pixels - inside.K[:2, 2]
    np.testing.assert_array_equal(np.sign(from_middle), np.sign(corners[:, :2]))
    np.testing.assert_allclose(from_middle[behind], corners[behind, :2] / NEAR * inside.K[0, 0])


def test_skewed_and_off_centre_cameras() -> None:
    K = np.array([[100.0, 7.0, 11.0], [0.0, 120.0, 50.0], [0.0, 0.0, 1.0]])
    odd = Camera(K=K, R=camera().R, t=camera().t, width=96, height=64)
    np.testing.assert_allclose(seen_corners(odd, SIZE)[1], project(odd, box_corners(SIZE))[0], atol=1e-9)


def test_boxes_of_masks_are_pixel_edges() -> None:
    mask = np.zeros((5, 7), np.uint8)
    assert mask_box(mask) == (0.0, 0.0, 0.0, 0.0)
    mask[2, 3] = 255
    assert mask_box(mask) == (3.0, 2.0, 4.0, 3.0)
    mask[4, 6] = 1
    assert mask_box(mask) == (3.0, 2.0, 7.0, 5.0)
    assert mask_box(np.ones((5, 7), np.bool_)) == (0.0, 0.0, 7.0, 5.0)


@pytest.mark.parametrize(
    ("box", "leaving"),
    [((0, 0, 96, 64), False), ((-0.1, 0, 50, 50), True), ((0, -1, 9, 9), True), ((1, 1, 96.1, 9), True)],
)
def test_leaving_the_image(box: tuple[float, float, float, float], leaving: bool) -> None:
    assert leaves(box, 96, 64) == leaving
    assert leaves((0, 0, 9, 64.5), 96, 64)


@pytest.fixture
def release(tmp_path: Path) -> Path:
    fake_run(tmp_path / "run", models=3)
    make_release(tmp_path / "run", tmp_path / "out")
    return tmp_path / "out"


def test_labels_come_through_datasets_as_they_are(
    release: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Streamed or not, nested lists keep their lengths, and every value is that of the tar."""
    import datasets
    import webdataset

    cache = str(isolate(monkeypatch, tmp_path))
    tars = sorted(str(path) for path in release.rglob("*.tar"))
    raw = [json.loads(row["json"]) for row in webdataset.WebDataset(tars, shardshuffle=False, empty_check=False)]
    for rows in (
        datasets.load_dataset(str(release), split="train", streaming=True),
        datasets.load_dataset(str(release), split="train", cache_dir=cache),
    ):
        number = datasets.Value("float64")
        typed = rows.features["json"]
        assert typed["corners_3d"] == datasets.List(datasets.List(number, length=3), length=8)
        assert typed["corners_2d"] == datasets.List(datasets.List(number, length=2), length=8)
        assert typed["bbox_visible"] == datasets.List(number, length=4)
        assert (typed["mask_rle"], typed["area"]) == (datasets.Value("string"), datasets.Value("int64"))
        assert (typed["truncated"], typed["symmetry_shape"]) == (datasets.Value("bool"), datasets.Value("int64"))
        found = {row["json"]["key"]: row["json"] for row in rows}
        assert found == {label["key"]: label for label in raw if label["key"] in found}
        assert len(found) == len(rows) if hasattr(rows, "__len__") else found


def test_the_card_explains_them(release: Path) -> None:
    card = (release / "README.md").read_text(encoding="utf-8")
    for name in ("bbox_visible", "truncated", "area", "mask_rle", "corners_3d", "corners_2d", "symmetry_shape"):
        assert f"| `{name}` |" in card or f"`{name}`" in card.split("### The camera")[0], name
    assert "pycocotools.mask.decode" in card
