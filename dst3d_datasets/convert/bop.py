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


def to_bop_symmetries(
    symmetry: int, axis: Sequence[float] = (0.0, 0.0), millimetres: float = MILLIMETRES
) -> dict[str, Any]:
    """The symmetry of our label as the fields of models_info.json.

    BOP means symmetries of the look (those that a texture breaks are not listed), as our label's `symmetry` does.

    Args:
        symmetry: order about a vertical axis: 1 none, 2, 3, ..., 0 a body of revolution.
        axis: x and y of that axis in the canonical frame (`symmetry_axis`).
        millimetres: as in `to_bop`.

    Returns:
        Nothing, `symmetries_discrete` (order - 1 matrices of 16 numbers, row-wise; the identity is not listed), or
        `symmetries_continuous` (an axis and a point on it, in mm).
    """
    point = np.array([*axis, 0.0]) * millimetres
    if symmetry == 0:
        return {"symmetries_continuous": [{"axis": [0, 0, 1], "offset": point.tolist()}]}
    turns = []
    for number in range(1, symmetry):
        turn, R = np.eye(4), rotation_z(360.0 * number / symmetry)
        turn[:3, :3], turn[:3, 3] = R, point - R @ point
        turns.append(turn.reshape(-1).tolist())
    return {"symmetries_discrete": turns} if turns else {}


def from_bop_symmetries(info: Mapping[str, Any], millimetres: float = MILLIMETRES) -> tuple[int, tuple[float, float]]:
    """The symmetry order and the x and y of its axis, from a model's entry in models_info.json.

    The inverse of `to_bop_symmetries`; the axis is (0, 0) where there is no symmetry.

    Raises:
        ValueError: it has a symmetry that is no turn about one vertical axis: our label cannot state it.
    """
    found = [_of_revolution(entry) for entry in info.get("symmetries_continuous", ())]
    found += [_turn(matrix) for matrix in info.get("symmetries_discrete", ())]
    if not found:
        return 1, (0.0, 0.0)
    point = found[0][1]
    if any(not np.allclose(other, point, atol=1e-6 * millimetres) for _, other in found):
        raise ValueError("its symmetries have several axes, and are not turns about one vertical axis")
    axis = (float(point[0]) / millimetres, float(point[1]) / millimetres)
    if info.get("symmetries_continuous"):
        return 0, axis
    turns = [turn for turn, _ in found]
    order = len({round(turn, 6) % 360.0 for turn in turns} | {0.0})
    if any(abs(math.remainder(turn, 360.0 / order)) > 1e-4 for turn in turns):
        raise ValueError(f"the turns {turns} about a vertical axis are not those of one order of symmetry")
    return order, axis


def _of_revolution(entry: Mapping[str, Any]) -> tuple[float, NDArray[np.float64]]:
    """No turn, and the (x, y) of the axis in mm."""
    axis, offset = (np.asarray(entry[name], dtype=np.float64) for name in ("axis", "offset"))
    if max(abs(axis[0]), abs(axis[1])) > 1e-9:
        raise ValueError(f"a body of revolution about {axis.tolist()}, which is no vertical axis")
    return 0.0, offset[:2]


def _turn(matrix: Sequence[float]) -> tuple[float, NDArray[np.float64]]:
    """The angle in degrees of a turn about a vertical axis (16 numbers, row-wise), and the axis' (x, y) in mm."""
    given = np.asarray(matrix, dtype=np.float64).reshape(4, 4)
    angle = math.degrees(math.atan2(given[1, 0], given[0, 0]))
    if not np.allclose(given[:3, :3], rotation_z(angle), atol=1e-4) or abs(given[2, 3]) > 1e-3:
        raise ValueError(f"the symmetry {given.tolist()} is no turn about a vertical axis")
    if math.isclose(angle, 0.0, abs_tol=1e-6):
        raise ValueError("a symmetry is listed that turns nothing: a shift is no turn about a vertical axis")
    return angle, np.asarray(np.linalg.solve(np.eye(2) - given[:2, :2], given[:2, 3]), dtype=np.float64)
