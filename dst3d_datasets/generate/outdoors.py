"""Open air: a sky with sun and clouds, hills or buildings on the true horizon, and ground that fades into haze."""

from __future__ import annotations

import cv2
import numpy as np

from .colour import Floats
from .noise import fractal_noise, line_noise, mix, smoothstep
from .palette import hexa, varied
from .stage import Stage
from .textures import NATURAL, OUTDOOR

_SKIES = (  # zenith, horizon, haze on the ground
    ("3f78c0", "bcd7ee", "c3d2de"), ("6ba3dd", "e3eef6", "d5dde2"), ("2e5f9e", "f3c99a", "d8b79a"),
    ("9aa7b3", "d3d8dc", "c3c8cc"), ("46567a", "e79a7a", "b98f86"), ("7fb0c9", "f1ead2", "dcd6c4"),
)  # fmt: skip


def sky(stage: Stage) -> tuple[Floats, Floats]:
    """The dome, (H, W, 3) linear light, going on below the horizon; and the colour of its haze (3,)."""
    draws = stage.draws.within("sky")
    top, low, haze = (varied(draws, "tint", colour, 0.12) for colour in hexa(*draws.pick("kind", _SKIES)))
    slope = stage.slope
    height = slope / np.sqrt(1.0 + slope * slope)
    dome = mix(np.broadcast_to(low, (*slope.shape, 3)), top, smoothstep(-0.05, draws.number("reach", 0.4, 0.9), height))
    dome = dome + _sun(stage, height)[..., None] * np.array([1.0, 0.86, 0.62], np.float32)
    if draws.number("cloudy") < 0.75:
        dome = mix(dome, np.minimum(low * 1.25 + 0.08, 1.0), _clouds(stage, height))
    return dome.astype(np.float32), haze


def _sun(stage: Stage, height: Floats) -> Floats:
    """The glow around a sun that stands where the key light comes from."""
    key = stage.shot.lights.key_direction
    x, y, z = stage.rays
    length = np.sqrt(x * x + y * y + z * z)
    near = (x * np.float32(key[0]) + y * np.float32(key[1]) + z * np.float32(max(key[2], 0.1))) / length
    near = np.clip(near, 0.0, 1.0)
    strength = stage.draws.number("glow", 0.05, 0.5)
    glow: Floats = np.float32(strength) * near**8 * smoothstep(-0.1, 0.05, height)
    return glow


def _clouds(stage: Stage, height: Floats) -> Floats:
    """Cover by a flat layer of clouds, (H, W) in [0, 1], thinned out towards the horizon."""
    draws = stage.draws.within("clouds")
    size = 256
    noise = fractal_noise(draws, "cover", size, (3, 3), 6, 0.55)
    away = np.float32(draws.number("scale", 0.12, 0.5)) / np.maximum(stage.rays[2], np.float32(0.03))
    u, v = (np.mod(p * away + np.float32(draws.number(n)), 1.0) * size for p, n in zip(stage.rays, "uv", strict=False))
    cover = np.asarray(cv2.remap(noise, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP), dtype=np.float32)
    low = draws.number("cover", 0.35, 0.65)
    return np.asarray(smoothstep(low, low + 0.35, cover) * smoothstep(0.02, 0.25, height) * 0.9, dtype=np.float32)


def _skyline(stage: Stage, layer: int) -> Floats:
    """Height of the skyline over the horizon at each pixel's heading, as a slope, (H, W)."""
    draws = stage.draws.within(f"skyline {layer}")
    count = 512
    lattice = line_noise(draws, "hills", count, draws.pick("hills", (6, 10, 16)), 5)
    if draws.number("built") < 0.3:
        towers = draws.pick("towers", (64, 96, 128))
        lattice = 0.3 * lattice + 0.7 * draws.numbers("heights", towers)[np.arange(count) * towers // count]
    place = stage.heading * np.float32(count)
    left = np.floor(place).astype(np.int64)
    share = place - left.astype(np.float32)
    low, high = lattice[left % count], lattice[(left + 1) % count]
    height = np.float32(draws.number("height", 0.04, 0.26) / (1 + layer))
    return np.asarray((low + (high - low) * share) * height, dtype=np.float32)


def _distance(stage: Stage) -> tuple[Floats, Floats]:
    """Sky and two skylines out of focus, (H, W, 3) linear light, and the colour of the haze (3,)."""
    draws = stage.draws
    far, haze = sky(stage)
    lands = hexa("4d5b45", "5b6a72", "6b6a5a", "3f4f3a", "7a7466")
    for layer in (1, 0):
        colour = varied(draws, f"land {layer}", draws.pick(f"land {layer}", lands), 0.2)
        colour = colour + (haze - colour) * np.float32(0.3 + 0.35 * layer)
        above = (_skyline(stage, layer) - stage.slope) * np.float32(0.7 / stage.pixel)
        far = mix(far, colour, smoothstep(-1.0, 1.0, above))
    sigma = draws.number("defocus", 0.001, 0.015) / stage.pixel
    return np.asarray(cv2.GaussianBlur(far, (0, 0), sigma), dtype=np.float32), haze


def field(stage: Stage) -> Floats:
    """An object in the open: ground, two skylines, sky; what is far is a little out of focus."""
    draws = stage.draws
    far, haze = _distance(stage.coarse())
    height, width = stage.slope.shape
    far = np.asarray(cv2.resize(far, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.float32)
    plane = stage.plane
    land = stage.textured("ground", OUTDOOR, (0.8, 3.0))
    if draws.number("patched") < 0.4:
        land = mix(land, stage.textured("patches", NATURAL, (0.8, 3.0)), _patches(stage))
    land = land * stage.shadow((0.45, 0.8), (0.2, 0.6))[..., None]
    clear = np.float32(draws.number("clear", 12.0, 40.0))
    land = mix(land, haze, 1.0 - np.exp(np.minimum(2.0 - plane.distance, 0.0) / clear))
    return mix(far, land, plane.share)


def _patches(stage: Stage) -> Floats:
    """Where a second ground shows through, (H, W) in [0, 1]: blots a few object sizes wide."""
    size, draws = 256, stage.draws.within("patches")
    noise = fractal_noise(draws, "blots", size, (3, 3), 6, 0.5)
    scale = np.float32(size / draws.number("width", 6.0, 16.0))
    u, v = (np.mod(p * scale, np.float32(size)) for p in (stage.plane.x, stage.plane.y))
    cover = cv2.remap(noise, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    return smoothstep(0.47, 0.55, np.asarray(cover, dtype=np.float32))


def air(stage: Stage) -> Floats:
    """Nothing but sky, for objects that hang in it or are seen from below; under the horizon lies a sea of haze."""
    dome, haze = sky(stage)
    return mix(dome, haze, smoothstep(0.0, 0.45, -stage.slope))
