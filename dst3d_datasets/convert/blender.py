"""Blender: matrix_world, lens, sensor and shift.

Source: Blender's manual (Render > Cameras: focal length in mm, sensor size and fit, shift "in multiples of the longer
side" of the view) and `BKE_camera_params_compute_viewplane`. With `sensor_fit = "AUTO"`, Blender's default, the sensor
width lies along the longer side of the image, whichever that is: f = lens / sensor_width * max(W, H) pixels. A positive
shift moves the view window right and up, so the picture goes left and down. The camera looks along its -z, with x right
and y up; Blender's world is our canonical frame (z up, front at -y). Pixel aspect is 1, the resolution percentage 100.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..nouns import Camera
from .checks import focal_lengths, intrinsics_of, rigid

_FLIP = np.array([1.0, -1.0, -1.0])  # between OpenCV's and Blender's camera axes


@dataclass(frozen=True, slots=True, kw_only=True)
class BlenderCamera:
    """The attributes of a camera object, its data and the scene's render settings; `sensor_fit` is "AUTO"."""

    matrix_world: NDArray[np.float64]  # (4, 4), camera to world, for column vectors
    lens: float  # mm
    sensor_width: float  # mm
    shift_x: float  # in units of the longer side of the image
    shift_y: float
    resolution_x: int  # pixels
    resolution_y: int


def to_blender(camera: Camera, sensor_width: float = 36.0) -> BlenderCamera:
    """Our camera as Blender's, on a sensor of that width in mm (36 is Blender's default; 3D-DST's lens has 32).

    Raises:
        ValueError: the camera has a skew or pixels that are not square.
    """
    focal, _ = focal_lengths(camera, "Blender", square=True)
    longer = max(camera.width, camera.height)
    matrix_world = np.eye(4)
    matrix_world[:3, :3], matrix_world[:3, 3] = camera.R.T * _FLIP, -camera.R.T @ camera.t
    return BlenderCamera(
        matrix_world=matrix_world,
        lens=focal * sensor_width / longer,
        sensor_width=sensor_width,
        shift_x=float(camera.width / 2.0 - camera.K[0, 2]) / longer,
        shift_y=float(camera.K[1, 2] - camera.height / 2.0) / longer,
        resolution_x=camera.width,
        resolution_y=camera.height,
    )


def from_blender(blender: BlenderCamera) -> Camera:
    """Blender's camera as ours.

    Raises:
        ValueError: `matrix_world` scales or mirrors (apply the object's scale in Blender first).
    """
    width, height = blender.resolution_x, blender.resolution_y
    longer = max(width, height)
    focal = blender.lens / blender.sensor_width * longer
    K = intrinsics_of(focal, focal, width / 2.0 - blender.shift_x * longer, height / 2.0 + blender.shift_y * longer)
    matrix_world = np.asarray(blender.matrix_world, dtype=np.float64)
    R = (rigid(matrix_world[:3, :3], "matrix_world") * _FLIP).T
    return Camera(K=K, R=R, t=-R @ matrix_world[:3, 3], width=width, height=height)
