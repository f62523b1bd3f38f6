"""What a camera sees where nothing stands: directions of pixels, the ground, the horizon. Canonical frame, z up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..nouns import Camera
from .colour import Floats


def centre(camera: Camera) -> NDArray[np.float64]:
    """Camera centre (3,) in the canonical frame: -R^T t, written out so that no BLAS decides its last bits."""
    R, t = camera.R, camera.t
    return np.array([-(R[0, i] * t[0] + R[1, i] * t[1] + R[2, i] * t[2]) for i in range(3)])


def directions(camera: Camera) -> Floats:
    """Ray of every pixel centre, (3, H, W), canonical frame, scaled so that its z in the camera frame is 1.

    A point at z-depth s on the ray is centre + s * direction. Planes first: each component is one contiguous picture.
    """
    K, R = camera.K, camera.R
    v = np.arange(camera.height) + 0.5
    u = np.arange(camera.width) + 0.5
    y = ((v - K[1, 2]) / K[1, 1])[:, None]
    x = (u - K[0, 2])[None, :] / K[0, 0] - y * (K[0, 1] / K[0, 0])
    return np.stack([R[0, i] * x + R[1, i] * y + R[2, i] for i in range(3)]).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Ground:
    """Where the pixels' rays meet a horizontal plane. All (H, W) float32."""

    x: Floats  # canonical frame, longest box sides; meaningless where `share` is 0
    y: Floats
    distance: Floats  # from the camera's foot on the plane
    footprint: Floats  # size of the pixel on the plane along the line of sight, longest box sides
    share: Floats  # 0-1: how much of the pixel lies below the horizon


FAR = 200.0  # longest box sides; the ground is hazed out long before


def ground(camera: Camera, rays: Floats, z: float) -> Ground:
    """Intersect rays with the plane of height `z`, which must lie below the camera.

    Args:
        camera: the camera.
        rays: (3, H, W), from `directions`.
        z: height of the plane, canonical frame.
    """
    eye = centre(camera)
    down = np.maximum(-rays[2], np.float32((eye[2] - z) / FAR))
    depth = np.float32(eye[2] - z) / down
    dx, dy = depth * rays[0], depth * rays[1]
    length = rays[0] * rays[0] + rays[1] * rays[1] + rays[2] * rays[2]
    focal = np.float32(min(camera.K[0, 0], camera.K[1, 1]))
    footprint = depth * length / (down * focal)
    share = np.clip(np.float32(0.5) - rays[2] * focal, 0.0, 1.0)
    return Ground(
        x=dx + np.float32(eye[0]),
        y=dy + np.float32(eye[1]),
        distance=np.sqrt(dx * dx + dy * dy),
        footprint=footprint,
        share=share,
    )
