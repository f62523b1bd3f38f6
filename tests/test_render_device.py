"""The GPU's kernels: every byte as the plain version and NumPy make it on a CPU.

Without a GPU, Triton's interpreter runs the same kernels on the CPU where Triton is installed: in a process of its own,
as it must be asked for before Triton is imported.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator

import cv2
import numpy as np
import pytest
import torch
from _render_shapes import camera, changed, cube, model_of, part_of, soup, sphere, square
from test_render_canny import pictures, spiral

from dst3d_datasets.errors import UsageError
from dst3d_datasets.nouns import CadModel, Camera, Material, Part
from dst3d_datasets.recipe.rendering import ControlOptions, Edges, Lines
from dst3d_datasets.render.controls import make_controls
from dst3d_datasets.render.device import Kernels, box_of, cannot
from dst3d_datasets.render.lights import lights_of
from dst3d_datasets.render.raster import TorchRenderer
from dst3d_datasets.render.scene import scene_of
from dst3d_datasets.render.visibility import projected_box

BUFFERS = ("colour", "alpha", "mask", "depth", "normal", "part")
CONTROLS = ("render", "edge", "line", "mask", "part", "depth", "normal", "depth_scale", "depth_offset")
GPU = not cannot()
INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
on_gpu = pytest.mark.skipif(not GPU, reason=f"needs a GPU with Triton: {cannot()}")
SIZE = 256 if GPU else 28  # the interpreter takes a second for what a GPU does in a microsecond


@pytest.fixture(scope="module")
def kernels() -> Iterator[torch.device]:
    """The device that the kernels run on here, compiled or interpreted."""
    if not GPU and not INTERPRETED:
        pytest.skip("needs a GPU, or Triton's interpreter: see test_interpreted_kernels")
    from dst3d_datasets.render import controls_device, triton_draw

    kept = triton_draw.LAUNCH, controls_device.BLOCK
    if not GPU:  # few and large programs: the interpreter's time goes with their number
        triton_draw.LAUNCH = triton_draw.Launch(64, (8, 10), 32, 32, pixels=1024, rough=512, programs=1, sharing=1)
        controls_device.BLOCK = 1024
    yield torch.device("cuda" if GPU else "cpu")
    triton_draw.LAUNCH, controls_device.BLOCK = kept


@pytest.mark.skipif(GPU or INTERPRETED, reason="the kernels are tested in this process")
@pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="Triton is not installed")
def test_interpreted_kernels() -> None:
    command = [sys.executable, "-m", "pytest", __file__, "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    command += ["-k", "every_byte or options or opencv"]
    run = subprocess.run(command, env={**os.environ, "TRITON_INTERPRET": "1"}, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-2000:]
    assert " passed" in run.stdout or "..." in run.stdout


def sheet(wrap: str, alpha_mode: str, rng: np.random.Generator, coloured: bool = False) -> Part:
    """A wavy sheet of triangles with a noisy texture that has holes."""
    rows = 20 if GPU else 3
    y, x = np.mgrid[:rows, :rows] / (rows - 1) - 0.5
    points = np.stack([x, 0.3 * np.sin(5 * x) * y, y], -1).reshape(-1, 3)
    i, j = np.mgrid[: rows - 1, : rows - 1]
    a, b, c, d = i * rows + j, i * rows + j + 1, (i + 1) * rows + j + 1, (i + 1) * rows + j
    faces = np.concatenate([np.stack([a, b, c], -1), np.stack([a, c, d], -1)]).reshape(-1, 3)
    texture = rng.integers(0, 255, (32, 24, 4), dtype=np.uint8)
    look = Material(texture=texture, wrap=wrap, alpha_mode=alpha_mode, metallic=0.4, roughness=0.3)  # type: ignore[arg-type]
    colours = rng.uniform(0, 1, (len(points), 4)).astype(np.float32) if coloured else None
    return part_of(points, faces, uv=points[:, [0, 2]] * 3, colours=colours, material=look)


def cases() -> list[tuple[str, CadModel, list[Camera]]]:
    """Models and cameras that meet every branch of the kernels."""
    rng = np.random.default_rng(0)
    usual = camera(20, 15, 1.7, SIZE)
    near = camera(170, -25, 0.8, SIZE, theta=30)
    skewed = changed(
        camera(10, 5, 1.2, (SIZE, SIZE - 6)), K=np.array([[1.2, 0.2, 0.45], [0, 1.1, 0.5], [0, 0, 1 / SIZE]]) * SIZE
    )
    floor = square(np.array([[-50, -50, -0.1], [50, -50, -0.1], [50, 50, -0.1], [-50, 50, -0.1]]))
    standing = changed(camera(20, 0, 1.0, SIZE), t=np.zeros(3))
    inside = changed(camera(33, 10, size=SIZE), t=np.array([0.05, -0.1, 0.2]))
    behind = changed(camera(size=SIZE), t=np.array([0.0, 0.0, -3.0]))
    unlit = square(np.array([[-9, -9, 9], [9, -9, 9], [9, 9, 9]])[[0, 1, 2, 2]] * 0.08, material=Material(unlit=True))
    mixed = model_of(sheet("mirror", "mask", rng, coloured=True), sheet("clamp", "opaque", rng))
    return [
        ("textures and holes", mixed, [usual, near] if GPU else [usual]),
        ("parts", model_of(*cube({"-y": (1, 1, 1), "+x": (0.1, 0.2, 0.9)}).parts, unlit), [near, inside, behind]),
        ("cut by the near plane", model_of(floor), [standing]),
        ("slivers", soup(3, 400 if GPU else 10, size=0.8), [skewed]),
    ]


@pytest.mark.parametrize("case", cases(), ids=lambda case: case[0])
def test_every_byte_is_that_of_the_cpu(kernels: torch.device, case: tuple[str, CadModel, list[Camera]]) -> None:
    _, model, cameras = case
    lights = [lights_of(7 + number, "random") for number in range(len(cameras))]
    options = ControlOptions(lines=Lines(crease=20.0))
    batch = next(Kernels(kernels).views(scene_of(model, kernels), cameras, lights, options)).send()
    expected = list(TorchRenderer("cpu").render(model, cameras, lights))
    for view in batch:
        ours, plain = batch.buffers(view), expected[view]
        for name in BUFFERS:
            assert np.array_equal(getattr(ours, name), getattr(plain, name)), (view, name)
        ours, plain = batch.controls(view), make_controls(plain, cameras[view], options)
        for name in CONTROLS:
            assert np.array_equal(getattr(ours, name), getattr(plain, name)), (view, name)
        box = box_of(batch.reach(view))
        if box is not None:
            assert box == projected_box(model, cameras[view])
        else:
            points = np.concatenate([part.vertices for part in model.parts]).astype(np.float64)
            assert (points @ cameras[view].R[2] + cameras[view].t[2]).min() < 0.01
    mask = Kernels(kernels).silhouette(scene_of(model, kernels), cameras[0])
    assert np.array_equal(mask, expected[0].mask)


def test_controls_follow_their_options(kernels: torch.device) -> None:
    model, view, lights = cube(), camera(30, 20, 2.0, SIZE), lights_of(1, "random")
    buffers = next(iter(TorchRenderer("cpu").render(model, [view], [lights])))
    for options in (
        ControlOptions(background=(20, 200, 90), edges=Edges(low=50, high=300, outline=False)),
        ControlOptions(background=(230, 230, 230), lines=Lines(parts=False, crease=8.0, gap=0.2)),
    ):
        batch = next(Kernels(kernels).views(scene_of(model, kernels), [view], [lights], options)).send()
        expected = make_controls(buffers, view, options)
        for name in CONTROLS:
            assert np.array_equal(getattr(batch.controls(0), name), getattr(expected, name)), name


def test_edges_equal_opencv(kernels: torch.device) -> None:
    from dst3d_datasets.render.controls_device import canny_device

    found = 0
    for seed in range(200 if GPU else 6):
        image = pictures(seed)
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) if image.ndim == 3 else image
        rng = np.random.default_rng(seed)
        low = int(rng.integers(0, 400))
        high = low + int(rng.integers(0, 400))
        edges = canny_device(torch.from_numpy(grey)[None].to(kernels), low, high)[0].cpu().numpy()
        assert np.array_equal(edges, cv2.Canny(grey, low, high)), seed
        found += int((edges > 0).sum())
    assert found > 500
    image = spiral()
    edges = canny_device(torch.from_numpy(image)[None].to(kernels), 60, 400)[0].cpu().numpy()
    assert np.array_equal(edges, cv2.Canny(image, 60, 400))
    assert (edges > 0).sum() > 300


def test_without_a_gpu_views_do_not_stay_on_the_device() -> None:
    with pytest.raises(UsageError, match="stay on the device"):
        next(TorchRenderer("cpu").render_on_device(cube(), [camera()], [lights_of(0, "fixed")]))


def test_controlled_views_on_the_cpu_are_buffers_controls_and_box() -> None:
    model, views, options = cube(), [camera(30, 20, size=64), camera(80, 10, 0.9, 64)], ControlOptions()
    lights = [lights_of(3, "random")] * 2
    renderer = TorchRenderer("cpu")
    for view, drawn, buffers in zip(
        views,
        renderer.render_controlled(model, views, lights, options),
        renderer.render(model, views, lights),
        strict=True,
    ):
        controls = make_controls(buffers, view, options)
        assert all(np.array_equal(getattr(drawn.buffers, name), getattr(buffers, name)) for name in BUFFERS)
        assert all(np.array_equal(getattr(drawn.controls, name), getattr(controls, name)) for name in CONTROLS)
        assert drawn.box == projected_box(model, view)


@pytest.mark.skipif(GPU or INTERPRETED, reason="the kernels work here")
def test_kernels_that_do_not_work_are_told_once_and_not_used() -> None:
    ours, scene = Kernels(torch.device("cpu")), scene_of(cube(), torch.device("cpu"))
    with pytest.warns(UserWarning, match="plain torch draws on cpu"):
        assert not ours.can(scene)
    assert not ours.can(scene)


@on_gpu
def test_many_views_arrive_in_order_and_whole() -> None:
    """More views than two batches hold, of two sizes; glass is drawn by the plain version."""
    views = [camera(7 * number, 10, size=64 if number < 40 else 96) for number in range(50)]
    lights = [lights_of(number, "random") for number in range(50)]
    ours, plain = TorchRenderer("cuda"), TorchRenderer("cpu")
    for model in (soup(5, 300), sphere(8, base_colour=(0.5, 0.5, 0.5, 0.4), alpha_mode="blend")):
        drawn = list(ours.render_controlled(model, views, lights, ControlOptions()))
        for number in (0, 17, 39, 40, 49):
            expected = next(iter(plain.render(model, [views[number]], [lights[number]])))
            assert (drawn[number].buffers.mask ^ expected.mask).sum() <= 1
            assert drawn[number].box == projected_box(model, views[number])
            assert np.abs(drawn[number].buffers.colour.astype(int) - expected.colour).mean() < 0.5
        assert [item.buffers.mask.shape[0] for item in drawn] == [64] * 40 + [96] * 10


@on_gpu
def test_launches_change_no_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    from dst3d_datasets.render import device, triton_draw

    views = [camera(a, 10, 1.1, 257) for a in (0, 70, 250)]
    lights = [lights_of(number, "random") for number in range(3)]
    results = []
    for launch, together in (
        (triton_draw.Launch(), 64),
        (triton_draw.Launch(64, (4, 4), pixels=256, rough=32, programs=7, sharing=1), 2),
    ):
        monkeypatch.setattr(triton_draw, "LAUNCH", launch)
        monkeypatch.setattr(device, "SENT", together)
        drawn = list(TorchRenderer("cuda").render_controlled(soup(2, 3000), views, lights, ControlOptions()))
        results.append([getattr(item.buffers, name).tobytes() for item in drawn for name in BUFFERS])
    assert results[0] == results[1]
