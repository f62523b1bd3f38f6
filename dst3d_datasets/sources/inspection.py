"""What the loader makes of one model or archive: the facts behind `dst3d inspect` and `dst3d catalogue --look`.

These functions open strangers' files, so they are called by `limits.Loader` in the process that may be lost.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ModelRefused
from ..nouns import CadModel, Material, ModelRef
from .canonical import canonicalise
from .inspection_archive import archive_kind, inspect_archive
from .inspection_near import facts_near
from .limits_child import open_from
from .mesh import FORMATS, load
from .mesh_sniff import kind_of
from .mesh_types import RawModel

_HEAD = 4096


def inspect_path(path: str) -> dict[str, Any]:
    """Everything about a file on this machine, as plain data: a model, or a zip or tar archive of models.

    `ok` says whether it can be used; if not, `reason` is one of the fixed list and `detail` says more.
    """
    file = Path(path)
    with file.open("rb") as stream:
        head = stream.read(_HEAD)
    size = file.stat().st_size
    kind = archive_kind(head, file.name)
    facts = {"address": path, "bytes": size}
    if kind:
        return facts | {"what": "archive", "format": kind} | inspect_archive(file, kind)
    return facts | {"what": "model"} | _inspect_model(file, head)


def _inspect_model(file: Path, head: bytes) -> dict[str, Any]:
    suffix = file.suffix[1:].lower()
    near = facts_near(file)
    try:
        kind = kind_of(head, suffix)
        raw = load(file)
    except ModelRefused as error:
        known = suffix if suffix in FORMATS else ""
        return {"format": known, "ok": False, "reason": error.reason.value, "detail": error.detail} | near
    return {"ok": True, "reason": "", "detail": ""} | model_facts(raw, kind, head[:4], file.name) | near


def model_facts(raw: RawModel, kind: str, magic: bytes, name: str) -> dict[str, Any]:
    """Format, faces, boxes, materials and textures of a loaded file; z is taken as up where its format means that."""
    ref = ModelRef(source="inspect", model_id=name, class_name="object")
    model = canonicalise(raw, ref, "z" if kind in ("ply", "stl", "off") else "y")
    return {"format": "glb" if magic == b"glTF" else kind} | _geometry(raw, model)


def _geometry(raw: RawModel, model: CadModel) -> dict[str, Any]:
    low = np.min([part.vertices.min(axis=0) for part in raw.parts], axis=0)
    high = np.max([part.vertices.max(axis=0) for part in raw.parts], axis=0)
    materials = [_material(part.material, part.colours is not None) for part in model.parts]
    return {
        "faces": model.num_faces,
        "vertices": sum(len(part.vertices) for part in model.parts),
        "box": [low.tolist(), high.tolist()],  # file frame and unit
        "extents": (high - low).tolist(),
        "size": list(model.size),  # canonical frame, longest 1
        "materials": materials,
        "textures": [material["texture"] for material in materials if material["texture"]],
        "textureless": is_textureless(model),
        "warnings": list(model.warnings),
    }


def _material(material: Material, coloured: bool) -> dict[str, Any]:
    texture = material.texture
    return {
        "base_colour": [round(float(value), 4) for value in material.base_colour],
        "texture": None if texture is None else [texture.shape[1], texture.shape[0]],  # width, height
        "vertex_colours": coloured,
        "alpha_mode": material.alpha_mode,
        "metallic": round(float(material.metallic), 4),
        "roughness": round(float(material.roughness), 4),
        "unlit": material.unlit,
    }


def is_textureless(model: CadModel) -> bool:
    """Whether a model has neither a texture nor vertex colours: it is painted in flat colours, if at all."""
    return all(part.material.texture is None and part.colours is None for part in model.parts)


def look(options: dict[str, Any], ref: ModelRef) -> dict[str, Any]:
    """Open one model of a source (its options as plain data): faces, whether it is textureless, and its canonical size.

    Raises:
        ModelRefused: as `Source.open`.
    """
    model = open_from(options, ref)
    return {"faces": model.num_faces, "textureless": is_textureless(model), "size": list(model.size)}
