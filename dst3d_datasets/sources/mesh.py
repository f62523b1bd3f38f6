"""Loading a model's file: any format to parts in the file's own frame, or a refusal with a reason from the list."""

from __future__ import annotations

from pathlib import Path

from ..errors import ModelRefused, Reason
from .mesh_check import checked
from .mesh_files import Files, FolderFiles, NoFiles, is_inside, read_bounded
from .mesh_gltf import read_gltf
from .mesh_obj import read_obj
from .mesh_off import read_off
from .mesh_sniff import kind_of
from .mesh_types import Bounds, DefaultBounds, RawModel, RawPart

FORMATS = ("glb", "gltf", "obj", "ply", "stl", "off")


def load(
    source: str | Path | bytes,
    kind: str = "",
    *,
    root: str | Path | None = None,
    files: Files | None = None,
    bounds: Bounds | None = None,
) -> RawModel:
    """Load one model.

    Args:
        source: a path, or the file's bytes.
        kind: the format, one of `FORMATS`; empty: by the path's suffix. Content that is plainly another format wins.
        root: the folder that no file named by the model may leave; none: the folder of `source`, for an OBJ the one
            above it (ShapeNet and those who copy it keep textures in ../images).
        files: where the files lie that the model names; none: beside `source`, and for bytes nowhere.
        bounds: how much is read at most; none: `DefaultBounds`.

    Returns:
        Parts in the file's frame and unit, float64: scene graph, instances and mirrored nodes baked in, polygons cut
        into triangles, faces without area dropped, normals computed where the file has none; one part a material.

    Raises:
        ModelRefused: with a reason from the fixed list, whatever is wrong with the file.
    """
    bounds = bounds or DefaultBounds()
    if isinstance(source, bytes):
        data, files = source, files or NoFiles()
    else:
        path = Path(source)
        kind = kind or path.suffix[1:].lower()
        data = _read(path, None if root is None else Path(root), bounds)
        above = path.parent.parent if kind == "obj" else path.parent
        files = files or FolderFiles(path.parent, above if root is None else Path(root))
    if len(data) > bounds.max_bytes:
        raise ModelRefused(Reason.TOO_LARGE, f"{len(data)} bytes; the limit is {bounds.max_bytes}")
    kind = kind_of(data, kind.lower().lstrip("."))
    try:
        parts, warnings = _parse(data, kind, files, bounds)
        return checked(parts, warnings)
    except (ModelRefused, KeyboardInterrupt):
        raise
    except MemoryError:
        raise ModelRefused(Reason.MEMORY_LIMIT, f"the {kind} needs more memory than there is") from None
    except Exception as error:
        # A parser fed with damaged or hostile bytes may raise anything; what it says is the reason.
        text = " ".join(str(error).split())[:300]
        raise ModelRefused(Reason.UNREADABLE, f"{kind}: {type(error).__name__}: {text}") from error


def _read(path: Path, root: Path | None, bounds: Bounds) -> bytes:
    """The model's own file, which a link may not take out of `root` either."""
    if root is not None and path.exists() and not is_inside(path, root):
        raise ModelRefused(Reason.HOSTILE_PATH, f"{path.name} is a link that leaves the source's root")
    return read_bounded(path, bounds.max_bytes, path.name)


def _parse(data: bytes, kind: str, files: Files, bounds: Bounds) -> tuple[list[RawPart], list[str]]:
    if kind == "gltf":
        return read_gltf(data, files, bounds)
    if kind == "obj":
        return read_obj(data, files, bounds)
    if kind == "off":
        return read_off(data, bounds)
    from .mesh_trimesh import read_with_trimesh

    return read_with_trimesh(data, kind, files, bounds)
