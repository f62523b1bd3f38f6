"""A small model with an unmistakable front, and ways to look at it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from _gltf import Gltf

from dst3d_datasets.nouns import CadModel, ModelRef
from dst3d_datasets.sources.mesh import load

# A wedge whose front, up and left differ: 3 wide (x), 2 high (y), 1 deep (z), the nose at +z low.
WEDGE = "v 0 0 0\nv 3 0 0\nv 3 2 0\nv 0 2 0\nv 1.5 0 1\nf 1 4 3 2\nf 1 2 5\nf 2 3 5\nf 3 4 5\nf 4 1 5\n"


def nose(model: CadModel) -> np.ndarray:
    """The wedge's nose in the canonical frame: the vertex the four slanted faces share."""
    points = np.concatenate([part.vertices for part in model.parts])
    unique, counts = np.unique(points.round(5), axis=0, return_counts=True)
    return unique[np.argmax(counts)]


def ref(**fields) -> ModelRef:
    return ModelRef(source="s", model_id="m", class_name="thing", **fields)


def wedge():
    return load(WEDGE.encode(), "obj")


def put(root: Path, *names: str) -> None:
    """Write small models: the wedge for obj, a GLB of three faces for the rest."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(WEDGE) if name.endswith("obj") else path.write_bytes(Gltf().mesh().glb())
