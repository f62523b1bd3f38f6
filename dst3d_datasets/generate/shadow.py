"""The soft shadow an object leaves on the plane it stands on, from points spread over its surface.

Every point is let fall on the plane twice: straight down (contact: the lower, the darker) and along the key light
(cast). Points count whether the camera sees them or not.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ..nouns import Shot
from .colour import Floats
from .rays import Ground

_CELLS = 224  # of a map, along its longer side
_MARGIN = 0.5  # about what falls on a map, longest box sides: room for its blur
_TOUCHING, _CLOSE = 0.05, 0.35  # heights at which the two contact shadows have lost all but 1 / e, longest box sides
_LOWEST_LIGHT = 0.2  # sine of the elevation below which a key light casts no shadow
_DARKEST = 0.08  # some light always gets there


def shade(shot: Shot, plane: Ground, height: float, contact: float, cast: float) -> Floats:
    """How much light is left on the plane, (H, W) in (0, 1].

    Args:
        shot: its `surface` throws the shadow, away from the key light of its lights.
        plane: where the camera's rays meet the plane.
        height: of the plane, canonical frame.
        contact: strength of the contact shadow, 0-1.
        cast: strength of the cast shadow, 0-1.
    """
    if shot.surface is None or not len(shot.surface):
        return np.ones(plane.x.shape, np.float32)
    x, y, z = (np.ascontiguousarray(shot.surface[:, axis], dtype=np.float32) for axis in range(3))
    above = np.maximum(z - np.float32(height), 0.0)
    chart = _Map.about(x, y)
    near = chart.blurred(chart.fallen(x, y, np.exp(above * np.float32(-1.0 / _TOUCHING))), 0.03)
    wide = chart.blurred(chart.fallen(x, y, np.exp(above * np.float32(-1.0 / _CLOSE))), 0.12)
    under = np.minimum(np.float32(0.75) * near + np.float32(0.45) * wide, 1.0)
    left: Floats = 1.0 - np.float32(contact) * chart.seen(under, plane)
    key = np.array(shot.lights.key_direction, np.float64)
    key /= max(float(np.sqrt((key * key).sum())), 1e-9)
    if key[2] > _LOWEST_LIGHT and cast > 0:
        x = x - above * np.float32(key[0] / key[2])
        y = y - above * np.float32(key[1] / key[2])
        chart = _Map.about(x, y)
        fallen = chart.blurred(chart.fallen(x, y, np.ones_like(above)), 0.025)
        left = left * (1.0 - np.float32(cast) * chart.seen(fallen, plane))
    return np.asarray(np.clip(left, _DARKEST, 1.0), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class _Map:
    """A picture of part of the plane; cell (row, column) begins at y + row * cell, x + column * cell."""

    x: float
    y: float
    cell: float  # longest box sides
    rows: int
    columns: int

    @classmethod
    def about(cls, x: Floats, y: Floats) -> _Map:
        """A map that holds these points and a margin."""
        left, top = float(x.min()) - _MARGIN, float(y.min()) - _MARGIN
        wide, high = float(x.max()) + _MARGIN - left, float(y.max()) + _MARGIN - top
        cell = max(wide, high) / _CELLS
        return cls(left, top, cell, int(high / cell) + 1, int(wide / cell) + 1)

    def fallen(self, x: Floats, y: Floats, weight: Floats) -> Floats:
        """(rows, columns): the largest weight that falls on each cell; small gaps between points are closed."""
        row, column = (
            np.floor((p - np.float32(start)) * np.float32(1.0 / self.cell)).astype(np.int64)
            for p, start in ((y, self.y), (x, self.x))
        )
        grid = np.zeros(self.rows * self.columns, np.float32)
        np.maximum.at(grid, row.clip(0, self.rows - 1) * self.columns + column.clip(0, self.columns - 1), weight)
        closed = cv2.morphologyEx(grid.reshape(self.rows, self.columns), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
        return np.asarray(closed, dtype=np.float32)

    def blurred(self, grid: Floats, sigma: float) -> Floats:
        """`sigma` in longest box sides."""
        return np.asarray(cv2.GaussianBlur(grid, (0, 0), sigma / self.cell), dtype=np.float32)

    def seen(self, grid: Floats, plane: Ground) -> Floats:
        """(H, W): the map where the camera's rays meet the plane; 0 outside the map."""
        limit = np.float32(4 * _CELLS)
        column, row = (
            np.clip((p - np.float32(start)) * np.float32(1.0 / self.cell) - np.float32(0.5), -limit, limit)
            for p, start in ((plane.x, self.x), (plane.y, self.y))
        )
        seen = cv2.remap(grid, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        return np.asarray(seen, dtype=np.float32)
