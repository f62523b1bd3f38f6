"""OpenGL: model-view and projection matrices, clip space and window coordinates.

Source: the OpenGL 4.6 core specification, 13.8 (clip to normalised device coordinates: division by w) and 13.8.1
(viewport: x_w = (x_ndc + 1) W / 2, y_w = (y_ndc + 1) H / 2, from the bottom left corner; depth range 0 to 1), and
`glFrustum` for near and far. The eye looks along -z, with x right and y up. Matrices are written for column vectors,
`clip = projection @ modelview @ [x, y, z, 1]`; OpenGL keeps them column by column in memory: hand it the transpose.
Window y counts upwards: our pixel is (x_w, H - y_w).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..nouns import Camera
from .checks import rigid

_FLIP = np.array([1.0, -1.0, -1.0])  # between OpenCV's and OpenGL's camera axes


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenGLCamera:
    """The two matrices of fixed-function OpenGL, and the planes between which depth is kept."""

    modelview: NDArray[np.float64]  # (4, 4), canonical frame to the eye's (x right, y up, z backward)
    projection: NDArray[np.float64]  # (4, 4), eye to clip space
    near: float  # distance of the near plane, units of the longest box side
    far: float


def to_opengl(camera: Camera, near: float = 0.01, far: float = 100.0) -> OpenGLCamera:
    """Our camera as OpenGL's; off-centre principal points, unequal focal lengths and skew included.

    Raises:
        ValueError: not 0 < near < far.
    """
    if not 0.0 < near < far:
        raise ValueError(f"near {near:g} and far {far:g}: OpenGL needs 0 < near < far")
    (fx, skew, cx), (_, fy, cy) = camera.K[0], camera.K[1]
    width, height = camera.width, camera.height
    modelview = np.eye(4)
    modelview[:3, :3], modelview[:3, 3] = _FLIP[:, None] * camera.R, _FLIP * camera.t
    projection = np.array(
        [
            [2.0 * fx / width, -2.0 * skew / width, 1.0 - 2.0 * cx / width, 0.0],
            [0.0, 2.0 * fy / height, 2.0 * cy / height - 1.0, 0.0],
            [0.0, 0.0, (far + near) / (near - far), 2.0 * far * near / (near - far)],
            [0.0, 0.0, -1.0, 0.0],
        ]
    )
    return OpenGLCamera(modelview=modelview, projection=projection, near=near, far=far)


def from_opengl(modelview: ArrayLike, projection: ArrayLike, width: int, height: int) -> Camera:
    """The camera of a model-view and a perspective projection matrix, (4, 4) each, for column vectors.

    Raises:
        ValueError: the model-view matrix is not rigid, or the projection is not a perspective one.
    """
    view, clip = np.asarray(modelview, dtype=np.float64), np.asarray(projection, dtype=np.float64)
    if not np.allclose(clip[3], [0.0, 0.0, -1.0, 0.0]) or clip[1, 0] != 0.0:
        raise ValueError(
            "the last row of a perspective projection is 0 0 -1 0: is this one transposed, or orthographic?"
        )
    K = np.eye(3)
    K[0] = [clip[0, 0] * width / 2.0, -clip[0, 1] * width / 2.0, (1.0 - clip[0, 2]) * width / 2.0]
    K[1] = [0.0, clip[1, 1] * height / 2.0, (1.0 + clip[1, 2]) * height / 2.0]
    R = _FLIP[:, None] * rigid(view[:3, :3], "the model-view matrix")
    return Camera(K=K, R=R, t=_FLIP * view[:3, 3], width=width, height=height)
