"""Boxes: places whose files are read by name (a remote tree, a zip, a tar.gz), and the files of one model in one."""

from __future__ import annotations

import posixpath
import re
from typing import NamedTuple, Protocol

from ..errors import ModelRefused, Reason
from .mesh_files import check_relative, shown

IMAGES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tga", ".gif", ".tif", ".tiff", ".ppm")
_GEOMETRY = (".obj", ".mtl", ".glb", ".gltf", ".bin", ".ply", ".stl", ".off")
_DRIVE = re.compile(r"^[A-Za-z]:[\\/]?")


class Box(Protocol):
    """Files by name, relative, with forward slashes."""

    def read(self, name: str, limit: int, inside: str = "") -> bytes:
        """The content of a file.

        Args:
            name: its path.
            limit: more bytes than this are refused, whatever a header says.
            inside: the folder of the model it belongs to; an archive may fetch the rest of that with it.

        Raises:
            FileNotFoundError: there is no such file.
            ModelRefused: it cannot be read; nothing of it lies on the disk then.
        """
        ...


class BoxFiles:
    """The files that a model names, confined to a folder of its box; a `mesh_files.Files`.

    Args:
        box: where.
        folder: the folder of the model's own file, which names are relative to.
        inside: the folder that no name may leave.
    """

    def __init__(self, box: Box, folder: str, inside: str) -> None:
        self.box, self.folder, self.inside = box, folder, inside

    def read(self, name: str, limit: int) -> bytes:
        """See `mesh_files.Files.read`."""
        check_relative(name)
        clean = name.strip().replace("\\", "/")
        if _DRIVE.match(clean):
            clean = clean.rpartition("/")[2]
        path = posixpath.normpath(posixpath.join(self.folder, clean))
        if path.startswith(("..", "/")) or (self.inside and not path.startswith(self.inside + "/")):
            raise ModelRefused(Reason.HOSTILE_PATH, f"the model names {shown(name)}, which leaves its folder")
        return self.box.read(path, limit, self.inside)


class Unsafe(NamedTuple):
    """A member of an archive that is not read, and why."""

    why: str  # "a symbolic link"


def is_plain(name: str) -> bool:
    """Whether a member's name is a relative path without detours. Members of any other name cannot be reached."""
    if not name or name.startswith("/") or "\\" in name or _DRIVE.match(name) or any(ord(c) < 32 for c in name):
        return False
    return not any(part in ("", ".", "..") for part in name.rstrip("/").split("/"))


def refuse_unsafe(name: str, unsafe: dict[str, str]) -> None:
    """Refuse a member that is no plain file (a link, a device), or that lies below one."""
    parts = name.split("/")
    for end in range(1, len(parts) + 1):
        why = unsafe.get("/".join(parts[:end]))
        if why:
            raise ModelRefused(Reason.HOSTILE_PATH, f"{shown(name)}: {why} in the archive")


def goes_with(name: str, other: str) -> bool:
    """Whether one fetches `other` along with `name` of the same model: geometry with geometry, pictures with pictures.

    A model's pictures are left where they are until one of them is asked for.
    """
    lower, low = name.lower(), other.lower()
    if lower.endswith(IMAGES):
        return low.endswith(IMAGES)
    stem = lower.rpartition(".")[0]
    return low.endswith(_GEOMETRY) and (low.endswith((".mtl", ".bin")) or low.rpartition(".")[0] == stem)
