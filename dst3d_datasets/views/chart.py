"""Charts drawn with Pillow alone: histograms, a map of the sphere, a picture frame, tables."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from .columns import Floats

PAPER, INK, MID, FAINT, LINE = (250, 250, 248), (16, 18, 22), (86, 90, 96), (130, 134, 140), (214, 215, 214)
BAR, ASKED = (64, 110, 170), (214, 96, 32)
_RAMP = np.array([[246, 246, 243], [198, 216, 233], [120, 168, 211], [45, 104, 166], [10, 44, 96]], np.float64)
_SMOOTH = 2  # Pillow draws without antialiasing: draw this much larger, then reduce

Box = tuple[float, float, float, float]  # x, y, width, height
Point = tuple[float, float]
Colour = tuple[int, int, int]


class Canvas:
    """A picture to draw charts on; all measures are pixels of the finished picture."""

    def __init__(self, width: int, height: int) -> None:
        self._image = Image.new("RGB", (width * _SMOOTH, height * _SMOOTH), PAPER)
        self._draw = ImageDraw.Draw(self._image)

    def finished(self) -> Image.Image:
        """The picture, RGB."""
        width, height = self._image.size
        return self._image.resize((width // _SMOOTH, height // _SMOOTH), Image.Resampling.BOX)

    def text(
        self, at: Point, text: str, size: int = 12, colour: Colour = INK, anchor: str = "la", halo: bool = False
    ) -> float:
        """Write a line, on paper of its own if it has a halo; returns its width."""
        font = ImageFont.load_default(size * _SMOOTH)
        stroke = 2 * _SMOOTH if halo else 0
        self._draw.text(self._big(at), text, colour, font, anchor=anchor, stroke_width=stroke, stroke_fill=PAPER)
        return float(self._draw.textlength(text, font)) / _SMOOTH

    def fitted(self, text: str, size: int, width: float) -> str:
        """As much of a text as fits the width, with an ellipsis where something was left out."""
        font = ImageFont.load_default(size * _SMOOTH)
        if self._draw.textlength(text, font) <= width * _SMOOTH:
            return text
        while text and self._draw.textlength(f"{text}…", font) > width * _SMOOTH:
            text = text[:-1].rstrip()
        return f"{text}…"

    def line(self, points: Sequence[Point], colour: Colour = LINE, width: float = 1.0) -> None:
        """Draw a line through points."""
        self._draw.line([self._big(point) for point in points], colour, max(1, round(width * _SMOOTH)))

    def fill(self, box: Box, colour: Colour) -> None:
        """Fill a box."""
        x, y, width, height = (value * _SMOOTH for value in box)
        if width > 0 and height > 0:
            self._draw.rectangle((x, y, x + max(1.0, width) - 1, y + max(1.0, height) - 1), colour)

    def dots(self, x: Floats, y: Floats, colour: Colour, radius: float) -> None:
        """Small discs."""
        r = radius * _SMOOTH
        for u, v in zip((x * _SMOOTH).tolist(), (y * _SMOOTH).tolist(), strict=True):
            self._draw.ellipse((u - r, v - r, u + r, v + r), colour)

    def paste(self, box: Box, pixels: Callable[[int, int], NDArray[np.uint8]]) -> None:
        """Put a picture made for the box, `pixels(width, height)` (h, w, 3), at full resolution."""
        x, y, width, height = (round(value * _SMOOTH) for value in box)
        self._image.paste(Image.fromarray(pixels(width, height)), (x, y))

    @staticmethod
    def _big(point: Point) -> Point:
        return point[0] * _SMOOTH, point[1] * _SMOOTH


def ramp(shares: Floats) -> NDArray[np.uint8]:
    """Colours (..., 3) for numbers from 0, nearly white, to 1, dark blue."""
    places = np.clip(shares, 0.0, 1.0) * (len(_RAMP) - 1)
    channels = [np.interp(places, np.arange(len(_RAMP)), _RAMP[:, channel]) for channel in range(3)]
    return np.stack(channels, -1).round().astype(np.uint8)


def hammer(azimuth: Floats, elevation: Floats) -> tuple[Floats, Floats]:
    """Hammer's equal-area projection of the sphere, degrees to x in [-1, 1] and y in [-1, 1], up; azimuth 0 at 0."""
    half, phi = np.radians((azimuth + 180.0) % 360.0 - 180.0) / 2.0, np.radians(elevation)
    root = np.sqrt(1.0 + np.cos(phi) * np.cos(half))
    return np.cos(phi) * np.sin(half) / root, np.sin(phi) / root


def unhammer(x: Floats, y: Floats) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Azimuth and elevation in degrees of a place on the map, and whether there is one; the inverse of `hammer`."""
    square = x * x + y * y
    z = np.sqrt(np.maximum(1.0 - square / 2.0, 0.0))
    azimuth = 2.0 * np.degrees(np.arctan2(z * x * math.sqrt(2.0), 2.0 * z * z - 1.0))
    elevation = np.degrees(np.arcsin(np.clip(z * y * math.sqrt(2.0), -1.0, 1.0)))
    return azimuth, elevation, square <= 1.0
