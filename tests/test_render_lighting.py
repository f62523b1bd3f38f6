"""Panoramas as light: against integrals done the slow way, the same as what the background shows, read once."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from _render_shapes import camera, sphere
from PIL import Image

from dst3d_datasets.errors import RecipeError, UsageError
from dst3d_datasets.nouns import AMBIENT, DIRECT, Lights
from dst3d_datasets.recipe import validate
from dst3d_datasets.recipe.rendering import Render
from dst3d_datasets.render import lighting as lighting_module
from dst3d_datasets.render.environment import basis
from dst3d_datasets.render.environment_light import LEVEL, STRONGEST, developed, lights_from, turned
from dst3d_datasets.render.environment_skies import COUNT, sky
from dst3d_datasets.render.lighting import Lighting
from dst3d_datasets.render.lights import lights_of
from dst3d_datasets.render.raster import TorchRenderer
from dst3d_datasets.tools import Tools

LUMA = np.array([0.2126, 0.7152, 0.0722])


def angles(height: int) -> tuple[np.ndarray, np.ndarray]:
    """Elevation and heading (h, 2 h) in radians of a panorama's pixels, by the documented formula."""
    v, u = np.mgrid[0:height, 0 : 2 * height] + 0.5
    return np.radians(90.0 - 180.0 * v / height), np.radians(360.0 * u / (2 * height) - 180.0)


def rays(height: int) -> tuple[np.ndarray, np.ndarray]:
    """(3, h, 2 h) canonical directions at turn 0 and solid angles (h, 2 h)."""
    elevation, heading = angles(height)
    level = np.cos(elevation)
    area = level * (math.pi / height) ** 2
    return np.stack([level * np.sin(heading), level * np.cos(heading), np.sin(elevation)]), area


def soft(height: int = 64) -> np.ndarray:
    """Light that changes slowly: no lamp in it."""
    x, y, z = rays(height)[0]
    light = np.stack([1.0 + 0.4 * x + 0.2 * y * z, 1.0 + 0.3 * z, 1.0 - 0.4 * y + 0.3 * x * x], -1)
    return light.astype(np.float32)


def with_sun(elevation: float, heading: float, strength: float, height: int = 256) -> np.ndarray:
    """`soft` and a disc of two degrees."""
    (x, y, z), _ = rays(height)
    e, h = math.radians(elevation), math.radians(heading)
    near = x * math.cos(e) * math.sin(h) + y * math.cos(e) * math.cos(h) + z * math.sin(e) > math.cos(math.radians(2.0))
    return (soft(height) + np.where(near, strength, 0.0)[..., None] * np.array([1.0, 0.9, 0.7])).astype(np.float32)


def towards(lights: Lights, normals: np.ndarray) -> np.ndarray:
    """What a white matt surface sends back (n, 3), by the meaning of `Lights`."""
    light = AMBIENT * np.einsum("lc,ln->nc", np.array(lights.environment), basis(*normals))
    for direction, colour in (
        (lights.key_direction, lights.key_colour),
        (lights.fill_direction, lights.fill_colour),
    ):
        light += DIRECT * np.maximum(np.array(direction) @ normals, 0.0)[:, None] * np.array(colour)
    return light


def gathered(radiance: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """The same by brute force: the cosine-weighted mean of the radiance, (n, 3)."""
    directions, area = rays(radiance.shape[0])
    cosine = np.maximum(np.einsum("dn,dhw->nhw", normals, directions), 0.0)
    return np.einsum("nhw,hw,hwc->nc", cosine, area, radiance.astype(np.float64)) / math.pi


NORMALS = np.random.default_rng(2).normal(size=(3, 60))
NORMALS /= np.linalg.norm(NORMALS, axis=0)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_light_is_the_integral_over_the_panorama_at_the_stated_exposure(scale: float) -> None:
    for radiance in (soft(), with_sun(50.0, 30.0, 300.0)):
        lights = lights_from(radiance * np.float32(scale), "x")
        found, expected = towards(lights, NORMALS), gathered(radiance, NORMALS)
        ratio = (found * LUMA).sum() / (expected * LUMA).sum()
        np.testing.assert_allclose(found, expected * ratio, atol=0.02 * found.max())
        every = np.random.default_rng(3).normal(size=(3, 20000))
        mean = float((towards(lights, every / np.linalg.norm(every, axis=0)) @ LUMA).mean())
        assert abs(mean - LEVEL) < 0.02


def test_an_even_panorama_gives_an_even_ball() -> None:
    lights = lights_from(np.full((32, 64, 3), 7.0, np.float32), "x")
    assert max(lights.key_colour) == max(lights.fill_colour) == 0.0
    np.testing.assert_allclose(towards(lights, NORMALS), LEVEL, rtol=2e-3)
    assert lights.panorama is not None
    encoded = 255.0 * (1.055 * LEVEL ** (1 / 2.4) - 0.055)
    assert np.abs(lights.panorama.pixels - encoded).max() <= 0.51  # a white wall and a white ball look alike


@pytest.mark.parametrize(("elevation", "heading", "turn"), [(40, 0, 0), (12, 77, 130), (75, -150, 300), (3, 178, 45)])
def test_the_sun_is_the_key_light_where_the_panorama_shows_it(elevation: float, heading: float, turn: float) -> None:
    lights = turned(lights_from(with_sun(elevation, heading, 3000.0), "x"), turn)
    e, h = math.radians(elevation), math.radians(heading + turn)
    sun = np.array([math.cos(e) * math.sin(h), math.cos(e) * math.cos(h), math.sin(e)])
    assert np.degrees(np.arccos(np.clip(sun @ lights.key_direction, -1, 1))) < 2.5
    assert min(lights.key_colour) > 2.0
    assert lights.key_colour[0] > lights.key_colour[2]
    assert lights.turn == turn


def test_strong_suns_are_weakened_and_two_lamps_are_told_apart() -> None:
    lights = lights_from(with_sun(50.0, 30.0, 1e5), "x")
    ambient = AMBIENT * 0.28209479 * float(np.array(lights.environment[0]) @ LUMA)
    assert math.isclose(DIRECT * float(np.array(lights.key_colour) @ LUMA), STRONGEST * ambient, rel_tol=1e-6)
    two = np.maximum(with_sun(50.0, 30.0, 200.0), with_sun(20.0, -120.0, 100.0))
    lights = lights_from(two, "x")
    apart = np.degrees(np.arccos(np.array(lights.key_direction) @ np.array(lights.fill_direction)))
    assert apart > 80
    assert 0.3 < max(lights.fill_colour) / max(lights.key_colour) < 0.7


@pytest.mark.parametrize("columns", [1, 37, 64, 100])
def test_turning_the_lights_is_turning_the_panorama(columns: int) -> None:
    """Rolled to the right by whole columns of the 128 that light is measured on, it is the same light."""
    radiance = np.maximum(with_sun(35.0, 20.0, 60.0, 64), with_sun(10.0, 140.0, 30.0, 64))
    rolled = lights_from(np.roll(radiance, columns, axis=1), "x")
    lights = turned(lights_from(radiance, "x"), 360.0 * columns / 128)
    np.testing.assert_allclose(towards(lights, NORMALS), towards(rolled, NORMALS), atol=1e-6)
    np.testing.assert_allclose(lights.key_direction, rolled.key_direction, atol=1e-9)
    np.testing.assert_allclose(lights.environment, rolled.environment, atol=1e-9)


def test_the_picture_goes_through_the_objects_tone_curve() -> None:
    ramp = np.linspace(0.0, 40.0, 96, dtype=np.float32).reshape(4, 8, 3)
    x = ramp.astype(np.float64) * 0.5
    over = np.maximum(x - 0.6, 0.0) / 0.4
    shown = np.minimum(x, 0.6) + 0.4 * over / (1.0 + over)
    expected = np.where(shown <= 0.0031308, 12.92 * shown, 1.055 * shown ** (1 / 2.4) - 0.055) * 255.0
    assert np.abs(developed(ramp, 0.5) - expected).max() < 0.6


def test_darkness_is_no_light() -> None:
    with pytest.raises(ValueError, match="no light"):
        lights_from(np.zeros((8, 16, 3), np.float32), "cellar")


# --- where they come from --------------------------------------------------------------------------------------------


def folder_of(tmp_path: Path, count: int) -> Path:
    for number in range(count):
        assert cv2.imwrite(str(tmp_path / f"{number}.hdr"), with_sun(20.0 + number, 0.0, 50.0, 64)[..., ::-1])
    return tmp_path


def lighting(folder: Path | None = None, size: int = 64) -> Lighting:
    return Lighting(Render(light="environment", panoramas=str(folder or ""), size=size))


def test_each_view_has_its_panorama_and_turn_by_seed_and_files_are_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, read = lighting(folder_of(tmp_path, 3)), []
    plain = lighting_module.read_panorama
    monkeypatch.setattr(lighting_module, "read_panorama", lambda path, width: read.append(path) or plain(path, width))
    found = [source.lights_of(seed) for seed in range(40)]
    assert len(read) == 3
    assert len({lights.turn for lights in found}) == 40
    assert {lights.panorama.name for lights in found} == {"0.hdr", "1.hdr", "2.hdr"}
    other = lighting(tmp_path).lights_of(7)
    assert dataclasses.replace(other, panorama=None) == dataclasses.replace(found[7], panorama=None)
    np.testing.assert_array_equal(other.panorama.pixels, found[7].panorama.pixels)


def test_memory_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = lighting(folder_of(tmp_path, 6))
    monkeypatch.setattr(lighting_module, "KEPT_BYTES", 3 * 64 * 128 * 3)
    for seed in range(60):
        source.lights_of(seed)
        assert len(source._kept) <= 3
    assert source._bytes == sum(lights.panorama.pixels.nbytes for lights in source._kept.values())


def test_bad_files_are_passed_over_and_counted(tmp_path: Path) -> None:
    folder_of(tmp_path, 1)
    Image.new("RGB", (64, 32)).save(tmp_path / "black.png")
    Image.new("RGB", (64, 64), "white").save(tmp_path / "square.png")
    (tmp_path / "broken.hdr").write_bytes(b"#?RADIANCE\n\n-Y 32 +X 64\nx")
    source = lighting(tmp_path)
    assert {source.lights_of(seed).panorama.name for seed in range(12)} == {"0.hdr"}
    assert source.counts() == {"bad_picture": 3}
    (tmp_path / "0.hdr").unlink()
    with pytest.raises(UsageError, match="cannot be used"):
        lighting(tmp_path).lights_of(0)


def test_ordinary_pictures_are_linearised(tmp_path: Path) -> None:
    Image.new("RGB", (64, 32), (188, 188, 188)).save(tmp_path / "grey.png")
    lights = lighting(tmp_path).lights_of(0)
    np.testing.assert_allclose(towards(lights, NORMALS), LEVEL, rtol=2e-3)


def test_what_is_in_the_folder_counts_and_where_it_lies_does_not(tmp_path: Path) -> None:
    def inputs(folder: Path) -> str:
        recipe = {"render": {"light": "environment", "panoramas": str(folder)}, "views": {"per_model": 1}}
        return Tools(validate(recipe)).inputs()

    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        folder_of(tmp_path / name, 2)
    before = inputs(tmp_path / "one")
    assert before == inputs(tmp_path / "two")
    folder_of(tmp_path / "two", 3)
    assert before != inputs(tmp_path / "two")


def test_recipes_whose_background_is_not_their_light_are_refused(tmp_path: Path) -> None:
    def recipe(render: dict, generator: dict) -> None:
        validate({"render": render, "generator": {"kind": "render", **generator}, "views": {"per_model": 1}})

    recipe({"light": "environment"}, {"background": "panorama"})
    recipe({"light": "random"}, {"background": "panorama", "folder": "x"})
    for render, generator in (
        ({"light": "random"}, {"background": "panorama"}),
        ({"light": "environment"}, {"background": "panorama", "folder": "x"}),
        ({"light": "random", "panoramas": "x"}, {"background": "plain"}),
    ):
        with pytest.raises(RecipeError, match="light: environment"):
            recipe(render, generator)


def test_the_computed_surroundings() -> None:
    for number in range(0, COUNT, 5):
        name, radiance = sky(number)
        assert radiance.shape[1] == 2 * radiance.shape[0]
        assert radiance.dtype == np.float32
        assert np.isfinite(radiance).all()
        assert radiance.min() >= 0.0
        np.testing.assert_array_equal(radiance, sky(number)[1])
        up, down = radiance[: radiance.shape[0] // 4].mean(), radiance[-radiance.shape[0] // 4 :].mean()
        assert up > down * 0.8, name
    names = {lighting().lights_of(seed).panorama.name for seed in range(12)}
    assert len(names) > 4


# --- nothing burns out, nothing vanishes ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def all_lights() -> list[Lights]:
    """The distribution: random lights, computed surroundings, and the most one-sided panoramas."""
    hard = [with_sun(e, h, s, 64) for e, h, s in ((60, 0, 1e5), (5, 90, 1e4), (85, 0, 30.0))]
    night = with_sun(30.0, 0.0, 1e4, 64) - soft(64)
    below = soft(64)[::-1] * np.where(angles(64)[0] < 0, 20.0, 0.05)[..., None].astype(np.float32)
    sources = [lights_from(np.ascontiguousarray(r, np.float32), "x") for r in (*hard, night, below)]
    own = lighting()
    return [lights_of(i, "random") for i in range(20)] + [own.lights_of(i) for i in range(30)] + sources


LOOKS = {
    "white": {"base_colour": (0.95, 0.95, 0.95, 1.0)},
    "white gloss": {"base_colour": (0.95, 0.95, 0.95, 1.0), "roughness": 0.1},
    "black": {"base_colour": (0.02, 0.02, 0.02, 1.0)},
    "black gloss": {"base_colour": (0.02, 0.02, 0.02, 1.0), "roughness": 0.1},
    "chrome": {"base_colour": (0.95, 0.95, 0.95, 1.0), "metallic": 1.0, "roughness": 0.1},
}


@pytest.mark.parametrize("look", LOOKS)
def test_white_and_black_keep_their_shape_in_any_light(look: str, all_lights: list[Lights]) -> None:
    views = [camera(37.0 * i, -25.0 + 13.0 * i % 80, 2.0, 48) for i in range(len(all_lights))]
    burnt, lost, spread = [], [], []
    for seen in TorchRenderer("cpu").render(sphere(24, **LOOKS[look]), views, all_lights):
        pixels = seen.colour[seen.alpha == 255].astype(int)
        burnt.append(float((pixels.min(1) >= 253).mean()))
        lost.append(float((pixels.max(1) <= 3).mean()))
        spread.append(float(np.ptp(np.percentile(pixels.mean(1), (2, 98)))))
    assert max(burnt) < 0.01
    assert max(lost) < 0.01
    assert min(spread) > 8
    assert np.median(spread) > (25 if "black" in look else 60)
