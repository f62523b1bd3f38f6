"""The torch renderer on real CAD models, as the sources load them, against Embree: tighter than any engine must be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from _raycast import Cast, degrees_between, iou
from _render_shapes import LIGHTS, camera

from dst3d_datasets.nouns import CadModel
from dst3d_datasets.recipe.options import ObjaverseOptions, OmniObject3DOptions, PrimitivesOptions, ShapeNetOptions
from dst3d_datasets.registry import lookup
from dst3d_datasets.render.raster import TorchRenderer

COLLECTIONS = {
    "objaverse": (ObjaverseOptions, 24),
    "shapenet": (ShapeNetOptions, 19),
    "omniobject3d": (OmniObject3DOptions, 8),
}


def compare(model: CadModel, index: int, holes: bool) -> None:
    """One view of a model against Embree, which knows nothing of holes made by alpha."""
    view = camera(37 * index, -30 + 17 * index % 100, 1.5, 256, 10 * index)
    seen = next(iter(TorchRenderer("cpu").render(model, [view], [LIGHTS])))
    cast = Cast(model, view)
    assert cast.mask.sum() > 300
    both = seen.mask & cast.mask
    if holes:
        assert not (seen.mask & ~cast.mask).sum() > 3
        return
    assert iou(seen.mask, cast.mask) >= 0.999
    assert np.quantile(np.abs(seen.depth - cast.depth)[both], 0.999) < 1e-4
    assert np.median(degrees_between(seen.normal[both], cast.normal[both])) < 0.1
    assert (seen.part == cast.part)[both].mean() > 0.99


def has_holes(model: CadModel) -> bool:
    return any(part.material.alpha_mode != "opaque" for part in model.parts)


@pytest.mark.parametrize("name", COLLECTIONS)
def test_real_models(cad_root: Path, name: str) -> None:
    options, count = COLLECTIONS[name]
    source = lookup("sources", name)(options(kind=name, root=str(cad_root / name)))
    refs = list(source.models())
    assert len(refs) >= count
    for index, ref in enumerate(refs):
        model = source.open(ref)
        compare(model, index, has_holes(model))


def test_primitives() -> None:
    source = lookup("sources", "primitives")(PrimitivesOptions(kind="primitives", models_per_class=1))
    refs = list(source.models())
    assert len(refs) >= 10
    for index, ref in enumerate(refs):
        model = source.open(ref)
        compare(model, index, has_holes(model))
