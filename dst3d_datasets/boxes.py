"""Boxes of a label: the corners of the object's 3D box and their pixels, and the box of what a mask shows.

Corner i of the 3D box has the binary digits of i as its sides along x, y and z of the canonical frame, 0 for minus and
1 for plus: 0 is (-, -, -), 1 is (-, -, +), 2 is (-, +, -) and 7 is (+, +, +). This is the order of Objectron (Ahmadyan
et al., CVPR 2021) without the centre that it puts first.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .nouns import Camera

NEAR = 0.01  # what lies nearer to the camera is not part of the picture; units of the longest box side

SIDES: NDArray[np.float64] = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], np.float64)
EDGES = tuple((i, i + step) for step in (4, 2, 1) for i in range(8) if not i & step)  # 4 along x, 4 along y, 4 along z

Box = tuple[float, float, float, float]
Corners = NDArray[np.float64]


def box_corners(size: tuple[float, float, float]) -> Corners:
    """Corners (8, 3) of a box of this size about the origin, canonical frame."""
    return SIDES * np.asarray(size, np.float64) / 2.0


def seen_corners(camera: Camera, size: tuple[float, float, float]) -> tuple[Corners, Corners]:
    """Corners of the box of this size, in the camera frame and in the picture.

    Returns:
        (8, 3), units of the longest box side, and (8, 2), pixels. A corner with z below `NEAR`, or behind the camera,
        has no picture: its pixel is that of the same x and y at z = `NEAR`, finite and on the right side.
    """
    eye = box_corners(size) @ camera.R.T + camera.t
    flat = np.concatenate([eye[:, :2] / np.maximum(eye[:, 2:], NEAR), np.ones((8, 1))], 1)
    return eye, (flat @ camera.K.T)[:, :2]


def mask_box(mask: NDArray[np.bool_] | NDArray[np.uint8]) -> Box:
    """x0, y0, x1, y1 of the pixels of a mask (H, W), as edges: pixel i spans [i, i + 1]. All 0 if there is none."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return 0.0, 0.0, 0.0, 0.0
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)


def leaves(box: Box, width: int, height: int) -> bool:
    """Whether a box in pixels reaches beyond the image."""
    return box[0] < 0 or box[1] < 0 or box[2] > width or box[3] > height
