"""Backdrops without a place: lights out of focus, painted canvas. They fit any camera, also one below the floor."""

from __future__ import annotations

import cv2
import numpy as np

from .colour import Floats
from .noise import fractal_noise, mix, smoothstep
from .palette import hsv, soft_colour
from .stage import Stage

_SMALL = 96  # side at which unfocused pictures are drawn: they hold no detail


def _grid(size: int) -> tuple[Floats, Floats]:
    at = (np.arange(size, dtype=np.float32) + 0.5) / size
    return at[None, :], at[:, None]


def _enlarge(picture: Floats, stage: Stage) -> Floats:
    height, width = stage.slope.shape
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_CUBIC), dtype=np.float32)


def bokeh(stage: Stage) -> Floats:
    """Soft shapes and discs of light over a two-coloured dusk, (H, W, 3) linear light."""
    draws = stage.draws.within("bokeh")
    x, y = _grid(_SMALL)
    hue = draws.number("hue")
    top = hsv(hue, draws.number("top saturation", 0.1, 0.6), draws.number("top", 0.1, 0.8))
    low = hsv(
        hue + draws.number("turn", -0.15, 0.15), draws.number("low saturation", 0.1, 0.6), draws.number("low", 0.1, 0.7)
    )
    picture = mix(np.broadcast_to(top, (_SMALL, _SMALL, 3)), low, smoothstep(0.1, 0.9, y + 0.0 * x))
    for blob in range(6):
        own = draws.within(f"blob {blob}")
        radius = own.number("radius", 0.12, 0.4)
        away = ((x - own.number("x")) ** 2 + (y - own.number("y")) ** 2) / np.float32(radius * radius)
        colour = hsv(
            hue + own.number("hue", -0.2, 0.2), own.number("saturation", 0.1, 0.6), own.number("value", 0.1, 0.9)
        )
        picture = mix(picture, colour, np.exp(-away) * np.float32(0.6))
    count = draws.index("discs", 28)
    warm = draws.number("warm")
    for disc in range(count):
        own = draws.within(f"disc {disc}")
        radius = own.number("radius", 0.015, 0.07)
        away = np.sqrt((x - own.number("x")) ** 2 + (y - own.number("y")) ** 2)
        colour = hsv(
            warm + own.number("hue", -0.08, 0.08), own.number("saturation", 0.2, 0.7), own.number("value", 0.4, 1.0)
        )
        glow = (1.0 - smoothstep(radius - 0.02, radius + 0.02, away)) * (0.6 + 0.4 * away / radius)
        picture = picture + glow[..., None] * colour * np.float32(own.number("strength", 0.05, 0.45))
    return np.clip(_enlarge(np.asarray(picture, np.float32), stage), 0.0, 1.0)


def canvas(stage: Stage) -> Floats:
    """A mottled, painted studio canvas, darker towards its corners, (H, W, 3) linear light."""
    draws = stage.draws.within("canvas")
    size = 256
    first, second = soft_colour(draws, "first"), soft_colour(draws, "second")
    cells = draws.pick("cells", (2, 3, 5))
    clouds = fractal_noise(draws, "clouds", size, (cells, cells), 5, draws.number("gain", 0.4, 0.65))
    second = first + (second - first) * np.float32(draws.number("contrast", 0.2, 0.9))
    picture = mix(np.broadcast_to(first, (size, size, 3)), second, clouds)
    x, y = _grid(size)
    corners = 1.0 - np.float32(draws.number("corners", 0.2, 0.7)) * ((x - 0.5) ** 2 + (y - 0.5) ** 2) * 2.0
    return np.clip(_enlarge(np.asarray(picture * corners[..., None], np.float32), stage), 0.0, 1.0)
