"""The canonical frame: which side of the file ends where, and that turning it is rigid."""

from __future__ import annotations

import numpy as np
import pytest
from _models import nose, ref, wedge

from dst3d_datasets.sources.canonical import canonicalise
from dst3d_datasets.sources.mesh import load


def test_canonical_frame_of_a_y_up_file():
    model = canonicalise(wedge(), ref())
    assert np.allclose(model.size, (1, 1 / 3, 2 / 3))
    assert np.allclose(nose(model), (0, -1 / 6, -1 / 3), atol=1e-5)  # file +z is the front, -y; it lies low
    points = np.concatenate([part.vertices for part in model.parts])
    assert points.dtype == np.float32
    assert np.allclose(points.min(axis=0), -np.array(model.size) / 2)
    assert np.allclose(points.max(axis=0), np.array(model.size) / 2)


@pytest.mark.parametrize(
    ("azimuth", "towards"), [(0, (0, 0, 1)), (90, (1, 0, 0)), (180, (0, 0, -1)), (-90, (-1, 0, 0))]
)
def test_azimuth_brings_the_front_of_the_file_to_the_front(azimuth, towards):
    """LAYOUTS.md: a front along +z has azimuth 0, +x 90, -z 180 and -x -90."""
    x, z = towards[0], towards[2]
    turned = wedge()
    for part in turned.parts:
        px, pz = part.vertices[:, 0].copy(), part.vertices[:, 2].copy()
        part.vertices[:, 0], part.vertices[:, 2] = pz * x + px * z, pz * z - px * x
    model = canonicalise(turned, ref(azimuth=float(azimuth)))
    assert np.allclose(nose(model), (0, -1 / 6, -1 / 3), atol=1e-5)


def test_z_up_front_and_elevation_turn_the_model():
    lying = wedge()  # the same numbers read as z-up: the nose points up, the file's y to the back
    assert np.allclose(nose(canonicalise(lying, ref(), up="z")), (0, -1 / 3, 1 / 6), atol=1e-5)
    assert np.allclose(nose(canonicalise(lying, ref(), up="z", front="+y")), (0, 1 / 3, 1 / 6), atol=1e-5)
    # front +x: the side at +x, wherever the nose is, ends at -y
    model = canonicalise(lying, ref(), up="z", front="+x")
    assert np.allclose(model.size, (2 / 3, 1, 1 / 3))
    assert np.allclose(nose(model), (-1 / 3, 0, 1 / 6), atol=1e-5)
    # A z-up file read as y-up is put right by elevation -90 (the frying pan of the catalogue).
    assert np.allclose(
        nose(canonicalise(lying, ref(elevation=-90.0), up="y")), nose(canonicalise(lying, ref(), up="z")), atol=1e-5
    )


def test_turns_are_rigid_and_normals_turn_along():
    plain = canonicalise(wedge(), ref())
    for azimuth, elevation in ((30.0, 0.0), (77.0, -20.0), (180.0, 90.0)):
        model = canonicalise(wedge(), ref(azimuth=azimuth, elevation=elevation))
        (part,), (before,) = model.parts, plain.parts
        corners, old = (p.vertices[p.faces].astype(float) for p in (part, before))
        volume, old_volume = (np.linalg.det(c - c.mean((0, 1))).sum() for c in (corners, old))
        assert volume * old_volume > 0  # not mirrored
        flat = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        flat /= np.linalg.norm(flat, axis=1, keepdims=True)
        assert np.allclose(part.normals[part.faces], flat[:, None], atol=1e-5)


def test_far_and_small_models_keep_their_shape():
    text = "".join(
        f"v {1e6 + 1e-3 * x:.9f} {-1e6 + 1e-3 * y:.9f} {1e-3 * z:.9f}\n"
        for x, y, z in ((0, 0, 0), (3, 0, 0), (0, 2, 1))
    )
    model = canonicalise(load((text + "f 1 2 3\n").encode(), "obj"), ref())
    assert np.allclose(model.size, (1, 1 / 3, 2 / 3), atol=1e-6)
