"""Stock pyrender as its documentation uses it, to compare with: colour and depth, multisampled; no controls.

Two ways: the renderer and the scene are kept and the camera is moved, or each view gets a scene of its own.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..nouns import CadModel
from ..render.pyrender_context import import_pyrender
from .render_work import camera
from .shapes import bumpy_torus

WAYS = ("kept scene", "new scene")
_TO_GL = np.diag([1.0, -1.0, -1.0, 1.0])


def measure(way: str, size: int, seconds: float, faces: Sequence[int]) -> list[dict[str, float]]:
    """As `render_work.measure`, where drawing is all there is.

    Raises:
        MissingDependency: pyrender, or OpenGL without a screen, is not there.
    """
    pyrender = import_pyrender()
    renderer = pyrender.OffscreenRenderer(size, size)
    return [_measure(pyrender, renderer, bumpy_torus(count), way, size, seconds) for count in faces]


def _measure(pyrender: Any, renderer: Any, model: CadModel, way: str, size: int, seconds: float) -> dict[str, float]:
    scene, node = _scene(pyrender, model, size)

    def draw(number: int) -> None:
        here, eye = (scene, node) if way == "kept scene" else _scene(pyrender, model, size)
        view = camera(number, size)
        pose = np.eye(4)
        pose[:3, :3], pose[:3, 3] = view.R.T, -view.R.T @ view.t
        here.set_pose(eye, pose @ _TO_GL)
        colour, depth = renderer.render(here)
        assert colour.any()
        assert depth.any()

    draw(0)
    done, start, busy = 0, time.perf_counter(), time.process_time()
    while not done or time.perf_counter() - start < seconds:
        draw(done)
        done += 1
    spent, cpu = time.perf_counter() - start, time.process_time() - busy
    figures = {"rate": done / spent, "cpu": 1000 * cpu / done, "render": 1000 * spent / done}
    return {**figures, "controls": 0.0, "visibility": 0.0}


def _scene(pyrender: Any, model: CadModel, size: int) -> tuple[Any, Any]:
    """A scene of the model under three lamps, and its camera's node."""
    part, K = model.parts[0], camera(0, size).K
    texture = pyrender.Texture(source=part.material.texture, source_channels="RGBA")
    material = pyrender.MetallicRoughnessMaterial(
        alphaMode="OPAQUE", baseColorTexture=texture, metallicFactor=0.0, roughnessFactor=0.8
    )
    primitive = pyrender.Primitive(
        positions=part.vertices, normals=part.normals, texcoord_0=part.uv, indices=part.faces, material=material, mode=4
    )
    scene = pyrender.Scene(bg_color=[1.0, 1.0, 1.0, 1.0], ambient_light=[0.3, 0.3, 0.3])
    scene.add(pyrender.Mesh([primitive]))
    for x in (-1.0, 0.0, 1.0):
        pose = np.eye(4)
        pose[:3, 3] = x, -2.0, 2.0
        scene.add(pyrender.PointLight(intensity=6.0), pose=pose)
    eye = pyrender.IntrinsicsCamera(fx=K[0, 0], fy=K[1, 1], cx=K[0, 2], cy=K[1, 2], znear=0.05, zfar=10.0)
    return scene, scene.add(eye)
