"""PyTorch3D: the arguments of `PerspectiveCameras`.

Source: PyTorch3D's docs/notes/cameras.md and `camera_conversions.py`. Row vectors: X_view = X_world R + T, with view
axes x left, y up, z forward; then x = fx X / Z + px, y = fy Y / Z + py. In NDC the shorter side of the image spans
[-1, 1], the longer one [-u, u], with (+1, +1) at the top left; with s = min(W, H): f_ndc = 2 f / s and p_ndc =
-(p - size / 2) 2 / s. In screen space (`in_ndc=False`) the focal length and principal point are ours, in pixels from
the top left corner. (Early notes and versions have W - 1 in place of W; those since the end of 2021 do not.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..nouns import Camera
from .checks import focal_lengths, intrinsics_of, rigid

_FLIP = np.array([-1.0, -1.0, 1.0])  # between OpenCV's view axes and PyTorch3D's


@dataclass(frozen=True, slots=True, kw_only=True)
class PyTorch3DCamera:
    """`PerspectiveCameras(**arguments)` once each is a tensor with a batch axis in front."""

    R: NDArray[np.float64]  # (3, 3), for row vectors
    T: NDArray[np.float64]  # (3,), units of the longest box side
    focal_length: tuple[float, float]  # (fx, fy), NDC or pixels
    principal_point: tuple[float, float]  # (px, py), NDC or pixels
    image_size: tuple[int, int]  # (height, width)
    in_ndc: bool


def to_pytorch3d(camera: Camera, in_ndc: bool = True) -> PyTorch3DCamera:
    """Our camera as PyTorch3D's, in NDC or in screen space.

    Raises:
        ValueError: the camera has a skew.
    """
    fx, fy = focal_lengths(camera, "PyTorch3D")
    cx, cy = (float(value) for value in camera.K[:2, 2])
    if in_ndc:
        half = min(camera.width, camera.height) / 2.0
        fx, fy = fx / half, fy / half
        cx, cy = (camera.width / 2.0 - cx) / half, (camera.height / 2.0 - cy) / half
    return PyTorch3DCamera(
        R=camera.R.T * _FLIP,
        T=camera.t * _FLIP,
        focal_length=(fx, fy),
        principal_point=(cx, cy),
        image_size=(camera.height, camera.width),
        in_ndc=in_ndc,
    )


def from_pytorch3d(pytorch3d: PyTorch3DCamera) -> Camera:
    """PyTorch3D's camera as ours.

    Raises:
        ValueError: R is not a rotation.
    """
    (height, width), (fx, fy), (cx, cy) = pytorch3d.image_size, pytorch3d.focal_length, pytorch3d.principal_point
    if pytorch3d.in_ndc:
        half = min(width, height) / 2.0
        fx, fy = fx * half, fy * half
        cx, cy = width / 2.0 - cx * half, height / 2.0 - cy * half
    R = (rigid(pytorch3d.R, "R") * _FLIP).T
    t = np.asarray(pytorch3d.T, dtype=np.float64) * _FLIP
    return Camera(K=intrinsics_of(fx, fy, cx, cy), R=R, t=t, width=width, height=height)
