"""Objaverse 1.0: the layout of the `objaverse` package and of hf://datasets/allenai/objaverse, here or anywhere; or
flat <uid>.glb files as 3D-DST's loader wants them.

Layout: object-paths.json.gz {uid: "glbs/000-023/<uid>.glb"}, lvis-annotations.json.gz {category: [uid]},
metadata/000-023.json.gz {uid: {name, license, tags, user, viewerUrl, ...}}.
"""

from __future__ import annotations

import gzip
import io
import json
import os
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any, BinaryIO, NamedTuple, cast

from .. import imagenet
from ..errors import NotListable, SourceError
from ..nouns import CadModel, ModelRef
from ..recipe.options import ObjaverseOptions
from .class_names import exact
from .mesh_files import read_pieces
from .mesh_open import fetch_boxed, open_boxed, open_model
from .objaverse_package import Package
from .root import Root

_EXPECTED = "an Objaverse cache (object-paths.json.gz, glbs/...) or flat <uid>.glb files"
_PAGE = "https://huggingface.co/datasets/allenai/objaverse"
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
    faces: int | None = None
    textures: int | None = None


class Objaverse:
    """Objaverse 1.0."""

    def __init__(self, options: ObjaverseOptions) -> None:
        self.name = options.name or options.kind
        self._options = options
        self._facts: dict[str, _Facts] = {}

    def models(self) -> Iterator[ModelRef]:
        """What there is of the LVIS subset, by category and uid; without its annotations everything."""
        classes = self._read("lvis-annotations.json.gz", optional=True)
        listed = {uid for uids in classes.values() for uid in uids} if classes else self._paths.keys()
        present = {uid for uid in listed if self._has(uid)}
        if not classes:
            classes = {"object": list(present)}
        self.prepare(present)
        for category in sorted(classes):
            known = exact(category)
            name, synset, index = (known.name, known.synset, known.index) if known else (_words(category), "", -1)
            for uid in sorted(present.intersection(classes[category])):
                yield self._ref(uid, name, synset, index)

    def find(self, synset: str, model_id: str) -> ModelRef | None:
        """See `Source.find`; a model that a local root lists but does not hold is not found."""
        if not self._has(model_id):
            return None
        known = imagenet.by_synset().get(synset)
        return self._ref(model_id, known.name if known else synset, synset, known.index if known else -1)

    def open(self, ref: ModelRef) -> CadModel:
        """See `Source.open`."""
        relative = self._relative(ref.model_id)
        if relative is None or self._base.local is None:
            if relative is None:
                return open_model(None, ref, self._options)
            return open_boxed(self._base, relative, os.path.dirname(relative), ref, self._options)
        path = self._base.local / relative
        if self._package is not None and not path.is_file():
            path = self._package.fetch(ref.model_id)
        return open_model(path if path.is_file() else None, ref, self._options, root=path.parent)

    def fetch(self, ref: ModelRef) -> None:
        """Bring a model of another machine into the cache, ahead of `open`."""
        relative = self._relative(ref.model_id)
        if relative is None:
            return
        if self._base.local is None:
            fetch_boxed(self._base, relative, os.path.dirname(relative), self._options)
        elif self._package is not None and not self._base.has(relative):
            self._package.fetch(ref.model_id)

    def prepare(self, ids: Iterable[str]) -> None:
        """Read the metadata of many models with one pass over each shard of it, and keep theirs alone."""
        wanted: dict[str, set[str]] = {}
        for uid in ids:
            if uid in self._paths and uid not in self._facts:
                wanted.setdefault(self._shard(uid), set()).add(uid)
        for shard, uids in sorted(wanted.items()):
            if shard and self._package is not None:
                self._package.metadata(shard, min(uids))
            entries = self._read(f"metadata/{shard}.json.gz", optional=True) if shard else {}
            self._facts.update({uid: _facts(entries.get(uid)) for uid in uids})

    def known(self, ref: ModelRef) -> dict[str, Any]:
        """What the metadata says of a model's file: `faces`, and `textureless` where it names a texture."""
        facts = self._facts.get(ref.model_id, _Facts())
        said: dict[str, Any] = {} if facts.faces is None else {"faces": facts.faces}
        # No texture in the file may still mean vertex colours: only opening it tells.
        return said | ({"textureless": False} if facts.textures else {})

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
    def _base(self) -> Root:
        root = Root(self._options, self.name, _EXPECTED, _PAGE)
        inner = "hf-objaverse-v1"
        is_inside = root.local is not None and (root.is_folder(inner) or self._options.downloader == "package")
        return root / inner if is_inside else root

    @cached_property
    def _package(self) -> Package | None:
        """The downloader that fills a local root, if the recipe says so."""
        local = self._base.local
        return Package(local) if local is not None and self._options.downloader == "package" else None

    @cached_property
    def _paths(self) -> dict[str, str]:
        """uid -> path from the base: what object-paths says, and the flat files."""
        listed = self._read("object-paths.json.gz", optional=True)
        flat = {} if listed and self._base.local is None else self._flat()
        if not listed and not flat:
            raise self._base.error("no models in it")
        return {**listed, **flat}

    def _flat(self) -> dict[str, str]:
        try:
            names = [entry.name for entry in self._base.entries()]
        except NotListable:
            return {}
        return {name[:-4]: name for name in names if name.endswith(".glb") and not name.startswith(".")}

    def _relative(self, uid: str) -> str | None:
        """The path that the index gives a model, if it stays inside the base."""
        relative = self._paths.get(uid)
        if not isinstance(relative, str):
            return None
        clean = os.path.normpath(relative)
        return None if os.path.isabs(clean) or clean.startswith("..") else clean

    def _has(self, uid: str) -> bool:
        """Whether a model can be had: it lies here; or it is listed where all that is listed can be fetched."""
        relative = self._relative(uid)
        if relative is None:
            return False
        return self._base.local is None or self._package is not None or self._base.has(relative)

    def _shard(self, uid: str) -> str:
        """ "000-023" from "glbs/000-023/<uid>.glb"; empty for a flat file."""
        parts = str(self._paths[uid]).split("/")
        return parts[1] if len(parts) == 3 and parts[1].replace("-", "").isdigit() else ""

    def _read(self, name: str, optional: bool) -> dict[str, Any]:
        """One of the index files: a gzipped JSON object, inflated within bounds."""
        if self._package is not None:
            self._package.index(name)
        packed = self._base.index(name, _MOST_BYTES)
        if packed is None:
            if optional:
                return {}
            raise self._base.error(f"has no {name}")
        try:
            with gzip.open(io.BytesIO(packed), "rb") as file:
                value = json.loads(read_pieces(cast(BinaryIO, file), _MOST_BYTES))
            if not isinstance(value, dict):
                raise ValueError("not a JSON object")
        except (OSError, EOFError, ValueError, RecursionError) as error:
            raise SourceError(f"source {self.name!r}: {name} cannot be read: {error}") from error
        return value


def _words(category: str) -> str:
    return category.replace("_", " ").strip()


def _glb(entry: dict[str, Any]) -> dict[str, Any]:
    archives = entry.get("archives")
    glb = archives.get("glb") if isinstance(archives, dict) else None
    return glb if isinstance(glb, dict) else {}


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


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
        faces=_count(entry.get("faceCount")),
        textures=_count(_glb(entry).get("textureCount")),
    )
