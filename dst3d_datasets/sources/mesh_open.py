"""What all sources of files share: opening one model of a folder, of a remote tree or of an archive."""

from __future__ import annotations

import posixpath
from pathlib import Path

from ..errors import ModelRefused, Reason
from ..nouns import CadModel, ModelRef
from ..recipe.options import SourceOptions
from .box import Box, BoxFiles
from .canonical import Front, Up, canonicalise
from .mesh import load
from .sidecars import each_sidecar


def open_model(
    path: Path | None,
    ref: ModelRef,
    options: SourceOptions,
    *,
    root: Path | None = None,
    up: Up = "y",
    front: Front = "-y",
) -> CadModel:
    """Load one file into the canonical frame.

    Args:
        path: the file; None when the source does not have it.
        ref: its reference, whose azimuth and elevation turn it.
        options: the source's options; they bound faces, texture pixels and bytes.
        root: the folder that no file named by the model may leave; none: see `mesh.load`.
        up: which axis of the file points up.
        front: where its front faces once z is up.
    """
    if path is None:
        raise ModelRefused(Reason.MISSING, f"source {ref.source!r} has no model {ref.model_id!r}")
    return canonicalise(load(path, root=root, bounds=options), ref, up, front)


def open_boxed(
    box: Box,
    name: str,
    inside: str,
    ref: ModelRef,
    options: SourceOptions,
    *,
    up: Up = "y",
    front: Front = "-y",
) -> CadModel:
    """Load one model of a remote tree or an archive into the canonical frame.

    Args:
        box: where it lies.
        name: its path there.
        inside: the folder that no file named by the model may leave.
        ref, options, up, front: see `open_model`.
    """
    data = boxed_bytes(box, name, inside, options)
    files = BoxFiles(box, posixpath.dirname(name), inside)
    raw = load(data, name.rpartition(".")[2].lower(), files=files, bounds=options)
    return canonicalise(raw, ref, up, front)


def boxed_bytes(box: Box, name: str, inside: str, options: SourceOptions) -> bytes:
    """The file itself, of a model in a box.

    Raises:
        ModelRefused: with a reason from the fixed list.
    """
    try:
        return box.read(name, options.max_bytes, inside)
    except FileNotFoundError:
        raise ModelRefused(Reason.MISSING, f"{posixpath.basename(name)}: no such file") from None


def fetch_boxed(box: Box, name: str, inside: str, options: SourceOptions) -> None:
    """Bring a model and the files it names into the cache, and look no further at it.

    Raises:
        ModelRefused: its own file cannot be had. What its other files lack is told when it is opened.
    """
    data = boxed_bytes(box, name, inside, options)
    files = BoxFiles(box, posixpath.dirname(name), inside)
    for _ in each_sidecar(data, name.rpartition(".")[2].lower(), files, options.max_bytes):
        pass
