"""Contact sheets, pages, and the pose that is drawn from the label alone."""

from __future__ import annotations

import base64
import io
import json
import re

import numpy as np
import pytest
from PIL import Image, ImageDraw

from dst3d_datasets import images, report
from dst3d_datasets.boxes import seen_corners
from dst3d_datasets.camera import camera_of, project
from dst3d_datasets.errors import UsageError
from dst3d_datasets.nouns import Sample, View
from dst3d_datasets.overlay import draw_pose

SIZE, BOX = 128, (1.0, 0.6, 0.4)


def _label(azimuth: float = 30.0, elevation: float = 20.0, distance: float = 2.0) -> dict:
    view = View(index=0, azimuth=azimuth, elevation=elevation, theta=0.0, distance=distance)
    camera = camera_of(view, SIZE, SIZE)
    corners, pixels = seen_corners(camera, BOX)
    return {
        "key": f"toy-{azimuth:.0f}",
        "class_name": "toy <b>",
        "prompt": "a toy & nothing else " * 6,
        "azimuth": azimuth,
        "elevation": elevation,
        "theta": 0.0,
        "distance": distance,
        "K": camera.K.tolist(),
        "R": camera.R.tolist(),
        "t": camera.t.tolist(),
        "size": list(BOX),
        "corners_3d": corners.tolist(),
        "corners_2d": pixels.tolist(),
        "bbox_visible": [20.0, 30.0, 100.0, 90.0],
        "width": SIZE,
        "height": SIZE,
    }


def _corners(label: dict) -> np.ndarray:
    """Pixels (8, 2) of the box's corners, by `camera.project`."""
    view = View(index=0, theta=0.0, **{name: label[name] for name in ("azimuth", "elevation", "distance")})
    half = np.array(BOX) / 2
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) * half
    return project(camera_of(view, SIZE, SIZE), corners)[0]


def _sample(azimuth: float = 30.0, **members: bytes) -> Sample:
    label = _label(azimuth)
    depth = np.zeros((SIZE, SIZE), np.uint16)
    depth[40:90, 40:90] = np.linspace(1, 60000, 50).astype(np.uint16)
    content = {
        "jpg": images.encode_jpg(np.full((SIZE, SIZE, 3), 120, np.uint8)),
        "depth.png": images.encode_png(depth),
        "edge.png": images.encode_png(np.eye(SIZE, dtype=np.uint8) * 255),
        "json": json.dumps(label).encode(),
        **members,
    }
    return Sample(key=label["key"], members=tuple(sorted(content.items())))


def _drawn(label: dict) -> np.ndarray:
    """Where the pose was drawn on a black picture, (SIZE, SIZE, 3)."""
    return np.asarray(draw_pose(Image.new("RGB", (SIZE, SIZE)), label)).astype(int)


@pytest.mark.parametrize(("azimuth", "elevation"), [(0, 0), (30, 20), (135, -30), (250, 60)])
def test_the_box_is_where_the_camera_sees_it(azimuth: float, elevation: float) -> None:
    label = _label(azimuth, elevation)
    drawn = _drawn(label)
    corners = _corners(label)
    white = (drawn.min(axis=2) > 60).nonzero()
    found = np.array([white[1].min(), white[0].min(), white[1].max() + 1, white[0].max() + 1])
    np.testing.assert_allclose(found, [*corners.min(axis=0), *corners.max(axis=0)], atol=2.0)
    for x, y in corners:
        assert drawn[max(0, int(y) - 2) : int(y) + 3, max(0, int(x) - 2) : int(x) + 3].max() > 40


def test_the_axes_point_where_they_should() -> None:
    """Seen from the front, x goes right in red and z up in blue; from behind, x goes left."""
    for azimuth, side in ((0.0, 1), (180.0, -1)):
        drawn = _drawn(_label(azimuth, 0.0))
        red = (drawn[..., 0] > 180) & (drawn[..., 1] < 110) & (drawn[..., 2] < 110)
        blue = (drawn[..., 2] > 180) & (drawn[..., 0] < 120)
        assert np.sign(red.nonzero()[1].mean() - SIZE / 2) == side
        assert blue.nonzero()[0].mean() < SIZE / 2


def test_the_front_is_tinted_more_when_it_faces_the_camera() -> None:
    def orange(azimuth: float) -> float:
        middle = _drawn(_label(azimuth, 0.0))[48:60, 40:60]
        return float((middle[..., 0] - middle[..., 2]).mean())

    assert orange(0.0) > 1.5 * orange(180.0) > 0


def test_a_camera_close_by_draws_what_is_in_front_of_it() -> None:
    """At half a box side from the centre, corners lie behind the camera; nothing fails and nothing wraps round."""
    for azimuth in range(0, 360, 15):
        label = _label(float(azimuth), 10.0, 0.51)
        assert _drawn(label).shape == (SIZE, SIZE, 3)


def test_the_visible_box_is_drawn_where_it_is_asked_for() -> None:
    label = _label()
    boxed = np.asarray(draw_pose(Image.new("RGB", (SIZE, SIZE)), label, visible_box=True)).astype(int)
    rows, columns = np.nonzero(np.abs(boxed - _drawn(label)).max(2) > 40)
    assert [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1] == pytest.approx([20, 30, 100, 90], abs=1)
    assert abs(boxed[30, 60] - _drawn(label)[30, 60]).max() > 40


def test_wrong_corners_would_be_seen() -> None:
    """The box is drawn from the label's own pixels and not worked out again."""
    label = _label()
    moved = {**label, "corners_2d": (np.array(label["corners_2d"]) + 9.0).tolist()}
    assert np.abs(_drawn(label) - _drawn(moved)).mean() > 3


def test_a_pose_scales_with_the_picture() -> None:
    label = _label()
    big = np.asarray(draw_pose(Image.new("RGB", (2 * SIZE, 2 * SIZE)), label)).astype(int)
    white = (big.min(axis=2) > 60).nonzero()
    corners = 2 * _corners(label)
    assert white[1].min() == pytest.approx(corners[:, 0].min(), abs=3)
    assert white[1].max() == pytest.approx(corners[:, 0].max(), abs=3)


def test_a_wrong_pose_would_be_seen() -> None:
    right, wrong = _drawn(_label(30.0)), _drawn(_label(210.0))
    assert np.abs(right - wrong).mean() > 3


def test_the_sheet_has_a_cell_for_everything() -> None:
    samples = [_sample(azimuth) for azimuth in (0.0, 90.0, 180.0)]
    sheet = report.contact_sheet(samples, ("picture", "depth"), cell=64)
    assert sheet.mode == "RGB"
    tall, wide = sheet.size[1], report.contact_sheet(samples, ("picture", "depth"), cell=64, across=3).size[0]
    assert tall > 3 * 64
    assert wide > 6 * 64
    bare = report.contact_sheet(samples, ("picture",), cell=64, captions=False)
    assert bare.size[1] == 3 * 64 + 4 * 8
    assert report.contact_sheet(samples[:1], ("picture",), cell=64, across=5).size[0] < 2 * 64
    everything = np.asarray(report.contact_sheet(samples))
    assert len(np.unique(everything.reshape(-1, 3), axis=0)) > 50


def test_sheets_are_the_same_for_the_same_samples() -> None:
    one, two = (report.contact_sheet([_sample()]).tobytes() for _ in range(2))
    assert one == two


def test_a_member_that_is_not_there_is_grey() -> None:
    cell = np.asarray(report.tile(_sample(), "normal", 32))
    assert (cell == cell[0, 0]).all()
    assert cell[0, 0].min() > 200


def test_unknown_columns_are_refused() -> None:
    with pytest.raises(UsageError, match="known: picture, pose, render, edge, line, depth, normal, part, mask"):
        report.contact_sheet([_sample()], ("pictures",))


def test_depth_colours_near_pale_far_dark_and_nothing_black() -> None:
    values = np.array([[0, 1, 30000, 60000]], np.uint16)
    coloured = report.colour_depth(values)[0].astype(int)
    assert coloured[0].tolist() == [0, 0, 0]
    brightness = coloured.sum(axis=1)
    assert brightness[1] > brightness[2] > brightness[3] > 0
    assert report.colour_depth(np.zeros((2, 3), np.uint16)).max() == 0
    assert report.colour_depth(np.full((1, 1), 7, np.uint16)).max() > 0


def test_the_page_holds_everything_and_escapes_it() -> None:
    samples = [_sample(0.0), _sample(90.0)]
    page = report.preview_html(samples, ("picture", "pose", "edge"), title="<mine>")
    inlined = re.findall(r'src="data:image/(\w+);base64,([^"]+)"', page)
    assert [kind for kind, _ in inlined] == ["jpeg", "jpeg", "png"] * 2
    for _, data in inlined:
        assert Image.open(io.BytesIO(base64.b64decode(data))).size == (SIZE, SIZE)
    assert "&lt;mine&gt;" in page
    assert "toy &lt;b&gt;" in page
    assert "<b>" in page
    assert "toy <b>" not in page
    assert not re.search(r'(src|href)="(?!data:)', page)


def test_long_captions_end_in_an_ellipsis_within_their_cell() -> None:
    draw = ImageDraw.Draw(Image.new("RGB", (10, 10)))
    font = report.ImageFont.load_default(12)
    short = report._shortened(draw, "word " * 50, font, 100.0)
    assert short.endswith("…")
    assert draw.textlength(short, font) <= 100.0
    assert report._shortened(draw, "word", font, 100.0) == "word"
    assert report._shortened(draw, "word", font, 0.0) == ""
