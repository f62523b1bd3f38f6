"""What a camera must be for another system to be able to say it."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..nouns import Camera

HALF = np.array([0.5, 0.5])  # between "pixel centres at integers" and ours


def focal_lengths(camera: Camera, system: str, *, square: bool = False) -> tuple[float, float]:
    """(fx, fy) in pixels of a camera without skew.

    Args:
        camera: the camera.
        system: whose convention it is wanted in, for the message.
        square: whether fx must be fy.

    Raises:
        ValueError: the camera has a skew, or pixels that are not square.
    """
    fx, skew, fy = float(camera.K[0, 0]), float(camera.K[0, 1]), float(camera.K[1, 1])
    if skew != 0.0:
        raise ValueError(f"{system} has no skew, and this camera's K[0, 1] is {skew:g}")
    if square and abs(fx - fy) > 1e-12 * fx:
        raise ValueError(f"{system} has one focal length, and this camera has two: {fx:g} and {fy:g} pixels")
    return fx, fy


def rigid(matrix: ArrayLike, what: str) -> NDArray[np.float64]:
    """The matrix (3, 3) if it is a rotation to within 1e-6.

    Raises:
        ValueError: it is not: scaled, sheared, or a mirror image.
    """
    R = np.asarray(matrix, dtype=np.float64)
    if R.shape != (3, 3) or not np.allclose(R @ R.T, np.eye(3), atol=1e-6) or np.linalg.det(R) < 0:
        raise ValueError(f"{what} is not a rotation: take scale, shear and mirroring out of it first")
    return R


def intrinsics_of(fx: float, fy: float, cx: float, cy: float) -> NDArray[np.float64]:
    """K (3, 3) without skew."""
    return np.array([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]])
