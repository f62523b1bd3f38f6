"""Surroundings without a folder of panoramas: skies by the CIE's formulas and a studio with softboxes.

There is a fixed number of them, each from its own number, so that they can be kept; a view takes one and turns it.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ..seeds import uniform

Floats = NDArray[np.float32]

COUNT = 24
KINDS = ("clear", "low sun", "overcast", "studio")
ROWS = 512
_HALF = ROWS // 2  # rows above the horizon
_EARTHS = ((0.20, 0.22, 0.12), (0.30, 0.26, 0.20), (0.24, 0.24, 0.25), (0.36, 0.33, 0.28))  # reflectance of the ground
_SUN_RADIUS = 1.2  # degrees: four times the sun's, so that a pixel of the panorama can hold it


def sky(number: int) -> tuple[str, Floats]:
    """Name and radiance (ROWS, 2 ROWS, 3) of surroundings 0 to COUNT - 1; equirectangular, z up."""
    kind = KINDS[number % len(KINDS)]
    draw = {"clear": _clear, "low sun": _clear, "overcast": _overcast, "studio": _studio}[kind]
    return f"{kind} {number}", np.asarray(draw(number), dtype=np.float32)


def _number(number: int, name: str, low: float, high: float) -> float:
    return low + (high - low) * uniform("surroundings", number, name)


@lru_cache(maxsize=1)
def _grid() -> tuple[Floats, Floats, Floats]:
    """Directions x, y, z, each (ROWS, 2 ROWS)."""
    elevation = (0.5 - (np.arange(ROWS) + 0.5) / ROWS)[:, None] * math.pi
    heading = ((np.arange(2 * ROWS) + 0.5) / ROWS - 1.0)[None, :] * math.pi
    x, y, z = np.cos(elevation) * np.sin(heading), np.cos(elevation) * np.cos(heading), np.sin(elevation) + 0 * heading
    return x.astype(np.float32), y.astype(np.float32), z.astype(np.float32)


def _waves(number: int, name: str, x: Floats, y: Floats, octaves: int) -> Floats:
    """Smooth noise about 0, within -1 to 1: plane waves of random direction and phase, `octaves` times ever finer."""
    total = np.zeros(np.broadcast_shapes(x.shape, y.shape), np.float32)
    for wave in range(4 * octaves):
        turn, phase = (_number(number, f"{name} {wave} {what}", 0.0, 2.0 * math.pi) for what in ("turn", "phase"))
        fine = np.float32(2.2 ** (wave / 4.0))
        place = (x * np.float32(math.cos(turn)) + y * np.float32(math.sin(turn))) * fine + np.float32(phase)
        total += np.sin(place + total * np.float32(2.0)) / fine
    return np.asarray(total * np.float32(1.0 / 2.5), dtype=np.float32)


def _tinted(light: Floats, colour: tuple[float, ...]) -> Floats:
    return light[..., None] * np.array(colour, np.float32)


def _grounded(dome: Floats, number: int, horizontal: NDArray[np.float64], haze: tuple[float, ...]) -> Floats:
    """Ground below the horizon: matt, lit by `horizontal` (irradiance / pi, RGB), fading into the haze far away."""
    x, y, z = (plane[_HALF:] for plane in _grid())
    earth = np.array(_EARTHS[int(_number(number, "earth", 0, len(_EARTHS)))])
    near = np.clip(-z / _number(number, "clear", 0.05, 0.25), 0.0, 1.0)[..., None]
    away = np.asarray(_number(number, "grain", 2.0, 8.0) / np.maximum(-z, 0.02), dtype=np.float32)
    mottled = 1.0 + 0.25 * _waves(number, "ground", x * away, y * away, 4)[..., None]
    ground = np.array(haze) * (1.0 - near) + earth * horizontal * mottled * near
    return np.concatenate([dome[:_HALF], ground]).astype(np.float32)


def _clouds(number: int, cover: float) -> Floats:
    """Share of the sky (ROWS, 2 ROWS) in 0-1 that a layer of clouds hides."""
    x, y, z = (plane[:_HALF] for plane in _grid())
    away = np.asarray(_number(number, "cloud size", 1.0, 2.5) / np.maximum(z, 0.04), dtype=np.float32)
    edge = _waves(number, "clouds", x * away, y * away, 4)
    share = np.clip((edge + 2.0 * cover - 1.0) * 1.2 + 0.5, 0.0, 1.0) * np.clip(z * 6.0, 0.0, 1.0)
    return np.concatenate([share, np.zeros_like(share)])


def _overcast(number: int) -> Floats:
    """Moon and Spencer's overcast sky (1942), the CIE's: L = Lz (1 + 2 sin elevation) / 3."""
    z = _grid()[2]
    tint = (0.92 + 0.1 * _number(number, "warm", 0.0, 1.0), 0.97, 1.04)
    light = (1.0 + 2.0 * np.maximum(z, 0.0)) / 3.0 * (1.0 - 0.25 * _clouds(number, 0.5))
    horizon = tuple(value / 3.0 for value in tint)
    return _grounded(_tinted(light, tint), number, np.array(tint) * (7.0 / 9.0), horizon)


def _clear(number: int) -> Floats:
    """Kittler's clear sky (CIE, 1967) about a sun, blue overhead and pale at the horizon; warmer as the sun sinks.

    L ~ (0.91 + 10 exp(-3 g) + 0.45 cos^2 g) (1 - exp(-0.32 / sin elevation)), g the angle to the sun.
    """
    _, y, z = _grid()
    high = (28.0, 65.0) if KINDS[number % len(KINDS)] == "clear" else (8.0, 20.0)
    elevation = math.radians(_number(number, "sun", *high))
    cosine = np.clip(y * math.cos(elevation) + z * math.sin(elevation), -1.0, 1.0)
    away = np.arccos(cosine)
    up = np.maximum(z, 0.01)
    light = (0.91 + 10.0 * np.exp(-3.0 * away) + 0.45 * cosine * cosine) * (1.0 - np.exp(-0.32 / up))
    sunk = math.exp(-0.32 / math.sin(elevation) * 1.2)  # share of the sun's light that comes through the air
    pale = np.exp(-up * 4.0)[..., None]
    blue, low = np.array([0.45, 0.72, 1.15]), np.array([0.95 + 0.25 * (1.0 - sunk), 0.90, 0.85 - 0.25 * (1.0 - sunk)])
    dome = light[..., None] * (blue * (1.0 - pale) + low * pale)
    cover = _clouds(number, _number(number, "cover", 0.1, 0.5))[..., None]
    dome = dome + ((0.4 + 0.3 * np.minimum(light, 3.0))[..., None] * (0.35 * low + 0.6) - dome) * cover * 0.85
    sun = np.array([1.0, 0.75 + 0.2 * sunk, 0.45 + 0.5 * sunk])
    strength = _number(number, "clearness", 1.5, 4.0) * sunk  # its irradiance / pi, seen face on
    disc = np.exp(-0.5 * (away / math.radians(_SUN_RADIUS)) ** 2)
    dome = dome + (disc * (strength / (2.0 * math.radians(_SUN_RADIUS) ** 2)))[..., None] * sun
    horizontal = np.array([0.6, 0.66, 0.76]) + strength * math.sin(elevation) * sun
    return _grounded(dome, number, horizontal, tuple(low * 0.45))


def _studio(number: int) -> Floats:
    """A room of grey paper with two to four softboxes, one of them the key, and a floor."""
    x, y, z = _grid()
    wall = _number(number, "wall", 0.12, 0.35)
    floor = _number(number, "floor", 0.5, 1.6) * wall
    tint = (1.0 + _number(number, "warm", -0.04, 0.04), 1.0, 1.0 + _number(number, "cool", -0.04, 0.04))
    bend = np.clip(z / 0.3 + 0.5, 0.0, 1.0)
    room = _tinted(wall * (0.8 + 0.2 * z) * bend + floor * (1.0 - bend), tint)
    for box in range(2 + int(_number(number, "boxes", 0, 3))):
        heading = math.radians(_number(number, f"heading {box}", -180.0, 180.0))
        elevation = math.radians(_number(number, f"elevation {box}", 15.0, 60.0))
        radiance = (
            _number(number, f"radiance {box}", 4.0, 9.0) if box == 0 else _number(number, f"weak {box}", 1.5, 4.0)
        )
        c, s, ce, se = math.cos(heading), math.sin(heading), math.cos(elevation), math.sin(elevation)
        towards = x * (ce * s) + y * (ce * c) + z * se  # along the box's axis, to its right, and up on it
        right, up = x * c - y * s, z * ce - (x * s + y * c) * se
        u = np.abs(right) / np.maximum(towards, 1e-3) / _number(number, f"width {box}", 0.2, 0.6)
        v = np.abs(up) / np.maximum(towards, 1e-3) / _number(number, f"height {box}", 0.2, 0.6)
        inside = np.clip((1.0 - np.maximum(u, v)) * 8.0 + 0.5, 0.0, 1.0) * (towards > 0.0)
        room = room + inside[..., None] * np.float32(radiance)
    return room
