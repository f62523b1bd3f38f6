"""OpenCV: camera matrix, rvec and tvec, with pixel centres at integers.

Source: OpenCV's calib3d documentation ("the functions in this section use a so-called pinhole camera model":
`s [u v 1]' = A [R|t] [X Y Z 1]'`, x right, y down, z forward), `cv2.projectPoints` and `cv2.Rodrigues`. OpenCV's
(0, 0) is the centre of the top left pixel, ours is its corner: its principal point is ours less half a pixel.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..nouns import Camera
from .checks import HALF, focal_lengths, intrinsics_of


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCVCamera:
    """What `cv2.projectPoints(points, rvec, tvec, K, None)` takes."""

    K: NDArray[np.float64]  # (3, 3), pixels; pixel centres at integers
    rvec: NDArray[np.float64]  # (3,), axis times angle in radians, canonical frame to camera
    tvec: NDArray[np.float64]  # (3,), units of the longest box side


def to_opencv(camera: Camera) -> OpenCVCamera:
    """Our camera as OpenCV's.

    Raises:
        ValueError: the camera has a skew, which `cv2.projectPoints` does not know.
    """
    fx, fy = focal_lengths(camera, "OpenCV")
    cx, cy = camera.K[:2, 2] - HALF
    return OpenCVCamera(K=intrinsics_of(fx, fy, cx, cy), rvec=rotation_vector(camera.R), tvec=camera.t.copy())


def from_opencv(opencv: OpenCVCamera, width: int, height: int) -> Camera:
    """OpenCV's camera as ours, for an image of that size in pixels."""
    K = np.array(opencv.K, dtype=np.float64)
    K[:2, 2] += HALF
    t = np.asarray(opencv.tvec, dtype=np.float64).reshape(3)
    return Camera(K=K, R=rotation_vector_matrix(opencv.rvec), t=t, width=width, height=height)


def rotation_vector(R: ArrayLike) -> NDArray[np.float64]:
    """Rotation (3, 3) to axis times angle (3,), 0 <= angle <= pi, exact to the last digits at every angle.

    By the unit quaternion (w, v) of R, from the largest of its four squares: the angle is 2 atan2(|v|, w).
    """
    m = np.asarray(R, dtype=np.float64)
    products = np.empty((4, 4))  # 4 q q' of the quaternion q = (w, x, y, z)
    products[0, 0] = 1.0 + m[0, 0] + m[1, 1] + m[2, 2]
    products[0, 1:] = products[1:, 0] = [m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1]]
    products[1:, 1:] = m + m.T + (1.0 - np.trace(m)) * np.eye(3)
    row = products[int(np.argmax(np.diag(products)))]
    w, v = row[0], row[1:]
    if w < 0.0:
        w, v = -w, -v
    length = float(np.linalg.norm(v))
    return np.zeros(3) if length == 0.0 else v / length * 2.0 * math.atan2(length, w)


def rotation_vector_matrix(rvec: ArrayLike) -> NDArray[np.float64]:
    """Axis times angle (3,) in radians to its rotation (3, 3): the inverse of `rotation_vector`."""
    vector = np.asarray(rvec, dtype=np.float64).reshape(3)
    angle = float(np.linalg.norm(vector))
    x, y, z = vector
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    # sin(a)/a and (1 - cos(a))/a^2, both finite at 0
    by_sine, by_cosine = np.sinc(angle / np.pi), 0.5 * np.sinc(angle / 2.0 / np.pi) ** 2
    return np.asarray(np.eye(3) + by_sine * cross + by_cosine * cross @ cross)
