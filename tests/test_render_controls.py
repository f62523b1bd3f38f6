"""Controls from buffers: the render on its background, edges, depth with its scale, normals as colours."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from _render_shapes import CUBE, LIGHTS, SIDES, camera, cube, model_of, sphere, square

from dst3d_datasets.nouns import Buffers, CadModel, Camera, Controls, Material
from dst3d_datasets.recipe.options import ShapeNetOptions
from dst3d_datasets.recipe.rendering import ControlOptions, Edges
from dst3d_datasets.registry import lookup
from dst3d_datasets.render.controls import (
    GREYS,
    composite,
    contrast_grey,
    encode_depth,
    encode_part,
    make_controls,
    with_outline,
)
from dst3d_datasets.render.raster import TorchRenderer

OPTIONS = ControlOptions()


def draw(model: CadModel, size: int = 192, azimuth: float = 30) -> Buffers:
    return next(iter(TorchRenderer("cpu").render(model, [camera(azimuth, 25, 2.6, size)], [LIGHTS])))


def controls_of(seen: Buffers, options: ControlOptions = OPTIONS) -> Controls:
    height, width = seen.mask.shape
    return make_controls(seen, camera(30, 25, 2.6, (width, height)), options)


def fence(width: float, grey: float) -> tuple[CadModel, list[np.ndarray]]:
    """Seven wires of this width between two posts, and their ends (2, 3)."""
    look = Material(base_colour=(grey, grey, grey, 1.0))
    posts = [
        square((CUBE * [0.06, 0.06, 1.0] + [x, 0, 0])[list(side)], material=look)
        for x in (-0.47, 0.47)
        for side in SIDES.values()
    ]
    wires, ends = [], []
    for number in range(7):
        left = -0.45 + 0.15 * number
        start, end = np.array([-0.45, 0, left]), np.array([0.45, 0, 0.185 * (number % 3 - 1) - 0.3 * left])
        across = np.cross(end - start, [0, 1, 0])
        across *= width / 2 / np.linalg.norm(across)
        wires.append(square([start - across, end - across, end + across, start + across], material=look))
        ends.append(np.stack([start, end]))
    return model_of(*posts, *wires), ends


def share_drawn(picture: np.ndarray, ends: list[np.ndarray], view: Camera) -> float:
    """How much of the wires' projections lies within a pixel of the picture's lines."""
    near = cv2.dilate(picture.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    found = []
    for start, end in ends:
        points = np.linspace(start, end, 400)[20:-20] @ view.R.T + view.t
        columns, rows = np.floor((points @ view.K.T)[:, :2] / points[:, 2:]).astype(int).T
        found.append(near[rows, columns].mean())
    return float(np.mean(found))


def flat(colour: int, size: int = 64) -> Buffers:
    """A square of one grey in the middle."""
    mask = np.zeros((size, size), np.bool_)
    mask[16:48, 16:48] = True
    return Buffers(
        colour=np.where(mask[..., None], np.uint8(colour), np.uint8(0)).repeat(3, -1),
        alpha=mask * np.uint8(255),
        mask=mask,
        depth=mask * np.float32(2.0),
        normal=mask[..., None] * np.float32([0, 0, -1]),
        part=np.where(mask, 0, -1).astype(np.int32),
    )


def closed_outline(edge: np.ndarray, mask: np.ndarray) -> bool:
    """Whether no 8-connected path leads from inside the object to the image's border without crossing an edge."""
    _, labels = cv2.connectedComponents((edge == 0).astype(np.uint8), connectivity=4)
    core = cv2.erode(mask.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    inside = set(np.unique(labels[core & (edge == 0)]))
    border = set(np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])))
    return bool(inside) and not inside & (border - {0})


@pytest.mark.parametrize("grey", [0.0, 0.003, 0.05, 0.2, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("unlit", [True, False])
def test_every_cube_keeps_a_closed_outline(grey: float, unlit: bool) -> None:
    model = cube(dict.fromkeys(("-x", "+x", "-y", "+y", "-z", "+z"), (grey, grey, grey)), unlit=unlit)
    for azimuth in (0, 30, 77):
        seen = draw(model, azimuth=azimuth)
        assert closed_outline(controls_of(seen).edge, seen.mask)


def test_a_white_background_would_swallow_a_white_cube() -> None:
    """The test of the test: the outline is not closed by itself."""
    model = cube(dict.fromkeys(("-x", "+x", "-y", "+y", "-z", "+z"), (1.0, 1.0, 1.0)), unlit=True)
    seen = draw(model)
    white = ControlOptions(background=(255, 255, 255))
    canny_alone = ControlOptions(background=(255, 255, 255), edges=Edges(outline=False))
    assert not closed_outline(controls_of(seen, canny_alone).edge, seen.mask)
    assert closed_outline(controls_of(seen, white).edge, seen.mask)


@pytest.mark.parametrize("size", [256, 512])
@pytest.mark.parametrize("grey", [0.0, 0.1, 0.5, 1.0])
def test_wires_of_a_quarter_pixel_keep_their_edges(size: int, grey: float) -> None:
    view = camera(8, 5, 1.9, size)
    pixel = 1.9 / view.K[0, 0]
    for width, kept in ((0.25, 0.9), (0.5, 0.97), (1.0, 0.99), (2.5, 0.95)):
        model, ends = fence(width * pixel, grey)
        seen = next(iter(TorchRenderer("cpu").render(model, [view], [LIGHTS])))
        edge = make_controls(seen, view, OPTIONS).edge
        assert share_drawn(edge, ends, view) > kept
        if width == 0.25:
            assert share_drawn(seen.mask, ends, view) < 0.8  # the test of the test: the mask at pixel centres has gaps


@pytest.mark.parametrize("opacity", [0.06, 0.1, 0.3])
@pytest.mark.parametrize("grey", [0.0, 0.3, 1.0])
def test_glass_keeps_its_outline(opacity: float, grey: float) -> None:
    pane = Material(base_colour=(grey, grey, grey, opacity), alpha_mode="blend")
    model = model_of(*(replace(part, material=pane) for part in cube().parts))
    for azimuth in (0, 30, 77):
        seen = draw(model, azimuth=azimuth)
        assert closed_outline(controls_of(seen).edge, seen.mask)


def test_real_models_keep_cannys_edges_as_they_are(cad_root: Path) -> None:
    source = lookup("sources", "shapenet")(ShapeNetOptions(kind="shapenet", root=str(cad_root / "shapenet")))
    canny_alone = ControlOptions(edges=Edges(outline=False))
    added = total = 0
    for index, ref in enumerate(list(source.models())[::3]):
        seen = draw(source.open(ref), 256, 37 * index)
        whole, alone = controls_of(seen).edge, controls_of(seen, canny_alone).edge
        assert np.array_equal(whole & alone, alone)
        added, total = added + (whole != alone).sum(), total + (alone > 0).sum()
    assert total > 3000
    assert added < total / 200


def test_normal_colours_are_those_of_the_formula() -> None:
    seen = draw(sphere(64), azimuth=10)
    n, inside = seen.normal.astype(np.float32), seen.mask[..., None]
    expected = np.rint(n * np.array([127.5, -127.5, -127.5], np.float32) + np.float32(127.5)) * inside
    assert np.array_equal(controls_of(seen).normal, expected.astype(np.uint8))


def test_an_outline_is_added_only_where_it_is_far_from_every_edge() -> None:
    seen = np.zeros((40, 40), np.bool_)
    seen[5:35, 5:40] = True  # cut by the image on the right
    edge = np.zeros((40, 40), np.uint8)
    edge[5, 5:] = edge[33, 5:] = 255  # the top, and the bottom a pixel off
    whole = with_outline(edge, seen)
    added = (whole > 0) & (edge == 0)
    assert added[6:34, 5].sum() >= 27
    assert not np.delete(added, 5, axis=1)[:, 3:].any()
    assert not added[:, 36:].any()
    assert np.array_equal(with_outline(whole, seen), whole)


@pytest.mark.parametrize(("colour", "expected"), [(0, 255), (255, 0), (100, 255), (160, 0)])
def test_contrast_is_the_farthest_grey(colour: int, expected: int) -> None:
    assert contrast_grey(flat(colour)) == expected
    assert (controls_of(flat(colour)).render[0, 0] == expected).all()


def test_contrast_looks_at_the_outline_only_and_takes_the_middle_for_black_and_white() -> None:
    seen = flat(255)
    inner = seen.colour.copy()
    inner[24:40, 24:40] = 0  # a black core does not matter
    assert contrast_grey(replace(seen, colour=inner)) == 0
    half = seen.colour.copy()
    half[16:32, 16:48] = 0  # an outline of both is best seen on grey
    assert contrast_grey(replace(seen, colour=half)) == 128


def test_contrast_without_outline() -> None:
    empty = replace(flat(9), mask=np.zeros((64, 64), np.bool_), alpha=np.zeros((64, 64), np.uint8))
    full = replace(flat(9), mask=np.ones((64, 64), np.bool_), alpha=np.full((64, 64), 255, np.uint8))
    assert contrast_grey(empty) == contrast_grey(full) == GREYS[0]
    controls = controls_of(empty)
    assert not controls.mask.any()
    assert not controls.depth.any()
    assert not controls.normal.any()
    assert controls.depth_scale > 0


def test_composite_rounds_as_documented() -> None:
    colour = np.arange(256, dtype=np.uint8)[:, None, None].repeat(256, 1).repeat(3, 2)
    alpha = np.arange(256, dtype=np.uint8)[None].repeat(256, 0)
    for background in ((0, 0, 0), (255, 255, 255), (1, 128, 254)):
        c, a, b = colour.astype(int), alpha.astype(int)[..., None], np.array(background)
        assert np.array_equal(composite(colour, alpha, background), (c * a + b * (255 - a) + 127) // 255)


def test_fixed_background_and_thresholds_are_used() -> None:
    seen = draw(sphere())
    options = ControlOptions(background=(10, 200, 30), edges=Edges(low=5, high=20))
    controls = controls_of(seen, options)
    assert controls.render[0, 0].tolist() == [10, 200, 30]
    grey = cv2.cvtColor(controls.render, cv2.COLOR_RGB2GRAY)
    assert np.array_equal(controls.edge, cv2.Canny(grey, 5, 20))
    inside = seen.alpha == 255
    assert np.array_equal(controls.render[inside], seen.colour[inside])


def test_depth_keeps_z_within_half_a_step() -> None:
    seen = draw(sphere())
    controls = controls_of(seen)
    assert controls.depth.dtype == np.uint16
    assert np.array_equal(controls.depth > 0, seen.mask)
    z = controls.depth_offset + controls.depth_scale * controls.depth[seen.mask].astype(np.float64)
    assert np.abs(z - seen.depth[seen.mask]).max() <= controls.depth_scale * 0.5001
    assert controls.depth[seen.mask].min() == 1
    assert controls.depth.max() == 65535
    assert controls.depth_scale < 1e-5


@pytest.mark.parametrize("count", [1, 1000])
def test_depth_of_one_pixel_or_of_a_plane(count: int) -> None:
    mask = np.zeros(4096, np.bool_)
    mask[:count] = True
    mask = mask.reshape(64, 64)
    value, scale, offset = encode_depth(mask * np.float32(1.7), mask)
    assert scale > 0
    assert np.array_equal(value > 0, mask)
    assert np.abs(offset + scale * value[mask].astype(np.float64) - np.float32(1.7)).max() < 1e-8


def test_normals_are_right_up_and_towards_the_camera() -> None:
    seen = draw(sphere(64), azimuth=0)
    normal = controls_of(seen).normal
    rows, columns = np.nonzero(seen.mask)
    middle, left, top = (
        normal[int(rows.mean()), int(columns.mean())],
        normal[96, columns.min() + 1],
        normal[rows.min() + 1, 96],
    )
    assert middle[2] > 250
    assert left[0] < 40
    assert top[1] > 215
    assert not normal[~seen.mask].any()
    n = normal[seen.mask] / 127.5 - 1.0
    assert np.abs(np.linalg.norm(n, axis=1) - 1.0).max() < 0.02
    assert np.array_equal(controls_of(seen).mask, seen.mask * np.uint8(255))


def test_parts_count_from_one_and_share_the_last_number_beyond_the_limit() -> None:
    seen = draw(cube())
    part = controls_of(seen).part
    assert part.dtype == np.uint16
    assert np.array_equal(part[seen.mask], seen.part[seen.mask] + 1)
    assert not part[~seen.mask].any()
    assert encode_part(np.array([[-1, 0, 65534, 65535, 10**6]], np.int32)).tolist() == [[0, 1, 65535, 65535, 65535]]
