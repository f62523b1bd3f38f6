"""Colours that go together, in linear light: what walls, floors, skies and lights are made of."""

from __future__ import annotations

import colorsys

import numpy as np

from .colour import Floats, to_linear
from .noise import Draws


def hsv(hue: float, saturation: float, value: float) -> Floats:
    """An sRGB colour by hue, saturation and value (all 0-1; hue wraps), as linear light (3,)."""
    red, green, blue = colorsys.hsv_to_rgb(hue % 1.0, saturation, value)
    return to_linear(np.array([red, green, blue]) * 255.0)


def hexa(*codes: str) -> list[Floats]:
    """Hexadecimal sRGB colours ("c8b79a") as linear light, each (3,)."""
    return [to_linear(np.array([int(code[i : i + 2], 16) for i in (0, 2, 4)])) for code in codes]


def soft_colour(draws: Draws, name: str) -> Floats:
    """A muted colour of any hue, or a grey: backdrop paper, wall paint. Linear light (3,)."""
    saturation = draws.number(f"{name}/saturation", 0.0, 0.45)
    saturation = 0.0 if saturation < 0.08 else saturation
    return hsv(draws.number(f"{name}/hue"), saturation, draws.number(f"{name}/value", 0.45, 0.95))


def varied(draws: Draws, name: str, colour: Floats, amount: float) -> Floats:
    """A colour a little lighter or darker, warmer or cooler. Linear light (3,)."""
    light = 1.0 + draws.number(f"{name}/light", -amount, amount)
    warm = draws.number(f"{name}/warm", -amount, amount) * 0.4
    tint = np.array([1.0 + warm, 1.0, 1.0 - warm], np.float32)
    return np.asarray(np.clip(colour * np.float32(light) * tint, 0.0, 1.0), dtype=np.float32)
