"""What the torch renderer paints: the convention's handedness, materials, holes, glass, smooth edges, decent light."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from _render_shapes import CUBE, LIGHTS, SIDES, camera, changed, close, cube, model_of, part_of, sphere, square

from dst3d_datasets.nouns import Buffers, CadModel, Camera, Lights, Material, Part
from dst3d_datasets.render.lights import lights_of
from dst3d_datasets.render.raster import TorchRenderer

RED, GREEN, BLUE = (0.8, 0.02, 0.02), (0.02, 0.8, 0.02), (0.02, 0.02, 0.8)
COLOURS = {"+x": RED, "-y": GREEN, "+z": BLUE}


def draw(model: CadModel, view: Camera, lights: Lights = LIGHTS) -> Buffers:
    return next(iter(TorchRenderer("cpu").render(model, [view], [lights])))


def hue(rgb: np.ndarray) -> str:
    """Which channel stands out, or grey."""
    low, _, high = sorted(float(value) for value in rgb)
    return "rgb"[int(np.argmax(rgb))] if high > 2 * low + 20 else "grey"


def mean_at(seen: Buffers, where: np.ndarray) -> np.ndarray:
    assert where.any()
    return seen.colour[where].mean(0)


def test_azimuth_0_sees_the_front_with_plus_x_on_the_right_and_up_on_top() -> None:
    seen = draw(cube(COLOURS), camera(0, 0, 2.0))
    assert hue(seen.colour[64, 64]) == "g"
    knob = model_of(
        *cube().parts, part_of(CUBE * 0.1 + [0.4, -0.56, 0.4], _faces(), material=Material(base_colour=(*RED, 1)))
    )
    rows, columns = np.nonzero(draw(knob, camera(0, 0, 2.0)).part == 6)
    assert columns.mean() > 64 + 15
    assert rows.mean() < 64 - 15


def _faces() -> list[list[int]]:
    return [list(t) for a, b, c, d in SIDES.values() for t in ((a, b, c), (a, c, d))]


@pytest.mark.parametrize(
    ("azimuth", "elevation", "expected"),
    [(90, 0, "r"), (180, 0, "grey"), (270, 0, "grey"), (0, 89, "b"), (0, -89, "grey")],
)
def test_each_view_sees_its_side(azimuth: float, elevation: float, expected: str) -> None:
    assert hue(draw(cube(COLOURS), camera(azimuth, elevation, 2.0)).colour[64, 64]) == expected


def test_between_two_sides_the_order_is_right() -> None:
    seen = draw(cube(COLOURS), camera(45, 20, 2.2))  # front on the left, +x on the right, top above
    names = [list(SIDES)[k] for k in np.unique(seen.part[seen.mask])]
    assert names == ["+x", "-y", "+z"]
    middle = {name: np.argwhere(seen.part == list(SIDES).index(name)).mean(0) for name in names}
    assert middle["-y"][1] < 60 < 68 < middle["+x"][1]
    assert middle["+z"][0] < min(middle["-y"][0], middle["+x"][0])
    assert hue(mean_at(seen, seen.part == list(SIDES).index("+x"))) == "r"


def front(**fields: object) -> Part:
    """A unit square facing the front; uv (0, 0) at its bottom left as seen by the camera."""
    corners = np.array([[-1, 0, -1], [1, 0, -1], [1, 0, 1], [-1, 0, 1]]) * 0.5
    return square(corners, **fields)


FACING = camera(0, 0, 560 / 512 * 2, 128)  # the front square covers the middle 64 x 64 pixels


def painted(size: int = 64) -> np.ndarray:
    """Top left red, top right green, bottom left blue, bottom right white."""
    texture = np.full((size, size, 4), 255, np.uint8)
    h = size // 2
    texture[:h, :h, :3], texture[:h, h:, :3], texture[h:, :h, :3] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    return texture


def test_textures_stand_upright_and_unlit_colours_are_exact() -> None:
    seen = draw(model_of(front(material=Material(base_colour=(1, 1, 1, 1), texture=painted(), unlit=True))), FACING)
    assert np.array_equal(np.argwhere(seen.mask).min(0), [32, 32])
    assert seen.colour[40, 40].tolist() == [255, 0, 0]
    assert seen.colour[40, 88].tolist() == [0, 255, 0]
    assert seen.colour[88, 40].tolist() == [0, 0, 255]
    assert seen.colour[88, 88].tolist() == [255, 255, 255]


@pytest.mark.parametrize(("wrap", "expected"), [("repeat", "rgb"), ("mirror", "bwb"), ("clamp", "www")])
def test_wrap_modes(wrap: str, expected: str) -> None:
    uv = np.array([[0.0, 0.0], [2.0, 0.0], [2.0, 2.0], [0.0, 2.0]], np.float32)
    look = Material(base_colour=(1, 1, 1, 1), texture=painted(), unlit=True, wrap=wrap)  # type: ignore[arg-type]
    seen = draw(model_of(front(material=look, uv=uv)), FACING)
    colours = {(255, 0, 0): "r", (0, 255, 0): "g", (0, 0, 255): "b", (255, 255, 255): "w"}
    # u, v in quarters: the right half of the lower row, and the upper row's left: all beyond 1 in one of them.
    found = {
        "repeat": [seen.colour[72, 70], seen.colour[72, 90], seen.colour[88, 70]],
        "mirror": [seen.colour[88, 92], seen.colour[88, 70], seen.colour[38, 38]],
        "clamp": [seen.colour[88, 70], seen.colour[88, 92], seen.colour[88, 60]],
    }[wrap]
    assert "".join(colours[tuple(int(v) for v in c)] for c in found) == expected


def test_vertex_colours_factor_and_srgb() -> None:
    colours = np.tile(np.array([[0.5, 1.0, 0.25, 1.0]], np.float32), (4, 1))
    look = Material(base_colour=(0.5, 0.5, 1.0, 1.0), unlit=True)
    seen = draw(model_of(front(material=look, colours=colours)), FACING)
    linear = np.array([0.25, 0.5, 0.25])
    assert close(seen.colour[64, 64], 255 * (1.055 * linear ** (1 / 2.4) - 0.055), 1.0)


def test_minified_texture_is_its_mean_not_noise() -> None:
    noise = np.zeros((1024, 1024, 4), np.uint8)
    noise[..., 3] = 255
    noise[::2, ::2, :3] = noise[1::2, 1::2, :3] = 255
    far = changed(FACING, t=FACING.t * 3)
    seen = draw(model_of(front(material=Material(base_colour=(1, 1, 1, 1), texture=noise, unlit=True))), far)
    inside = seen.colour[58:70, 58:70].astype(int)
    assert abs(inside.mean() - 128) < 4
    assert inside.std() < 4


def half_clear(alpha: int) -> np.ndarray:
    """White; the left half has this alpha."""
    texture = np.full((64, 64, 4), 255, np.uint8)
    texture[:, :32, 3] = alpha
    return texture


@pytest.mark.parametrize(
    ("mode", "alpha", "cutoff", "hole"),
    [
        ("mask", 100, 0.5, True),
        ("mask", 100, 0.3, False),
        ("opaque", 0, 0.5, False),
        ("blend", 5, 0.5, True),
        ("blend", 40, 0.5, False),
    ],
)
def test_holes(mode: str, alpha: int, cutoff: float, hole: bool) -> None:
    look = Material(texture=half_clear(alpha), alpha_mode=mode, alpha_cutoff=cutoff, base_colour=(1, 1, 1, 1))  # type: ignore[arg-type]
    back = square(np.array([[-1, 0.5, -1], [1, 0.5, -1], [1, 0.5, 1], [-1, 0.5, 1]]) * 0.4)
    for model, behind in ((model_of(front(material=look)), False), (model_of(front(material=look), back), True)):
        seen = draw(model, FACING)
        assert seen.part[64, 80] == 0
        assert seen.mask[64, 48] == (behind or not hole)
        assert seen.part[64, 48] == (0 if not hole else 1 if behind else -1)
        assert np.array_equal(TorchRenderer("cpu").silhouette(model, FACING), seen.mask)


def test_glass_shows_what_is_behind_and_is_solid_to_depth() -> None:
    pane = front(material=Material(base_colour=(0, 0, 0, 0.25), alpha_mode="blend", unlit=True))
    white = Material(base_colour=(1, 1, 1, 1), unlit=True)
    back = square(np.array([[-1, 1, -1], [1, 1, -1], [1, 1, 0], [-1, 1, 0]]) * 0.5, material=white)
    seen = draw(model_of(pane, back), FACING)
    assert close(seen.depth[seen.mask], FACING.t[2], 1e-5)
    through = 0.75  # of white, in linear light
    assert close(seen.colour[75, 64], 255 * (1.055 * through ** (1 / 2.4) - 0.055), 1.5)
    assert seen.alpha[75, 64] == 255
    assert seen.alpha[50, 64] == 64  # nothing behind: a quarter opaque
    panes = [square(front().vertices[[0, 1, 2, 5]] + [0, 0.1 * k, 0], material=pane.material) for k in range(3)]
    seen = draw(model_of(*panes), FACING)
    assert abs(int(seen.alpha[64, 64]) - round(255 * (1 - 0.75**3))) <= 1


def test_edges_are_smoothed_by_the_means_of_2x2_samples() -> None:
    view = camera(33, 21, 1.9, 160)
    for model in (cube(), sphere()):
        seen = draw(model, view)
        fine = changed(view, K=view.K * np.array([[2], [2], [1]]), width=320, height=320)
        hits = TorchRenderer("cpu").silhouette(model, fine).reshape(160, 2, 160, 2).sum((1, 3))
        assert np.array_equal(seen.alpha, np.array([0, 64, 128, 191, 255])[hits])
        assert ((seen.alpha > 0) & (seen.alpha < 255)).sum() > 100


def test_smoothed_colour_is_near_a_fourfold_supersampled_one() -> None:
    view = camera(33, 21, 1.9, 96)
    look = Material(base_colour=(1, 1, 1, 1), texture=np.kron(painted(4), np.ones((16, 16, 1), np.uint8)))
    model = model_of(*(square(CUBE[list(corners)], material=look) for corners in SIDES.values()))
    seen = draw(model, view)
    fine = draw(model, changed(view, K=view.K * np.array([[4], [4], [1]]), width=384, height=384))
    mean = cv2.resize(fine.colour, (96, 96), interpolation=cv2.INTER_AREA).astype(float)
    solid = cv2.resize(fine.alpha, (96, 96), interpolation=cv2.INTER_AREA) == 255
    assert np.abs(seen.colour.astype(float) - mean)[solid].mean() < 3.0


def test_light_is_never_black_nor_burnt_out() -> None:
    """A mid-grey ball under 60 random lights, from all around."""
    renderer = TorchRenderer("cpu")
    ball = sphere(32)
    views = [camera(31 * i, -20 + 13 * i % 70, 2.0, 64) for i in range(60)]
    pictures = list(renderer.render(ball, views, [lights_of(i, "random") for i in range(60)]))
    for seen in pictures:
        luma = seen.colour[seen.mask].mean(1)
        assert luma.min() > 40
        assert luma.max() < 250
        assert 90 < luma.mean() < 225
        assert luma.max() - luma.min() > 25  # shape can be read


def test_material_matters() -> None:
    matt, glossy = (draw(sphere(64, base_colour=(0.1, 0.1, 0.1, 1), roughness=r), camera()) for r in (1.0, 0.2))
    assert int(glossy.colour.max()) > int(matt.colour.max()) + 40
    metal = draw(sphere(64, base_colour=(0.9, 0.7, 0.2, 1), metallic=1.0, roughness=0.4), camera())
    assert metal.colour[metal.mask].mean() > 50
    assert hue(metal.colour[metal.mask].mean(0) * [1, 1, 0.5]) != "b"
