"""PLY and STL through trimesh: the only room it is used in. Headers are checked before it sees a byte."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray
from trimesh.resolvers import Resolver

from ..errors import ModelRefused, Reason
from ..nouns import Material
from .mesh_files import Files, shown
from .mesh_images import decode
from .mesh_types import Bounds, Floats, RawPart, linear_of_srgb

_WHITE = (1.0, 1.0, 1.0, 1.0)


def read_with_trimesh(data: bytes, kind: str, files: Files, bounds: Bounds) -> tuple[list[RawPart], list[str]]:
    """The parts of a PLY or STL file in its own frame, and warnings.

    Raises:
        ModelRefused, and whatever trimesh raises: see `mesh.load`.
    """
    single, declared = _CHECKS[kind](data, bounds)
    textures = _Textures(files, bounds)
    scene = trimesh.load_scene(io.BytesIO(data), file_type=kind, resolver=textures, process=False)
    if textures.refusal is not None:
        raise textures.refusal
    parts = []
    for geometry in scene.geometry.values():
        if not isinstance(geometry, trimesh.Trimesh) or len(geometry.faces) == 0:
            continue
        if len(geometry.faces) > bounds.max_faces:
            raise ModelRefused(Reason.TOO_MANY_FACES, f"{len(geometry.faces)} faces; the limit is {bounds.max_faces}")
        parts.append(_part(geometry, textures, single))
    if sum(len(part.faces) for part in parts) < declared:
        raise ModelRefused(Reason.UNREADABLE, f"the {kind} is cut off: it promises {declared} faces and has fewer")
    return parts, textures.warnings


def _part(mesh: trimesh.Trimesh, textures: _Textures, single: bool) -> RawPart:
    vertices = np.array(mesh.vertices, dtype=np.float64)
    faces = np.array(mesh.faces, dtype=np.int64)
    if len(faces) and (int(faces.max()) >= len(vertices) or int(faces.min()) < 0):
        raise ValueError(f"a face names vertex {int(faces.max())} of {len(vertices)}")
    stored = mesh._cache.cache.get("vertex_normals")  # trimesh computes them when asked; only the file's own count
    normals = (
        None if stored is None or np.asarray(stored).shape != vertices.shape else np.array(stored, dtype=np.float64)
    )
    uv, colours, material = None, None, Material()
    visual: Any = mesh.visual
    if textures.image is not None and np.asarray(getattr(visual, "uv", None)).shape == (len(vertices), 2):
        uv, material = np.array(visual.uv, dtype=np.float64), Material(base_colour=_WHITE, texture=textures.image)
    elif visual.kind == "vertex":
        colours = _linear(visual.vertex_colors)
    elif visual.kind == "face":
        colours = np.repeat(_linear(visual.face_colors), 3, axis=0)
        vertices, normals = vertices[faces.reshape(-1)], None
        faces = np.arange(len(vertices), dtype=np.int64).reshape(-1, 3)
    if colours is not None:
        material = Material(base_colour=_WHITE)
    with np.errstate(over="ignore"):
        step = float(np.spacing(np.float32(np.nanmax(np.abs(vertices), initial=0.0)))) if single else 0.0
    return RawPart(
        vertices=vertices, faces=faces, normals=normals, uv=uv, colours=colours, material=material, step=step
    )


def _linear(rgba: Any) -> Floats:
    values = np.asarray(rgba, dtype=np.float64) / 255.0
    return np.concatenate([linear_of_srgb(values[:, :3]), values[:, 3:4]], axis=1)


class _Textures(Resolver):
    """What trimesh may open: a picture inside the model's folder, decoded by us within our bounds."""

    def __init__(self, files: Files, bounds: Bounds) -> None:
        self._files, self._bounds = files, bounds
        self.image: NDArray[np.uint8] | None = None
        self.refusal: ModelRefused | None = None
        self.warnings: list[str] = []

    def get(self, key: str) -> bytes:
        """The file's bytes. trimesh swallows what is raised here, so a refusal is kept for later."""
        try:
            data = self._files.read(key, self._bounds.max_bytes)
            self.image = decode(data, self._bounds.max_texture_pixels, shown(key))
        except ModelRefused as error:
            self.refusal = error
            raise
        except FileNotFoundError:
            self.warnings.append(f"texture {shown(key)} is missing")
            raise
        except ValueError as error:
            self.warnings.append(f"texture cannot be read: {error}")
            raise
        return data

    def keys(self) -> list[str]:
        """None: nothing is listed."""
        return []

    def write(self, name: str, data: Any) -> None:
        """Refused."""
        raise PermissionError(name)

    def namespaced(self, namespace: str) -> _Textures:
        """The same files."""
        return self


def _check_ply(data: bytes, bounds: Bounds) -> tuple[bool, int]:
    """Bound the counts that a PLY header declares: whether its positions are single precision, and its faces."""
    if not data.startswith(b"ply"):
        raise ModelRefused(Reason.UNREADABLE, "the file does not begin as a PLY does")
    end = data.find(b"end_header")
    if end < 0 or end > 2**20:
        raise ModelRefused(Reason.UNREADABLE, "the PLY header does not end")
    counts: dict[str, int] = {}
    single = True
    for line in data[:end].decode("ascii", "replace").splitlines():
        words = line.split()
        if words[:1] == ["element"] and len(words) == 3:
            counts[words[1]] = int(words[2])
        if words[-1:] == ["x"] and words[0] == "property":
            single = words[1] not in ("double", "float64")
    if counts.get("face", 0) > bounds.max_faces:
        raise ModelRefused(Reason.TOO_MANY_FACES, f"{counts['face']} faces; the limit is {bounds.max_faces}")
    if counts.get("face", 0) == 0 and counts.get("tristrips", 0) == 0:
        raise ModelRefused(Reason.NO_FACES, "the PLY has no faces")
    if "tristrips" in counts:
        raise ModelRefused(Reason.UNSUPPORTED, "PLY triangle strips")
    if data[:end].lower().count(b"comment texturefile") > 1:
        raise ModelRefused(Reason.UNSUPPORTED, "a PLY with several textures")
    if min(counts.values()) < 0 or sum(counts.values()) > len(data) - end:
        raise ModelRefused(
            Reason.UNREADABLE, "the PLY is cut off: its header promises more entries than there are bytes"
        )
    return single, counts["face"]


def _check_stl(data: bytes, bounds: Bounds) -> tuple[bool, int]:
    """Bound the faces of a binary or text STL: whether its positions are single precision, and its faces."""
    declared = int.from_bytes(data[80:84], "little") if len(data) >= 84 else -1
    binary = len(data) == 84 + 50 * declared
    if not binary and not data.lstrip()[:5].lower() == b"solid":
        raise ModelRefused(Reason.UNREADABLE, f"a binary STL of {declared} faces does not have {len(data)} bytes")
    faces = declared if binary else data.count(b"endfacet") + data.count(b"ENDFACET")
    if faces > bounds.max_faces:
        raise ModelRefused(Reason.TOO_MANY_FACES, f"{faces} faces; the limit is {bounds.max_faces}")
    if not binary and b"endsolid" not in data.lower():
        raise ModelRefused(
            Reason.UNREADABLE, f"an STL of {len(data)} bytes that is neither binary nor ends as a text does"
        )
    if faces == 0:
        raise ModelRefused(Reason.NO_FACES, "the STL has no faces")
    return binary, faces


_CHECKS = {"ply": _check_ply, "stl": _check_stl}
