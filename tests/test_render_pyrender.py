"""pyrender without a screen: agrees with the torch renderer, over EGL and over OSMesa, and says what is missing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from _raycast import degrees_between, iou
from _render_shapes import LIGHTS, SIDES, camera, changed, cube, model_of, part_of, soup, sphere, square

from dst3d_datasets.errors import MissingDependency, UsageError
from dst3d_datasets.nouns import CadModel, Camera, Material
from dst3d_datasets.render import pyrender_context
from dst3d_datasets.render.lights import lights_of
from dst3d_datasets.render.raster import TorchRenderer

pytest.importorskip("pyrender", reason="pyrender is not installed")


@pytest.fixture(scope="module")
def engine() -> object:
    """The process's pyrender, on whatever platform works."""
    if not (pyrender_context.egl_works() or pyrender_context.osmesa_works()):
        pytest.skip("neither EGL nor OSMesa works on this machine")
    from dst3d_datasets.render.pyrender import PyrenderRenderer

    return PyrenderRenderer()


def striped(mode: str = "opaque") -> CadModel:
    """A square with a texture of holes and colours, tinted by its vertices."""
    texture = np.full((64, 64, 4), 255, np.uint8)
    texture[::16, :, :3] = texture[1::16, :, :3] = (200, 30, 30)
    texture[:, 20:44, 3] = 0
    corners = np.array([[-1, 0, -1], [1, 0, -1], [1, 0, 1], [-1, 0, 1]]) * 0.5
    colours = np.array([[1, 1, 1, 1], [0.2, 1, 1, 1], [1, 0.2, 1, 1], [1, 1, 0.2, 1]], np.float32)
    return model_of(square(corners, colours=colours, material=Material(texture=texture, alpha_mode=mode)))  # type: ignore[arg-type]


MODELS = {
    "sphere": sphere(48, metallic=0.6, roughness=0.3),
    "cube": cube({"+x": (0.8, 0.1, 0.1), "-y": (0.1, 0.8, 0.1)}),
    "unlit": cube(unlit=True),
    "soup": soup(2, 200),
    "cut out": striped("mask"),
    "opaque": striped("opaque"),
}
CAMERAS = [
    camera(30, 20, 2.6, 192),
    changed(camera(-20, -5, 1.7, (201, 97)), K=np.array([[150.0, 10.0, 60.3], [0.0, 140.0, 40.7], [0.0, 0.0, 1.0]])),
]


@pytest.mark.parametrize("view", CAMERAS, ids=["plain", "off-centre"])
@pytest.mark.parametrize("name", MODELS)
def test_engines_agree(engine: object, name: str, view: Camera) -> None:
    model, lights = MODELS[name], [lights_of(3, "random")]
    ours = next(iter(TorchRenderer("cpu").render(model, [view], lights)))
    theirs = next(iter(engine.render(model, [view], lights)))  # type: ignore[attr-defined]
    assert ours.mask.any()
    assert iou(ours.mask, theirs.mask) >= 0.995
    both = ours.mask & theirs.mask & (ours.part == theirs.part)
    assert both.sum() >= 0.995 * ours.mask.sum()
    depth = np.abs(ours.depth - theirs.depth)[both]
    assert np.quantile(depth, 0.999) < 1e-3
    assert np.median(depth) < 1e-5
    assert not theirs.depth[~theirs.mask].any()
    angles = degrees_between(ours.normal[both], theirs.normal[both])
    assert np.median(angles) < 0.5
    assert np.quantile(angles, 0.99) < 1.0
    assert np.abs(ours.alpha.astype(int) - theirs.alpha).mean() < 0.5
    colour = np.abs(ours.colour.astype(int) - theirs.colour)[both & (ours.alpha == 255)]
    assert colour.mean() < 3.0
    assert np.array_equal(engine.silhouette(model, view), theirs.mask)  # type: ignore[attr-defined]


def test_near_plane_and_camera_inside(engine: object) -> None:
    view = changed(camera(33, 10), t=np.array([0.05, -0.1, 0.2]))
    ours = next(iter(TorchRenderer("cpu").render(cube(), [view], [LIGHTS])))
    theirs = next(iter(engine.render(cube(), [view], [LIGHTS])))  # type: ignore[attr-defined]
    assert theirs.mask.all()
    assert np.abs(ours.depth - theirs.depth).max() < 1e-3


def test_both_sides_are_seen_and_order_of_views_does_not_matter(engine: object) -> None:
    flipped = model_of(*(part_of(p.vertices, p.faces[:, ::-1], p.normals) for p in sphere().parts))
    views = [camera(a, 10, 2.0, 96) for a in (0, 90, 0)]
    first = list(engine.render(sphere(), views, [LIGHTS] * 3))  # type: ignore[attr-defined]
    again = list(engine.render(flipped, views, [LIGHTS] * 3))  # type: ignore[attr-defined]
    assert np.array_equal(first[0].depth, first[2].depth)
    assert np.array_equal(first[0].colour, first[2].colour)
    assert iou(first[1].mask, again[1].mask) > 0.999


def test_silhouettes_larger_than_a_buffer_are_tiled(engine: object, monkeypatch: pytest.MonkeyPatch) -> None:
    from dst3d_datasets.render import pyrender as module

    view = CAMERAS[1]
    whole = engine.silhouette(cube(), view)  # type: ignore[attr-defined]
    monkeypatch.setattr(module, "LIMIT", 64)
    assert np.array_equal(engine.silhouette(cube(), view), whole)  # type: ignore[attr-defined]


@pytest.mark.parametrize("platform", ["egl", "osmesa"])
def test_each_platform_alone(platform: str) -> None:
    """In a process of its own: a platform cannot be changed once OpenGL is loaded."""
    works = {"egl": pyrender_context.egl_works, "osmesa": pyrender_context.osmesa_works}[platform]
    if not works():
        pytest.skip(f"{platform} does not work on this machine")
    code = """
import numpy as np
from _render_shapes import LIGHTS, camera, cube
from dst3d_datasets.render.pyrender import PyrenderRenderer
from dst3d_datasets.render.raster import TorchRenderer
engines = PyrenderRenderer(), TorchRenderer("cpu")
one, two = (next(iter(engine.render(cube(), [camera(30, 20, 2.6)], [LIGHTS]))) for engine in engines)
assert two.mask.any() and (one.mask ^ two.mask).sum() <= 3
assert np.abs(one.depth - two.depth)[one.mask & two.mask].max() < 1e-4
"""
    env = {
        **os.environ,
        "PYOPENGL_PLATFORM": platform,
        "PYTHONPATH": str(Path(__file__).parent),
        "OMP_NUM_THREADS": "1",
    }
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "Error" not in done.stderr


def test_message_when_nothing_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYOPENGL_PLATFORM", raising=False)
    monkeypatch.setattr(pyrender_context, "egl_works", lambda: False)
    monkeypatch.setattr(pyrender_context, "osmesa_works", lambda: False)
    with pytest.raises(MissingDependency, match="libegl1 libgl1 libgl1-mesa-dri libxrender1") as caught:
        pyrender_context.choose_platform()
    assert "libosmesa6" in str(caught.value)
    monkeypatch.setattr(pyrender_context, "osmesa_works", lambda: True)
    assert pyrender_context.choose_platform() == "osmesa"
    monkeypatch.setattr(pyrender_context, "egl_works", lambda: True)
    assert pyrender_context.choose_platform() == "egl"


def test_what_the_user_set_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYOPENGL_PLATFORM", "osmesa")
    assert pyrender_context.choose_platform() == "osmesa"
    monkeypatch.setenv("PYOPENGL_PLATFORM", "glx")
    with pytest.raises(UsageError, match="glx"):
        pyrender_context.choose_platform()


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyrender", None)
    monkeypatch.setattr(pyrender_context, "choose_platform", lambda: "egl")
    with pytest.raises(MissingDependency, match=r"dst3d-datasets\[pyrender\]"):
        pyrender_context.import_pyrender()


def test_parts_are_told_apart(engine: object) -> None:
    seen = next(iter(engine.render(cube(), [CAMERAS[0]], [LIGHTS])))  # type: ignore[attr-defined]
    assert [list(SIDES)[k] for k in np.unique(seen.part[seen.mask])] == ["+x", "-y", "+z"]


def test_the_scene_is_made_once_a_model_and_only_the_camera_moves(
    engine: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dst3d_datasets.render import pyrender as module

    made, model = [], cube()
    real = module._primitive
    monkeypatch.setattr(module, "_primitive", lambda *args: made.append(args[2]) or real(*args))
    seen = list(engine.render(model, CAMERAS + CAMERAS, [LIGHTS] * 4))  # type: ignore[attr-defined]
    engine.silhouette(model, CAMERAS[0])  # type: ignore[attr-defined]
    assert made == list(range(6))
    assert np.array_equal(seen[0].colour, seen[2].colour)
