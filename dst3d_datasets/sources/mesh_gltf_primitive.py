"""One glTF primitive as float64 arrays: attributes, DRACO, morph targets, skin weights, strips and fans."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelRefused, Reason
from ..nouns import Material
from .mesh_gltf_data import Document, normalised, whole
from .mesh_gltf_looks import Look, Looks
from .mesh_types import Floats, Integers, RawPart

_DRACO = "KHR_draco_mesh_compression"


@dataclass(frozen=True, slots=True)
class Local:
    """A primitive in its mesh's own frame."""

    vertices: Floats  # (V, 3)
    faces: Integers  # (F, 3)
    normals: Floats | None  # (V, 3)
    uv: Floats | None  # (V, 2), OBJ convention
    colours: Floats | None  # (V, 4), linear RGBA
    material: Material
    step: float  # what float32 can tell apart at the farthest vertex
    joints: Integers | None = None  # (V, K), into the skin's joints
    weights: Floats | None = None  # (V, K), rows sum to 1


def read_primitive(
    document: Document, primitive: dict[str, Any], looks: Looks, weights: list[float] | None
) -> Local | None:
    """Read one primitive; None when it has points or lines and no faces."""
    mode = primitive.get("mode", 4)
    if mode not in (4, 5, 6):
        return None
    get = _attributes(document, primitive)
    positions = get("POSITION")
    if positions is None or len(positions) == 0:
        return None
    vertices, normals = positions.astype(np.float64), get("NORMAL")
    step = float(np.spacing(np.float32(np.nanmax(np.abs(vertices))))) if positions.dtype == np.float32 else 0.0
    normals = None if normals is None else normals.astype(np.float64)
    if weights and "targets" in primitive:
        vertices, normals = _morphed(document, primitive["targets"], weights, vertices, normals)
    faces = _triangles(get("INDICES"), mode, len(vertices))
    if len(faces) == 0:
        return None
    look = looks.of(primitive.get("material"))
    uv = _uv(document, look, get)
    if uv is None and look.material.texture is not None:
        look = replace(look, material=replace(look.material, texture=None))
    colours = _colours(get("COLOR_0"))
    material = look.material
    if colours is not None and primitive.get("material") is None:
        material = replace(material, base_colour=(1.0, 1.0, 1.0, 1.0))
    joints, shares = _skin(get)
    return _compact(Local(vertices, faces, normals, uv, colours, material, step, joints, shares))


def _compact(local: Local) -> Local:
    """Without vertices that no face uses, which every instance would carry along: at most three a face are left."""
    if len(local.vertices) <= 3 * len(local.faces):
        return local
    rows, faces = np.unique(local.faces, return_inverse=True)
    return Local(
        local.vertices[rows],
        faces.reshape(-1, 3),
        None if local.normals is None else local.normals[rows],
        None if local.uv is None else local.uv[rows],
        None if local.colours is None else local.colours[rows],
        local.material,
        local.step,
        None if local.joints is None else local.joints[rows],
        None if local.weights is None else local.weights[rows],
    )


def _attributes(document: Document, primitive: dict[str, Any]) -> Any:
    """A function from an attribute's name (or INDICES) to its values, or None where the primitive has none."""
    attributes = primitive.get("attributes", {})
    draco = primitive.get("extensions", {}).get(_DRACO)
    decoded = _draco(document, draco) if draco is not None else None
    vertices = len(decoded.points) if decoded is not None else None

    def get(name: str) -> NDArray[Any] | None:
        if name == "INDICES":
            if decoded is not None:
                return np.asarray(decoded.faces, dtype=np.int64).reshape(-1, 1)
            return document.accessor(primitive["indices"]) if "indices" in primitive else None
        if name not in attributes:
            return None
        if decoded is not None and name in draco["attributes"]:
            spec = document.item("accessors", attributes[name])
            found = decoded.get_attribute_by_unique_id(whole(draco["attributes"][name], "a DRACO attribute id"))
            values = normalised(np.asarray(found["data"]), spec)
        else:
            values = document.accessor(attributes[name])
        expected = vertices if vertices is not None else document.item("accessors", attributes["POSITION"])["count"]
        if len(values) != expected:
            raise ValueError(f"attribute {name} has {len(values)} entries and POSITION {expected}")
        return values

    return get


def _draco(document: Document, spec: dict[str, Any]) -> Any:
    """The decoded mesh; None where the decoder is missing and the file holds the plain geometry as well."""
    try:
        import DracoPy
    except ImportError:
        DracoPy = None
    if DracoPy is None or not hasattr(DracoPy.DracoMesh, "get_attribute_by_unique_id"):
        if _DRACO not in document.json.get("extensionsRequired", []):
            document.warn("DRACO geometry was not decoded; the file's plain copy was read")
            return None
        raise ModelRefused(
            Reason.UNSUPPORTED, 'DRACO-compressed geometry needs DracoPy; run: pip install "dst3d-datasets[draco]"'
        )
    mesh = DracoPy.decode(bytes(document.view(spec["bufferView"])[0]))
    if len(mesh.faces) > document.bounds.max_faces:
        raise ModelRefused(
            Reason.TOO_MANY_FACES, f"{len(mesh.faces)} DRACO faces; the limit is {document.bounds.max_faces}"
        )
    return mesh


def _triangles(indices: NDArray[Any] | None, mode: int, vertices: int) -> Integers:
    """Faces (F, 3) of a list (mode 4), strip (5) or fan (6); every index checked."""
    flat = np.arange(vertices) if indices is None else indices.reshape(-1).astype(np.int64)
    if len(flat) and (int(flat.max()) >= vertices or int(flat.min()) < 0):
        raise ValueError(f"a face names vertex {int(flat.max())} of {vertices}")
    if mode == 4:
        return flat[: len(flat) // 3 * 3].reshape(-1, 3)
    corner = np.arange(max(len(flat) - 2, 0))
    if mode == 6:
        return np.stack([np.full_like(corner, flat[0]) if len(flat) else corner, flat[corner + 1], flat[corner + 2]], 1)
    odd = corner % 2
    return np.stack([flat[corner], flat[corner + 1 + odd], flat[corner + 2 - odd]], axis=1)


def _uv(document: Document, look: Look, get: Any) -> Floats | None:
    if look.material.texture is None:
        return None
    raw = get(f"TEXCOORD_{look.uv_set}")
    if raw is None:
        document.warn("a textured part has no texture coordinates; its texture is not used")
        return None
    return look.uv(raw.astype(np.float64))


def _colours(raw: NDArray[Any] | None) -> Floats | None:
    """COLOR_0 as linear RGBA (glTF stores it linear), clipped to 0-1."""
    if raw is None:
        return None
    values = raw.astype(np.float64)
    if raw.dtype.kind == "u":  # not marked as normalised, against the specification
        values = values / float(np.iinfo(raw.dtype).max)
    if values.shape[1] == 3:
        values = np.concatenate([values, np.ones((len(values), 1))], axis=1)
    return np.clip(np.nan_to_num(values, nan=1.0), 0.0, 1.0)


def _morphed(
    document: Document, targets: list[Any], weights: list[float], vertices: Floats, normals: Floats | None
) -> tuple[Floats, Floats | None]:
    """Morph targets at the file's default weights."""
    for target, weight in zip(targets, weights, strict=False):
        if float(weight) == 0.0:
            continue
        if "POSITION" in target:
            vertices = vertices + float(weight) * document.accessor(target["POSITION"])
        if normals is not None and "NORMAL" in target:
            normals = normals + float(weight) * document.accessor(target["NORMAL"])
    return vertices, normals


def _skin(get: Any) -> tuple[Integers | None, Floats | None]:
    joints, weights = [], []
    for number in range(4):
        names, shares = get(f"JOINTS_{number}"), get(f"WEIGHTS_{number}")
        if names is None or shares is None:
            break
        joints.append(names.astype(np.int64))
        weights.append(shares.astype(np.float64))
    if not joints:
        return None, None
    rows = np.concatenate(weights, axis=1)
    total = rows.sum(axis=1, keepdims=True)
    rows = np.where(total > 0, rows / np.where(total > 0, total, 1.0), 0.0)
    rows[total[:, 0] <= 0, 0] = 1.0
    return np.concatenate(joints, axis=1), rows


def skinned(local: Local, matrices: Floats) -> RawPart:
    """A primitive in the file's frame, each vertex moved by the weighted sum of its joints' `matrices` (J, 4, 4)."""
    assert local.joints is not None
    assert local.weights is not None
    if len(local.joints) and int(local.joints.max()) >= len(matrices):
        raise ValueError(f"a vertex names joint {int(local.joints.max())} of {len(matrices)}")
    vertices, normals = np.zeros_like(local.vertices), None
    if local.normals is not None:
        normals = np.zeros_like(local.normals)
    for column in range(local.joints.shape[1]):
        share = local.weights[:, column : column + 1]
        used = np.flatnonzero(share[:, 0])
        rows = matrices[local.joints[used, column]]
        vertices[used] += share[used] * (
            np.einsum("nij,nj->ni", rows[:, :3, :3], local.vertices[used]) + rows[:, :3, 3]
        )
        if normals is not None and local.normals is not None:
            normals[used] += share[used] * np.einsum("nij,nj->ni", rows[:, :3, :3], local.normals[used])
    scale = float(np.sqrt((matrices[:, :3, :3] ** 2).sum(axis=1)).max())
    return RawPart(
        vertices=vertices,
        faces=local.faces,
        normals=normals,
        uv=local.uv,
        colours=local.colours,
        material=local.material,
        step=local.step * scale,
    )
