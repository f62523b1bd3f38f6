"""The camera convention, each formula against one computed another way."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from dst3d_datasets.camera import (
    alignment,
    camera_of,
    centre_of,
    intrinsics,
    project,
    reference_view,
    rotation_of,
    view_of,
    wrap_180,
    wrap_360,
)
from dst3d_datasets.nouns import View

ANGLES = list(itertools.product([0.0, 37.0, 90.0, 185.5, 359.0], [-89.0, -30.0, 0.0, 12.5, 75.0], [-170.0, 0.0, 45.0]))


def look_at(centre: np.ndarray) -> np.ndarray:
    """Canonical to OpenCV camera by looking at the origin with z up: vectors only, no angles."""
    forward = -centre / np.linalg.norm(centre)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(forward, right), forward])


def pascal3d_pixels(points: np.ndarray, a: float, e: float, theta: float, d: float, f: float) -> np.ndarray:
    """PASCAL3D+'s own projection (`project_3d`), y up: centre, azimuth, elevation, then a turn of the picture."""
    a, e, theta = (math.radians(v) for v in (a, e, theta))
    centre = d * np.array([math.cos(e) * math.sin(a), -math.cos(e) * math.cos(a), math.sin(e)])
    a, e = -a, -(math.pi / 2 - e)
    rz = np.array([[math.cos(a), -math.sin(a), 0], [math.sin(a), math.cos(a), 0], [0, 0, 1]])
    rx = np.array([[1, 0, 0], [0, math.cos(e), -math.sin(e)], [0, math.sin(e), math.cos(e)]])
    eye = (points - centre) @ (rx @ rz).T
    xy = f * eye[:, :2] / -eye[:, 2:]
    turn = np.array([[math.cos(theta), -math.sin(theta)], [math.sin(theta), math.cos(theta)]])
    return (xy @ turn.T) * [1, -1]


@pytest.mark.parametrize(("a", "e", "theta"), ANGLES)
def test_projection_equals_pascal3d(a: float, e: float, theta: float) -> None:
    points = np.random.default_rng(0).uniform(-0.5, 0.5, (20, 3))
    camera = camera_of(View(index=0, azimuth=a, elevation=e, theta=theta, distance=2.0), 512, 512)
    pixels, z = project(camera, points)
    assert (z > 0).all()
    np.testing.assert_allclose(pixels - 256, pascal3d_pixels(points, a, e, theta, 2.0, 560.0), atol=1e-9)


@pytest.mark.parametrize("from_the_pole", [0.0, 1e-12, 1e-9, 1e-6, 1e-5, 1e-4, 0.1])
@pytest.mark.parametrize("pole", [1.0, -1.0])
def test_views_near_a_pole_give_their_camera_back(from_the_pole: float, pole: float) -> None:
    view = View(index=0, azimuth=123.0, elevation=pole * (90.0 - from_the_pole), theta=-37.0, distance=2.0)
    camera = camera_of(view, 64, 64)
    again = camera_of(view_of(camera.R, camera.t), 64, 64)
    np.testing.assert_allclose(again.R, camera.R, atol=1e-12)
    np.testing.assert_allclose(again.t, camera.t, atol=1e-12)


@pytest.mark.parametrize(("a", "e", "theta"), ANGLES)
def test_view_and_matrices_are_inverse(a: float, e: float, theta: float) -> None:
    camera = camera_of(View(index=3, azimuth=a, elevation=e, theta=theta, distance=1.7), 64, 64)
    assert np.linalg.det(camera.R) == pytest.approx(1.0)
    np.testing.assert_allclose(camera.R @ camera.R.T, np.eye(3), atol=1e-12)
    back = view_of(camera.R, camera.t, index=3)
    assert back.azimuth == pytest.approx(a, abs=1e-9)
    assert back.elevation == pytest.approx(e, abs=1e-9)
    assert back.theta == pytest.approx(theta, abs=1e-9)
    assert back.distance == pytest.approx(1.7)


@pytest.mark.parametrize("e", [90.0, -90.0])
@pytest.mark.parametrize("a", [0.0, 30.0, 200.0])
def test_view_at_the_poles(a: float, e: float) -> None:
    camera = camera_of(View(index=0, azimuth=a, elevation=e, theta=0.0, distance=2.0), 64, 64)
    back = view_of(camera.R, camera.t)
    np.testing.assert_allclose(rotation_of(back.azimuth, back.elevation, back.theta), camera.R, atol=1e-9)


@pytest.mark.parametrize(("a", "e"), [(a, e) for a, e, theta in ANGLES if theta == 0.0])
def test_rotation_equals_look_at(a: float, e: float) -> None:
    np.testing.assert_allclose(rotation_of(a, e, 0.0), look_at(centre_of(a, e, 2.0)), atol=1e-9)


def test_azimuth_zero_sees_the_front_with_z_up() -> None:
    camera = camera_of(View(index=0, azimuth=0.0, elevation=0.0, theta=0.0, distance=2.0), 512, 512)
    named = {"front": [0, -0.5, 0], "back": [0, 0.5, 0], "right of front view": [0.5, 0, 0], "top": [0, 0, 0.5]}
    pixels, z = project(camera, np.array(list(named.values())))
    front, back, right, top = pixels
    assert z[0] < z[1], "the front is nearer"
    assert right[0] > front[0]
    assert top[1] < front[1]
    np.testing.assert_allclose(front, [256, 256])
    np.testing.assert_allclose(back, [256, 256])


def test_azimuth_ninety_sees_plus_x_and_elevation_sees_the_top() -> None:
    np.testing.assert_allclose(centre_of(90.0, 0.0, 2.0), [2, 0, 0], atol=1e-12)
    np.testing.assert_allclose(centre_of(0.0, 90.0, 2.0), [0, 0, 2], atol=1e-12)


def test_reference_lens() -> None:
    np.testing.assert_allclose(intrinsics(512, 512), [[560, 0, 256], [0, 560, 256], [0, 0, 1]])
    np.testing.assert_allclose(intrinsics(640, 480, 2.0, (0.1, -0.25)), [[1280, 0, 384], [0, 1280, 80], [0, 0, 1]])
    np.testing.assert_allclose(intrinsics(480, 640, 2.0, (0.1, -0.25)), [[1280, 0, 304], [0, 1280, 160], [0, 0, 1]])


@pytest.mark.parametrize("theta", [-195.0, -90.0, 0.0, 15.0, 300.0])
@pytest.mark.parametrize("phi", [1.0, 60.0, 90.0, 179.0, 181.0, 194.0])
def test_reference_angles_keep_the_camera_centre(theta: float, phi: float) -> None:
    """The reference's camera location is spherical: d (sin phi cos theta, sin phi sin theta, cos phi)."""
    t, p = math.radians(theta), math.radians(phi)
    expected = 1.5 * np.array([math.sin(p) * math.cos(t), math.sin(p) * math.sin(t), math.cos(p)])
    view = reference_view(theta, phi, 1.5)
    assert -90.0 <= view.elevation <= 90.0
    np.testing.assert_allclose(centre_of(view.azimuth, view.elevation, view.distance), expected, atol=1e-12)


@pytest.mark.parametrize(("azimuth", "elevation"), [(0.0, 0.0), (90.0, 0.0), (180.0, 0.0), (0.0, -90.0), (35.0, 20.0)])
def test_alignment_turns_the_model_as_the_reference_turns_the_camera(azimuth: float, elevation: float) -> None:
    """In the front's plane the raw model from (theta + azimuth, phi - elevation) is the turned one from theta, phi."""
    turn = alignment(azimuth, elevation)
    points = np.random.default_rng(1).uniform(-0.5, 0.5, (10, 3))
    for phi in (20.0, 60.0, 100.0, 150.0):
        canonical = camera_of(reference_view(-90.0, phi, 2.0), 512, 512)
        pixels, z = project(canonical, points @ turn.T)
        t, p = math.radians(-90.0 + azimuth), math.radians(phi - elevation)
        centre = 2.0 * np.array([math.sin(p) * math.cos(t), math.sin(p) * math.sin(t), math.cos(p)])
        np.testing.assert_allclose(turn @ centre, -canonical.R.T @ canonical.t, atol=1e-9)
        np.testing.assert_allclose(np.linalg.norm(points - centre, axis=1), _distances(canonical, pixels, z), atol=1e-9)


def _distances(camera, pixels: np.ndarray, z: np.ndarray) -> np.ndarray:
    rays = np.column_stack([pixels, np.ones(len(pixels))]) @ np.linalg.inv(camera.K).T
    return np.linalg.norm(rays * z[:, None], axis=1)


@pytest.mark.parametrize("degrees", [-720.0, -180.0, -1e-18, 0.0, 179.9, 180.0, 359.999, 360.0, 1e5])
def test_wrapping(degrees: float) -> None:
    assert 0.0 <= wrap_360(degrees) < 360.0
    assert -180.0 <= wrap_180(degrees) < 180.0
    assert math.cos(math.radians(wrap_360(degrees))) == pytest.approx(math.cos(math.radians(degrees)), abs=1e-9)
    assert math.sin(math.radians(wrap_180(degrees))) == pytest.approx(math.sin(math.radians(degrees)), abs=1e-9)
