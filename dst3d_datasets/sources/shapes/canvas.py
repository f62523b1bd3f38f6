"""Drawing antialiased shapes and letters on a texture, in numpy.

Coordinates are the texture's own units with (0, 0) at the bottom left, u to the right and v up.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .glyphs import strokes
from .mesh import Array

Colour = tuple[int, int, int]


class Canvas:
    """An sRGB picture that is drawn on.

    Args:
        width, height: pixels.
        units: what the width and the height count in texture units.
        ground: colour 0-255 or a texture (height, width, 3 or 4) to draw on.
    """

    def __init__(
        self, width: int, height: int, units: tuple[float, float] = (1.0, 1.0), ground: ArrayLike = (255, 255, 255)
    ) -> None:
        self.pixels = np.empty((height, width, 3), dtype=np.float32)
        self.pixels[...] = np.asarray(ground)[..., :3]
        self.units = units
        self._x: Array = (np.arange(width, dtype=np.float64) + 0.5) * (units[0] / width)
        self._y: Array = units[1] - (np.arange(height, dtype=np.float64) + 0.5) * (units[1] / height)
        self._step = max(units[0] / width, units[1] / height)

    def image(self) -> NDArray[np.uint8]:
        """The picture as a texture (height, width, 4), opaque."""
        out = np.full((*self.pixels.shape[:2], 4), 255, dtype=np.uint8)
        out[..., :3] = np.clip(self.pixels + 0.5, 0, 255)
        return out

    def _window(self, x0: float, y0: float, x1: float, y1: float) -> tuple[slice, slice] | None:
        pad = self._step
        columns = np.nonzero((self._x >= x0 - pad) & (self._x <= x1 + pad))[0]
        rows = np.nonzero((self._y >= y0 - pad) & (self._y <= y1 + pad))[0]
        if not len(columns) or not len(rows):
            return None
        return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)

    def _blend(self, window: tuple[slice, slice], distance: Array, colour: Colour, opacity: float) -> None:
        """Paint where the signed distance is negative, with an edge one pixel wide."""
        cover = (np.clip(0.5 - distance / self._step, 0.0, 1.0) * opacity).astype(np.float32)[..., None]
        part = self.pixels[window]
        part += cover * (np.asarray(colour, dtype=np.float32) - part)

    def rect(
        self, x0: float, y0: float, x1: float, y1: float, colour: Colour, radius: float = 0.0, opacity: float = 1.0
    ) -> None:
        """A rectangle with round corners."""
        window = self._window(x0, y0, x1, y1)
        if window is None:
            return
        x, y = self._x[window[1]][None], self._y[window[0]][:, None]
        qx = np.abs(x - (x0 + x1) / 2) - (x1 - x0) / 2 + radius
        qy = np.abs(y - (y0 + y1) / 2) - (y1 - y0) / 2 + radius
        outside = np.sqrt(np.maximum(qx, 0) ** 2 + np.maximum(qy, 0) ** 2)
        self._blend(window, outside + np.minimum(np.maximum(qx, qy), 0) - radius, colour, opacity)

    def frame(
        self, x0: float, y0: float, x1: float, y1: float, width: float, colour: Colour, radius: float = 0.0
    ) -> None:
        """The outline of a rectangle, `width` inward."""
        window = self._window(x0, y0, x1, y1)
        if window is None:
            return
        x, y = self._x[window[1]][None], self._y[window[0]][:, None]
        qx = np.abs(x - (x0 + x1) / 2) - (x1 - x0) / 2 + radius
        qy = np.abs(y - (y0 + y1) / 2) - (y1 - y0) / 2 + radius
        d = np.sqrt(np.maximum(qx, 0) ** 2 + np.maximum(qy, 0) ** 2) + np.minimum(np.maximum(qx, qy), 0) - radius
        self._blend(window, np.abs(d + width / 2) - width / 2, colour, 1.0)

    def disc(self, x: float, y: float, radius: float, colour: Colour, inner: float = 0.0, stretch: float = 1.0) -> None:
        """A disc, or a ring from `inner` outward; `stretch` is its height over its width."""
        window = self._window(x - radius, y - radius * stretch, x + radius, y + radius * stretch)
        if window is None:
            return
        d = np.sqrt((self._x[window[1]][None] - x) ** 2 + ((self._y[window[0]][:, None] - y) / stretch) ** 2)
        self._blend(window, np.maximum(d - radius, inner - d if inner > 0 else -d), colour, 1.0)

    def polygon(self, points: ArrayLike, colour: Colour, opacity: float = 1.0) -> None:
        """A filled polygon (n, 2), even-odd."""
        p = np.asarray(points, dtype=float)
        window = self._window(p[:, 0].min(), p[:, 1].min(), p[:, 0].max(), p[:, 1].max())
        if window is None:
            return
        x, y = self._x[window[1]], self._y[window[0]]
        inside = np.zeros((y.size, x.size), dtype=bool)
        for a, b in zip(p, np.roll(p, -1, axis=0), strict=True):
            rows = np.nonzero((a[1] > y) != (b[1] > y))[0]
            if len(rows):
                at = a[0] + (y[rows] - a[1]) * (b[0] - a[0]) / (b[1] - a[1])
                inside[rows[0] : rows[-1] + 1] ^= x[None] < at[:, None]
        nearest = _to_lines(x, y, np.concatenate([p, p[:1]]), self._step)
        self._blend(window, np.where(inside, -nearest, nearest), colour, opacity)

    def line(self, points: ArrayLike, width: float, colour: Colour, opacity: float = 1.0) -> None:
        """A polyline (n, 2) with round ends."""
        p = np.asarray(points, dtype=float)
        r = width / 2
        window = self._window(p[:, 0].min() - r, p[:, 1].min() - r, p[:, 0].max() + r, p[:, 1].max() + r)
        if window is None:
            return
        self._blend(window, _to_lines(self._x[window[1]], self._y[window[0]], p, r + self._step) - r, colour, opacity)

    def text(
        self,
        words: str,
        x: float,
        y: float,
        width: float,
        height: float,
        colour: Colour,
        weight: float = 0.16,
        turned: bool = False,
        aspect: float = 1.0,
    ) -> None:
        """Letters centred at (x, y), as large as fits a box of the given size.

        Args:
            weight: stroke width over letter height.
            turned: upside down, for surfaces whose texture runs the other way.
            aspect: width over height of one texture unit on the surface, so that letters are not stretched.
        """
        lines, length = strokes(words)
        if not lines:
            return
        size = min(height, width * aspect * 6.0 / max(length, 1.0))
        scale = size / 6.0
        sign = -1.0 if turned else 1.0
        for stroke in lines:
            p = np.array(stroke, dtype=float)
            p[:, 0] = x + sign * (p[:, 0] - length / 2) * scale / aspect
            p[:, 1] = y + sign * (p[:, 1] - 3.0) * scale
            self._stroke(p, weight * size, aspect, colour)

    def _stroke(self, p: Array, width: float, aspect: float, colour: Colour) -> None:
        if aspect == 1.0:
            self.line(p, width, colour)
            return
        r = width / 2
        window = self._window(
            p[:, 0].min() - r / aspect, p[:, 1].min() - r, p[:, 0].max() + r / aspect, p[:, 1].max() + r
        )
        if window is None:
            return
        x = self._x[window[1]] * aspect
        self._blend(
            window, _to_lines(x, self._y[window[0]], p * [aspect, 1.0], r + self._step * aspect) - r, colour, 1.0
        )


def _to_lines(x: Array, y: Array, p: Array, reach: float) -> Array:
    """Distance (len(y), len(x)) to a polyline (n, 2), exact below `reach` and infinite or too large beyond it."""
    nearest = np.full((len(y), len(x)), np.inf)
    for a, b in pairwise(p):
        columns = np.nonzero((x >= min(a[0], b[0]) - reach) & (x <= max(a[0], b[0]) + reach))[0]
        rows = np.nonzero((y >= min(a[1], b[1]) - reach) & (y <= max(a[1], b[1]) + reach))[0]
        if len(columns) and len(rows):
            part = nearest[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            np.minimum(part, _to_segment(x[columns][None], y[rows][:, None], a, b), out=part)
    return nearest


def _to_segment(x: Array, y: Array, a: Array, b: Array) -> Array:
    dx, dy = b[0] - a[0], b[1] - a[1]
    length = dx * dx + dy * dy
    t = np.clip(((x - a[0]) * dx + (y - a[1]) * dy) / length, 0, 1) if length > 0 else 0.0
    out: Array = np.sqrt((x - a[0] - t * dx) ** 2 + (y - a[1] - t * dy) ** 2)
    return out


def star(
    x: float, y: float, radius: float, points: int = 5, inner: float = 0.4, turn: float = 0.0
) -> list[tuple[float, float]]:
    """The corners of a star, for `Canvas.polygon`."""
    out = []
    for k in range(2 * points):
        r = radius if k % 2 == 0 else radius * inner
        a = math.pi / 2 + math.pi * k / points + math.radians(turn)
        out.append((x + r * math.cos(a), y + r * math.sin(a)))
    return out


def arrow(x: float, y: float, width: float, height: float, sign: float = 1.0) -> Sequence[tuple[float, float]]:
    """The corners of an arrow that points to +u (sign 1) or -u (sign -1), for `Canvas.polygon`."""
    w, h = width / 2, height / 2
    shape = [
        (-w, -h * 0.35),
        (w * 0.15, -h * 0.35),
        (w * 0.15, -h),
        (w, 0),
        (w * 0.15, h),
        (w * 0.15, h * 0.35),
        (-w, h * 0.35),
    ]
    return [(x + sign * dx, y + dy) for dx, dy in shape]
