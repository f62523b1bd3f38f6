"""The soft shadow an object leaves on the plane it stands on, from what its own camera sees of it.

Every visible point of the object is let fall on the plane twice: straight down (contact: the lower, the darker) and
along the key light (cast). Parts hidden from the camera cast nothing; what they would darken is mostly hidden by the
object too.
"""

from __future__ import annotations

import cv2
import numpy as np

from ..nouns import Shot
from .colour import Floats
from .rays import Ground, centre

_CELLS = 192  # of the map, along a side
_HALF = 1.6  # half its side, longest box sides
_UNDERSIDE = 0.3  # a camera above sees tops alone: what is below them is taken to begin at this share of their height
_LOWEST_LIGHT = 0.2  # sine of the elevation below which a key light casts no shadow on the map


def shade(shot: Shot, rays: Floats, plane: Ground, height: float, contact: float, cast: float) -> Floats:
    """How much light is left on the plane, (H, W) in (0, 1].

    Args:
        shot: its buffers give the visible points, its lights the key light.
        rays: (3, H, W), of its camera.
        plane: where the rays meet the plane.
        height: of the plane, canonical frame.
        contact: strength of the contact shadow, 0-1.
        cast: strength of the cast shadow, 0-1.
    """
    mask = shot.buffers.mask
    if not mask.any():
        return np.ones(mask.shape, np.float32)
    eye, depth = centre(shot.camera), shot.buffers.depth[mask]
    x, y, z = (depth * rays[i][mask] + np.float32(eye[i]) for i in range(3))
    above = np.maximum(z - np.float32(height), 0.0)
    near = _splat(x, y, np.exp(above * np.float32(-1.0 / 0.06)))
    wide = _splat(x, y, np.exp(above * np.float32(-_UNDERSIDE / 0.35)))
    dark: Floats = np.float32(contact) * (0.85 * _blur(near, 2.5) + 0.6 * _blur(wide, 8.0))
    key = np.array(shot.lights.key_direction, np.float64)
    if key[2] > _LOWEST_LIGHT and cast > 0:
        slope = key[:2] / key[2]
        fallen = _splat(x - above * np.float32(slope[0]), y - above * np.float32(slope[1]), np.ones_like(above))
        dark = 1.0 - (1.0 - np.minimum(dark, 1.0)) * (1.0 - np.float32(cast) * _blur(fallen, 3.0))
    scale = np.float32(_CELLS / (2.0 * _HALF))
    column, row = ((p + np.float32(_HALF)) * scale - np.float32(0.5) for p in (plane.x, plane.y))
    limit = np.float32(4 * _CELLS)
    seen = cv2.remap(
        dark.astype(np.float32), np.clip(column, -limit, limit), np.clip(row, -limit, limit), cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
    )  # fmt: skip
    return np.asarray(np.clip(1.0 - seen, 0.08, 1.0), dtype=np.float32)


def _splat(x: Floats, y: Floats, weight: Floats) -> Floats:
    """(_CELLS, _CELLS): the largest weight that falls on each cell; points outside the map are left out."""
    scale = np.float32(_CELLS / (2.0 * _HALF))
    column, row = (np.floor((p + np.float32(_HALF)) * scale).astype(np.int64) for p in (x, y))
    inside = (column >= 0) & (column < _CELLS) & (row >= 0) & (row < _CELLS)
    grid = np.zeros(_CELLS * _CELLS, np.float32)
    np.maximum.at(grid, row[inside] * _CELLS + column[inside], weight[inside])
    closed = cv2.morphologyEx(grid.reshape(_CELLS, _CELLS), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    return np.asarray(closed, dtype=np.float32)


def _blur(grid: Floats, sigma: float) -> Floats:
    return np.asarray(cv2.GaussianBlur(grid, (0, 0), sigma), dtype=np.float32)
