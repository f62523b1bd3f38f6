"""Objaverse 1.0: the cache folder of the `objaverse` package, or flat <uid>.glb files as 3D-DST's loader wants them.

Cache: object-paths.json.gz {uid: "glbs/000-023/<uid>.glb"}, lvis-annotations.json.gz {category: [uid]},
metadata/000-023.json.gz {uid: {name, license, tags, user, viewerUrl, ...}}.
"""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from .. import imagenet
from ..errors import SourceError
from ..nouns import CadModel, ModelRef
from ..recipe.options import ObjaverseOptions
from .mesh_open import folder_at, open_model

_EXPECTED = "an Objaverse cache (object-paths.json.gz, glbs/...) or flat <uid>.glb files"
_MOST_BYTES = 2**30  # of one inflated index file; the largest real one has about 60 MB
LICENCES = {
    "by": "CC-BY-4.0",
    "by-sa": "CC-BY-SA-4.0",
    "by-nd": "CC-BY-ND-4.0",
    "by-nc": "CC-BY-NC-4.0",
    "by-nc-sa": "CC-BY-NC-SA-4.0",
    "by-nc-nd": "CC-BY-NC-ND-4.0",
    "cc0": "CC0-1.0",
}


class _Facts(NamedTuple):
    """What the metadata says of one model."""

    licence: str = "unknown"
    author: str = "unknown"
    url: str = ""
    title: str = ""
    keywords: tuple[str, ...] = ()


class Objaverse:
    """Objaverse 1.0 on this machine."""

    def __init__(self, options: ObjaverseOptions) -> None:
        self.name = options.name or options.kind
        self._options = options
        self._facts: dict[str, _Facts] = {}

    def models(self) -> Iterator[ModelRef]:
        """What lies here of the LVIS subset, by category and uid; without its annotations everything here."""
        classes = self._read("lvis-annotations.json.gz", optional=True)
        listed = {uid for uids in classes.values() for uid in uids} if classes else self._paths.keys()
        present = {uid for uid in listed if self._file(uid) is not None}
        if not classes:
            classes = {"object": list(present)}
        self.prepare(present)
        for category in sorted(classes):
            known = imagenet.find(category)
            name, synset, index = (known.name, known.synset, known.index) if known else (_words(category), "", -1)
            for uid in sorted(present.intersection(classes[category])):
                yield self._ref(uid, name, synset, index)

    def find(self, synset: str, model_id: str) -> ModelRef | None:
        """See `Source.find`; a model that is listed but does not lie here is not found."""
        if self._file(model_id) is None:
            return None
        known = imagenet.by_synset().get(synset)
        return self._ref(model_id, known.name if known else synset, synset, known.index if known else -1)

    def open(self, ref: ModelRef) -> CadModel:
        """See `Source.open`."""
        path = self._file(ref.model_id)
        return open_model(path, ref, self._options, root=path.parent if path else None)

    def prepare(self, ids: Iterable[str]) -> None:
        """Read the metadata of many models with one pass over each shard of it, and keep theirs alone."""
        wanted: dict[str, set[str]] = {}
        for uid in ids:
            if uid in self._paths and uid not in self._facts:
                wanted.setdefault(self._shard(uid), set()).add(uid)
        for shard, uids in sorted(wanted.items()):
            entries = self._read(f"metadata/{shard}.json.gz", optional=True) if shard else {}
            self._facts.update({uid: _facts(entries.get(uid)) for uid in uids})

    def _ref(self, uid: str, class_name: str, synset: str, index: int) -> ModelRef:
        if uid not in self._facts:
            self.prepare([uid])
        facts = self._facts[uid]
        return ModelRef(
            source=self.name,
            model_id=uid,
            class_name=class_name,
            synset=synset,
            class_index=index,
            licence=facts.licence,
            author=facts.author,
            url=facts.url,
            title=facts.title,
            keywords=facts.keywords,
        )

    @cached_property
    def _base(self) -> Path:
        root = folder_at(self._options.root, self.name, _EXPECTED)
        inner = root / "hf-objaverse-v1"
        return inner if inner.is_dir() else root

    @cached_property
    def _paths(self) -> dict[str, str]:
        """uid -> path from the base: what object-paths says, and the flat files."""
        listed = self._read("object-paths.json.gz", optional=True)
        flat = {
            entry.name[:-4]: entry.name
            for entry in os.scandir(self._base)
            if entry.name.endswith(".glb") and not entry.name.startswith(".")
        }
        if not listed and not flat:
            raise SourceError(f"source {self.name!r}: root {self._options.root}: no models in it; expected {_EXPECTED}")
        return {**listed, **flat}

    def _file(self, uid: str) -> Path | None:
        """The model's file, if it lies here and inside the base."""
        relative = self._paths.get(uid)
        if not isinstance(relative, str):
            return None
        clean = os.path.normpath(relative)
        if os.path.isabs(clean) or clean.startswith(".."):
            return None
        path = self._base / clean
        return path if path.is_file() else None

    def _shard(self, uid: str) -> str:
        """ "000-023" from "glbs/000-023/<uid>.glb"; empty for a flat file."""
        parts = str(self._paths[uid]).split("/")
        return parts[1] if len(parts) == 3 and parts[1].replace("-", "").isdigit() else ""

    def _read(self, name: str, optional: bool) -> dict[str, Any]:
        """One of the index files: a gzipped JSON object, inflated within bounds."""
        path = self._base / name
        if optional and not path.is_file():
            return {}
        try:
            with gzip.open(path, "rb") as file:
                text = file.read(_MOST_BYTES + 1)
            if len(text) > _MOST_BYTES:
                raise ValueError(f"more than {_MOST_BYTES} bytes inflated")
            value = json.loads(text)
            if not isinstance(value, dict):
                raise ValueError("not a JSON object")
        except (OSError, EOFError, ValueError, RecursionError) as error:
            raise SourceError(f"source {self.name!r}: {name} cannot be read: {error}") from error
        return value


def _words(category: str) -> str:
    return category.replace("_", " ").strip()


def _facts(entry: Any) -> _Facts:
    """The fields we carry, from one model's metadata."""
    if not isinstance(entry, dict):
        return _Facts()
    user = entry.get("user")
    user = user if isinstance(user, dict) else {}
    listed = [*(entry.get("tags") or ()), *(entry.get("categories") or ())]
    words = [str(item.get("name", "")) for item in listed if isinstance(item, dict)]
    licence = str(entry.get("license") or "unknown")
    return _Facts(
        licence=LICENCES.get(licence, licence),
        author=str(user.get("displayName") or user.get("username") or "unknown"),
        url=str(entry.get("viewerUrl") or entry.get("uri") or ""),
        title=str(entry.get("name") or ""),
        keywords=tuple(dict.fromkeys(_words(word) for word in words if word.strip())),
    )
