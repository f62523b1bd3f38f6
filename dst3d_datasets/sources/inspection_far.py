"""Looking at a model of another machine or inside an archive, through the cache, as the sources read them.

Like `inspection`, these functions are called by `limits.Loader` in the process that may be lost.
"""

from __future__ import annotations

import posixpath
from typing import Any

from ..errors import ModelRefused, Reason
from ..recipe import validate
from ..recipe.options import FolderOptions
from .box import Box, BoxFiles
from .inspection import model_facts
from .mesh import FORMATS, load
from .mesh_sniff import kind_of
from .mesh_types import DefaultBounds
from .root import Root

_SHOWN = 20


def inspect_far(address: str) -> dict[str, Any]:
    """Everything about a model of another machine, or the list of a zip there, of which the directory alone is read."""
    folder, _, name = address.rpartition("/")
    if name.lower().endswith(".zip"):
        names = _root(folder).zip(name).names
        models = [each for each in names if each.lower().endswith(tuple(f".{kind}" for kind in FORMATS))]
        said = ("", "") if models else (Reason.NO_FACES.value, "there is no model file in it")
        facts = {"what": "archive", "format": "zip", "ok": bool(models), "reason": said[0], "detail": said[1]}
        return facts | {"members": len(names), "num_models": len(models), "models": models[:_SHOWN], "hostile": {}}
    # Two folders up is as far as a model's files may lie: ShapeNet's textures are in ../images.
    above, inside = folder, name
    if address.count("/") > 5 and name.lower().endswith(".obj"):
        above, _, last = folder.rpartition("/")
        inside = f"{last}/{name}"
    return _boxed(_root(above), inside, "")


def inspect_member(archive: str, member: str) -> dict[str, Any]:
    """Everything about one model of a zip or tar.gz, here or elsewhere."""
    folder, _, name = archive.rpartition("/")
    root = _root(folder or ".")
    box = root.zip(name) if name.lower().endswith(".zip") else root.tar(name)
    inside = posixpath.dirname(member)
    if member.lower().endswith(".obj") and "/" in inside:
        inside = posixpath.dirname(inside)
    return _boxed(box, member, inside)


def _root(address: str) -> Root:
    options = validate({"sources": [{"kind": "folder", "root": address}]}, origin=address).sources[0]
    assert isinstance(options, FolderOptions)
    return Root(options, "inspect", "a model or archive", below="")


def _boxed(box: Box, name: str, inside: str) -> dict[str, Any]:
    facts: dict[str, Any] = {"what": "model", "licence": ""}
    suffix = name.rpartition(".")[2].lower()
    try:
        data = box.read(name, DefaultBounds().max_bytes, inside)
        facts["bytes"] = len(data)
        raw = load(data, suffix, files=BoxFiles(box, posixpath.dirname(name), inside))
        return (
            facts | {"ok": True, "reason": "", "detail": ""} | model_facts(raw, kind_of(data, suffix), data[:4], name)
        )
    except FileNotFoundError:
        error = ModelRefused(Reason.MISSING, f"{posixpath.basename(name)}: no such file")
    except ModelRefused as refused:
        error = refused
    known = suffix if suffix in FORMATS else ""
    return facts | {"format": known, "ok": False, "reason": error.reason.value, "detail": error.detail}
