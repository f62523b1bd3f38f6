"""OmniObject3D's raw scans as a tree of folders.

Layout: <root>/raw/raw_scans/<category>/<category>_<nnn>/Scan/Scan.obj with Scan.mtl and Scan.jpg beside it;
millimetres, not centred, about y-up. Ids are those of 3D-DST's catalogue: omniobject3d_<category>_<nnn>.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from .. import imagenet
from ..errors import SourceError
from ..nouns import CadModel, ModelRef
from ..recipe.options import OmniObject3DOptions
from .mesh_open import folder_at, open_model

PREFIX = "omniobject3d_"
_SCAN = re.compile(r"^(?P<category>.+)_\d+$")
_EXPECTED = "OmniObject3D raw scans (raw/raw_scans/<category>/<category>_<nnn>/Scan/Scan.obj)"


class OmniObject3D:
    """OmniObject3D's raw scans."""

    def __init__(self, options: OmniObject3DOptions) -> None:
        self.name = options.name or options.kind
        self._options = options

    def models(self) -> Iterator[ModelRef]:
        """Every scan, by category and number; the class is the category."""
        for model_id in sorted(self._scans):
            category = self._category(model_id)
            known = imagenet.find(category)
            yield self._ref(
                model_id,
                known.name if known else category.replace("_", " "),
                known.synset if known else "",
                known.index if known else -1,
            )

    def find(self, synset: str, model_id: str) -> ModelRef | None:
        """See `Source.find`; the id with or without its prefix."""
        full = model_id if model_id.startswith(PREFIX) else PREFIX + model_id
        if full not in self._scans:
            return None
        known = imagenet.by_synset().get(synset)
        name = known.name if known else self._category(full).replace("_", " ")
        return self._ref(full, name, synset, known.index if known else -1)

    def open(self, ref: ModelRef) -> CadModel:
        """See `Source.open`."""
        folder = self._scans.get(ref.model_id)
        return open_model(folder / "Scan" / "Scan.obj" if folder else None, ref, self._options, root=folder)

    def _ref(self, model_id: str, class_name: str, synset: str, index: int) -> ModelRef:
        return ModelRef(
            source=self.name,
            model_id=model_id,
            class_name=class_name,
            synset=synset,
            class_index=index,
            licence="CC-BY-4.0",
            author="OmniObject3D",
            url="https://omniobject3d.github.io",
            title=model_id.removeprefix(PREFIX).replace("_", " "),
            keywords=(self._category(model_id).replace("_", " "),),
        )

    @staticmethod
    def _category(model_id: str) -> str:
        match = _SCAN.match(model_id.removeprefix(PREFIX))
        return match["category"] if match else model_id.removeprefix(PREFIX)

    @cached_property
    def _scans(self) -> dict[str, Path]:
        """Catalogue id -> the scan's folder."""
        root = folder_at(self._options.root, self.name, _EXPECTED)
        choices = ("raw/raw_scans", "OpenXD-OmniObject3D-New/raw/raw_scans", "raw_scans", ".")
        base = next(root / choice for choice in choices if (root / choice).is_dir())
        scans = {}
        for category in os.scandir(base):
            if not category.is_dir() or category.name.startswith("."):
                continue
            for scan in os.scandir(category.path):
                if _SCAN.match(scan.name) and os.path.isfile(os.path.join(scan.path, "Scan", "Scan.obj")):
                    scans[PREFIX + scan.name] = Path(scan.path)
        if not scans:
            raise SourceError(
                f"source {self.name!r}: root {self._options.root}: holds no raw scans; expected {_EXPECTED}"
            )
        return scans
