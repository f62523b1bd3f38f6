"""What all sources of files share: looking at their root, and opening one model of it."""

from __future__ import annotations

from pathlib import Path

from ..errors import ModelRefused, Reason, SourceError
from ..nouns import CadModel, ModelRef
from ..recipe.options import SourceOptions
from .canonical import Front, Up, canonicalise
from .mesh import load


def folder_at(root: str, name: str, expected: str) -> Path:
    """`root` as a folder that is there.

    Args:
        root: the recipe's text.
        name: the source's name, for the message.
        expected: what should lie there, in words.
    """
    path = Path(root).expanduser()
    if "://" in root:
        raise SourceError(f"source {name!r}: root {root}: only folders of this machine are read; expected {expected}")
    try:
        found = path.is_dir()
        if found:
            next(path.iterdir(), None)
    except OSError as error:
        raise SourceError(f"source {name!r}: root {root}: {error.strerror}; expected {expected}") from error
    if not found:
        raise SourceError(f"source {name!r}: root {root}: no such folder; expected {expected}")
    return path


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
