"""Angles to matrices and back: the ONE camera convention of this project.

* The canonical frame has z up and the front facing -y.
* The camera centre is C = d (cos e sin a, -cos e cos a, sin e): azimuth 0 looks at the front, elevation > 0 from above.
* Camera axes are OpenCV's: x right, y down, z forward. R maps canonical to camera and t = -R C.
* R = diag(1, -1, -1) R_pascal3d and R_pascal3d = Rz(theta) Rx(-(90 - e)) Rz(-a), with Rz(v) and Rx(v) the right-handed
  rotations by v about z and x: theta > 0 turns the picture counter-clockwise.
* Pixel centres lie at +0.5. The reference camera is a 35 mm lens on a 32 mm sensor: f = 560 px, c = 256 px at 512 px.
* The optical axis always passes through the object's centre, which is seen at the principal point. An object off the
  middle of the picture is made by shifting K, as a shift lens or a crop does, and never by turning the camera: R, t
  and PASCAL3D+'s angles, which are those of the ray to the object's centre, stay exact.

Sources: PASCAL3D+ (Xiang et al., WACV 2014) for the angles; OpenCV's calib3d for the camera axes; 3D-DST's
`render_synset` for the lens. The reference code's (theta, phi) in degrees, with the front at theta = -90, is
azimuth = theta + 90, elevation = 90 - phi.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .nouns import REFERENCE_FOCAL, Camera, ModelRef, View

_FLIP = np.diag([1.0, -1.0, -1.0])  # OpenGL/PASCAL3D+ camera axes (y up, z backward) to OpenCV's


def rotation_x(degrees: float) -> NDArray[np.float64]:
    """Rotation by `degrees` about x, (3, 3), right-handed, acting on column vectors."""
    c, s = _cos_sin(degrees)
    return np.array([[1.0, 0.0, 0.0], [0.0, c, -s], [0.0, s, c]])


def rotation_z(degrees: float) -> NDArray[np.float64]:
    """Rotation by `degrees` about z, (3, 3), right-handed, acting on column vectors."""
    c, s = _cos_sin(degrees)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def rotation_of(azimuth: float, elevation: float, theta: float) -> NDArray[np.float64]:
    """R (3, 3), canonical to OpenCV camera axes, for PASCAL3D+ angles in degrees."""
    pascal3d = rotation_z(theta) @ rotation_x(-(90.0 - elevation)) @ rotation_z(-azimuth)
    return _FLIP @ pascal3d


def centre_of(azimuth: float, elevation: float, distance: float) -> NDArray[np.float64]:
    """Camera centre (3,) in the canonical frame, by the closed formula (theta does not move it)."""
    (ca, sa), (ce, se) = _cos_sin(azimuth), _cos_sin(elevation)
    return distance * np.array([ce * sa, -ce * ca, se])


def intrinsics(
    width: int, height: int, focal: float = REFERENCE_FOCAL, principal: tuple[float, float] = (0.0, 0.0)
) -> NDArray[np.float64]:
    """K (3, 3) in pixels.

    Args:
        width: of the image, pixels.
        height: of the image, pixels.
        focal: focal length in units of the image's longer side.
        principal: principal point from the image's centre, to the right and downwards, in the same unit.
    """
    side = max(width, height)
    f, (right, down) = focal * side, principal
    return np.array([[f, 0.0, width / 2.0 + right * side], [0.0, f, height / 2.0 + down * side], [0.0, 0.0, 1.0]])


def camera_of(view: View, width: int, height: int) -> Camera:
    """The camera that sees the canonical object as `view` says: where it stands, its lens and its principal point."""
    R = rotation_of(view.azimuth, view.elevation, view.theta)
    t = -R @ centre_of(view.azimuth, view.elevation, view.distance)
    return Camera(K=intrinsics(width, height, view.focal, view.principal), R=R, t=t, width=width, height=height)


def view_of(R: ArrayLike, t: ArrayLike, index: int = 0) -> View:
    """The view of a camera (R, t) that looks at the origin: the inverse of `camera_of`.

    At elevation +-90 the azimuth and theta are not unique; theta 0 is returned then.
    """
    R, t = np.asarray(R, dtype=np.float64), np.asarray(t, dtype=np.float64)
    centre = -R.T @ t
    distance = float(np.linalg.norm(centre))
    pascal3d = _FLIP @ R
    level = math.hypot(pascal3d[2, 0], pascal3d[2, 1])  # cosine of the elevation
    elevation = math.degrees(math.atan2(pascal3d[2, 2], level))
    if level < 1e-12:
        azimuth = math.degrees(math.atan2(pascal3d[0, 1], pascal3d[0, 0]))
    else:
        azimuth = math.degrees(math.atan2(pascal3d[2, 0], -pascal3d[2, 1]))
    turn = pascal3d @ (rotation_x(-(90.0 - elevation)) @ rotation_z(-azimuth)).T  # what is left is Rz(theta)
    theta = math.degrees(math.atan2(turn[1, 0], turn[0, 0]))
    return View(index=index, azimuth=wrap_360(azimuth), elevation=elevation, theta=wrap_180(theta), distance=distance)


def project(camera: Camera, points: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Project canonical points.

    Args:
        camera: the camera.
        points: (N, 3), canonical frame.

    Returns:
        pixels (N, 2), pixel centres at +0.5, and z (N,) in the camera frame; pixels where z <= 0 are meaningless.
    """
    eye = np.asarray(points, dtype=np.float64) @ camera.R.T + camera.t
    homogeneous = eye @ camera.K.T
    with np.errstate(divide="ignore", invalid="ignore"):
        return homogeneous[:, :2] / homogeneous[:, 2:], eye[:, 2]


def reference_angles(theta: float, phi: float) -> tuple[float, float]:
    """Azimuth and elevation of the reference code's (theta, phi) in degrees: theta + 90 and 90 - phi.

    phi outside [0, 180] (strategies 3 and 4 allow up to 195) goes over the pole: the camera's centre is kept, and its
    up vector points back to +z as Blender's TRACK_TO constraint makes it.
    """
    elevation, azimuth = 90.0 - phi, theta + 90.0
    if elevation < -90.0:
        elevation, azimuth = -180.0 - elevation, azimuth + 180.0
    if elevation > 90.0:
        elevation, azimuth = 180.0 - elevation, azimuth + 180.0
    return wrap_360(azimuth), elevation


def reference_view(theta: float, phi: float, distance: float, index: int = 0) -> View:
    """The view of the reference code's (theta, phi) in degrees: see `reference_angles`; theta is 0."""
    azimuth, elevation = reference_angles(theta, phi)
    return View(index=index, azimuth=azimuth, elevation=elevation, theta=0.0, distance=distance)


def alignment(azimuth: float, elevation: float) -> NDArray[np.float64]:
    """The rigid turn (3, 3) that 3D-DST's catalogue columns mean, in degrees: raw z-up frame to canonical frame.

    The reference moves the camera instead (theta + azimuth, phi - elevation). In the plane of the front (theta = -90)
    both give the same picture; elsewhere its elevation column is no rotation, and this turn is what it stands for.
    """
    return rotation_x(elevation) @ rotation_z(-azimuth)


def is_exact(elevation: float) -> bool:
    """Whether the catalogue's two columns are a rotation, so that the reference's pictures are ours from every side.

    With elevation 0 they are. Otherwise the reference shifts the camera towards the pole, which agrees with our turn in
    the plane of the front alone: `reference_deviation` says by how much it is off elsewhere.
    """
    return elevation == 0.0


def reference_deviation(azimuth: float, elevation: float, theta: float, phi: float) -> float:
    """How far the reference's picture of a model lies from ours at its angles (theta, phi): degrees of one rotation.

    The reference looks at the raw model from (theta + azimuth, phi - elevation), with the picture's up towards +z; we
    look at the turned model from (theta, phi). The result is the angle between the two as rotations of the object. With
    elevation 0 it is 0 everywhere. Otherwise it is 0 in the plane of the front (theta = -90) and grows to about twice
    the elevation's size beside it; where phi - elevation passes a pole, Blender's TRACK_TO turns the picture by 180.
    """
    theirs = _reference_rotation(theta + azimuth, phi - elevation)
    ours = _reference_rotation(theta, phi) @ alignment(azimuth, elevation)
    cosine = (float((theirs * ours).sum()) - 1.0) / 2.0
    return math.degrees(math.acos(min(1.0, max(-1.0, cosine))))


def _reference_rotation(theta: float, phi: float) -> NDArray[np.float64]:
    view = reference_view(theta, phi, 1.0)
    return rotation_of(view.azimuth, view.elevation, view.theta)


def alignment_of(ref: ModelRef) -> NDArray[np.float64]:
    """The rigid turn (3, 3) of a model: its own matrix where the catalogue has one, else that of its two columns."""
    if ref.alignment:
        return np.array(ref.alignment, dtype=np.float64).reshape(3, 3)
    return alignment(ref.azimuth, ref.elevation)


def as_rotation(numbers: Sequence[float]) -> tuple[float, ...]:
    """Nine numbers, row by row, as the rotation that they write down to a few digits.

    Returns:
        the same by Gram and Schmidt: unit rows at right angles to the last bit but one.

    Raises:
        ValueError: not nine finite numbers, not a rotation to within 1e-3, or a mirror image.
    """
    if len(numbers) != 9 or not all(math.isfinite(value) for value in numbers):
        raise ValueError(f"{len(numbers)} numbers; a rotation has 9, row by row")
    x, y, z = (np.array(numbers[i : i + 3], dtype=np.float64) for i in (0, 3, 6))
    off = max(abs(a @ b - float(a is b)) for a, b in ((x, x), (y, y), (z, z), (x, y), (y, z), (z, x)))
    if off > 1e-3:
        raise ValueError(f"not a rotation: its rows are off by {off:.3g} from unit length or right angles")
    if float(np.cross(x, y) @ z) < 0.0:
        raise ValueError("a mirror image and not a rotation: its determinant is -1")
    x = x / math.sqrt(float(x @ x))
    y = y - (x @ y) * x
    y = y / math.sqrt(float(y @ y))
    return tuple(float(value) for value in (*x, *y, *np.cross(x, y)))


def wrap_360(degrees: float) -> float:
    """The same angle in [0, 360)."""
    wrapped = math.fmod(degrees, 360.0)
    wrapped = wrapped + 360.0 if wrapped < 0.0 else wrapped
    return 0.0 if wrapped >= 360.0 else wrapped


def wrap_180(degrees: float) -> float:
    """The same angle in [-180, 180)."""
    return wrap_360(degrees + 180.0) - 180.0


def _cos_sin(degrees: float) -> tuple[float, float]:
    radians = math.radians(degrees)
    return math.cos(radians), math.sin(radians)
