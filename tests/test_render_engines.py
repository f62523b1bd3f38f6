"""Every engine against Embree, which is nobody's relative, and against the torch engine: on hard shapes made by hand
and on all real models. An engine that does not work here is skipped with its reason.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from _engines import NAMES, draw, engine
from _raycast import Cast, degrees_between, iou
from _render_shapes import CUBE, SIDES, camera, changed, cube, model_of, part_of, soup, sphere, square

from dst3d_datasets.nouns import Buffers, CadModel, Camera, Material
from dst3d_datasets.recipe.options import ObjaverseOptions, OmniObject3DOptions, PrimitivesOptions, ShapeNetOptions
from dst3d_datasets.registry import lookup

COLLECTIONS = {
    "objaverse": (ObjaverseOptions, 24),
    "shapenet": (ShapeNetOptions, 19),
    "omniobject3d": (OmniObject3DOptions, 8),
}


def mirrored() -> CadModel:
    """A ball whose triangles are wound inwards and whose normals point inwards, beside one that is as it should be."""
    good = sphere(24, 0.25).parts[0]
    bad = part_of(good.vertices * [-1, 1, 1] + [0.3, 0, 0], good.faces, -good.normals * [-1, 1, 1])
    return model_of(part_of(good.vertices - [0.3, 0, 0], good.faces, good.normals), bad)


def needles() -> CadModel:
    """Slivers a thousand times longer than wide, fanned out."""
    angles = np.linspace(0, np.pi, 60, endpoint=False)[:, None]
    along = np.concatenate([np.cos(angles), 0.3 * np.sin(7 * angles), np.sin(angles)], 1) * 0.5
    corners = np.stack([-along, along, along + np.array([0.0005, 0.002, 0.0005])], 1).reshape(-1, 3)
    return model_of(part_of(corners, np.arange(180).reshape(-1, 3)), *sphere(12, 0.2).parts)


def nested() -> CadModel:
    """Shells, each seen through the holes of the one before."""
    shells = []
    for number, size in enumerate((1.0, 0.8, 0.6, 0.4)):
        sides = [corners for index, corners in enumerate(SIDES.values()) if index % 4 != number]
        shells += [square(CUBE[list(corners)] * size) for corners in sides]
    return model_of(*shells)


def many_parts() -> CadModel:
    """300 small balls: more parts than a byte counts."""
    ball = sphere(6, 0.02).parts[0]
    places = [(i % 7, i // 7 % 7, i // 49) for i in range(300)]
    return model_of(*(part_of(ball.vertices + np.array(p) / 7 - 0.45, ball.faces, ball.normals) for p in places))


HARD = {
    "cube": cube(),
    "ball": sphere(64),
    "soup": soup(11, 300),
    "mirrored": mirrored(),
    "needles": needles(),
    "nested": nested(),
    "many parts": many_parts(),
}
VIEWS = {
    "plain": camera(30, 20, 2.2, 256),
    "from below, turned": camera(200, -60, 1.8, (220, 160), 40),
    "off-centre, skewed": changed(
        camera(-20, -5, 1.7, (201, 97)), K=np.array([[150.0, 10.0, 60.3], [0.0, 140.0, 40.7], [0.0, 0.0, 1.0]])
    ),
    "cut by the near plane": changed(camera(33, 10, 2.0, 192), t=np.array([0.05, -0.1, 0.35])),
    "far away": changed(
        camera(70, 30, 2.0, 192),
        t=np.array([0.1, 0.05, 30.0]),
        K=np.array([[2800.0, 0.0, 96.0], [0.0, 2800.0, 96.0], [0.0, 0.0, 1.0]]),
    ),
}


def in_front(model: CadModel, view: Camera) -> bool:
    """Whether all of it lies in front of the near plane, which Embree does not know."""
    return all(float((part.vertices @ view.R[2] + view.t[2]).min()) >= 0.01 for part in model.parts)


def agree(seen: Buffers, truth: Any, size: float) -> None:
    """The bounds that every engine keeps; `truth` is another engine's buffers or a ray cast, `size` the model's."""
    assert iou(seen.mask, truth.mask) >= 0.995
    both = seen.mask & truth.mask
    same = both & (seen.part == truth.part)
    assert same.sum() >= 0.98 * both.sum()
    apart = np.abs(seen.depth - truth.depth)[both]
    assert np.median(apart) < 1e-4 * size
    assert np.quantile(apart, 0.99) < 1e-3 * size
    assert np.median(degrees_between(seen.normal[both], truth.normal[both])) < 1.0
    assert not seen.depth[~seen.mask].any()
    assert not seen.normal[~seen.mask].any()
    assert (seen.part[~seen.mask] == -1).all()


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("shape", HARD)
@pytest.mark.parametrize("name", NAMES)
def test_hard_shapes(name: str, shape: str, view: str) -> None:
    model, seen = HARD[shape], draw(name, HARD[shape], VIEWS[view])
    assert seen.mask.sum() > 100
    size = max(model.size)
    if in_front(model, VIEWS[view]):
        agree(seen, Cast(model, VIEWS[view]), size)
    if name != "torch":
        agree(seen, draw("torch", model, VIEWS[view]), size)


@cache
def real_models(root: Path, collection: str) -> list[CadModel]:
    """All models of a collection, as the sources load them."""
    options, count = COLLECTIONS[collection]
    source = lookup("sources", collection)(options(kind=collection, root=str(root / collection)))
    refs = list(source.models())
    assert len(refs) >= count
    return [source.open(ref) for ref in refs]


def compare(name: str, model: CadModel, index: int) -> None:
    """One view of a model; Embree knows nothing of holes made by alpha."""
    view = camera(37 * index, -30 + 17 * index % 100, 1.5, 256, 10 * index)
    seen = draw(name, model, view)
    assert seen.mask.sum() > 300
    cast = Cast(model, view)
    if all(part.material.alpha_mode == "opaque" for part in model.parts):
        agree(seen, cast, 1.0)
    else:
        assert (seen.mask & ~cast.mask).sum() <= 0.005 * seen.mask.sum()
    if name != "torch":
        agree(seen, draw("torch", model, view), 1.0)


@pytest.mark.parametrize("collection", COLLECTIONS)
@pytest.mark.parametrize("name", NAMES)
def test_real_models(cad_root: Path, name: str, collection: str) -> None:
    engine(name)  # skip before anything is loaded
    models = real_models(cad_root, collection)
    for index, model in enumerate(models):
        compare(name, model, index)
    assert len({model.ref.uid for model in models}) >= COLLECTIONS[collection][1]  # none twice


@pytest.mark.parametrize("name", NAMES)
def test_primitives(name: str) -> None:
    engine(name)
    source = lookup("sources", "primitives")(PrimitivesOptions(kind="primitives", models_per_class=1))
    refs = list(source.models())
    for index, ref in enumerate(refs):
        compare(name, source.open(ref), index)
    assert len({ref.class_name for ref in refs}) == len(refs) > 1  # one of each class


@pytest.mark.parametrize("name", NAMES)
def test_silhouettes_are_the_masks(name: str) -> None:
    texture = np.full((8, 8, 4), 255, np.uint8)
    texture[:, :3, 3] = 0
    look = Material(texture=texture, alpha_mode="mask")
    holed = model_of(*(square(CUBE[list(corners)], material=look) for corners in SIDES.values()))
    for model in (HARD["soup"], HARD["nested"], holed):
        outline = engine(name).silhouette(model, VIEWS["plain"])
        mask = draw(name, model, VIEWS["plain"]).mask
        assert mask.any()
        assert iou(outline, mask) >= 0.995
