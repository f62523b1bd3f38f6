"""glTF 2.0 scenes: nodes walked, instances and mirrored nodes baked in, skins in their rest pose."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..errors import ModelRefused, Reason
from .mesh_files import Files
from .mesh_gltf_data import Document, whole
from .mesh_gltf_looks import Looks
from .mesh_gltf_primitive import Local, read_primitive, skinned
from .mesh_types import Bounds, Floats, RawPart, turned

# Extensions that a file may require: those applied here, and those that change the surface's shine or nothing we draw.
_APPLIED = {
    "EXT_mesh_gpu_instancing",
    "EXT_texture_webp",
    "KHR_draco_mesh_compression",
    "KHR_materials_pbrSpecularGlossiness",
    "KHR_materials_unlit",
    "KHR_mesh_quantization",
    "KHR_node_visibility",
    "KHR_texture_transform",
}
_HARMLESS = (
    "KHR_materials_",
    "KHR_lights_",
    "KHR_animation_pointer",
    "KHR_xmp",
    "EXT_lights_",
    "MSFT_lod",
    "KHR_audio",
)
# Refused where they are used (a compressed buffer, a KTX2 base colour) and not where they are only announced.
_REFUSED_ON_USE = {"EXT_meshopt_compression", "KHR_meshopt_compression", "KHR_texture_basisu", "MSFT_texture_dds"}
_MAX_NODES = 1_000_000


def read_gltf(data: bytes, files: Files, bounds: Bounds) -> tuple[list[RawPart], list[str]]:
    """The parts of the active scene in the file's frame (y up, front +z), and warnings.

    Raises:
        ModelRefused, ValueError, KeyError, IndexError, TypeError: see `mesh.load`, which tells them apart.
    """
    document = Document(data, files, bounds)
    for name in document.json.get("extensionsRequired", []):
        if name not in _APPLIED | _REFUSED_ON_USE and not str(name).startswith(_HARMLESS):
            raise ModelRefused(Reason.UNSUPPORTED, f"the glTF extension {str(name)[:60]!r} is required")
    scene = _Scene(document)
    placed = list(scene.meshes())
    _bound_faces(document, placed)
    looks, locals_ = Looks(document), {}
    parts = []
    for node, mesh, world in placed:
        for number, primitive in enumerate(document.item("meshes", mesh).get("primitives", [])):
            weights = node.get("weights", document.item("meshes", mesh).get("weights"))
            key = (mesh, number, repr(weights))
            if key not in locals_:
                locals_[key] = read_primitive(document, primitive, looks, weights)
            local = locals_[key]
            if local is not None:
                skin = node.get("skin")
                parts.append(_baked(local, world) if skin is None else scene.posed(local, skin))
    return parts, list(document.warnings)


def _bound_faces(document: Document, placed: list[tuple[dict[str, Any], int, Floats]]) -> None:
    """Count the triangles of all instances from the JSON alone, before any is read."""
    sizes: dict[int, int] = {}
    total = 0
    for _, mesh, _ in placed:
        if mesh not in sizes:
            sizes[mesh] = sum(
                _faces_of(document, primitive) for primitive in document.item("meshes", mesh).get("primitives", [])
            )
        total += sizes[mesh]
    if total > document.bounds.max_faces:
        raise ModelRefused(Reason.TOO_MANY_FACES, f"{total} faces; the limit is {document.bounds.max_faces}")


def _faces_of(document: Document, primitive: dict[str, Any]) -> int:
    mode = primitive.get("mode", 4)
    if mode not in (4, 5, 6):
        return 0
    named = primitive.get("indices", primitive.get("attributes", {}).get("POSITION"))
    count = whole(document.item("accessors", named)["count"], "accessor.count") if named is not None else 0
    return count // 3 if mode == 4 else max(count - 2, 0)


def _baked(local: Local, world: Floats) -> RawPart:
    """A primitive placed by a node's matrix (4, 4); a mirror turns its faces' winding round."""
    linear = world[:3, :3]
    with np.errstate(invalid="ignore", over="ignore"):  # what is not finite is refused later
        determinant = float(np.linalg.det(linear))
        longest = float(np.sqrt((linear * linear).sum(axis=0)).max())
    normals = local.normals
    if normals is not None:
        regular = abs(determinant) > 1e-12 * longest**3
        normals = turned(normals, np.linalg.inv(linear).T.astype(np.float64)) if regular else None
    return RawPart(
        vertices=turned(local.vertices, linear) + world[:3, 3],
        faces=local.faces[:, ::-1] if determinant < 0 else local.faces,
        normals=normals,
        uv=local.uv,
        colours=local.colours,
        material=local.material,
        step=local.step * longest,
    )


class _Scene:
    """The node graph of one document: world matrices (4, 4) in float64, and what is visible in the active scene."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._nodes: list[dict[str, Any]] = document.json.get("nodes", [])
        if len(self._nodes) > _MAX_NODES:
            raise ModelRefused(Reason.TOO_LARGE, f"{len(self._nodes)} nodes; the limit is {_MAX_NODES}")
        children = {whole(child, "a child") for node in self._nodes for child in node.get("children", [])}
        tops = [index for index in range(len(self._nodes)) if index not in children]
        self._worlds: dict[int, Floats] = {}
        for index, world, _ in self._walk(tops):
            self._worlds[index] = world

    def _walk(self, roots: list[int]) -> Iterator[tuple[int, Floats, bool]]:
        """Every node below `roots`: its index, world matrix, and whether it is visible."""
        seen: set[int] = set()
        stack = [(root, np.eye(4), True) for root in reversed(roots)]
        while stack:
            index, parent, visible = stack.pop()
            node = self._document.item("nodes", index)
            if index in seen:
                raise ValueError(f"node {index} has two parents or is its own ancestor")
            seen.add(index)
            world = parent @ _matrix(node)
            shows = (
                visible and node.get("extensions", {}).get("KHR_node_visibility", {}).get("visible", True) is not False
            )
            yield index, world, shows
            stack.extend((whole(child, "a child"), world, shows) for child in reversed(node.get("children", [])))

    def meshes(self) -> Iterator[tuple[dict[str, Any], int, Floats]]:
        """Visible (node, mesh index, world matrix) of the active scene; all root nodes where no scene is given."""
        scenes = self._document.json.get("scenes")
        if scenes:
            roots = self._document.item("scenes", self._document.json.get("scene", 0)).get("nodes", [])
        else:
            children = {child for node in self._nodes for child in node.get("children", [])}
            roots = [index for index in range(len(self._nodes)) if index not in children]
        count = 0
        for index, world, shows in self._walk([whole(root, "a root node") for root in roots]):
            node = self._nodes[index]
            if not shows or "mesh" not in node:
                continue
            mesh = whole(node["mesh"], "node.mesh")
            for copy in self._copies(node):
                count += 1
                if count > _MAX_NODES:
                    raise ModelRefused(Reason.TOO_LARGE, f"more than {_MAX_NODES} placed meshes")
                yield node, mesh, world @ copy

    def _copies(self, node: dict[str, Any]) -> Iterator[Floats]:
        """EXT_mesh_gpu_instancing: one matrix an instance; just the identity without it."""
        instancing = node.get("extensions", {}).get("EXT_mesh_gpu_instancing")
        if instancing is None:
            yield np.eye(4)
            return
        columns = {name: self._document.accessor(index) for name, index in instancing.get("attributes", {}).items()}
        known = {name: columns[name] for name in ("TRANSLATION", "ROTATION", "SCALE") if name in columns}
        for row in range(max((len(values) for values in known.values()), default=1)):
            yield _matrix({name.lower(): values[row] for name, values in known.items()})

    def posed(self, local: Local, skin_index: Any) -> RawPart:
        """A skinned primitive as its joints hold it; the node's own matrix plays no part then (glTF 2.0, 3.7.3.2)."""
        skin = self._document.item("skins", skin_index)
        joints = [whole(joint, "a joint") for joint in skin["joints"]]
        inverse = np.tile(np.eye(4), (len(joints), 1, 1))
        if "inverseBindMatrices" in skin:
            columns = self._document.accessor(skin["inverseBindMatrices"]).astype(np.float64)
            inverse = columns.reshape(-1, 4, 4).transpose(0, 2, 1)
        matrices = np.stack([self._worlds[joint] @ inverse[row] for row, joint in enumerate(joints)])
        return skinned(local, matrices) if local.joints is not None else _baked(local, matrices[0])


def _matrix(node: dict[str, Any]) -> Floats:
    """The local matrix (4, 4) of a node, from `matrix` (columns first) or translation, rotation (x, y, z, w), scale."""
    if "matrix" in node:
        return np.array(node["matrix"], dtype=np.float64).reshape(4, 4).T
    x, y, z, w = (float(value) for value in node.get("rotation", (0.0, 0.0, 0.0, 1.0)))
    norm = x * x + y * y + z * z + w * w
    if norm <= 0.0:
        raise ValueError("a node's rotation is the zero quaternion")
    s = 2.0 / norm
    turn = np.array(
        [
            [1 - s * (y * y + z * z), s * (x * y - z * w), s * (x * z + y * w)],
            [s * (x * y + z * w), 1 - s * (x * x + z * z), s * (y * z - x * w)],
            [s * (x * z - y * w), s * (y * z + x * w), 1 - s * (x * x + y * y)],
        ]
    )
    matrix = np.eye(4)
    matrix[:3, :3] = turn * np.asarray(node.get("scale", (1.0, 1.0, 1.0)), dtype=np.float64)
    matrix[:3, 3] = np.asarray(node.get("translation", (0.0, 0.0, 0.0)), dtype=np.float64)
    return matrix
