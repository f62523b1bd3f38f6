"""Inside: a room with floor and walls in true perspective, a paper sweep, a table before a blurred room."""

from __future__ import annotations

import math

import numpy as np

from .backdrops import bokeh
from .colour import Floats
from .noise import mix, smoothstep
from .palette import hexa, soft_colour
from .stage import Stage
from .textures import INDOOR, WALLS, planks, pyramid, sample, terrazzo, tiles


def studio(stage: Stage) -> Floats:
    """A seamless paper sweep: one colour, floor and wall joined by a soft bend around the horizon."""
    draws = stage.draws
    paper = soft_colour(draws, "paper")
    wall = smoothstep(-draws.number("bend", 0.15, 0.45), draws.number("rise", 0.05, 0.35), stage.slope)
    pool = _pool(stage, draws.number("pool", 0.8, 2.5))
    floor = paper * (0.55 + 0.5 * pool * stage.shadow((0.45, 0.8), (0.1, 0.45)))[..., None]
    lift = np.float32(draws.number("wall", 0.35, 1.0)) * (0.75 + 0.25 * _glow(stage))
    return mix(floor, paper * lift[..., None], wall)


def _pool(stage: Stage, radius: float) -> Floats:
    """Light that falls off from the object's place on the floor, (H, W) in (0, 1]."""
    plane = stage.plane
    away = (plane.x * plane.x + plane.y * plane.y) * np.float32(1.0 / (radius * radius))
    return np.asarray(1.0 / (1.0 + away), dtype=np.float32)


def _glow(stage: Stage) -> Floats:
    """A spot somewhere on the picture, (H, W) in (0, 1]."""
    height, width = stage.slope.shape
    y = ((np.arange(height, dtype=np.float32) + 0.5) / height - stage.draws.number("glow y"))[:, None]
    x = ((np.arange(width, dtype=np.float32) + 0.5) / width - stage.draws.number("glow x"))[None, :]
    glow: Floats = np.exp((x * x + y * y) * np.float32(-3.0))
    return glow


def room(stage: Stage) -> Floats:
    """A square room around object and camera: textured floor, papered or bricked walls, a skirting board, a ceiling."""
    draws = stage.draws.within("room")
    turn = math.radians(draws.number("turn", 0.0, 90.0))
    c, s = math.cos(turn), math.sin(turn)
    eye = stage.eye
    ex, ey = eye[0] * c + eye[1] * s, eye[1] * c - eye[0] * s
    half = max(draws.number("half", 1.3, 3.5), max(abs(ex), abs(ey)) + 0.3)
    dx = stage.rays[0] * np.float32(c) + stage.rays[1] * np.float32(s)
    dy = stage.rays[1] * np.float32(c) - stage.rays[0] * np.float32(s)
    tx, ty = _reach(dx, ex, half), _reach(dy, ey, half)
    first = tx < ty
    depth = np.minimum(tx, ty)
    along = np.where(first, np.float32(ey) + depth * dy, np.float32(ex) + depth * dx)
    up = np.float32(eye[2] - stage.floor) + depth * stage.rays[2]
    blur = depth * np.float32(1.0 / stage.shot.camera.K[0, 0])
    length = np.sqrt(dx * dx + dy * dy + stage.rays[2] * stage.rays[2])
    facing = np.maximum(np.where(first, np.abs(dx), np.abs(dy)), 1e-3) / length
    walls = _walls(stage, along, up, blur / facing, half)
    share = smoothstep(-1.0, 1.0, up / (blur * length))
    floor = stage.textured("floor", INDOOR, (0.7, 2.4)) * stage.shadow((0.5, 0.85), (0.1, 0.45))[..., None]
    plane = stage.plane
    px = plane.x * np.float32(c) + plane.y * np.float32(s)
    py = plane.y * np.float32(c) - plane.x * np.float32(s)
    corner = np.float32(half) - np.maximum(np.abs(px), np.abs(py))
    lit = 0.55 + 0.45 * _pool(stage, draws.number("pool", 1.5, 5.0))
    floor = floor * (lit * (1.0 - 0.4 * np.exp(-np.maximum(corner, 0.0) * np.float32(4.0))))[..., None]
    return mix(floor, walls, share)


def _reach(direction: Floats, eye: float, half: float) -> Floats:
    """Depth at which rays leave the slab |x| < half, from inside."""
    safe = np.where(np.abs(direction) < 1e-6, np.float32(1e-6), direction)
    return (np.copysign(np.float32(half), safe) - np.float32(eye)) / safe


def _walls(stage: Stage, along: Floats, up: Floats, footprint: Floats, half: float) -> Floats:
    """Walls, skirting board and ceiling, (H, W, 3) linear light; `up` is the height over the floor."""
    draws = stage.draws.within("walls")
    period = np.float32(draws.number("period", 0.7, 1.8))
    picture = sample(pyramid(draws.pick("kind", WALLS)(draws)), along / period, -up / period, footprint / period)
    light = np.float32(draws.number("light", 0.5, 0.95))
    spot = (along - np.float32(draws.number("spot", -half, half))) ** 2 + (
        up - np.float32(draws.number("high", 0.5, 2))
    ) ** 2
    dark = 0.35 * np.exp(-np.maximum(up, 0.0) * np.float32(3.0))
    dark = dark + 0.3 * np.exp(-np.maximum(half - np.abs(along), 0.0) * np.float32(3.0))
    wall: Floats = picture * (light * (0.7 + 0.5 * np.exp(-spot)) * (1.0 - dark))[..., None]
    if draws.number("skirting") < 0.6:
        height = draws.number("skirting height", 0.06, 0.16)
        board = draws.pick("board", hexa("efece4", "d8d2c6", "5a4636", "3a3a3c"))
        wall = mix(wall, board * light, smoothstep(-1.0, 1.0, (np.float32(height) - up) / footprint))
    ceiling = np.float32(draws.number("ceiling", 2.6, 4.5))
    return mix(wall, hexa("f2f0ea")[0] * light * 0.9, smoothstep(-1.0, 1.0, (up - ceiling) / footprint))


def table(stage: Stage) -> Floats:
    """A table top that ends behind the object, before an unfocused room."""
    draws = stage.draws.within("table")
    top = stage.textured("top", (planks, planks, tiles, terrazzo), (0.9, 2.2))
    light = (0.65 + 0.45 * _pool(stage, draws.number("pool", 1.0, 3.0))) * stage.shadow((0.5, 0.85), (0.1, 0.45))
    away = math.atan2(-stage.eye[0], -stage.eye[1]) + math.radians(draws.number("turn", -25.0, 25.0))
    plane = stage.plane
    behind = plane.x * np.float32(math.sin(away)) + plane.y * np.float32(math.cos(away))
    edge = (np.float32(draws.number("end", 0.9, 2.2)) - behind) / np.maximum(plane.footprint, np.float32(1e-4))
    return mix(bokeh(stage), top * light[..., None], np.clip(edge + 0.5, 0.0, 1.0) * plane.share)
