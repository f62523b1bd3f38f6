"""The line drawing: every edge of a cube and none of a sphere, at any size; and against rays that Embree casts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from _raycast import Cast, rays_between
from _render_shapes import CUBE, LIGHTS, SIDES, camera, cube, model_of, part_of, sphere, square

from dst3d_datasets.nouns import Buffers, CadModel, Camera
from dst3d_datasets.recipe.options import ObjaverseOptions, PrimitivesOptions, ShapeNetOptions
from dst3d_datasets.recipe.rendering import Lines
from dst3d_datasets.registry import lookup
from dst3d_datasets.render.lines import COARSE, PAIRS, lines
from dst3d_datasets.render.raster import TorchRenderer

OPTIONS = Lines()
SIZES = [64, 256, 1024]


def see(model: CadModel, view: Camera) -> Buffers:
    return next(iter(TorchRenderer("cpu").render(model, [view], [LIGHTS])))


def drawn(model: CadModel, view: Camera, options: Lines = OPTIONS) -> np.ndarray:
    return lines(see(model, view), view, options) > 0


def one_part_cube() -> CadModel:
    faces = [face for a, b, c, d in SIDES.values() for face in ((a, b, c), (a, c, d))]
    return model_of(part_of(CUBE, faces))


def visible_edges(view: Camera) -> list[np.ndarray]:
    """The nine edges of the cube that belong to a face turned to the camera, as points (N, 2) every half pixel."""
    eye = -view.R.T @ view.t
    found: dict[tuple[int, int], None] = {}
    for corners in SIDES.values():
        middle = CUBE[list(corners)].mean(0)
        if (eye - middle) @ middle > 0:
            for a, b in zip(corners, (*corners[1:], corners[0]), strict=True):
                found[min(a, b), max(a, b)] = None
    edges = []
    for a, b in found:
        points = np.linspace(CUBE[a], CUBE[b], 4 * view.width) @ view.R.T + view.t
        pixels = points @ view.K.T
        edges.append(pixels[:, :2] / pixels[:, 2:])
    return edges


def near(picture: np.ndarray, reach: int = 1) -> np.ndarray:
    return cv2.dilate(picture.astype(np.uint8), np.ones((2 * reach + 1,) * 2, np.uint8)) > 0


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("azimuth", [15, 30, 45, 63])
def test_all_nine_edges_of_a_cube_and_nothing_else(size: int, azimuth: float) -> None:
    view = camera(azimuth, 25, 2.6, size)
    edges = visible_edges(view)
    assert len(edges) == 9
    only_borders, only_creases = Lines(crease=180), Lines(parts=False)
    for model, options in ((cube(), OPTIONS), (one_part_cube(), only_creases), (cube(), only_borders)):
        picture = drawn(model, view, options)
        expected = np.zeros_like(picture)
        for edge in edges:
            columns, rows = np.floor(edge).astype(int).T
            assert near(picture)[rows, columns].all()
            expected[rows, columns] = True
        assert near(expected)[picture].all()
        steps = sum(np.abs(edge[-1] - edge[0]).max() for edge in edges)
        assert picture.sum() <= 1.02 * steps + 9  # one pixel wide


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("rings", [20, 64])
def test_a_smooth_sphere_has_an_outline_and_nothing_inside(size: int, rings: int) -> None:
    view = camera(30, 25, 2.0, size)
    seen = see(sphere(rings), view)
    rim = seen.mask & (cv2.erode(seen.mask.astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))) == 0)
    assert np.array_equal(lines(seen, view, OPTIONS) > 0, rim)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("elevation", [1.0, 4.0, 15.0, 60.0])
def test_a_plane_has_no_lines_however_it_is_slanted(size: int, elevation: float) -> None:
    plane = model_of(square(np.array([[-0.5, -0.5, 0], [0.5, -0.5, 0], [0.5, 0.5, 0], [-0.5, 0.5, 0]])))
    view = camera(20, elevation, 1.5, size)
    seen = see(plane, view)
    inside = cv2.erode(seen.mask.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    picture = lines(seen, view, OPTIONS)
    assert picture.any()
    assert not picture[inside].any()


def layers(gap: float) -> CadModel:
    """A small square floating before a large one, in one part."""
    corners = np.array([[-0.5, 0, -0.5], [0.5, 0, -0.5], [0.5, 0, 0.5], [-0.5, 0, 0.5]])
    points = np.concatenate([corners, 0.4 * corners - [0, gap, 0]])
    return model_of(part_of(points, [[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]]))


@pytest.mark.parametrize("size", [256, 512, 1024])
def test_a_gap_is_drawn_on_the_nearer_surface_from_its_threshold_on(size: int) -> None:
    view = camera(0, 0, 1.5, size)
    for gap, threshold, there in ((0.03, 0.025, True), (0.03, 0.035, False), (0.3, 0.01, True)):
        model = layers(gap)
        picture, seen = drawn(model, view, Lines(gap=threshold)), see(model, view)
        front = seen.mask & (seen.depth < 1.5 - gap / 2)
        rim = front & (cv2.erode(front.astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))) == 0)
        assert picture[rim].all() == picture[rim].any() == there
        assert not (picture & ~rim)[near(front, 3)].any()


@pytest.mark.parametrize(("angle", "there"), [(26, False), (34, True), (90, True), (150, True)])
def test_a_crease_is_drawn_from_its_angle_on(angle: float, there: bool) -> None:
    """A roof whose ridge points at the camera, seen from above."""
    tilt = np.radians(angle / 2)
    slope = np.array([0.5 * np.cos(tilt), 0.0, -0.5 * np.sin(tilt)])
    ridge = np.array([[0, -0.5, 0], [0, 0.5, 0]])
    points = np.concatenate([ridge, ridge + slope, ridge + slope * [-1, 1, 1]])
    roof = model_of(part_of(points, [[0, 1, 2], [1, 3, 2], [0, 1, 4], [1, 5, 4]]))
    picture = drawn(roof, camera(0, 60, 1.7, 256))
    middle = picture[110:146, 120:136]
    assert middle.any(1).all() == middle.any() == there
    assert middle.sum(1).max() <= 1


def test_what_the_image_cuts_is_no_outline() -> None:
    picture = drawn(sphere(64), camera(0, 0, 0.62, 128))
    assert not picture.any()


def test_a_small_round_edge_is_one_line() -> None:
    """A quarter cylinder of two pixels' radius between two planes: its normal turns over several pixels."""
    radius, steps = 0.006, 12
    turn = np.linspace(0, np.pi / 2, steps)
    arc = np.stack([radius * np.sin(turn) - radius, radius * np.cos(turn) - radius], 1)
    profile = np.concatenate([[[-0.4, 0.0]], arc, [[0.0, -0.4]]])
    points = np.concatenate([np.insert(profile, 1, y, axis=1) for y in (-0.5, 0.5)])
    count = len(profile)
    faces = [f for i in range(count - 1) for f in ((i, i + 1, i + count), (i + 1, i + 1 + count, i + count))]
    flat = np.concatenate([[[0.0, 1.0]], np.stack([np.sin(turn), np.cos(turn)], 1), [[1.0, 0.0]]])
    normals = np.concatenate([np.insert(flat, 1, 0.0, axis=1)] * 2)
    view = camera(90, 40, 1.5, 256)
    picture = drawn(model_of(part_of(points, faces, normals)), view)
    middle = picture[105:150, 118:138]
    assert (middle.sum(0) == 1).all()


def test_texture_and_light_change_no_line() -> None:
    view = camera(30, 25, 2.0, 128)
    seen = see(cube(), view)
    noise = np.random.default_rng(0).integers(0, 256, seen.colour.shape, np.uint8)
    other = replace(seen, colour=noise, alpha=noise[..., 0])
    assert np.array_equal(lines(seen, view, OPTIONS), lines(other, view, OPTIONS))


def test_an_empty_picture_has_no_lines() -> None:
    view = camera(0, 0, 2.0, 32)
    seen = see(sphere(), view)
    empty = replace(seen, mask=np.zeros((32, 32), np.bool_))
    assert not lines(empty, view, OPTIONS).any()


# --- real models ------------------------------------------------------------------------------------------------------


def real_models(cad_root: Path, step: int) -> list[CadModel]:
    kinds = {"objaverse": ObjaverseOptions, "shapenet": ShapeNetOptions}
    found = []
    for name, options in kinds.items():
        source = lookup("sources", name)(options(kind=name, root=str(cad_root / name)))
        found += [source.open(ref) for ref in list(source.models())[::step]]
    primitives = lookup("sources", "primitives")(PrimitivesOptions(kind="primitives", models_per_class=1))
    return found + [primitives.open(ref) for ref in list(primitives.models())[:: 2 * step]]


def independent(model: CadModel, view: Camera) -> np.ndarray:
    """Which pixels have an edge to a neighbour, by Embree's hits in the canonical frame and in double precision."""
    cast = Cast(model, view)
    rows, columns = np.mgrid[: view.height, : view.width] + 0.5
    rays = np.stack([columns, rows, np.ones_like(rows)], -1) @ np.linalg.inv(view.K).T
    world = (rays * cast.depth[..., None] - view.t) @ view.R
    normal = cast.normal @ view.R
    footprint = 1.0 / view.K[0, 0]
    found = np.zeros_like(cast.mask)
    for a, b in PAIRS:
        step = world[b] - world[a]
        off = np.maximum(*(np.abs(np.einsum("hwc,hwc->hw", normal[side], step)) for side in (a, b)))
        limit = np.maximum(OPTIONS.gap, COARSE * footprint * np.minimum(cast.depth[a], cast.depth[b]))
        both = cast.mask[a] & cast.mask[b]
        turn = np.degrees(np.arccos(np.clip(np.einsum("hwc,hwc->hw", normal[a], normal[b]), -1, 1)))
        parted = both & (off > limit) & (np.abs(cast.depth[b] - cast.depth[a]) > limit)
        edge = (
            parted | both & ((turn > OPTIONS.crease) | (cast.part[a] != cast.part[b])) | (cast.mask[a] != cast.mask[b])
        )
        found[a] |= edge & cast.mask[a]
        found[b] |= edge & cast.mask[b]
    return found


def f1(one: np.ndarray, other: np.ndarray) -> float:
    """Harmonic mean of how much of each picture lies within a pixel of the other."""
    precision, recall = near(other)[one].mean(), near(one)[other].mean()
    return float(2 * precision * recall / (precision + recall))


def test_lines_of_real_models_are_those_of_a_ray_cast(cad_root: Path) -> None:
    for index, model in enumerate(real_models(cad_root, 4)):
        view = camera(37 * index + 5, 10 + 13 * index % 50, 1.5, 256)
        assert f1(drawn(model, view), independent(model, view)) > 0.97, model.ref.model_id


def test_gaps_of_real_models_are_gaps(cad_root: Path) -> None:
    """Many rays between two pixels tell whether the surface between them is broken, whatever its normals say."""
    hit = total = 0
    for index, model in enumerate(real_models(cad_root, 5)):
        view = camera(37 * index + 11, 10 + 13 * index % 40, 1.6, 192)
        bare = Lines(crease=180, parts=False)
        picture = near(drawn(model, view, bare))
        seen = see(model, view)
        for axis, (a, b) in enumerate(PAIRS):
            rows, columns = np.nonzero(seen.mask[a] & seen.mask[b])
            depth = rays_between(model, view, rows, columns, axis)
            steps = np.sort(np.abs(np.diff(depth, axis=1)), axis=1)
            limit = np.maximum(bare.gap, COARSE / view.K[0, 0] * depth[:, 0])
            broken = (steps[:, -1] - 2 * steps[:, -3] > 2 * limit) & (np.abs(depth[:, -1] - depth[:, 0]) > 2 * limit)
            there = picture[a][rows, columns] | picture[b][rows, columns]
            hit, total = hit + (broken & there).sum(), total + broken.sum()
    assert total > 500
    assert hit / total > 0.97


def test_lines_hardly_depend_on_the_pictures_size(cad_root: Path) -> None:
    """What differs is real: strings thinner than a coarse pixel, folds that are sharp only from afar."""
    agreement = []
    for index, model in enumerate(real_models(cad_root, 8)):
        small, large = (drawn(model, camera(37 * index + 5, 20, 1.5, size)) for size in (256, 1024))
        agreement.append(f1(small, large.reshape(256, 4, 256, 4).any((1, 3))))
    assert np.median(agreement) > 0.99
    assert min(agreement) > 0.8
