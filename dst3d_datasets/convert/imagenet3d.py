"""ImageNet3D: PASCAL3D+'s angles in radians, with the top left corner at (0, 0).

Source: Ma et al., "ImageNet3D" (2024); the README and `render_utils.py` of its repository. Its projection is
PASCAL3D+'s with f = 1 and M the `viewport`; the three angles are in radians, in [0, 2 pi). Its tools put the middle of
an image at (width / 2, height / 2), as we do. Its annotations have no field for symmetry: symmetric objects carry one
of their equivalent azimuths; compare them by `reduced_azimuth`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ..camera import wrap_360
from ..nouns import Camera
from .pascal3d import Viewpoint, from_pascal3d, to_pascal3d


def to_imagenet3d(camera: Camera, *, unit: float = 1.0, front: float = 0.0) -> dict[str, Any]:
    """The fields of an ImageNet3D annotation that follow from a camera: angles, distance, px, py, viewport, sizes.

    `unit`, `front` and what is refused are as in `to_pascal3d`.
    """
    view = to_pascal3d(camera, unit=unit, front=front)
    return {
        "azimuth": math.radians(view.azimuth),
        "elevation": math.radians(wrap_360(view.elevation)),
        "theta": math.radians(wrap_360(view.theta)),
        "distance": view.distance,
        "focal": 1.0,
        "px": view.px - 0.5,
        "py": view.py - 0.5,
        "viewport": view.viewport,
        "width": camera.width,
        "height": camera.height,
    }


def from_imagenet3d(annotation: Mapping[str, Any], *, unit: float = 1.0, front: float = 0.0) -> Camera:
    """The camera of an ImageNet3D annotation; `unit` and `front` as in `to_pascal3d`.

    Raises:
        ValueError: the distance is not positive: the object has no pose.
    """
    view = Viewpoint(
        azimuth=math.degrees(annotation["azimuth"]),
        elevation=math.degrees(annotation["elevation"]),
        theta=math.degrees(annotation["theta"]),
        distance=float(annotation["distance"]),
        focal=1.0,
        px=float(annotation["px"]) + 0.5,
        py=float(annotation["py"]) + 0.5,
        viewport=float(annotation["viewport"]),
    )
    return from_pascal3d(view, int(annotation["width"]), int(annotation["height"]), unit=unit, front=front)


def reduced_azimuth(azimuth: float, symmetry: int) -> float:
    """The least of the azimuths, in degrees, that a symmetry makes equal: modulo 360 / order, 0 for a solid of turns.

    Args:
        azimuth: degrees.
        symmetry: order about z as in our label: 1 none, 2, 4, ..., 0 a body of revolution.

    >>> reduced_azimuth(275.0, 4), reduced_azimuth(275.0, 1), reduced_azimuth(275.0, 0)
    (5.0, 275.0, 0.0)
    """
    if symmetry == 0:
        return 0.0
    return math.fmod(wrap_360(azimuth), 360.0 / symmetry)
