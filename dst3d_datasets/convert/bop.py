"""BOP: cam_K, cam_R_m2c, cam_t_m2c, depth with its scale, symmetries.

Source: `docs/bop_datasets_format.md` of bop_toolkit (the BOP-scenewise format): row-wise matrices, translations in mm,
OpenCV's camera axes, a model's frame with z up and its box's centre as origin; depth in mm is the 16-bit value times
`depth_scale`. `misc.depth_im_to_dist_im` puts pixel centres at integers, as OpenCV does, so cam_K is ours less half a
pixel. Symmetries are as `misc.get_symmetry_transformations` reads them from models_info.json.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..camera import rotation_z
from ..nouns import Camera
from .checks import HALF

MILLIMETRES = 1000.0  # what one of our units (the longest box side) is, unless said otherwise
_LARGEST = 65535


def to_bop(camera: Camera, millimetres: float = MILLIMETRES) -> dict[str, list[float]]:
    """`cam_K` (9 numbers, row-wise), `cam_R_m2c` (9) and `cam_t_m2c` (3, in mm) of a camera.

    Args:
        camera: ours.
        millimetres: the longest box side of the object in mm: CAD models have no size of their own.
    """
    K = camera.K.copy()
    K[:2, 2] -= HALF
    return {
        "cam_K": K.reshape(-1).tolist(),
        "cam_R_m2c": camera.R.reshape(-1).tolist(),
        "cam_t_m2c": (camera.t * millimetres).tolist(),
    }


def from_bop(
    cam_K: ArrayLike,
    cam_R_m2c: ArrayLike,
    cam_t_m2c: ArrayLike,
    width: int,
    height: int,
    millimetres: float = MILLIMETRES,
) -> Camera:
    """The camera of a BOP annotation, for an image of that size in pixels; the inverse of `to_bop`."""
    K = np.array(cam_K, dtype=np.float64).reshape(3, 3)
    K[:2, 2] += HALF
    R = np.asarray(cam_R_m2c, dtype=np.float64).reshape(3, 3)
    t = np.asarray(cam_t_m2c, dtype=np.float64).reshape(3) / millimetres
    return Camera(K=K, R=R, t=t, width=width, height=height)


def to_bop_depth(z: NDArray[np.floating[Any]], millimetres: float = MILLIMETRES) -> tuple[NDArray[np.uint16], float]:
    """Depth (H, W) along z, 0 where there is nothing, as 16 bits and the `depth_scale` that makes mm of them.

    The farthest point gets the largest number, so that the error is at most half of 1 / 65535 of its depth.
    """
    farthest = float(np.max(z, initial=0.0)) * millimetres
    scale = farthest / _LARGEST if farthest > 0.0 else 1.0
    values = np.rint(np.asarray(z, np.float64) * millimetres / scale)
    return np.where(z > 0, np.maximum(values, 1), 0).astype(np.uint16), scale


def from_bop_depth(
    values: NDArray[np.uint16], depth_scale: float, millimetres: float = MILLIMETRES
) -> NDArray[np.float64]:
    """BOP's depth (H, W) as z in units of the longest box side, 0 where there is nothing."""
    return np.asarray(values.astype(np.float64) * (depth_scale / millimetres))


def to_bop_symmetries(symmetry: int) -> dict[str, Any]:
    """The symmetry order about z of our label, as the fields of models_info.json.

    Args:
        symmetry: 1 none, 2, 4, ..., 0 a body of revolution.

    Returns:
        Nothing, `symmetries_discrete` (order - 1 matrices of 16 numbers, row-wise; the identity is not listed), or
        `symmetries_continuous` (an axis and a point on it).
    """
    if symmetry == 0:
        return {"symmetries_continuous": [{"axis": [0, 0, 1], "offset": [0, 0, 0]}]}
    turns = []
    for number in range(1, symmetry):
        turn = np.eye(4)
        turn[:3, :3] = rotation_z(360.0 * number / symmetry)
        turns.append(turn.reshape(-1).tolist())
    return {"symmetries_discrete": turns} if turns else {}


def from_bop_symmetries(info: Mapping[str, Any]) -> int:
    """The symmetry order about z of a model's entry in models_info.json; the inverse of `to_bop_symmetries`.

    Raises:
        ValueError: it has a symmetry that is no turn about z through the origin: our label cannot state it.
    """
    for symmetry in info.get("symmetries_continuous", ()):
        axis, offset = (np.asarray(symmetry[name], dtype=np.float64) for name in ("axis", "offset"))
        if max(abs(axis[0]), abs(axis[1]), abs(offset[0]), abs(offset[1])) > 1e-9:
            raise ValueError(f"a body of revolution about {axis.tolist()} through {offset.tolist()}, and not about z")
    turns = [_turn(matrix) for matrix in info.get("symmetries_discrete", ())]
    if info.get("symmetries_continuous"):
        return 0
    order = len({round(turn, 6) % 360.0 for turn in turns} | {0.0})
    if any(abs(math.remainder(turn, 360.0 / order)) > 1e-4 for turn in turns):
        raise ValueError(f"the turns {turns} about z are not those of one order of symmetry")
    return order


def _turn(matrix: Sequence[float]) -> float:
    """The angle in degrees of a turn about z (16 numbers, row-wise)."""
    given = np.asarray(matrix, dtype=np.float64).reshape(4, 4)
    angle = math.degrees(math.atan2(given[1, 0], given[0, 0]))
    expected = np.eye(4)
    expected[:3, :3] = rotation_z(angle)
    if not np.allclose(given, expected, atol=1e-4):
        raise ValueError(f"the symmetry {given.tolist()} is no turn about z through the origin")
    return angle
