"""Seeded, tileable noise pictures, and a few draws from a name: the raw material of the procedural backgrounds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ..seeds import Name, uniform, uniforms
from .colour import Floats

Item = TypeVar("Item")


class Draws:
    """Numbers for one picture, each by its own name: adding a draw changes no other.

    Args:
        names: what the numbers derive from, by habit a purpose and the sample's seed.
    """

    def __init__(self, *names: Name) -> None:
        self._names = names

    def within(self, name: Name) -> Draws:
        """Draws whose names all stand under `name`."""
        return Draws(*self._names, name)

    def number(self, name: str, low: float = 0.0, high: float = 1.0) -> float:
        """Uniform in (low, high)."""
        return low + (high - low) * uniform(*self._names, name)

    def numbers(self, name: str, count: int, low: float = 0.0, high: float = 1.0) -> Floats:
        """(count,) uniform in (low, high)."""
        return (low + (high - low) * uniforms(*self._names, name, count=count)).astype(np.float32)

    def grid(self, name: str, height: int, width: int) -> Floats:
        """(height, width) uniform in (0, 1)."""
        return uniforms(*self._names, name, count=height * width).astype(np.float32).reshape(height, width)

    def pick(self, name: str, items: Sequence[Item]) -> Item:
        """One of the items, all equally likely."""
        return items[int(uniform(*self._names, name) * len(items))]

    def index(self, name: str, count: int) -> int:
        """An integer in [0, count)."""
        return int(uniform(*self._names, name) * count)


def _spread(count: int, size: int) -> tuple[NDArray[np.int64], Floats]:
    """Catmull-Rom interpolation from `count` periodic knots to `size` points: indices and weights, both (4, size)."""
    place = (np.arange(size, dtype=np.float32) + 0.5) * np.float32(count / size)
    left = np.floor(place)
    t = place - left
    weights = np.stack(
        [
            ((-0.5 * t + 1.0) * t - 0.5) * t,
            (1.5 * t - 2.5) * t * t + 1.0,
            ((-1.5 * t + 2.0) * t + 0.5) * t,
            (0.5 * t - 0.5) * t * t,
        ]
    )
    indices = (left.astype(np.int64)[None, :] + np.arange(-1, 3)[:, None]) % count
    return indices, weights.astype(np.float32)


def value_noise(draws: Draws, name: str, size: int, cells: tuple[int, int]) -> Floats:
    """Smooth tileable noise (size, size), about 0-1: a random grid of `cells` (down, across), enlarged bicubically."""
    lattice = draws.grid(name, *cells)
    index, weight = _spread(cells[1], size)
    wide = sum(lattice[:, index[k]] * weight[k] for k in range(4))
    index, weight = _spread(cells[0], size)
    total: Floats = sum(wide[index[k]] * weight[k][:, None] for k in range(4))
    return total


def line_noise(draws: Draws, name: str, size: int, cells: int, octaves: int) -> Floats:
    """Fractal noise round a circle, (size,), stretched to fill [0, 1]."""
    total = np.zeros(size, np.float32)
    for octave in range(octaves):
        count = min(cells << octave, size)
        index, weight = _spread(count, size)
        knots = draws.numbers(f"{name}/{octave}", count)
        total += sum(knots[index[k]] * weight[k] for k in range(4)) * np.float32(0.5**octave)
    low, high = float(total.min()), float(total.max())
    return (total - np.float32(low)) / np.float32(max(high - low, 1e-6))


def fractal_noise(
    draws: Draws, name: str, size: int, cells: tuple[int, int], octaves: int, gain: float = 0.5
) -> Floats:
    """Octaves of value noise, each twice as fine and `gain` as strong; (size, size), stretched to fill [0, 1]."""
    total = np.zeros((size, size), np.float32)
    weight = 1.0
    for octave in range(octaves):
        fine = (cells[0] << octave, cells[1] << octave)
        if max(fine) > size:
            break
        total += np.float32(weight) * value_noise(draws, f"{name}/{octave}", size, fine)
        weight *= gain
    low, high = float(total.min()), float(total.max())
    return (total - np.float32(low)) / np.float32(max(high - low, 1e-6))


def grain(draws: Draws, height: int, width: int, strength: float) -> Floats:
    """Film grain in byte steps, (height, width), triangular with a standard deviation of `strength`."""
    pair = draws.grid("grain", 2 * height, width)
    return (pair[:height] + pair[height:] - np.float32(1.0)) * np.float32(strength * 2.449)


def smoothstep(low: float, high: float, x: Floats) -> Floats:
    """0 below `low`, 1 above `high`, smooth between."""
    t = np.clip((x - np.float32(low)) * np.float32(1.0 / (high - low)), 0.0, 1.0)
    smooth: Floats = t * t * (np.float32(3.0) - np.float32(2.0) * t)
    return smooth


def mix(a: Floats, b: Floats, share: Floats) -> Floats:
    """a where share is 0, b where it is 1; `share` (H, W) against (H, W, 3) or (3,) colours."""
    mixed = (b - a) * share[..., None]
    mixed += a
    return np.asarray(mixed, dtype=np.float32)
