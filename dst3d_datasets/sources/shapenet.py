"""ShapeNetCore.v2 as a tree of folders.

Layout: <root>/[ShapeNetCore.v2/]<synset>/<model>/models/model_normalized.obj, textures in <model>/images, names in
taxonomy.json. Up is +y and the front faces -z, so that the catalogue's azimuth is 180 throughout.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from .. import imagenet
from ..errors import SourceError
from ..nouns import CadModel, ModelRef
from ..recipe.options import ShapeNetOptions
from .mesh_open import folder_at, open_model

_SYNSET = re.compile(r"^\d{8}$")
_EXPECTED = "a ShapeNetCore.v2 tree (taxonomy.json and one folder a synset, such as 02691156)"
AZIMUTH = 180.0  # degrees; what turns ShapeNet's front, -z, to ours


class ShapeNet:
    """A ShapeNetCore.v2 tree."""

    def __init__(self, options: ShapeNetOptions) -> None:
        self.name = options.name or options.kind
        self._options = options

    def models(self) -> Iterator[ModelRef]:
        """Every model under ShapeNet's own coarse class, by synset and id."""
        for synset in sorted(self._synsets):
            names = self._names(synset)
            known = imagenet.by_synset().get(f"n{synset}")
            for model_id in sorted(self._synsets[synset]):
                if not self._file(synset, model_id).is_file():
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
        path = self._file(coarse, ref.model_id) if coarse is not None else None
        return open_model(path, ref, self._options, root=path.parent.parent if path else None)

    def _ref(self, model_id: str, **fields: Any) -> ModelRef:
        return ModelRef(
            source=self.name,
            model_id=model_id,
            licence="LicenseRef-ShapeNet",
            author="ShapeNet",
            url="https://shapenet.org",
            **fields,
        )

    def _file(self, synset: str, model_id: str) -> Path:
        return self._tree / synset / model_id / "models" / "model_normalized.obj"

    @cached_property
    def _tree(self) -> Path:
        root = folder_at(self._options.root, self.name, _EXPECTED)
        inner = root / "ShapeNetCore.v2"
        return inner if inner.is_dir() else root

    @cached_property
    def _synsets(self) -> dict[str, frozenset[str]]:
        """Coarse synset -> ids of its models."""
        found = {}
        for entry in os.scandir(self._tree):
            if _SYNSET.match(entry.name) and entry.is_dir():
                found[entry.name] = frozenset(child.name for child in os.scandir(entry.path) if child.is_dir())
        if not found and not (self._tree / "taxonomy.json").is_file():
            raise SourceError(
                f"source {self.name!r}: root {self._options.root}: holds no ShapeNet; expected {_EXPECTED}"
            )
        return found

    @cached_property
    def _of_model(self) -> dict[str, list[str]]:
        """Model id -> the coarse synsets that have it."""
        index: dict[str, list[str]] = {}
        for synset in sorted(self._synsets):
            for model_id in self._synsets[synset]:
                index.setdefault(model_id, []).append(synset)
        return index

    @cached_property
    def _taxonomy(self) -> dict[str, dict[str, Any]]:
        try:
            entries = json.loads((self._tree / "taxonomy.json").read_text(encoding="utf-8"))
            return {str(entry["synsetId"]): entry for entry in entries}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, KeyError) as error:
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
        """The coarse class whose folder has the model: the one above `synset` if there is a choice, else the first."""
        candidates = self._of_model.get(model_id, [])
        if len(candidates) <= 1:
            return candidates[0] if candidates else None
        seen, ahead = set(), [synset.removeprefix("n")]
        while ahead:
            here = ahead.pop(0)
            if here in candidates:
                return here
            if here not in seen:
                seen.add(here)
                ahead.extend(self._parents.get(here, ()))
        return candidates[0]
