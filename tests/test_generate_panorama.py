"""Panoramas behind the object: every camera sees them in true perspective, and they are the ones that light it."""

from __future__ import annotations

import dataclasses
import io
import json
import math
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from _generate_shots import ball_shot, with_seed
from PIL import Image

from dst3d_datasets.errors import UsageError
from dst3d_datasets.generate.colour import tone
from dst3d_datasets.generate.pictures import look
from dst3d_datasets.generate.rays import directions
from dst3d_datasets.generate.render import RenderGenerator
from dst3d_datasets.nouns import Camera, Lights, Panorama, Shot
from dst3d_datasets.plan import ModelViews
from dst3d_datasets.recipe import validate
from dst3d_datasets.recipe.options import RenderGeneratorOptions
from dst3d_datasets.recipe.rendering import Render
from dst3d_datasets.render.lighting import Lighting
from dst3d_datasets.seeds import seed_of
from dst3d_datasets.shard import iter_samples
from dst3d_datasets.tools import Tools

LENSES = {
    "reference": np.array([[105.0, 0.0, 48.0], [0.0, 105.0, 48.0], [0.0, 0.0, 1.0]]),
    "wide and off-centre": np.array([[40.0, 0.0, 11.0], [0.0, 40.0, 70.0], [0.0, 0.0, 1.0]]),
    "long, oblong and skewed": np.array([[900.0, 12.0, 60.0], [0.0, 700.0, 30.0], [0.0, 0.0, 1.0]]),
}
VIEWS = [(0.0, 5.0, 0.0), (70.0, 20.0, 12.0), (200.0, 35.0, -25.0), (310.0, 80.0, 0.0), (120.0, -30.0, 5.0),
         (45.0, 0.0, 90.0)]  # fmt: skip


def draw(shot: Shot, **options: object) -> np.ndarray:
    return RenderGenerator(RenderGeneratorOptions(**options)).generate([shot])[0]  # type: ignore[arg-type]


def direction_panorama(height: int) -> np.ndarray:
    """An equirectangular picture whose colour is its direction: 127.5 (1 + (x, y, z)), by the documented formula."""
    v, u = np.mgrid[0:height, 0 : 2 * height] + 0.5
    elevation = np.radians(90.0 - 180.0 * v / height)
    heading = np.radians(360.0 * u / (2 * height) - 180.0)
    x, y = np.cos(elevation) * np.sin(heading), np.cos(elevation) * np.cos(heading)
    return 127.5 * (1.0 + np.stack([x, y, np.sin(elevation)], axis=-1))


def lit_by(shot: Shot, pixels: np.ndarray, turn: float) -> Shot:
    panorama = Panorama(name="x", pixels=np.floor(pixels + 0.5).astype(np.uint8))
    return dataclasses.replace(shot, lights=dataclasses.replace(Lights(), panorama=panorama, turn=turn))


def pixel_rays(camera: Camera) -> np.ndarray:
    """(H, W, 3) unit directions in the canonical frame: R^T K^-1 (u, v, 1), one pixel after the other."""
    inverse = np.linalg.inv(camera.K)
    rays = np.empty((camera.height, camera.width, 3))
    for row in range(camera.height):
        for column in range(camera.width):
            ray = camera.R.T @ (inverse @ (column + 0.5, row + 0.5, 1.0))
            rays[row, column] = ray / np.linalg.norm(ray)
    return rays


@pytest.mark.parametrize("lens", LENSES)
@pytest.mark.parametrize(("azimuth", "elevation", "theta"), VIEWS)
def test_a_panorama_is_seen_in_true_perspective(azimuth: float, elevation: float, theta: float, lens: str) -> None:
    camera = ball_shot(azimuth=azimuth, elevation=elevation, theta=theta).camera
    camera = dataclasses.replace(camera, K=LENSES[lens])
    heading = 37.0
    seen = look(direction_panorama(512).astype(np.float32), directions(camera), heading)
    found = seen.astype(np.float64) / 127.5 - 1.0
    found /= np.linalg.norm(found, axis=-1, keepdims=True)
    turn = math.radians(heading)  # the panorama's middle (0, 1, 0) lies towards (sin, cos, 0): clockwise from above
    turned = np.array([[math.cos(turn), math.sin(turn), 0], [-math.sin(turn), math.cos(turn), 0], [0, 0, 1]])
    cosine = (found @ turned.T * pixel_rays(camera)).sum(-1)
    angle = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
    assert np.percentile(angle, 99) < 0.1
    assert angle.max() < 0.5


def test_the_background_is_the_panorama_that_lights_the_object_with_its_turn() -> None:
    for turn in (0.0, 77.0, 200.0):
        shot = lit_by(ball_shot(azimuth=70.0, elevation=10.0), direction_panorama(256), turn)
        picture = draw(shot, background="panorama", shadow=False)
        found = picture / 127.5 - 1.0
        a = math.radians(turn)
        rays = pixel_rays(shot.camera)  # in the panorama's own frame: turned back, counter-clockwise from above
        x, y = (
            rays[..., 0] * math.cos(a) - rays[..., 1] * math.sin(a),
            rays[..., 0] * math.sin(a) + rays[..., 1] * math.cos(a),
        )
        empty = shot.buffers.alpha == 0
        assert np.abs(found - np.stack([x, y, rays[..., 2]], -1))[empty].max() < 0.02


def test_the_sun_behind_the_object_is_the_sun_that_lights_it() -> None:
    """Light, turn and picture from `Lighting`; the brightest pixel must lie where the key light comes from."""
    from dst3d_datasets.camera import camera_of

    lighting, checked = Lighting(Render(light="environment")), 0
    for seed in range(40):
        lights = lighting.lights_of(seed)
        assert lights.panorama is not None
        if not lights.panorama.name.startswith(("clear", "low")):
            continue
        shot = dataclasses.replace(ball_shot(seed), lights=lights)
        x, y, z = lights.key_direction
        view = dataclasses.replace(  # looks at the sun through the object's centre
            shot.view, azimuth=math.degrees(math.atan2(-x, y)), elevation=-math.degrees(math.asin(z))
        )
        shot = dataclasses.replace(shot, camera=camera_of(view, 96, 96))
        picture = RenderGenerator(RenderGeneratorOptions(background="panorama"))._background.draw(shot).astype(int)
        v, u = np.nonzero(picture.sum(-1) >= picture.sum(-1).max() - 4)
        assert np.hypot(u.mean() + 0.5 - 48, v.mean() + 0.5 - 48) < 4
        checked += 1
    assert checked > 8


@pytest.mark.parametrize("elevation", [2.0, 9.0, 16.0])
def test_the_horizon_is_level_and_where_trigonometry_puts_it(elevation: float) -> None:
    sky = np.where(np.arange(256) < 128, 255.0, 0.0)[:, None, None] * np.ones((1, 512, 3))
    shot = lit_by(ball_shot(elevation=elevation, size=128), sky, 30.0)
    picture = draw(shot, background="panorama", shadow=False)
    row = 64.0 - 140.0 * math.tan(math.radians(elevation))  # f = 140 px at 128
    for column in (2, 30, 100, 125):
        assert abs((picture[:, column, 0] > 127).sum() - row) <= 1.5


def test_without_light_from_a_panorama_it_is_said() -> None:
    with pytest.raises(UsageError, match="light: environment"):
        draw(ball_shot(), background="panorama")


# --- a folder of its own, under another light ---------------------------------------------------------------------


def test_panorama_headings_come_from_the_seed(tmp_path: Path) -> None:
    Image.fromarray(np.floor(direction_panorama(64) + 0.5).astype(np.uint8)).save(tmp_path / "a.png")
    shots = [with_seed(ball_shot(0), seed) for seed in range(3)]
    pictures = [draw(shot, background="panorama", folder=str(tmp_path)) for shot in [*shots, shots[0]]]
    np.testing.assert_array_equal(pictures[0], pictures[3])
    assert np.abs(pictures[0].astype(int) - pictures[1]).max() > 20


def test_hdr_panoramas_are_read(tmp_path: Path) -> None:
    light = (direction_panorama(64) / 255.0 * 50.0).astype(np.float32)
    assert cv2.imwrite(str(tmp_path / "sky.hdr"), light[..., ::-1])
    picture = draw(ball_shot(1), background="panorama", folder=str(tmp_path))
    outside = picture[ball_shot(1).buffers.alpha == 0]
    assert outside.std() > 10


def test_the_tone_curve_is_the_renderers() -> None:
    from dst3d_datasets.render.shade import tone as of_the_object

    ramp = np.linspace(0.0, 30.0, 5000, dtype=np.float32)
    np.testing.assert_allclose(tone(ramp), of_the_object(torch.from_numpy(ramp)).numpy(), atol=1e-6)


# --- the whole way ------------------------------------------------------------------------------------------------


def journey(folder: Path) -> list[tuple[dict, np.ndarray]]:
    """Labels and pictures as a build makes them."""
    recipe = validate(
        {
            "sources": [{"kind": "primitives"}],
            "render": {"light": "environment", "size": 64, "panoramas": str(folder)},
            "generator": {"kind": "render", "background": "panorama", "shadow": False},
            "views": {"per_model": 3},
        }
    )
    refs = list(Tools(recipe).source("primitives").models())[:2]
    samples = iter_samples(recipe, [ModelViews(ref=ref, first=0, count=3) for ref in refs])
    members = [dict(sample.members) for sample in samples]
    return [(json.loads(m["json"]), np.asarray(Image.open(io.BytesIO(m["jpg"])))) for m in members]


def test_a_build_lights_and_surrounds_its_objects_with_the_same_panoramas(tmp_path: Path) -> None:
    light = (direction_panorama(32) / 255.0 * 3.0).astype(np.float32)
    assert cv2.imwrite(str(tmp_path / "sky.hdr"), light[..., ::-1])
    made = journey(tmp_path)
    assert len(made) == 6
    lighting = Lighting(Render(light="environment", size=64, panoramas=str(tmp_path)))
    for label, picture in made:
        lights = lighting.lights_of(seed_of(label["seed"], "light"))
        K, R = np.array(label["K"]), np.array(label["R"])
        for u, v in ((1.5, 1.5), (62.5, 1.5), (1.5, 62.5)):
            x, y, z = R.T @ np.linalg.inv(K) @ (u, v, 1.0)
            heading = math.atan2(x, y) - math.radians(lights.turn)
            row = (0.5 - math.atan2(z, math.hypot(x, y)) / math.pi) * 32
            column = (heading / (2 * math.pi) + 0.5) % 1.0 * 64
            truth = lights.panorama.pixels[min(int(row), 31), int(column) % 64].astype(int)  # type: ignore[union-attr]
            assert np.abs(picture[int(v), int(u)] - truth).max() < 30


def test_pictures_do_not_depend_on_opencvs_threads(tmp_path: Path) -> None:
    assert cv2.imwrite(str(tmp_path / "sky.hdr"), (direction_panorama(64) / 50.0).astype(np.float32)[..., ::-1])
    before, made = cv2.getNumThreads(), []
    try:
        for threads in (1, 4):
            cv2.setNumThreads(threads)
            made.append([picture for _, picture in journey(tmp_path)])
    finally:
        cv2.setNumThreads(before)
    np.testing.assert_array_equal(*made)


def test_a_panorama_must_be_two_to_one(tmp_path: Path) -> None:
    Image.new("RGB", (64, 64)).save(tmp_path / "square.png")
    with pytest.raises(UsageError, match="2:1"):
        draw(ball_shot(), background="panorama", folder=str(tmp_path))
