"""Off-centre, narrow, wide, rolled and truncated views: the mesh projected by the label is what the pictures show."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from _raycast import Cast, iou
from _render_shapes import LIGHTS, cube, sphere
from test_labels import Row, cad_sources, check_row, recipe_of

from dst3d_datasets.camera import camera_of, rotation_of, view_of
from dst3d_datasets.nouns import CadModel, ModelRef, View
from dst3d_datasets.plan import ModelViews
from dst3d_datasets.recipe import Recipe
from dst3d_datasets.recipe.options import PrimitivesOptions
from dst3d_datasets.registry import lookup
from dst3d_datasets.render import Renderer
from dst3d_datasets.render.raster import TorchRenderer
from dst3d_datasets.render.truncation import truncated
from dst3d_datasets.render.visibility import box_and_visible
from dst3d_datasets.shard import iter_samples
from dst3d_datasets.sources.catalogue import build_sources, resolve
from dst3d_datasets.tools import Tools

SIZE = 192
BASE = View(index=0, azimuth=35.0, elevation=-25.0, theta=0.0, distance=1.8)
VIEWS = {
    "off-centre": replace(BASE, principal=(0.3, -0.21)),
    "narrow": replace(BASE, focal=4.0, distance=6.5),
    "wide": replace(BASE, focal=0.45, distance=0.9),
    "wide and off-centre": replace(BASE, focal=0.4, distance=0.8, principal=(-0.33, 0.27), theta=77.0),
    "truncated by its place": replace(BASE, principal=(-0.5, 0.35), distance=1.3),
    "rolled": replace(BASE, theta=-137.0, principal=(0.11, 0.07)),
}


@pytest.fixture(params=["torch", "pyrender"])
def renderer(request: pytest.FixtureRequest) -> Iterator[Renderer]:
    """Each of the two engines."""
    if request.param == "torch":
        yield TorchRenderer("cpu")
        return
    pytest.importorskip("pyrender", reason="pyrender is not installed")
    from dst3d_datasets.render.pyrender_context import egl_works, osmesa_works

    if not (egl_works() or osmesa_works()):
        pytest.skip("neither EGL nor OSMesa works on this machine")
    yield lookup("render", "pyrender")()


def models() -> list[CadModel]:
    source = lookup("sources", "primitives")(PrimitivesOptions(kind="primitives", models_per_class=1))
    wanted = ("airliner", "teapot", "folding chair")
    return [source.open(ref) for ref in source.models() if ref.class_name in wanted]


def formula(view: View, points: np.ndarray, width: int, height: int) -> np.ndarray:
    """Pixels (N, 2) by PASCAL3D+'s angles and a shift of the finished picture: no K, no R."""
    from test_camera import pascal3d_pixels

    side = max(width, height)
    angles = (view.azimuth, view.elevation, view.theta, view.distance)
    centre = np.array([width / 2, height / 2]) + side * np.array(view.principal)
    return pascal3d_pixels(points, *angles, view.focal * side) + centre


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("size", [(256, 256), (320, 200), (200, 320)])
def test_cameras_by_formula(name: str, size: tuple[int, int]) -> None:
    view = VIEWS[name]
    camera = camera_of(view, *size)
    points = np.random.default_rng(3).uniform(-0.3, 0.3, (40, 3))
    eye = points @ camera.R.T + camera.t
    pixels = (eye @ camera.K.T)[:, :2] / eye[:, 2:]
    np.testing.assert_allclose(pixels, formula(view, points, *size), atol=1e-8)
    np.testing.assert_array_equal(camera.R, rotation_of(view.azimuth, view.elevation, view.theta))
    back = view_of(camera.R, camera.t)
    assert (back.azimuth, back.elevation, back.theta, back.distance) == pytest.approx(
        (view.azimuth, view.elevation, view.theta, view.distance)
    )


@pytest.mark.parametrize("name", VIEWS)
def test_pictures_against_embree(renderer: Renderer, name: str) -> None:
    for model in models():
        camera = camera_of(VIEWS[name], SIZE, SIZE)
        seen = next(iter(renderer.render(model, [camera], [LIGHTS])))
        cast = Cast(model, camera)
        assert cast.mask.sum() > 300
        assert iou(seen.mask, cast.mask) >= 0.995
        both = seen.mask & cast.mask
        error = np.abs(seen.depth - cast.depth)[both]
        assert np.quantile(error, 0.99) <= 1e-3 * VIEWS[name].distance
        check_box(model, VIEWS[name], renderer, cast)


def check_box(model: CadModel, view: View, renderer: Renderer, cast: Cast) -> None:
    camera = camera_of(view, SIZE, SIZE)
    used = np.concatenate([part.vertices[np.unique(part.faces)] for part in model.parts]).astype(np.float64)
    pixels = formula(view, used, SIZE, SIZE)
    box, visible = box_and_visible(model, camera, renderer)
    np.testing.assert_allclose(box, [*pixels.min(0), *pixels.max(0)], atol=1e-3)
    assert visible == pytest.approx(cast.mask.sum() / whole_area(model, view), abs=0.01)


def whole_area(model: CadModel, view: View) -> float:
    """Pixels of the whole silhouette, by rays of a picture three times as wide around the same camera."""
    wide = replace(view, focal=view.focal / 3, principal=tuple(value / 3 for value in view.principal))
    return float(Cast(model, camera_of(wide, 3 * SIZE, 3 * SIZE)).mask.sum())


@pytest.mark.parametrize(("visible", "towards"), [(0.35, 0.0), (0.6, 45.0), (0.9, 90.0), (0.5, 200.0), (0.75, -100.0)])
def test_truncation_leaves_the_share_asked_for(renderer: Renderer, visible: float, towards: float) -> None:
    for model in (models()[0], cube(), sphere(40)):
        view = replace(BASE, distance=2.4, visible=visible, towards=towards)
        cut = truncated(model, view, SIZE, SIZE, renderer)
        right, down = cut.principal
        assert math.cos(math.radians(towards)) * right + math.sin(math.radians(towards)) * down > 0.05
        before, after = camera_of(view, SIZE, SIZE), camera_of(cut, SIZE, SIZE)
        np.testing.assert_array_equal(before.R, after.R)
        np.testing.assert_array_equal(before.t, after.t)
        share = box_and_visible(model, after, renderer)[1]
        assert visible - 1e-9 <= share < visible + 0.06  # one pixel more may take a whole wing
        assert Cast(model, after).mask.sum() / Cast(model, before).mask.sum() == pytest.approx(share, abs=0.01)


def test_truncation_leaves_alone_what_is_not_asked_for_or_cannot_be() -> None:
    renderer = TorchRenderer("cpu")
    assert truncated(cube(), BASE, SIZE, SIZE, renderer) is BASE
    less = replace(BASE, principal=(0.5, 0.5), visible=0.8)  # a quarter is seen from the start
    assert truncated(cube(), less, SIZE, SIZE, renderer) is less
    behind = replace(BASE, distance=-5.0, visible=0.5)
    assert truncated(cube(), behind, SIZE, SIZE, renderer) is behind


HARD: dict[str, Any] = {
    "per_model": 4,
    "sampling": "so3",
    "focal": {"uniform": [0.5, 3.0]},
    "keep_size": True,
    "scale": {"uniform": [0.6, 1.3]},
    "principal": {"x": {"uniform": [-0.25, 0.25]}, "y": {"uniform": [-0.25, 0.25]}},
    "truncation": {"share": 0.5, "visible": {"uniform": [0.4, 0.9]}},
    "quotas": [{"region": "below", "share": 0.25}],
}


def check_samples(recipe: Recipe, refs: list[ModelRef]) -> list[dict[str, Any]]:
    """Labels of the recipe's samples, each checked against rays; in this process, where the OpenGL context lives."""
    tools, labels, skipped = Tools(recipe), [], []
    for ref in refs:
        model = tools.source(ref.source).open(ref)
        for sample in iter_samples(recipe, [ModelViews(ref, 0, recipe.views.per_model or 0)], skipped):
            members = dict(sample.members)
            labels.append(json.loads(members["json"]))
            check_row(Row(labels[-1], members), model)
    assert skipped == []
    return labels


def test_the_whole_road(renderer: Renderer) -> None:
    recipe = recipe_of(views=HARD, render={"size": 512, "engine": renderer.name})
    labels = check_samples(recipe, [model.ref for model in models()])
    assert len(labels) == 12
    assert len({label["K"][0][2] for label in labels}) == len(labels), "every principal point is its own"
    assert len({label["K"][0][0] for label in labels}) == len(labels), "every lens is its own"
    assert sum(label["visible_fraction"] < 0.91 for label in labels) >= len(labels) * 0.4
    assert all(label["visible_fraction"] >= 0.4 for label in labels)
    assert sum(label["elevation"] < -19.999 for label in labels) >= len(labels) * 0.25


def test_the_whole_road_with_real_models(cad_root: Path) -> None:
    recipe = recipe_of(views=HARD, sources=cad_sources(cad_root), catalogue={"file": str(cad_root / "models.csv")})
    refs, missing = resolve(recipe, build_sources(recipe))
    assert missing == []
    assert len(refs) == 51
    assert len(check_samples(recipe, refs[::13])) == 16
