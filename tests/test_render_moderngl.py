"""The moderngl engine's own ways: one thread's context, tiles, its smoothing, and what it says when it cannot work."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from _engines import draw, engine
from _raycast import iou
from _render_shapes import LIGHTS, camera, changed, cube, model_of, soup, sphere, square

from dst3d_datasets.errors import MissingDependency, ModelRefused, Reason
from dst3d_datasets.nouns import Buffers, CadModel, Camera, Material
from dst3d_datasets.render.raster import TorchRenderer

moderngl = pytest.importorskip("moderngl", reason="moderngl is not installed")

from dst3d_datasets.render import moderngl as module  # noqa: E402
from dst3d_datasets.render import moderngl_context  # noqa: E402

VIEW = changed(camera(-20, -5, 1.7, (201, 97)), K=np.array([[150.0, 10.0, 60.3], [0.0, 140.0, 40.7], [0.0, 0.0, 1.0]]))


def glass() -> CadModel:
    """A blended pane before a white square."""
    corners = np.array([[-1, 0, -1], [1, 0, -1], [1, 0, 1], [-1, 0, 1]]) * 0.5
    pane = square(corners, material=Material(base_colour=(0, 0, 0, 0.25), alpha_mode="blend", unlit=True))
    return model_of(pane, square(corners * 0.6 + [0.1, 0.5, 0.1], material=Material(unlit=True)))


def same(a: Buffers, b: Buffers) -> bool:
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in Buffers.__slots__)


def test_any_thread_may_ask_and_two_engines_stand_side_by_side() -> None:
    first = draw("moderngl", cube(), VIEW)
    with ThreadPoolExecutor(2) as pool:
        assert all(same(seen, first) for seen in pool.map(lambda _: draw("moderngl", cube(), VIEW), range(4)))
    other = module.ModernglRenderer()
    assert same(next(iter(other.render(cube(), [VIEW], [LIGHTS]))), first)
    other.close()
    assert same(draw("moderngl", cube(), VIEW), first)


def test_a_model_is_uploaded_once_and_let_go_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    renderer: Any = engine("moderngl")
    made, freed = [], []
    monkeypatch.setattr(module, "Model", lambda *args: made.append(moderngl_context.Model(*args)) or made[-1])
    monkeypatch.setattr(moderngl_context.Model, "release", lambda self: freed.append(self))
    ball, block = sphere(), cube()
    list(renderer.render(ball, [VIEW] * 3, [LIGHTS] * 3))
    renderer.silhouette(ball, VIEW)
    assert len(made) == 1
    renderer.silhouette(block, VIEW)
    assert len(made) == 2
    assert made[0] in freed


@pytest.mark.parametrize("model", [cube(), soup(3, 60), glass()], ids=["cube", "soup", "glass"])
def test_large_pictures_are_tiled(model: CadModel, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, outline = draw("moderngl", model, VIEW), engine("moderngl").silhouette(model, VIEW)
    monkeypatch.setattr(module, "TILE", 32)
    tiled = draw("moderngl", model, VIEW)
    assert iou(whole.mask, tiled.mask) > 0.999
    both = whole.mask & tiled.mask & (whole.part == tiled.part)
    assert np.abs(whole.depth - tiled.depth)[both].max() < 1e-5
    assert (whole.colour == tiled.colour).all(-1).mean() > 0.999
    assert (whole.alpha == tiled.alpha).mean() > 0.999
    assert iou(outline, engine("moderngl").silhouette(model, VIEW)) > 0.999


def test_outlines_are_a_tent_over_points_half_a_pixel_apart() -> None:
    """Coverage at the points comes from the torch engine, which draws them as pixels of a larger picture."""
    view = camera(33, 21, 1.9, 96)
    for model in (cube(), sphere()):
        K = view.K * [[2], [2], [1]] + np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])
        fine = Camera(K=K, R=view.R, t=view.t, width=193, height=193)
        hits = TorchRenderer("cpu").silhouette(model, fine).astype(float)
        tent = sum(
            (0.5 if i == 1 else 0.25) * (0.5 if j == 1 else 0.25) * hits[i : i + 192 : 2, j : j + 192 : 2]
            for i in range(3)
            for j in range(3)
        )
        alpha = draw("moderngl", model, view).alpha
        assert (np.abs(alpha - 255 * tent) < 1).mean() > 0.999
        assert ((alpha > 0) & (alpha < 255)).sum() > 100


def test_what_is_too_thin_for_the_centres_is_seen_in_the_colour() -> None:
    wire = square(np.array([[-0.5, 0, -0.002], [0.5, 0, -0.002], [0.5, 0, 0.002], [-0.5, 0, 0.002]]))
    seen = draw("moderngl", model_of(wire), camera(0, 0, 560 / 512 * 2, 128))  # a pixel is 1/64 high
    assert not seen.mask.any()
    assert np.flatnonzero(seen.alpha.any(1)).tolist() == [63, 64]
    assert set(seen.alpha[63, 40:90]) == {64}  # a quarter


def test_seen_again_it_is_the_same_bytes() -> None:
    views, model = [camera(a, 10, 2.0, 96) for a in (0, 90, 0)], soup(5, 80)
    seen = list(engine("moderngl").render(model, views, [LIGHTS] * 3))
    assert same(seen[0], seen[2])
    assert not same(seen[0], seen[1])


def test_what_lies_outside_the_picture_or_behind_the_camera() -> None:
    away = changed(VIEW, t=np.array([30.0, 0.0, 2.0]))
    behind = changed(VIEW, t=np.array([0.0, 0.0, -3.0]))
    for view in (away, behind):
        seen = draw("moderngl", cube(), view)
        assert not seen.mask.any()
        assert not seen.alpha.any()
        assert not engine("moderngl").silhouette(cube(), view).any()


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "moderngl", None)
    with pytest.raises(MissingDependency, match=r"dst3d-datasets\[moderngl\]"):
        module.ModernglRenderer()


def test_without_a_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**_: object) -> None:
        raise Exception("(standalone) eglInitialize")

    monkeypatch.setattr(moderngl, "create_context", broken)
    with pytest.raises(MissingDependency, match="libegl1 libgl1 libgl1-mesa-dri") as caught:
        module.ModernglRenderer()
    assert "eglInitialize" in str(caught.value)


def test_too_many_triangles_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moderngl_context, "MOST_TRIANGLES", 11)
    with pytest.raises(ModelRefused) as caught:
        draw("moderngl", cube(), VIEW)
    assert caught.value.reason == Reason.TOO_MANY_FACES
