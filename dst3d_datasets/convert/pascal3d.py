"""PASCAL3D+ and ObjectNet3D: azimuth, elevation, theta, distance, focal, px, py, viewport.

Source: Xiang et al., "Beyond PASCAL" (WACV 2014) and "ObjectNet3D" (ECCV 2016), and `project_3d.m` of their devkits:
the camera stands at d (cos e sin a, -cos e cos a, sin e) in the CAD model's frame (z up, azimuth 0 in front, at -y);
with R = Rx(-(90 - e)) Rz(-a), a point is at (x, y) = M f (X, Y) / -Z of its eye coordinates, M the viewport and f the
focal length; (x, y) is turned by theta counter-clockwise, y is flipped, and (px, py) is added. So M f is the focal
length in pixels; the devkits' annotators fixed f = 1 and M = 3000 (2000 in ObjectNet3D) and fitted d, while we state
the true perspective: f = 1 and M our focal length in pixels. Pixels are MATLAB's: the centre of the top left one is
(1, 1), and ours is (0.5, 0.5).

Their CAD models have frames, units and fronts of their own: `unit` is the longest box side of their model in their
units, and `front` their azimuth that sees our front. For our own models, and all that we export, they are 1 and 0.
(Move the model so that its box's centre is its origin, as ours is.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..camera import rotation_of, view_of, wrap_360
from ..nouns import Camera
from .checks import focal_lengths, intrinsics_of

VIEWPORT = 3000.0  # of PASCAL3D+'s own annotations
_OFF_AXIS = 1e-9  # of the distance; below a millionth of a pixel


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewpoint:
    """The fields of `record.objects(i).viewpoint` that make the projection."""

    azimuth: float  # degrees in [0, 360)
    elevation: float  # degrees
    theta: float  # degrees; turns the picture counter-clockwise
    distance: float  # in the CAD model's units
    focal: float
    px: float  # where the model's origin is seen, pixels from (1, 1)
    py: float
    viewport: float  # focal * viewport is the focal length in pixels


def to_pascal3d(camera: Camera, *, focal: float = 1.0, unit: float = 1.0, front: float = 0.0) -> Viewpoint:
    """Our camera as PASCAL3D+'s viewpoint.

    Args:
        camera: one that looks at the object's centre (the principal point may be anywhere).
        focal: their `focal`; the viewport follows from it.
        unit: longest box side of their CAD model, in their units.
        front: azimuth in degrees from which their annotations see our front.

    Raises:
        ValueError: the optical axis misses the object's centre, or the pixels are not square: no viewpoint says that.
    """
    pixels, _ = focal_lengths(camera, "PASCAL3D+", square=True)
    off = float(np.hypot(camera.t[0], camera.t[1]))
    if camera.t[2] <= 0.0 or off > _OFF_AXIS * float(camera.t[2]):
        raise ValueError(f"the optical axis misses the object's centre by {off:.3g}: PASCAL3D+ cannot state this pose")
    view = view_of(camera.R, camera.t)
    return Viewpoint(
        azimuth=wrap_360(view.azimuth + front),
        elevation=view.elevation,
        theta=view.theta,
        distance=view.distance * unit,
        focal=focal,
        px=float(camera.K[0, 2]) + 0.5,
        py=float(camera.K[1, 2]) + 0.5,
        viewport=pixels / focal,
    )


def from_pascal3d(viewpoint: Viewpoint, width: int, height: int, *, unit: float = 1.0, front: float = 0.0) -> Camera:
    """A viewpoint as our camera, for an image of that size in pixels; `unit` and `front` as in `to_pascal3d`.

    Raises:
        ValueError: the distance is 0: such records have coarse angles only (`azimuth_coarse`), and no camera.
    """
    if viewpoint.distance <= 0.0:
        raise ValueError(f"distance {viewpoint.distance:g}: a record with coarse angles only has no camera")
    pixels = viewpoint.focal * viewpoint.viewport
    return Camera(
        K=intrinsics_of(pixels, pixels, viewpoint.px - 0.5, viewpoint.py - 0.5),
        R=rotation_of(viewpoint.azimuth - front, viewpoint.elevation, viewpoint.theta),
        t=np.array([0.0, 0.0, viewpoint.distance / unit]),
        width=width,
        height=height,
    )


def to_voc_box(box: Sequence[float]) -> tuple[float, float, float, float]:
    """Our box x0 y0 x1 y1 (edges, from the image's corner) as VOC's: the first and last pixel inside, counted from 1.

    Source: the PASCAL VOC devkit, where a box is xmax - xmin + 1 pixels wide.
    """
    x0, y0, x1, y1 = box
    return x0 + 1.0, y0 + 1.0, x1, y1


def from_voc_box(box: Sequence[float]) -> tuple[float, float, float, float]:
    """VOC's box as ours: the inverse of `to_voc_box`."""
    x0, y0, x1, y1 = box
    return x0 - 1.0, y0 - 1.0, x1, y1
