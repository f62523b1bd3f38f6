"""Blender's camera, by its manual's formula and, where `bpy` is installed, by Blender itself."""

from __future__ import annotations

import numpy as np
import pytest
from _cameras import assert_same_camera, cameras, points
from hypothesis import given, settings

from dst3d_datasets.camera import project
from dst3d_datasets.convert import BlenderCamera, from_blender, to_blender
from dst3d_datasets.nouns import Camera


def blender_pixels(blender: BlenderCamera, x: np.ndarray) -> np.ndarray:
    """By the view window: `sensor_width` mm along the longer side, `lens` mm before the eye, moved by the shift."""
    eye = (np.linalg.inv(blender.matrix_world) @ np.hstack([x, np.ones((len(x), 1))]).T).T[:, :3]
    on_window = eye[:, :2] / -eye[:, 2:] * blender.lens  # mm, x right and y up
    longer = max(blender.resolution_x, blender.resolution_y)
    size = np.array([blender.resolution_x, blender.resolution_y]) / longer * blender.sensor_width
    corner = -size / 2 + np.array([blender.shift_x, blender.shift_y]) * blender.sensor_width  # bottom left
    share = (on_window - corner) / size
    return np.stack([share[:, 0] * blender.resolution_x, (1 - share[:, 1]) * blender.resolution_y], axis=1)


@settings(max_examples=80, deadline=None)
@given(cameras())
def test_blender_projects_to_the_same_pixels(camera):
    for sensor_width in (36.0, 32.0):
        theirs = to_blender(camera, sensor_width)
        np.testing.assert_allclose(
            blender_pixels(theirs, points()), project(camera, points())[0], rtol=1e-10, atol=1e-6
        )
        assert_same_camera(from_blender(theirs), camera)


def test_the_reference_lens_and_what_is_refused():
    K = np.array([[560.0, 0, 256], [0, 560, 256], [0, 0, 1]])
    camera = Camera(K=K, R=np.diag([1.0, -1, -1]), t=np.array([0, 0, 2.0]), width=512, height=512)
    theirs = to_blender(camera, sensor_width=32.0)
    assert (theirs.lens, theirs.shift_x, theirs.shift_y) == (35.0, 0.0, 0.0)
    with pytest.raises(ValueError, match="Blender has one focal length"):
        to_blender(Camera(K=np.diag([9.0, 8, 1]), R=np.eye(3), t=np.ones(3), width=8, height=8))
    with pytest.raises(ValueError, match="matrix_world is not a rotation"):
        from_blender(BlenderCamera(**{**_fields(theirs), "matrix_world": np.diag([2.0, 2, 2, 1])}))


def _fields(blender: BlenderCamera) -> dict[str, object]:
    return {name: getattr(blender, name) for name in BlenderCamera.__slots__}


@settings(max_examples=40, deadline=None)
@given(cameras())
def test_blender_itself_agrees(camera):
    """Blender's own `calc_matrix_camera` and `matrix_world`; its floats have 32 bits."""
    bpy = pytest.importorskip("bpy", reason="Blender is not installed (pip install bpy)")
    from mathutils import Matrix

    theirs = to_blender(camera)
    scene = bpy.context.scene
    data = bpy.data.cameras.new("camera")
    item = bpy.data.objects.new("camera", data)
    try:
        scene.collection.objects.link(item)
        data.sensor_fit, data.sensor_width, data.lens = "AUTO", theirs.sensor_width, theirs.lens
        data.shift_x, data.shift_y = theirs.shift_x, theirs.shift_y
        item.matrix_world = Matrix(theirs.matrix_world.tolist())
        bpy.context.view_layer.update()
        window = item.calc_matrix_camera(
            bpy.context.evaluated_depsgraph_get(), x=theirs.resolution_x, y=theirs.resolution_y
        )
        clip = np.array(window @ item.matrix_world.inverted()) @ np.hstack([points(), np.ones((40, 1))]).T
    finally:
        bpy.data.objects.remove(item)
        bpy.data.cameras.remove(data)
    x, y = clip[:2] / clip[3]
    seen = np.stack([(x + 1) / 2 * camera.width, (1 - y) / 2 * camera.height], axis=1)
    np.testing.assert_allclose(
        seen, project(camera, points())[0], rtol=1e-4, atol=2e-3 * max(camera.width, camera.height) / 64
    )
