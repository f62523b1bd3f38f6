"""From an annotation dict of the reference code to the camera that its picture was taken with.

What the reference writes, read from its code and stated here so that it can be checked:

* `matrix_world` (4, 4) takes Blender's camera axes (right, up, backwards) to Blender's world; `modelview_matrix` is its
  inverse. The world holds the CAD model as it was imported, z up, box centre at the origin, longest side 1, and NOT
  turned: what the catalogue's columns `azimuth` and `elevation` correct is added to the camera's angles instead.
* `theta`, `phi` (radians) and `dist` say where that camera stands, columns included: C = dist (sin phi cos theta,
  sin phi sin theta, cos phi). It looks at the origin with z up, and then turns about its own axis by
  `camera_rotation`, which is always 0.
* `projection_matrix` is OpenGL's, as is P[0, 0] = 2 f / width; `focal_length` and `sensor_width` are in millimetres;
  `principal` is in pixels of a picture of 512.

The matrix is what the render was made with, and is what is used. Where the angles are there too, they must agree.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..camera import as_rotation, centre_of, reference_angles, rotation_of
from ..errors import ModelRefused, Reason
from ..nouns import REFERENCE_FOCAL

Floats = NDArray[np.float64]

_AXES = np.diag([1.0, -1.0, -1.0])  # Blender's camera axes to OpenCV's
_MOST_DEGREES = 0.1  # between the matrix and the angles: Blender computes in float32
_MOST_SHIFT = 1e-3  # of the distance
_NEAR_POLE = 1e-3  # radians from it, the up direction of float32 is not that of the formula
_MOST_FOCAL = 1e-3


@dataclass(frozen=True, slots=True)
class RawCamera:
    """The camera of one reference render, about the raw CAD model (z up, box centre at the origin, longest side 1)."""

    R: Floats  # (3, 3), raw frame to OpenCV camera axes
    t: Floats  # (3,)
    focal: float  # in picture widths
    principal: tuple[float, float]  # from the picture's centre, right and down, in picture widths


def raw_camera(annotation: dict[str, Any]) -> RawCamera:
    """The camera that an annotation describes.

    Raises:
        ModelRefused: `no_pose` where nothing says where it stood, `contradiction` where its numbers do not agree,
            `unreadable` for numbers that are no camera.
    """
    by_matrix, by_angles = _pose_of_matrix(annotation), _pose_of_angles(annotation)
    pose = by_matrix or by_angles
    if pose is None:
        raise ModelRefused(Reason.NO_POSE, "the annotation has neither a camera matrix nor theta, phi and dist")
    if by_matrix and by_angles:
        _agree(by_matrix, by_angles, annotation["phi"])
    focal, principal = _lens(annotation)
    return RawCamera(*pose, focal, principal)


def columns(annotation: dict[str, Any]) -> tuple[float, float]:
    """The catalogue's azimuth and elevation (degrees) that the annotation repeats; 0 where it does not.

    Raises:
        ModelRefused: they are no numbers.
    """
    found = [_number(annotation, name) for name in ("azimuth", "elevation")]
    return found[0] or 0.0, found[1] or 0.0


def _pose_of_matrix(annotation: dict[str, Any]) -> tuple[Floats, Floats] | None:
    world, view = (_matrix(annotation, name) for name in ("matrix_world", "modelview_matrix"))
    if world is None and view is None:
        return None
    if view is None:
        assert world is not None
        view = _inverse(world, "matrix_world")
    elif world is not None and np.abs(view @ world - np.eye(4)).max() > 1e-3:
        raise ModelRefused(Reason.CONTRADICTION, "modelview_matrix is not the inverse of matrix_world")
    if np.abs(view[3] - [0.0, 0.0, 0.0, 1.0]).max() > 1e-6:
        raise ModelRefused(Reason.UNREADABLE, "the last row of the camera matrix is not 0 0 0 1")
    try:
        rotation = np.array(as_rotation((_AXES @ view[:3, :3]).reshape(-1).tolist())).reshape(3, 3)
    except ValueError as error:
        raise ModelRefused(Reason.UNREADABLE, f"the camera matrix: {error}") from None
    return rotation, _AXES @ view[:3, 3]


def _inverse(matrix: Floats, name: str) -> Floats:
    try:
        inverse: Floats = np.linalg.inv(matrix).astype(np.float64)
        return inverse
    except np.linalg.LinAlgError:
        raise ModelRefused(Reason.UNREADABLE, f"{name} has no inverse") from None


def _pose_of_angles(annotation: dict[str, Any]) -> tuple[Floats, Floats] | None:
    theta, phi, distance = (_number(annotation, name) for name in ("theta", "phi", "dist"))
    if theta is None or phi is None or distance is None:
        return None
    if not 0.0 < distance < 1e3:
        raise ModelRefused(Reason.UNREADABLE, f"dist is {distance:g}")
    azimuth, elevation = reference_angles(math.degrees(theta), math.degrees(phi))
    if not -90.0 <= elevation <= 90.0:
        raise ModelRefused(Reason.UNREADABLE, f"phi is {phi:g}, which is no polar angle")
    turn = math.degrees(_number(annotation, "camera_rotation") or 0.0)
    rotation = rotation_of(azimuth, elevation, turn)
    return rotation, -rotation @ centre_of(azimuth, elevation, distance)


def _agree(pose: tuple[Floats, Floats], other: tuple[Floats, Floats], phi: float) -> None:
    """Raise unless the pose of the matrix is that of the angles."""
    centre, told = (-rotation.T @ shift for rotation, shift in (pose, other))
    distance = float(np.linalg.norm(told))
    shift = float(np.linalg.norm(centre - told))
    if shift > _MOST_SHIFT * distance:
        raise ModelRefused(Reason.CONTRADICTION, f"the camera matrix stands {shift:.3g} from where theta, phi, dist do")
    if math.sin(phi) < _NEAR_POLE:
        return
    cosine = (float((pose[0] * other[0]).sum()) - 1.0) / 2.0
    apart = math.degrees(math.acos(min(1.0, max(-1.0, cosine))))
    if apart > _MOST_DEGREES:
        raise ModelRefused(Reason.CONTRADICTION, f"the camera matrix is turned by {apart:.3g} degrees from its angles")


def _lens(annotation: dict[str, Any]) -> tuple[float, tuple[float, float]]:
    """Focal length and principal point, in picture widths; the reference's where the annotation is silent."""
    focal, principal = REFERENCE_FOCAL, (0.0, 0.0)
    length, sensor = _number(annotation, "focal_length"), _number(annotation, "sensor_width")
    projection = _matrix(annotation, "projection_matrix")
    told = length / sensor if length and sensor else None
    if projection is not None:
        if abs(projection[0, 1]) > 1e-6 or abs(projection[0, 0] - projection[1, 1]) > _MOST_FOCAL:
            raise ModelRefused(Reason.UNSUPPORTED, "projection_matrix is that of no square picture of square pixels")
        focal = float(projection[0, 0]) / 2.0
        principal = -float(projection[0, 2]) / 2.0, float(projection[1, 2]) / 2.0
        if told is not None and abs(focal - told) > _MOST_FOCAL * focal:
            raise ModelRefused(
                Reason.CONTRADICTION, f"projection_matrix has the focal length {focal:g}, the lens {told:g}"
            )
    elif told is not None:
        focal = told
    if not 0.05 < focal < 50.0:
        raise ModelRefused(Reason.UNREADABLE, f"the focal length is {focal:g} picture widths")
    return focal, principal


def _matrix(annotation: dict[str, Any], name: str) -> Floats | None:
    value = annotation.get(name)
    if value is None:
        return None
    if not isinstance(value, np.ndarray) or value.shape != (4, 4):
        raise ModelRefused(Reason.UNREADABLE, f"{name} is not a 4 x 4 matrix")
    matrix: Floats = value.astype(np.float64)
    if not np.isfinite(matrix).all() or np.abs(matrix).max() > 1e6:
        raise ModelRefused(Reason.UNREADABLE, f"{name} holds numbers that are no camera's")
    return matrix


def _number(annotation: dict[str, Any], name: str) -> float | None:
    value = annotation.get(name)
    if value is None:
        return None
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or abs(value) > 1e9:
        raise ModelRefused(Reason.UNREADABLE, f"{name} is not a number that could be true")
    return float(value)
