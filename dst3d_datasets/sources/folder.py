"""Any folder of models, here or anywhere that lists its files. The class of a file is the name of the sub-folder it
lies in, seen from the root.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from .. import imagenet
from ..errors import ModelRefused
from ..nouns import CadModel, ModelRef
from ..recipe.options import FolderOptions
from .box import IMAGES
from .canonical import Up
from .mesh import FORMATS
from .mesh_files import FolderFiles, is_inside, read_bounded
from .mesh_open import fetch_boxed, open_boxed, open_model
from .root import Root
from .sidecars import digest

_EXPECTED = f"sub-folders, one a class, of {', '.join(FORMATS)} files"
_BESIDE = (*IMAGES, ".mtl", ".bin")
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
        up: Up = "z" if ref.model_id.lower().endswith((".ply", ".stl", ".off")) else "y"
        if self._options.up != "auto":
            up = self._options.up
        front = "-y" if self._options.front == "auto" else self._options.front
        local = self._root.local
        if ref.model_id not in self._known:
            return open_model(None, ref, self._options)
        if local is None:
            return open_boxed(self._root, ref.model_id, "", ref, self._options, up=up, front=front)
        return open_model(local / ref.model_id, ref, self._options, root=local, up=up, front=front)

    def fetch(self, ref: ModelRef) -> None:
        """Bring a model of another machine into the cache, ahead of `open`."""
        if self._root.local is None and ref.model_id in self._known:
            fetch_boxed(self._root, ref.model_id, "", self._options)

    def _ref(self, model_id: str, synset: str = "") -> ModelRef:
        folder = model_id.split("/")[0] if "/" in model_id else self._own_name
        name, own, index = class_of(folder)
        if synset and synset != own:
            known = imagenet.by_synset().get(synset)
            name, own, index = (known.name, known.synset, known.index) if known else (name, synset, -1)
        return ModelRef(
            source=self.name,
            model_id=model_id,
            class_name=name,
            keywords=tuple(part.replace("_", " ") for part in model_id.split("/")[1:-1]),
            synset=own,
            class_index=index,
            licence=self._options.licence,
            title=Path(model_id).stem.replace("_", " "),
            content=self._content(model_id),
        )

    @cached_property
    def _root(self) -> Root:
        return Root(self._options, self.name, _EXPECTED)

    @property
    def _own_name(self) -> str:
        if self._root.local is not None:
            return self._root.local.resolve().name
        return self._root.address.rstrip("/").rpartition("/")[2]

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(self._ids)

    @cached_property
    def _ids(self) -> list[str]:
        """Paths from the root with forward slashes, sorted."""
        local = self._root.local
        found = _here(local) if local is not None else [name for name in self._tags if _is_model(name)]
        if not found:
            raise self._root.error("no model in it")
        return sorted(found)

    @cached_property
    def _tags(self) -> dict[str, str]:
        """What a remote root lists, hidden files aside: path -> a tag that is another when the content is."""
        entries = self._root.walk()
        return {name: tag for name, _, tag in entries if not any(part.startswith(".") for part in name.split("/"))}

    @cached_property
    def _beside(self) -> dict[str, list[str]]:
        """Folder -> the files of a remote root in it that models may name."""
        found: dict[str, list[str]] = {}
        for name in sorted(self._tags):
            if name.lower().endswith(_BESIDE):
                found.setdefault(name.rpartition("/")[0], []).append(name)
        return found

    def _content(self, model_id: str) -> str:
        """What pins a model's content: the digest of its file and of those it names. Of a remote one, which is not
        fetched for it, the digest of the tags of its file and of all that lies beside it and beside its folder.
        """
        local = self._root.local
        if local is None:
            here = model_id.rpartition("/")[0]
            above = here.rpartition("/")[0]
            near = [n for folder, names in self._beside.items() if _is_near(folder, here, above) for n in names]
            text = "\n".join(f"{name} {self._tag(name)}" for name in [model_id, *near])
            return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        path, kind = local / model_id, model_id.rpartition(".")[2].lower()
        above_it = path.parent.parent if kind == "obj" and path.parent != local else path.parent
        try:
            data = read_bounded(path, self._options.max_bytes, path.name)
            return digest(data, kind, FolderFiles(path.parent, above_it), self._options.max_bytes)
        except (ModelRefused, OSError):
            return ""  # opening it will say why

    def _tag(self, name: str) -> str:
        if not self._tags[name]:
            try:
                self._tags[name] = self._root.backend.stat(name).tag
            except (ModelRefused, FileNotFoundError):
                return "absent"
        return self._tags[name]

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


def _is_model(name: str) -> bool:
    return name.rpartition(".")[2].lower() in FORMATS and "." in name.rpartition("/")[2]


def _is_near(folder: str, here: str, above: str) -> bool:
    """Whether a folder is that of a model, one in it, or one beside it (ShapeNet's ../images)."""
    return folder == here or folder.startswith(here + "/") or (folder != above and folder.rpartition("/")[0] == above)


def _here(root: Path) -> list[str]:
    """The models below a local root; links that leave it are passed over."""
    found = []
    for here, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in files:
            path = Path(here, name)
            if name.startswith(".") or path.suffix[1:].lower() not in FORMATS:
                continue
            if path.is_symlink() and not is_inside(path, root):
                continue
            found.append(path.relative_to(root).as_posix())
    return found
