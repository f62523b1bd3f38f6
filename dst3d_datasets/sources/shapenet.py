"""ShapeNetCore.v2, as a tree of folders or as one zip a class, here or anywhere.

Layout: <root>/[ShapeNetCore.v2/]<synset>/<model>/models/model_normalized.obj, textures in <model>/images, names in
taxonomy.json; or the Hub's ShapeNet/ShapeNetCore, <root>/[ShapeNetCore/]<synset>.zip with the same paths inside. Up is
+y and the front faces -z, so that the catalogue's azimuth is 180 throughout.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from .. import imagenet
from ..errors import ModelRefused, NotListable, SourceError
from ..nouns import CadModel, ModelRef
from ..recipe.options import ShapeNetOptions
from .archive_zip import ZipBox
from .box import Box
from .mesh_open import fetch_boxed, open_boxed, open_model
from .root import Root

_SYNSET = re.compile(r"^(\d{8})(\.zip)?$")
_MEMBER = re.compile(r"^(\d{8})/([^/]+)/models/model_normalized\.obj$")
_EXPECTED = "ShapeNetCore.v2 (taxonomy.json and one folder or zip a synset, such as 02691156 or 02691156.zip)"
_PAGE = "https://huggingface.co/datasets/ShapeNet/ShapeNetCore"
_MOST_TAXONOMY = 2**28  # bytes
AZIMUTH = 180.0  # degrees; what turns ShapeNet's front, -z, to ours

# The classes of ShapeNetCore.v2, for servers that show no list of their files.
_CLASSES = (
    "02691156 02747177 02773838 02801938 02808440 02818832 02828884 02843684 02871439 02876657 02880940 02924116 "
    "02933112 02942699 02946921 02954340 02958343 02992529 03001627 03046257 03085013 03207941 03211117 03261776 "
    "03325088 03337140 03467517 03513137 03593526 03624134 03636649 03642806 03691459 03710193 03759954 03761084 "
    "03790512 03797390 03928116 03938244 03948459 03991062 04004475 04074963 04090263 04099429 04225987 04256520 "
    "04330267 04379243 04401088 04460130 04468005 04530566 04554684 "
)


class ShapeNet:
    """ShapeNetCore.v2."""

    def __init__(self, options: ShapeNetOptions) -> None:
        self.name = options.name or options.kind
        self._options = options
        self._listed: dict[str, frozenset[str]] = {}

    def models(self) -> Iterator[ModelRef]:
        """Every model under ShapeNet's own coarse class, by synset and id."""
        for synset in sorted(self._synsets):
            names = self._names(synset)
            known = imagenet.by_synset().get(f"n{synset}")
            for model_id in sorted(self._ids(synset)):
                if self._root.local is not None and not self._is_here(synset, model_id):
                    continue
                yield self._ref(
                    model_id,
                    synset=f"n{synset}",
                    class_name=known.name if known else names[0],
                    class_index=known.index if known else -1,
                    keywords=names[1:],
                    azimuth=AZIMUTH,
                )

    def find(self, synset: str, model_id: str) -> ModelRef | None:
        """See `Source.find`. An id that stands in two coarse classes is taken from the one the synset belongs to."""
        coarse = self._coarse(synset, model_id)
        if coarse is None:
            return None
        known = imagenet.by_synset().get(synset)
        name = known.name if known else self._names(synset.removeprefix("n"))[0]
        return self._ref(
            model_id,
            synset=synset,
            class_name=name,
            class_index=known.index if known else -1,
            keywords=self._names(coarse),
        )

    def open(self, ref: ModelRef) -> CadModel:
        """See `Source.open`."""
        coarse = self._coarse(ref.synset, ref.model_id)
        if coarse is None:
            return open_model(None, ref, self._options)
        box, inside = self._synsets[coarse], f"{coarse}/{ref.model_id}"
        if box is None and self._root.local is not None:
            folder = self._root.local / inside
            return open_model(folder / "models" / "model_normalized.obj", ref, self._options, root=folder)
        return open_boxed(box or self._root, _file(inside), inside, ref, self._options)

    def fetch(self, ref: ModelRef) -> None:
        """Bring a model of another machine into the cache, ahead of `open`."""
        coarse = self._coarse(ref.synset, ref.model_id)
        if coarse is not None and self._root.local is None:
            box: Box = self._synsets[coarse] or self._root
            fetch_boxed(box, _file(f"{coarse}/{ref.model_id}"), f"{coarse}/{ref.model_id}", self._options)

    def _ref(self, model_id: str, **fields: Any) -> ModelRef:
        return ModelRef(
            source=self.name,
            model_id=model_id,
            licence="LicenseRef-ShapeNet",
            author="ShapeNet",
            url="https://shapenet.org",
            **fields,
        )

    def _is_here(self, synset: str, model_id: str) -> bool:
        return self._synsets[synset] is not None or self._root.has(_file(f"{synset}/{model_id}"))

    @cached_property
    def _root(self) -> Root:
        root = Root(self._options, self.name, _EXPECTED, _PAGE)
        return root / "ShapeNetCore.v2" if root.is_folder("ShapeNetCore.v2") else root

    @cached_property
    def _synsets(self) -> dict[str, ZipBox | None]:
        """Coarse synset -> its zip, or None for a folder of the tree."""
        for root in (self._root, self._root / "ShapeNetCore"):
            found = self._look_in(root)
            if found:
                return found
        if self._root.index("taxonomy.json", _MOST_TAXONOMY) is None:
            raise self._root.error("holds no ShapeNet")
        return {}

    @staticmethod
    def _look_in(root: Root) -> dict[str, ZipBox | None]:
        try:
            entries = root.entries() if root.local is None or root.local.is_dir() else []
            names = [(match[1], entry.is_folder) for entry in entries if (match := _SYNSET.match(entry.name))]
        except NotListable:
            names = [(synset, False) for synset in _CLASSES.split() if root.has(f"{synset}.zip")]
        folders = {synset for synset, is_folder in names if is_folder}
        zips = {synset for synset, is_folder in names if not is_folder} - folders
        return {**dict.fromkeys(folders), **{synset: root.zip(f"{synset}.zip") for synset in zips}}

    def _ids(self, synset: str) -> frozenset[str]:
        """The models of a coarse class. A zip's directory is read when somebody asks for its class."""
        if synset not in self._listed:
            box = self._synsets[synset]
            if box is None:
                found = [entry.name for entry in self._root.entries(synset) if entry.is_folder]
            else:
                try:
                    matches = [_MEMBER.match(name) for name in box.names]
                except (ModelRefused, FileNotFoundError) as error:
                    raise self._root.error(error) from error
                found = [match[2] for match in matches if match and match[1] == synset]
            self._listed[synset] = frozenset(found)
        return self._listed[synset]

    @cached_property
    def _of_model(self) -> dict[str, list[str]]:
        """Model id -> the coarse synsets that have it."""
        index: dict[str, list[str]] = {}
        for synset in sorted(self._synsets):
            for model_id in self._ids(synset):
                index.setdefault(model_id, []).append(synset)
        return index

    @cached_property
    def _taxonomy(self) -> dict[str, dict[str, Any]]:
        text = self._root.index("taxonomy.json", _MOST_TAXONOMY)
        if text is None:
            return {}
        try:
            return {str(entry["synsetId"]): entry for entry in json.loads(text)}
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise SourceError(f"source {self.name!r}: taxonomy.json cannot be read: {error}") from error

    @cached_property
    def _parents(self) -> dict[str, list[str]]:
        parents: dict[str, list[str]] = {}
        for synset, entry in self._taxonomy.items():
            for child in entry.get("children", ()):
                parents.setdefault(str(child), []).append(synset)
        return parents

    def _names(self, synset: str) -> tuple[str, ...]:
        names = str(self._taxonomy.get(synset, {}).get("name", "")).split(",")
        return tuple(name.strip() for name in names if name.strip()) or (f"n{synset}",)

    def _coarse(self, synset: str, model_id: str) -> str | None:
        """The coarse class that has the model: the nearest above `synset` that does, else the first of all."""
        seen, ahead = set(), [synset.removeprefix("n")]
        while ahead:
            here = ahead.pop(0)
            if here in self._synsets and model_id in self._ids(here):
                return here
            if here not in seen:
                seen.add(here)
                ahead.extend(self._parents.get(here, ()))
        return next(iter(self._of_model.get(model_id, ())), None)


def _file(inside: str) -> str:
    return f"{inside}/models/model_normalized.obj"
