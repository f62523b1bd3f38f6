"""Any folder of models. The class of a file is the name of the sub-folder it lies in, seen from the root."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from .. import imagenet
from ..errors import SourceError
from ..nouns import CadModel, ModelRef
from ..recipe.options import FolderOptions
from .canonical import Up
from .mesh import FORMATS
from .mesh_files import is_inside
from .mesh_open import folder_at, open_model

_EXPECTED = f"sub-folders, one a class, of {', '.join(FORMATS)} files"
_SYNSET = re.compile(r"^(n\d{8})(?:[_\- ]+(.*))?$")


class Folder:
    """A directory tree of glb, gltf, obj, ply, stl and off files."""

    def __init__(self, options: FolderOptions) -> None:
        self.name = options.name or options.kind
        self._options = options

    def models(self) -> Iterator[ModelRef]:
        """Every model by its path; hidden files, and links that leave the root, are passed over."""
        for model_id in self._ids:
            yield self._ref(model_id)

    def find(self, synset: str, model_id: str) -> ModelRef | None:
        """See `Source.find`; the id is the path from the root, that without its suffix, or a unique file name."""
        full = self._aliases.get(model_id)
        return self._ref(full, synset) if full else None

    def open(self, ref: ModelRef) -> CadModel:
        """See `Source.open`."""
        known = ref.model_id in self._known
        path = self._root / ref.model_id if known else None
        up: Up = "z" if ref.model_id.lower().endswith((".ply", ".stl", ".off")) else "y"
        if self._options.up != "auto":
            up = self._options.up
        front = "-y" if self._options.front == "auto" else self._options.front
        return open_model(path, ref, self._options, root=self._root, up=up, front=front)

    def _ref(self, model_id: str, synset: str = "") -> ModelRef:
        folder = model_id.split("/")[0] if "/" in model_id else self._root.resolve().name
        name, own, index = class_of(folder)
        if synset and synset != own:
            known = imagenet.by_synset().get(synset)
            name, own, index = (known.name, known.synset, known.index) if known else (name, synset, -1)
        return ModelRef(
            source=self.name,
            model_id=model_id,
            class_name=name,
            synset=own,
            class_index=index,
            licence=self._options.licence,
            title=Path(model_id).stem.replace("_", " "),
            content=_sha256(self._root / model_id),
        )

    @cached_property
    def _root(self) -> Path:
        return folder_at(self._options.root, self.name, _EXPECTED)

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(self._ids)

    @cached_property
    def _ids(self) -> list[str]:
        """Paths from the root with forward slashes, sorted."""
        found = []
        for here, folders, files in os.walk(self._root):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in files:
                path = Path(here, name)
                if name.startswith(".") or path.suffix[1:].lower() not in FORMATS:
                    continue
                if path.is_symlink() and not is_inside(path, self._root):
                    continue
                found.append(path.relative_to(self._root).as_posix())
        if not found:
            raise SourceError(f"source {self.name!r}: root {self._options.root}: no model in it; expected {_EXPECTED}")
        return sorted(found)

    @cached_property
    def _aliases(self) -> dict[str, str]:
        """What a catalogue may call a model -> its id; names that mean two models mean none."""
        aliases: dict[str, str | None] = {}
        for model_id in self._ids:
            base = model_id.rsplit("/", 1)[-1]
            for alias in {model_id.rsplit(".", 1)[0], base, base.rsplit(".", 1)[0]} - {model_id}:
                aliases[alias] = None if alias in aliases else model_id
        return {**{alias: target for alias, target in aliases.items() if target}, **{name: name for name in self._ids}}


def class_of(folder: str) -> tuple[str, str, int]:
    """Name, synset and ImageNet index that a folder's name stands for: a synset, both, a known name, or just a name."""
    match = _SYNSET.match(folder)
    known = imagenet.find(match[1] if match else folder)
    if known is not None:
        return known.name, known.synset, known.index
    if match:
        return (match[2] or match[1]).replace("_", " "), match[1], -1
    return folder.replace("_", " ").strip() or "object", "", -1


def _sha256(path: Path) -> str:
    """The digest of a file; empty if it cannot be read (opening it will say why)."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
