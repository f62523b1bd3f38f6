"""Cameras for property tests: every angle with the poles, any image shape, focal length and principal point."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from dst3d_datasets.camera import centre_of, rotation_of
from dst3d_datasets.nouns import Camera

AZIMUTHS = st.one_of(st.sampled_from([0.0, 90.0, 180.0, 270.0, 359.999999]), st.floats(0.0, 359.99))
ELEVATIONS = st.one_of(
    st.sampled_from([-90.0, 90.0, 0.0, 89.999999, -89.9999, 90.0 - 1e-9, -90.0 + 1e-12]), st.floats(-90.0, 90.0)
)
THETAS = st.one_of(st.sampled_from([0.0, -180.0, 90.0, 1e-9]), st.floats(-180.0, 179.99))
SIZES = st.integers(32, 2000)


@st.composite
def cameras(draw: st.DrawFn, *, square: bool = True) -> Camera:
    """A camera that looks at the object's centre from 1.2 to 8 longest box sides; fx = fy if `square`."""
    azimuth, elevation, theta = draw(AZIMUTHS), draw(ELEVATIONS), draw(THETAS)
    width, height = draw(SIZES), draw(SIZES)
    fx = draw(st.floats(0.3, 6.0)) * max(width, height)
    fy = fx if square else fx * draw(st.floats(0.7, 1.4))
    cx, cy = draw(st.floats(-0.5, 1.5)) * width, draw(st.floats(-0.5, 1.5)) * height
    R = rotation_of(azimuth, elevation, theta)
    t = -R @ centre_of(azimuth, elevation, draw(st.floats(1.2, 8.0)))
    return Camera(K=np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1.0]]), R=R, t=t, width=width, height=height)


@st.composite
def free_cameras(draw: st.DrawFn) -> Camera:
    """Like `cameras(square=False)`, but the object is beside the optical axis too, and always in front."""
    camera = draw(cameras(square=False))
    aside = np.array([draw(st.floats(-2.0, 2.0)), draw(st.floats(-2.0, 2.0)), 0.0])
    return Camera(K=camera.K, R=camera.R, t=camera.t + aside, width=camera.width, height=camera.height)


def points(count: int = 40) -> np.ndarray:
    """(count, 3), inside the sphere of diameter 1: in front of every camera above."""
    rng = np.random.default_rng(7)
    directions = rng.normal(size=(count, 3))
    return directions / np.linalg.norm(directions, axis=1, keepdims=True) * rng.uniform(0.0, 0.5, (count, 1))


def assert_same_camera(a: Camera, b: Camera, atol: float = 1e-9) -> None:
    """Two cameras are equal, K to `atol` of its largest entry."""
    assert (a.width, a.height) == (b.width, b.height)
    np.testing.assert_allclose(a.K / np.abs(b.K).max(), b.K / np.abs(b.K).max(), rtol=0, atol=atol)
    np.testing.assert_allclose(a.R, b.R, rtol=0, atol=atol)
    np.testing.assert_allclose(a.t, b.t, rtol=0, atol=atol * max(1.0, float(np.abs(b.t).max())))
