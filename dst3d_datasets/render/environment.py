"""Light from all around, as second-order spherical harmonics of a view: nine colours instead of a picture.

`Lights.environment` holds irradiance / pi: for a surface normal, the mean radiance a matt surface with it sees,
weighted by the cosine. Nine coefficients of real spherical harmonics hold that to about 1 % for distant light
(Ramamoorthi and Hanrahan, "An Efficient Representation for Irradiance Environment Maps", SIGGRAPH 2001). In the camera
frame they are written as a polynomial in the direction's x, y, z, which costs eight products and needs + and * alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..nouns import Camera, Lights

# Real spherical harmonics, in the order of `Lights.environment`: their constants, before
# 1; y, z, x; xy, yz, 3 z^2 - 1, xz, x^2 - y^2.
CONSTANTS = (0.28209479, *(0.48860251,) * 3, 1.09254843, 1.09254843, 0.31539157, 1.09254843, 0.54627422)
MATT = (1.0, 1.0, 1.0)  # factors of the bands 0, 1, 2 of irradiance / pi for a matt surface: its own
# For what a surface mirrors: radiance again, which is irradiance / pi over Lambert's (1, 2/3, 1/4), times Lanczos'
# sigma factors sin(pi l / 3) / (pi l / 3), which keep bright lights from ringing.
MIRRORED = (1.0, 1.2405, 1.6540)


def polynomials(lights: Lights, camera: Camera) -> NDArray[np.float64]:
    """The environment of a view as polynomials in a unit direction of the camera frame (OpenCV axes).

    Returns:
        (2, 9, 3): for a matt surface's normal and for a mirrored ray; the nine terms of `evaluate`; RGB.
    """
    return polynomials_of([lights], [camera])[:, :, 0]


def polynomials_of(lights: Sequence[Lights], cameras: Sequence[Camera]) -> NDArray[np.float64]:
    """`polynomials` of many views at once, (2, 9, views, 3): the same numbers, a view being a column."""
    environments = np.stack([np.asarray(light.environment) for light in lights], 1)
    rotations = np.stack([camera.R for camera in cameras], -1)[..., None]
    return _turned(_quadric(environments), rotations).swapaxes(0, 1)


def evaluate(terms: Sequence[Any], x: Any, y: Any, z: Any) -> Any:
    """Value of one colour in a unit direction; the nine terms go with 1, x, y, z, xx, yy, xy, yz, zx (zz: 1 - xx - yy).

    Terms and coordinates are numbers, arrays or tensors; four terms will do where the others are 0. The value may fall
    a little below zero opposite a strong light: whoever shades clips it there.
    """
    c, cx, cy, cz, *square = terms
    if not square:
        return c + x * cx + y * cy + cz * z
    cxx, cyy, cxy, cyz, czx = square
    return c + x * (cx + cxx * x + cxy * y + czx * z) + y * (cy + cyy * y + cyz * z) + cz * z


def basis(x: NDArray[np.float64], y: NDArray[np.float64], z: NDArray[np.float64]) -> NDArray[np.float64]:
    """The nine harmonics (9, ...) in unit directions of any one frame."""
    shapes = (np.ones_like(x), y, z, x, x * y, y * z, 3.0 * z * z - 1.0, x * z, x * x - y * y)
    return np.stack([constant * shape for constant, shape in zip(CONSTANTS, shapes, strict=True)])


def _quadric(environments: NDArray[np.float64]) -> NDArray[np.float64]:
    """(4, 4, 2, views, 3) of (9, views, 3): symmetric M with value = (x, y, z, 1) M (x, y, z, 1), matt and mirrored."""
    factors = [[f * k for f, k in zip(_per_term(bands), CONSTANTS, strict=True)] for bands in (MATT, MIRRORED)]
    e = np.array(factors).T[:, :, None, None] * environments[:, None]
    M = np.zeros((4, 4, *e[0].shape))
    M[3, 3] = e[0] - e[6]
    M[0, 3], M[1, 3], M[2, 3] = 0.5 * e[3], 0.5 * e[1], 0.5 * e[2]
    M[0, 1], M[1, 2], M[0, 2] = 0.5 * e[4], 0.5 * e[5], 0.5 * e[7]
    M[0, 0], M[1, 1], M[2, 2] = e[8], -e[8], 3.0 * e[6]
    for row in range(4):
        for column in range(row):
            M[row, column] = M[column, row]
    return M


def _per_term(bands: tuple[float, float, float]) -> tuple[float, ...]:
    """The bands' factors for each of the nine harmonics."""
    return (bands[0], *(bands[1],) * 3, *(bands[2],) * 5)


def _turned(M: NDArray[np.float64], R: NDArray[np.float64]) -> NDArray[np.float64]:
    """The nine terms (9, 2, views, 3) after rotations (3, 3, views, 1).

    Products are written out, and summed in a fixed order, so that no BLAS may reorder them.
    """
    x, y, z = 2.0 * (R[:, 0, None] * M[0, 3] + R[:, 1, None] * M[1, 3] + R[:, 2, None] * M[2, 3])
    square = sum(R[:, None, a, None] * R[None, :, b, None] * M[a, b] for a in range(3) for b in range(3))
    zz = square[2, 2]
    mixed = (2.0 * square[0, 1], 2.0 * square[1, 2], 2.0 * square[2, 0])
    return np.stack([M[3, 3] + zz, x, y, z, square[0, 0] - zz, square[1, 1] - zz, *mixed])
