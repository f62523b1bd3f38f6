"""The CAD models of an export: as PLY files for BOP, as MATLAB structures for PASCAL3D+."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelRefused
from ..nouns import CadModel, ModelRef, Part
from ..recipe import Recipe
from ..sources.catalogue import build_sources, resolve
from ..tools import Tools
from .folder import write_bytes, write_json
from .pascal3d import mat_bytes
from .samples import prefix_of
from .survey import Model, Survey

_CHUNK = 1024


def find_models(recipe: Recipe) -> dict[str, ModelRef]:
    """The models that a recipe has, aligned as its catalogue says, by prefix.

    Raises:
        SourceError: a source's root is missing.
        RecipeError: the catalogue cannot be read.
    """
    return {prefix_of(ref.key(0)): ref for ref in resolve(recipe, build_sources(recipe))[0]}


def load_models(
    recipe: Recipe, refs: Mapping[str, ModelRef], survey: Survey
) -> Iterator[tuple[Model, CadModel | ModelRefused | None]]:
    """The models of a data set, opened by the recipe's sources; an error or None for those that it does not have."""
    tools = Tools(recipe)
    for prefix, model in survey.models.items():
        ref = refs.get(prefix)
        if ref is None:
            yield model, None
            continue
        try:
            yield model, tools.source(ref.source).open(ref)
        except ModelRefused as error:
            yield model, error


class BopModels:
    """Writes `models/obj_ID.ply` and puts true diameters into `models/models_info.json`."""

    def __init__(self, folder: Path, millimetres: float) -> None:
        self._folder, self._millimetres = folder / "models", millimetres
        self._info = json.loads((self._folder / "models_info.json").read_bytes())

    def add(self, model: Model, cad: CadModel) -> None:
        """Write one model."""
        write_bytes(self._folder / f"obj_{model.number:06d}.ply", ply(cad, self._millimetres))
        entry = self._info[str(model.number)]
        vertices = merged(cad)[0] * self._millimetres
        entry["diameter"] = diameter(vertices)
        low, high = vertices.min(axis=0), vertices.max(axis=0)
        for axis, start, extent in zip("xyz", low.tolist(), (high - low).tolist(), strict=True):
            entry |= {f"min_{axis}": start, f"size_{axis}": extent}

    def finish(self) -> None:
        """Write the table."""
        write_json(self._folder / "models_info.json", self._info)


class Pascal3DModels:
    """Writes `CAD/CLASS.mat`: a structure array named as the class, one element a model, by `cad_index`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "CAD"
        self._class, self._elements = "", list[dict[str, Any]]()

    def add(self, model: Model, cad: CadModel) -> None:
        """Take one model; those of a class come one after the other, in the order of their `cad_index`."""
        if model.folder != self._class:
            self._flush()
            self._class = model.folder
        while len(self._elements) < model.of_class - 1:  # one that could not be opened
            self._elements.append(_element(np.zeros((0, 3)), np.zeros((0, 3))))
        vertices, faces = merged(cad)
        self._elements.append(_element(vertices, faces + 1.0))

    def finish(self) -> None:
        """Write the last class."""
        self._flush()

    def _flush(self) -> None:
        if self._elements:
            array = np.array([tuple(element.values()) for element in self._elements], dtype=_ELEMENT)
            write_bytes(self._folder / f"{self._class}.mat", mat_bytes({self._class: array[None]}))
        self._elements = []


_ELEMENT = [("vertices", object), ("faces", object), ("pnames", object)]


def _element(vertices: NDArray[np.float64], faces: NDArray[Any]) -> dict[str, Any]:
    return {"vertices": vertices, "faces": faces, "pnames": np.zeros((0, 0), dtype=object)}


def merged(cad: CadModel) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Vertices (V, 3) and triangles (F, 3) of all parts together, canonical frame."""
    starts = np.cumsum([0] + [len(part.vertices) for part in cad.parts])
    faces = [part.faces.astype(np.int64) + start for part, start in zip(cad.parts, starts, strict=False)]
    return np.concatenate([part.vertices for part in cad.parts]).astype(np.float64), np.concatenate(faces)


def ply(cad: CadModel, millimetres: float) -> bytes:
    """A model as an ASCII PLY with normals and colours, in mm, as BOP's are. Textures become the part's mean colour."""
    vertices, faces = merged(cad)
    normals = np.concatenate([part.normals for part in cad.parts])
    colours = np.concatenate([_colours(part) for part in cad.parts])
    names = [*(f"float {name}" for name in ("x", "y", "z", "nx", "ny", "nz"))]
    names += [f"uchar {name}" for name in ("red", "green", "blue")]
    header = ["ply", "format ascii 1.0", f"element vertex {len(vertices)}", *(f"property {name}" for name in names)]
    header += [f"element face {len(faces)}", "property list uchar int vertex_indices", "end_header", ""]
    text = io.StringIO("\n".join(header))
    text.seek(0, io.SEEK_END)
    np.savetxt(text, np.hstack([vertices * millimetres, normals, colours]), "%.6g " * 6 + "%d %d %d")
    np.savetxt(text, np.hstack([np.full((len(faces), 1), 3), faces]), "%d")
    return text.getvalue().encode()


def _colours(part: Part) -> NDArray[np.float64]:
    """sRGB 0-255 (V, 3) of a part's vertices."""
    linear = np.tile(np.array(part.material.base_colour[:3], dtype=np.float64), (len(part.vertices), 1))
    if part.colours is not None:
        linear *= part.colours[:, :3]
    if part.material.texture is not None:
        encoded = part.material.texture[..., :3].reshape(-1, 3).mean(axis=0) / 255.0
        linear *= np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    shown = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.maximum(linear, 1e-9) ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(np.clip(shown, 0.0, 1.0) * 255.0))


def diameter(vertices: NDArray[np.float64]) -> float:
    """The largest distance between two vertices (V, 3).

    A vertex nearer to the middle than a distance that is there, less the radius, is an end of no larger one: most are
    left out by that before every pair of the rest is measured.
    """
    middle = (vertices.min(axis=0) + vertices.max(axis=0)) / 2.0
    away = np.unique(vertices, axis=0) - middle
    radii = np.linalg.norm(away, axis=1)
    far = away[int(np.argmax(radii))]
    least = float(np.linalg.norm(away - far, axis=1).max())
    ends = away[radii >= least - float(radii.max()) - 1e-9 * least]
    squares = (ends**2).sum(axis=1)
    largest = least**2
    for start in range(0, len(ends), _CHUNK):
        some = slice(start, start + _CHUNK)
        pairs = squares[some, None] + squares[None, start:] - 2.0 * ends[some] @ ends[start:].T
        largest = max(largest, float(pairs.max()))
    return float(np.sqrt(largest))
