"""Floors and walls as tileable pictures, drawn by seed, and sampling them in perspective without shimmer."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from .colour import Floats, decode, encode
from .noise import Draws, fractal_noise, mix, smoothstep, value_noise
from .palette import hexa, soft_colour, varied

Bytes = NDArray[np.uint8]
SIZE = 256  # side of a texture, pixels
_LEVEL = 4  # each step of the pyramid is this much smaller

_WOODS = ("a9764a", "8a5a34", "c69c6d", "6b442a", "d8b98f", "50382a", "b58863", "9c8468")
_STONES = ("b8b2a7", "8e8a84", "d9d4ca", "6f6d6b", "c7bca8", "a39e98")
_EARTHS = ("8b7355", "a58e6c", "c2a878", "6e5a44", "d6c49a", "7b6a58")
_GREENS = ("5d7a35", "4b6b2c", "78903f", "6a7f4a", "3f5d2a")


def _tone(base: Floats, light: Floats) -> Floats:
    """A colour (3,) times a brightness (H, W)."""
    return base * light[..., None]


def _lines(size: int, count: int, width: float) -> Floats:
    """(size,) periodic: 1 on `count` evenly spaced lines of `width` (share of a period), softened over a pixel."""
    phase = np.mod((np.arange(size, dtype=np.float32) + 0.5) * np.float32(count / size), 1.0)
    away = np.minimum(phase, 1.0 - phase) * np.float32(size / count)
    lines: Floats = np.clip(np.float32(width * size / count / 2.0 + 0.5) - away, 0.0, 1.0)
    return lines


def _cells(draws: Draws, name: str, down: int, across: int) -> Floats:
    """(SIZE, SIZE): one random number a cell."""
    grid = draws.grid(name, down, across)
    rows = np.arange(SIZE) * down // SIZE
    columns = np.arange(SIZE) * across // SIZE
    return grid[rows][:, columns]


def planks(draws: Draws) -> Floats:
    """Wooden boards: grain along them, each of its own tone, dark seams."""
    count = draws.pick("count", (4, 6, 8))
    base = varied(draws, "wood", draws.pick("colour", hexa(*_WOODS)), 0.25)
    grain = fractal_noise(draws, "grain", SIZE, (32, 2), 4, 0.65)
    rings = np.sin(value_noise(draws, "rings", SIZE, (count, 2)) * np.float32(40.0)) * np.float32(0.04)
    tone = _cells(draws, "boards", count, 1) * np.float32(draws.number("spread", 0.15, 0.5))
    light = 0.62 + tone + grain * np.float32(0.3) + rings
    shift = draws.grid("ends", count, 1)
    x = (np.arange(SIZE, dtype=np.float32) + 0.5) / SIZE
    rows = np.arange(SIZE) * count // SIZE
    away = np.abs(np.mod(x[None, :] + shift[rows], 1.0) - 0.5) * SIZE
    seams = np.maximum(_lines(SIZE, count, 0.04)[:, None], np.clip(1.5 - away, 0.0, 1.0))
    return _tone(base, (light * (1.0 - 0.65 * seams)).astype(np.float32))


def tiles(draws: Draws) -> Floats:
    """Square stone or ceramic tiles with joints."""
    count = draws.pick("count", (2, 3, 4))
    base = varied(draws, "stone", draws.pick("colour", hexa(*_STONES)), 0.3)
    veins = fractal_noise(draws, "veins", SIZE, (6, 6), 4, 0.6)
    light = 0.8 + 0.12 * _cells(draws, "tones", count, count) + np.float32(draws.number("veins", 0.05, 0.3)) * veins
    joint = _lines(SIZE, count, draws.number("joint", 0.012, 0.04))
    joints = np.maximum(joint[:, None], joint[None, :])
    return mix(_tone(base, light.astype(np.float32)), base * np.float32(draws.pick("dark", (0.45, 1.25))), joints)


def checker(draws: Draws) -> Floats:
    """Two colours in turn, worn a little."""
    count = 2 * draws.pick("count", (1, 2))
    pair = (varied(draws, "a", hexa("e6e1d6")[0], 0.15), varied(draws, "b", draws.pick("dark", hexa(*_DARKS)), 0.3))
    edge = np.sin((np.arange(SIZE, dtype=np.float32) + 0.5) * np.float32(np.pi * count / SIZE))
    sign = edge[:, None] * edge[None, :]
    share = np.clip(0.5 + sign * np.float32(SIZE / (np.pi * count)), 0.0, 1.0)
    worn = 0.85 + 0.15 * fractal_noise(draws, "worn", SIZE, (4, 4), 5, 0.6)
    return mix(np.broadcast_to(pair[0], (SIZE, SIZE, 3)), pair[1], share) * worn[..., None]


_DARKS = ("2b2b2e", "5a3a2a", "2f4a5a", "7a2e2a", "3c4f38", "6d6a66")


def concrete(draws: Draws) -> Floats:
    """Cast concrete, plaster or screed: clouds of grey, fine pores."""
    base = varied(draws, "stone", draws.pick("colour", hexa(*_STONES)), 0.2)
    clouds = fractal_noise(draws, "clouds", SIZE, (3, 3), 6, 0.55)
    pores = draws.grid("pores", SIZE, SIZE)
    contrast = draws.number("contrast", 0.12, 0.4)
    light = 1.0 - np.float32(contrast) * clouds - 0.12 * np.maximum(pores - 0.6, 0.0)
    return _tone(base, light.astype(np.float32))


def terrazzo(draws: Draws) -> Floats:
    """Chips of stone in a pale ground."""
    ground = np.broadcast_to(varied(draws, "ground", hexa("d9d4ca")[0], 0.15), (SIZE, SIZE, 3))
    for layer in range(3):
        chips = value_noise(draws, f"chips {layer}", SIZE, (64 - 20 * layer, 64 - 20 * layer))
        colour = varied(draws, f"chip {layer}", draws.pick(f"colour {layer}", hexa(*_STONES, *_DARKS)), 0.3)
        ground = mix(ground, colour, smoothstep(0.78, 0.84, chips) * np.float32(0.8))
    return ground


def grass(draws: Draws) -> Floats:
    """Short grass: patches of two greens under fine blades."""
    first, second = (varied(draws, f"green {i}", draws.pick(f"colour {i}", hexa(*_GREENS)), 0.25) for i in range(2))
    patches = fractal_noise(draws, "patches", SIZE, (4, 4), 4, 0.6)
    blades = 0.55 * draws.grid("blades", SIZE, SIZE) + 0.45 * fractal_noise(draws, "tufts", SIZE, (32, 32), 3, 0.7)
    ground = mix(np.broadcast_to(first, (SIZE, SIZE, 3)), second, patches)
    return ground * (0.45 + 0.9 * blades)[..., None]


def earth(draws: Draws) -> Floats:
    """Sand, gravel, soil: grains in drifts."""
    first, second = (varied(draws, f"earth {i}", draws.pick(f"colour {i}", hexa(*_EARTHS)), 0.2) for i in range(2))
    drifts = fractal_noise(draws, "drifts", SIZE, (3, 5), 5, 0.55)
    grains = draws.grid("grains", SIZE, SIZE) - 0.5
    rough = draws.number("rough", 0.1, 0.5)
    ground = mix(np.broadcast_to(first, (SIZE, SIZE, 3)), second, drifts)
    return ground * (1.0 + np.float32(rough) * grains - 0.15 * drifts)[..., None]


def asphalt(draws: Draws) -> Floats:
    """A road: dark, with bright grit and worn places."""
    base = varied(draws, "tar", hexa("565659")[0], 0.35)
    grit = draws.grid("grit", SIZE, SIZE)
    worn = fractal_noise(draws, "worn", SIZE, (3, 3), 5, 0.55)
    return _tone(base, (0.75 + 0.35 * worn + 0.5 * (grit - 0.5) + 0.5 * (grit > 0.985)).astype(np.float32))


def carpet(draws: Draws) -> Floats:
    """Woven cloth in one colour, with or without stripes."""
    base = soft_colour(draws, "cloth")
    weave = draws.grid("weave", SIZE, SIZE)
    light = 0.8 + 0.25 * weave + 0.1 * fractal_noise(draws, "wear", SIZE, (3, 3), 4)
    if draws.number("striped") < 0.4:
        light = light * (1.0 - 0.3 * _lines(SIZE, draws.pick("stripes", (4, 8, 12)), 0.5)[None, :])
    return _tone(base, light.astype(np.float32))


def bricks(draws: Draws) -> Floats:
    """Masonry in running bond."""
    down, across = 8, 4
    base = varied(draws, "brick", draws.pick("colour", hexa("9c4a33", "b5654a", "7d3f30", "d8cfc4", "a98467")), 0.2)
    row = np.arange(SIZE) * down // SIZE
    shift = (row % 2) * (SIZE // across // 2)
    column = ((np.arange(SIZE)[None, :] + shift[:, None]) % SIZE) * across // SIZE
    tone = draws.grid("tones", down, across)[row[:, None], column]
    rough = fractal_noise(draws, "rough", SIZE, (16, 16), 4, 0.7)
    upright = _lines(SIZE, across, 0.05)[(np.arange(SIZE)[None, :] + shift[:, None]) % SIZE]
    joints = np.maximum(_lines(SIZE, down, 0.1)[:, None], upright)
    wall = _tone(base, (0.6 + 0.45 * tone + 0.3 * rough).astype(np.float32))
    return mix(wall, varied(draws, "mortar", hexa("b9b2a6")[0], 0.2), joints)


def wallpaper(draws: Draws) -> Floats:
    """Paint, or paper with quiet upright stripes."""
    base = soft_colour(draws, "paper")
    light = 0.94 + 0.06 * fractal_noise(draws, "plaster", SIZE, (16, 16), 4, 0.7)
    if draws.number("striped") < 0.35:
        light = light * (1.0 - np.float32(0.14) * _lines(SIZE, draws.pick("stripes", (4, 6)), 0.5)[None, :])
    return _tone(base, light.astype(np.float32))


INDOOR: tuple[Callable[[Draws], Floats], ...] = (planks, planks, tiles, checker, concrete, terrazzo, carpet)
OUTDOOR: tuple[Callable[[Draws], Floats], ...] = (grass, grass, earth, asphalt, concrete, tiles, planks)
NATURAL: tuple[Callable[[Draws], Floats], ...] = (grass, earth, asphalt)
WALLS: tuple[Callable[[Draws], Floats], ...] = (wallpaper, wallpaper, wallpaper, concrete, bricks, planks)


def pyramid(texture: Floats) -> list[Bytes]:
    """Ever smaller copies of a texture (SIZE, SIZE, 3) in linear light, as sRGB bytes, down to one pixel."""
    levels = [texture]
    while levels[-1].shape[0] > 1:
        side = max(levels[-1].shape[0] // _LEVEL, 1)
        levels.append(cv2.resize(levels[-1], (side, side), interpolation=cv2.INTER_AREA).astype(np.float32))
    return [encode(level) for level in levels]


def sample(levels: list[Bytes], u: Floats, v: Floats, footprint: Floats) -> Floats:
    """Look a texture up in perspective.

    Args:
        levels: from `pyramid`.
        u, v: (H, W), in periods of the texture; it repeats.
        footprint: (H, W), how much of a period a pixel covers; the texture is blurred to match.

    Returns:
        (H, W, 3), linear light.
    """
    wanted = np.log2(np.maximum(footprint * np.float32(SIZE * 0.6), 1.0)) * np.float32(1.0 / np.log2(_LEVEL))
    wanted = np.minimum(wanted, np.float32(len(levels) - 1))
    first, last = int(wanted.min()), min(int(np.ceil(wanted.max())), len(levels) - 1)
    u, v = u - np.floor(u), v - np.floor(v)
    total: Floats | None = None
    for level in range(first, last + 1):
        side = np.float32(levels[level].shape[0])
        colours = cv2.remap(
            levels[level], u * side - np.float32(0.5), v * side - np.float32(0.5), cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_WRAP,
        )  # fmt: skip
        if total is None:
            total = colours.astype(np.float32)
        else:
            step = colours.astype(np.float32)
            step -= total
            step *= np.clip(wanted - np.float32(level - 1), 0.0, 1.0)[..., None]
            total += step
    assert total is not None  # first <= last always
    return decode((total + np.float32(0.5)).astype(np.uint8))
