"""Conversions: each system's own published projection of the same points gives our pixels."""

from __future__ import annotations

import itertools
import math

import cv2
import numpy as np
import pytest
from _cameras import assert_same_camera, cameras, free_cameras, points
from hypothesis import given, settings
from hypothesis import strategies as st

from dst3d_datasets.camera import project
from dst3d_datasets.convert import (
    OpenCVCamera,
    Viewpoint,
    from_bop,
    from_imagenet3d,
    from_opencv,
    from_opengl,
    from_pascal3d,
    from_pytorch3d,
    reduced_azimuth,
    rotation_vector,
    rotation_vector_matrix,
    to_bop,
    to_imagenet3d,
    to_opencv,
    to_opengl,
    to_pascal3d,
    to_pytorch3d,
)
from dst3d_datasets.nouns import Camera

MICROPIXEL = 1e-6
few = settings(max_examples=60, deadline=None)


def project_3d(x3d, a, e, d, f, theta, principal, viewport):
    """PASCAL3D+'s `project_3d.m`, line by line in NumPy: angles in degrees, MATLAB's pixels."""
    a, e, theta = a * math.pi / 180, e * math.pi / 180, theta * math.pi / 180
    C = np.array([d * math.cos(e) * math.sin(a), -d * math.cos(e) * math.cos(a), d * math.sin(e)])[:, None]
    a, e = -a, -(math.pi / 2 - e)
    Rz = np.array([[math.cos(a), -math.sin(a), 0], [math.sin(a), math.cos(a), 0], [0, 0, 1]])
    Rx = np.array([[1, 0, 0], [0, math.cos(e), -math.sin(e)], [0, math.sin(e), math.cos(e)]])
    R = Rx @ Rz
    P = np.diag([viewport * f, viewport * f, -1.0]) @ np.hstack([R, -R @ C])
    x = P @ np.hstack([x3d, np.ones((len(x3d), 1))]).T
    x = x[:2] / x[2]
    R2d = np.array([[math.cos(theta), -math.sin(theta)], [math.sin(theta), math.cos(theta)]])
    return (R2d @ x).T * [1, -1] + principal


@few
@given(cameras(), st.sampled_from([1.0, 0.8]), st.floats(0.2, 30.0), st.sampled_from([0.0, 90.0, 180.0]))
def test_pascal3d_projects_to_the_same_pixels(camera, focal, unit, front):
    view = to_pascal3d(camera, focal=focal, unit=unit, front=front)
    c, s = math.cos(math.radians(front)), math.sin(math.radians(front))
    theirs = points() @ np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]).T * unit  # their CAD model: turned, in their unit
    principal = [view.px, view.py]
    seen = project_3d(
        theirs, view.azimuth, view.elevation, view.distance, view.focal, view.theta, principal, view.viewport
    )
    # MATLAB's first pixel centre is 1, ours is 0.5.
    np.testing.assert_allclose(seen - 0.5, project(camera, points())[0], rtol=1e-11, atol=MICROPIXEL)
    back = from_pascal3d(view, camera.width, camera.height, unit=unit, front=front)
    assert_same_camera(back, camera)


def proj2d(x3d, pose, viewport):
    """ImageNet3D's own projection (`render_utils.py`): radians, the corner of the image at 0."""
    degrees = {name: math.degrees(pose[name]) for name in ("azimuth", "elevation", "theta")}
    a, e, theta = degrees["azimuth"], degrees["elevation"], degrees["theta"]
    return project_3d(x3d, a, e, pose["distance"], 1.0, theta, [pose["px"], pose["py"]], viewport)


@few
@given(cameras())
def test_imagenet3d_projects_to_the_same_pixels(camera):
    annotation = to_imagenet3d(camera)
    for name in ("azimuth", "elevation", "theta"):
        assert 0.0 <= annotation[name] <= 2.0 * math.pi
    seen = proj2d(points(), annotation, annotation["viewport"])
    np.testing.assert_allclose(seen, project(camera, points())[0], rtol=1e-11, atol=MICROPIXEL)
    assert_same_camera(from_imagenet3d(annotation), camera)


def test_pascal3d_of_other_peoples_records():
    """Elevations beyond the poles, and their affine-like viewport of 3000."""
    view = Viewpoint(azimuth=200.0, elevation=-95.0, theta=12.0, distance=7.0, focal=1.0, px=250, py=180, viewport=3000)
    camera = from_pascal3d(view, 500, 375)
    seen = project_3d(points(), 200.0, -95.0, 7.0, 1.0, 12.0, [250, 180], 3000)
    np.testing.assert_allclose(seen - 0.5, project(camera, points())[0], rtol=0, atol=MICROPIXEL)


def test_what_pascal3d_cannot_say_is_refused():
    K, R = np.array([[500.0, 0, 128], [0, 500, 128], [0, 0, 1]]), np.diag([1.0, -1.0, -1.0])
    with pytest.raises(ValueError, match="misses the object's centre"):
        to_pascal3d(Camera(K=K, R=R, t=np.array([0.1, 0, 2]), width=256, height=256))
    with pytest.raises(ValueError, match="two: 500 and 510"):
        to_pascal3d(Camera(K=np.diag([500.0, 510, 1]), R=R, t=np.array([0, 0, 2.0]), width=256, height=256))
    K[0, 1] = 1.0
    with pytest.raises(ValueError, match="skew"):
        to_opencv(Camera(K=K, R=R, t=np.array([0, 0, 2.0]), width=256, height=256))
    with pytest.raises(ValueError, match="coarse angles"):
        from_pascal3d(
            Viewpoint(azimuth=0, elevation=0, theta=0, distance=0, focal=1, px=1, py=1, viewport=3000), 64, 64
        )


def test_azimuths_that_a_symmetry_makes_equal_reduce_to_one():
    for order, azimuth in itertools.product((1, 2, 3, 4), (0.0, 17.0, 200.0, 359.0)):
        least = reduced_azimuth(azimuth, order)
        assert 0.0 <= least < 360.0 / order
        assert reduced_azimuth(azimuth + 360.0 / order, order) == pytest.approx(least)
        assert math.remainder(azimuth - least, 360.0 / order) == pytest.approx(0.0, abs=1e-9)
    assert reduced_azimuth(123.0, 0) == 0.0


@few
@given(free_cameras())
def test_opencv_projects_to_the_same_pixels(camera):
    theirs = to_opencv(camera)
    seen, _ = cv2.projectPoints(points(), theirs.rvec, theirs.tvec, theirs.K, None)
    # OpenCV's (0, 0) is the centre of the first pixel.
    np.testing.assert_allclose(seen[:, 0] + 0.5, project(camera, points())[0], rtol=1e-10, atol=MICROPIXEL)
    assert_same_camera(from_opencv(theirs, camera.width, camera.height), camera)


@few
@given(st.tuples(*[st.floats(-math.pi, math.pi)] * 3), st.sampled_from([0.0, 1e-9, 1e-5, 0.5, 0.8, 0.9, 1.0]))
def test_rotation_vectors_are_opencvs(vector, part):
    axis = np.array(vector) / max(float(np.linalg.norm(vector)), 1e-9)
    rvec = axis * math.pi * part
    R, _ = cv2.Rodrigues(rvec)
    np.testing.assert_allclose(rotation_vector_matrix(rvec), R, rtol=0, atol=1e-12)
    np.testing.assert_allclose(rotation_vector_matrix(rotation_vector(R)), R, rtol=0, atol=1e-12)
    theirs, _ = cv2.Rodrigues(R)
    again, _ = cv2.Rodrigues(rotation_vector(R))
    # OpenCV's vector of a turn below 1e-5 is zero
    assert np.linalg.norm(rotation_vector(R)) == pytest.approx(float(np.linalg.norm(theirs)), abs=2e-5)
    np.testing.assert_allclose(again, R, rtol=0, atol=1e-12)


def test_an_opencv_camera_written_by_hand():
    """calib3d's own formula, no code of ours or theirs: u = fx X / Z + cx."""
    K = np.array([[100.0, 0, 31.5], [0, 120.0, 23.5], [0, 0, 1]])
    camera = from_opencv(OpenCVCamera(K=K, rvec=np.zeros(3), tvec=np.array([0, 0, 4.0])), 64, 48)
    pixels, z = project(camera, [[0.0, 0.0, 0.0], [0.4, 0.2, 1.0]])
    np.testing.assert_allclose(pixels, [[32.0, 24.0], [100 * 0.4 / 5 + 32, 120 * 0.2 / 5 + 24]])
    np.testing.assert_allclose(z, [4.0, 5.0])


@few
@given(free_cameras(), st.floats(0.001, 0.5), st.floats(20.0, 500.0), st.sampled_from([0.0, 3.5]))
def test_opengl_projects_to_the_same_pixels(camera, near, far, skew):
    camera.K[0, 1] = skew
    theirs = to_opengl(camera, near, far)
    clip = np.hstack([points(), np.ones((40, 1))]) @ theirs.modelview.T @ theirs.projection.T
    ndc = clip[:, :3] / clip[:, 3:]
    window_x, window_y = (ndc[:, 0] + 1) * camera.width / 2, (ndc[:, 1] + 1) * camera.height / 2
    pixels, z = project(camera, points())
    np.testing.assert_allclose(window_x, pixels[:, 0], rtol=1e-10, atol=MICROPIXEL)
    np.testing.assert_allclose(camera.height - window_y, pixels[:, 1], rtol=1e-10, atol=MICROPIXEL)
    eye_z = -2 * near * far / (ndc[:, 2] * (far - near) - (far + near))  # the usual inverse of glFrustum's depth
    np.testing.assert_allclose(eye_z, z, rtol=1e-6)
    for plane, depth in ((near, -1.0), (far, 1.0)):
        clip = theirs.projection @ [0, 0, -plane, 1]
        assert clip[2] / clip[3] == pytest.approx(depth)
    assert_same_camera(from_opengl(theirs.modelview, theirs.projection, camera.width, camera.height), camera)


def test_opengl_refuses_what_is_no_perspective():
    theirs = to_opengl(Camera(K=np.diag([9.0, 9, 1]), R=np.eye(3), t=np.array([0, 0, 2.0]), width=8, height=8))
    with pytest.raises(ValueError, match="transposed, or orthographic"):
        from_opengl(theirs.modelview, theirs.projection.T, 8, 8)
    with pytest.raises(ValueError, match="not a rotation"):
        from_opengl(theirs.modelview * 2.0, theirs.projection, 8, 8)
    with pytest.raises(ValueError, match="near 1 and far 1"):
        to_opengl(from_opengl(theirs.modelview, theirs.projection, 8, 8), 1.0, 1.0)


@few
@given(free_cameras(), st.booleans())
def test_pytorch3d_projects_to_the_same_pixels(camera, in_ndc):
    theirs = to_pytorch3d(camera, in_ndc=in_ndc)
    X, Y, Z = (points() @ theirs.R + theirs.T).T  # row vectors; x left, y up
    (fx, fy), (px, py) = theirs.focal_length, theirs.principal_point
    height, width = theirs.image_size
    s = min(height, width)
    if not in_ndc:  # docs/notes/cameras.md, "the relationship between screen and NDC"
        fx, fy = fx * 2.0 / s, fy * 2.0 / s
        px, py = -(px - width / 2.0) * 2.0 / s, -(py - height / 2.0) * 2.0 / s
    x_ndc, y_ndc = fx * X / Z + px, fy * Y / Z + py
    seen = np.stack([width / 2.0 - x_ndc * s / 2.0, height / 2.0 - y_ndc * s / 2.0], axis=1)
    np.testing.assert_allclose(seen, project(camera, points())[0], rtol=1e-10, atol=MICROPIXEL)
    assert np.linalg.det(theirs.R) == pytest.approx(1.0)
    assert_same_camera(from_pytorch3d(theirs), camera)


def test_pytorch3d_as_its_notes_have_it():
    """The example of docs/notes/cameras.md: the same camera in NDC and in screen space."""
    K = np.array([[76.8, 0, 115.2], [0, 76.8, 32.0], [0, 0, 1]])
    camera = Camera(K=K, R=np.eye(3), t=np.array([0, 0, 2.0]), width=256, height=128)
    ndc, screen = to_pytorch3d(camera), to_pytorch3d(camera, in_ndc=False)
    assert ndc.focal_length == pytest.approx((1.2, 1.2))
    assert ndc.principal_point == pytest.approx((0.2, 0.5))
    assert (screen.focal_length, screen.principal_point) == ((76.8, 76.8), (115.2, 32.0))


@few
@given(free_cameras(), st.sampled_from([1000.0, 85.0]))
def test_bop_projects_to_the_same_pixels(camera, millimetres):
    theirs = to_bop(camera, millimetres)
    K, R = (np.array(theirs[name]).reshape(3, 3) for name in ("cam_K", "cam_R_m2c"))
    t = np.array(theirs["cam_t_m2c"]).reshape(3, 1)
    model = points() * millimetres
    image = K @ np.hstack([R, t]) @ np.vstack([model.T, np.ones(40)])  # P_m2i = K * [R_m2c, t_m2c]
    np.testing.assert_allclose(
        (image[:2] / image[2]).T + 0.5, project(camera, points())[0], rtol=1e-10, atol=MICROPIXEL
    )
    back = from_bop(*theirs.values(), camera.width, camera.height, millimetres)
    assert_same_camera(back, camera)
