"""The shadow on the ground: where geometry puts it, as strong as the key light, never on the object or in the sky."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from _generate_shots import ball_shot
from PIL import Image

from dst3d_datasets.generate import catcher
from dst3d_datasets.generate.catcher import is_upright, key_share
from dst3d_datasets.generate.noise import Draws
from dst3d_datasets.generate.rays import directions, ground
from dst3d_datasets.generate.render import RenderGenerator
from dst3d_datasets.generate.shadow import shade
from dst3d_datasets.generate.stage import Stage
from dst3d_datasets.nouns import AMBIENT, DIRECT, Lights, Shot, hemisphere
from dst3d_datasets.recipe.options import RenderGeneratorOptions

FLOOR = -0.35  # of the ball's box
GREY = np.full((96, 96, 3), 180, np.uint8)


def lit_from(shot: Shot, direction: tuple[float, float, float], strength: float = 2.0) -> Shot:
    unit = np.array(direction) / np.linalg.norm(direction)
    lights = dataclasses.replace(
        Lights(), key_direction=tuple(unit.tolist()), key_colour=(strength,) * 3, fill_colour=(0.0, 0.0, 0.0)
    )
    return dataclasses.replace(shot, lights=lights)


def with_shadow(picture: np.ndarray, shot: Shot) -> np.ndarray:
    return catcher.with_shadow(picture, Stage.of(shot, Draws("test")))


def plane_of(shot: Shot):
    return ground(shot.camera, directions(shot.camera), FLOOR)


def test_contact_is_under_the_object_and_nothing_is_far_away() -> None:
    shot = ball_shot(elevation=40.0)
    plane = plane_of(shot)
    light = shade(shot, plane, FLOOR, contact=0.8, cast=0.0)
    away = np.hypot(plane.x, plane.y)
    assert light[away < 0.1].max() < 0.7
    assert light[away > 1.5].min() == 1.0


@pytest.mark.parametrize("direction", [(0.3, -0.5, 0.8), (-0.9, 0.2, 0.5), (0.1, 0.9, 0.4), (0.0, 0.0, 1.0)])
def test_the_cast_shadow_is_the_objects_outline_along_the_light(direction: tuple[float, float, float]) -> None:
    """Independent: a ground point is in shadow if the ray from it to the light meets the ellipsoid."""
    shot = lit_from(ball_shot(azimuth=-20.0, elevation=50.0, distance=3.0), direction)
    plane = plane_of(shot)
    light = shade(shot, plane, FLOOR, contact=0.0, cast=1.0)
    axes = np.array([0.3, 0.5, 0.35])
    start = np.stack([plane.x, plane.y, np.full_like(plane.x, FLOOR)], -1) / axes
    ray = np.array(shot.lights.key_direction) / axes
    b, c = start @ ray, (start * start).sum(-1) - 1.0
    hit = (b * b - (ray @ ray) * c > 0) & (plane.share == 1.0)
    found = light < 0.5
    assert hit.sum() > 300
    assert (hit & found).sum() / (hit | found).sum() > 0.85
    assert light[hit].mean() < 0.25


def test_a_low_light_casts_none_and_no_points_throw_none() -> None:
    shot = lit_from(ball_shot(elevation=40.0), (1.0, 0.0, 0.1))
    assert shade(shot, plane_of(shot), FLOOR, contact=0.0, cast=1.0).min() == 1.0
    bare = dataclasses.replace(shot, surface=None)
    assert shade(bare, plane_of(bare), FLOOR, contact=1.0, cast=1.0).min() == 1.0


def test_the_key_lights_share_of_level_ground() -> None:
    lights = Lights(
        key_direction=(0.6, 0.0, 0.8), key_colour=(2.0,) * 3, fill_direction=(0.0, 0.0, 1.0), fill_colour=(0.5,) * 3,
        environment=hemisphere((0.7,) * 3, (0.1,) * 3),
    )  # fmt: skip
    key, rest = DIRECT * 2.0 * 0.8, DIRECT * 0.5 + AMBIENT * 0.7
    assert abs(key_share(lights) - key / (key + rest)) < 1e-6
    assert key_share(dataclasses.replace(lights, key_colour=(0.0,) * 3)) == 0.0


def test_shadows_stay_below_the_horizon_and_follow_the_light() -> None:
    shot = ball_shot(elevation=12.0)
    dark = with_shadow(GREY, shot).astype(int) - GREY
    rays = directions(shot.camera)
    assert (dark[rays[2] > 0.02] == 0).all()
    assert dark.min() < -40
    assert dark.max() == 0
    overcast = with_shadow(GREY, lit_from(shot, (0.0, 0.0, 1.0), 0.0)).astype(int) - GREY
    assert dark.sum() < overcast.sum() < 0  # without a key light there is contact alone


def test_only_a_camera_above_the_ground_sees_a_shadow() -> None:
    np.testing.assert_array_equal(with_shadow(GREY, ball_shot(elevation=-25.0)), GREY)
    assert is_upright(ball_shot(elevation=40.0, theta=20.0).camera)
    assert not is_upright(ball_shot(elevation=40.0, theta=60.0).camera)
    assert not is_upright(ball_shot(elevation=10.0, theta=180.0).camera)


def test_images_get_a_shadow_unless_told_not_to(tmp_path: Path) -> None:
    Image.fromarray(GREY).save(tmp_path / "a.png")
    shot, tilted = ball_shot(elevation=30.0), ball_shot(elevation=30.0, theta=90.0)

    def draw(shot: Shot, shadow: bool) -> np.ndarray:
        options = RenderGeneratorOptions(background="images", folder=str(tmp_path), shadow=shadow)
        return RenderGenerator(options).generate([shot])[0]

    with_one, without = draw(shot, True), draw(shot, False)
    empty, solid = shot.buffers.alpha == 0, shot.buffers.alpha == 255
    assert (without[empty] == 180).all()
    assert with_one[empty].min() < 140
    np.testing.assert_array_equal(with_one[solid], shot.buffers.colour[solid])
    np.testing.assert_array_equal(draw(tilted, True), draw(tilted, False))


def test_the_shadow_touches_the_feet() -> None:
    """The ground just before the ball's lowest point is dark, whatever the light."""
    for seed, direction in enumerate([(0.5, 0.5, 0.7), (-0.5, 0.8, 0.4), (0.0, 0.0, 1.0)]):
        shot = lit_from(ball_shot(seed, elevation=15.0), direction)
        plane = plane_of(shot)
        at = (np.hypot(plane.x, plane.y) < 0.25) & (shot.buffers.alpha == 0)
        assert at.sum() > 20
        assert with_shadow(GREY, shot)[at].mean() < 140
