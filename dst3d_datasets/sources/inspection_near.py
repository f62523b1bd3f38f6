"""Licence, author and title of a model from what lies near it: metadata of its collection, the file, a text file."""

from __future__ import annotations

import gzip
import json
import struct
from pathlib import Path
from typing import Any, BinaryIO, cast

from ..licences import terms_of
from .mesh_files import read_pieces
from .objaverse import LICENCES

_MOST_BYTES = 2**28  # of one inflated metadata file
_MOST_JSON = 2**24  # of a GLB's document
_NAMES = ("license", "licence", "copying", "license.txt", "licence.txt", "license.md", "licence.md", "copyright.txt")


def facts_near(file: Path) -> dict[str, Any]:
    """`licence`, `author`, `title`, `url` and `said_by` (where that is written); empty where nothing is found."""
    for find in (_objaverse, _shapenet, _omniobject3d, _gltf, _text_file):
        try:
            found = find(file)
        except (OSError, EOFError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            continue
        if found:
            blank = {"licence": "", "author": "", "title": "", "url": "", "said_by": ""}
            return blank | {key: " ".join(str(value).split())[:300] for key, value in found.items() if value}
    return {"licence": "", "author": "", "title": "", "url": "", "said_by": ""}


def _objaverse(file: Path) -> dict[str, Any]:
    """<base>/glbs/000-023/<uid>.glb has its metadata in <base>/metadata/000-023.json.gz."""
    shard = file.parent.name
    metadata = file.parent.parent.parent / "metadata" / f"{shard}.json.gz"
    if file.parent.parent.name != "glbs" or not metadata.is_file():
        return {}
    with gzip.open(metadata, "rb") as stream:
        entry = json.loads(read_pieces(cast(BinaryIO, stream), _MOST_BYTES)).get(file.stem)
    if not isinstance(entry, dict):
        return {}
    user = entry.get("user") or {}
    licence = str(entry.get("license") or "")
    return {
        "licence": LICENCES.get(licence, licence),
        "author": user.get("displayName") or user.get("username"),
        "title": entry.get("name"),
        "url": entry.get("viewerUrl") or entry.get("uri"),
        "said_by": f"metadata/{shard}.json.gz",
    }


def _shapenet(file: Path) -> dict[str, Any]:
    if file.name == "model_normalized.obj" and file.parent.name == "models":
        return _of_collection("shapenet")
    return {}


def _omniobject3d(file: Path) -> dict[str, Any]:
    if file.name == "Scan.obj" and file.parent.name == "Scan":
        return _of_collection("omniobject3d")
    return {}


def _of_collection(kind: str) -> dict[str, Any]:
    terms = terms_of(kind)
    assert terms is not None
    return {
        "licence": terms.licence,
        "author": terms.name,
        "url": terms.access,
        "said_by": f"the layout of {terms.name}",
    }


def _gltf(file: Path) -> dict[str, Any]:
    """What `asset` says: its `copyright`, and the `extras` that Sketchfab writes."""
    with file.open("rb") as stream:
        head = stream.read(20)
        if head[:4] == b"glTF" and len(head) == 20:
            text = stream.read(min(struct.unpack("<I", head[12:16])[0], _MOST_JSON))
        elif file.suffix.lower() == ".gltf":
            text = head + stream.read(_MOST_JSON)
        else:
            return {}
    asset = json.loads(text)["asset"]
    extras = asset.get("extras") if isinstance(asset.get("extras"), dict) else {}
    licence = extras.get("license") or asset.get("copyright")
    if not licence:
        return {}
    return {
        "licence": licence,
        "author": extras.get("author"),
        "title": extras.get("title"),
        "url": extras.get("source"),
        "said_by": "the file's asset entry",
    }


def _text_file(file: Path) -> dict[str, Any]:
    for folder in (file.parent, file.parent.parent):
        for entry in sorted(folder.iterdir()) if folder != Path(folder.anchor) else []:
            if entry.name.lower() in _NAMES and entry.is_file():
                first = next((line for line in entry.open(encoding="utf-8", errors="replace") if line.strip()), "")
                return {"licence": first, "said_by": entry.name}
    return {}
