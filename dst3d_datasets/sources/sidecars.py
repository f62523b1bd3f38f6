"""The files that a model names: materials, textures, buffers; found by a light look, without loading the model."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import unquote

from ..errors import ModelRefused
from .mesh_files import Files

_LIBRARIES = re.compile(rb"^[ \t]*mtllib[ \t]+([^\r\n]+)", re.MULTILINE)
_MAPS = re.compile(rb"^[ \t]*map_(?:kd|d)[ \t]+([^\r\n]+)", re.MULTILINE | re.IGNORECASE)
_OPTION = re.compile(r"^-[a-z]+$")
_NUMBER = re.compile(r"^[-+.\d][-+.\de]*$|^on$|^off$", re.IGNORECASE)
_MOST = 4096  # files that one model may name


def each_sidecar(data: bytes, kind: str, files: Files, limit: int) -> Iterator[tuple[str, bytes | None]]:
    """(name as the model gives it, content) of every file that it names; None where there is none to be had.

    Args:
        data: the model's own file.
        kind: its suffix.
        files: where its files lie.
        limit: bytes that one of them has at most.
    """
    if kind == "obj":
        named = [match[1].decode("utf-8", "replace").strip() for match in _LIBRARIES.finditer(data)]
    elif kind in ("glb", "gltf"):
        named = _uris(data)
    else:
        return
    for name in list(dict.fromkeys(named))[:_MOST]:
        content = _read(files, name, limit)
        if content is None and kind == "obj" and " " in name:
            for part in name.split():
                yield from _library(part, _read(files, part, limit), files, limit)
        elif kind == "obj":
            yield from _library(name, content, files, limit)
        else:
            yield name, content


def digest(data: bytes, kind: str, files: Files, limit: int) -> str:
    """The sha256 of a model and of all files that it names, hex; of its own file alone if it names none."""
    named = sorted(set(each_sidecar(data, kind, files, limit)), key=lambda each: each[0])
    own = hashlib.sha256(data)
    if not named:
        return own.hexdigest()
    whole = hashlib.sha256(own.digest())
    for name, content in named:
        whole.update(hashlib.sha256(name.encode("utf-8", "replace")).digest())
        whole.update(hashlib.sha256(content).digest() if content is not None else b"absent")
    return whole.hexdigest()


def _library(name: str, content: bytes | None, files: Files, limit: int) -> Iterator[tuple[str, bytes | None]]:
    yield name, content
    for match in list(_MAPS.finditer(content or b""))[:_MOST]:
        picture = _without_options(match[1].decode("utf-8", "replace").strip())
        yield picture, _read(files, picture, limit)


def _without_options(text: str) -> str:
    """A map's file name without `-s 1 1 1` and the like before it."""
    words = text.split()
    if not words or not _OPTION.match(words[0]):
        return text
    while words and (_OPTION.match(words[0]) or (_NUMBER.match(words[0]) and len(words) > 1)):
        words.pop(0)
    return " ".join(words)


def _uris(data: bytes) -> list[str]:
    """What a glTF's JSON names outside itself."""
    if data[:4] == b"glTF":
        length = int.from_bytes(data[12:16], "little")
        data = data[20 : 20 + length]
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return []
    found = []
    for key in ("buffers", "images"):
        items: Any = document.get(key) if isinstance(document, dict) else None
        for item in items if isinstance(items, list) else ():
            uri = item.get("uri") if isinstance(item, dict) else None
            if isinstance(uri, str) and not uri.startswith("data:"):
                found.append(unquote(uri))
    return found


def _read(files: Files, name: str, limit: int) -> bytes | None:
    with suppress(FileNotFoundError, ModelRefused, ValueError):
        return files.read(name, limit)
    return None
