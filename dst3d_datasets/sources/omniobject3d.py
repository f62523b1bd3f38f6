"""OmniObject3D's raw scans, as a tree of folders or as one tar.gz a category, here or anywhere.

Layout: <root>/raw/raw_scans/<category>/<category>_<nnn>/Scan/Scan.obj with Scan.mtl and Scan.jpg beside it, or
<root>/raw/raw_scans/<category>.tar.gz whose members begin with <category>_<nnn>; millimetres, not centred, about y-up.
Ids are those of 3D-DST's catalogue: omniobject3d_<category>_<nnn>.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cached_property

from .. import imagenet
from ..errors import ModelRefused, NotListable
from ..nouns import CadModel, ModelRef
from ..recipe.options import OmniObject3DOptions
from .archive_tar import TarBox
from .class_names import exact
from .mesh_open import fetch_boxed, open_boxed, open_model
from .root import Root

PREFIX = "omniobject3d_"
_SCAN = re.compile(r"^(?P<category>.+)_\d+$")
_MEMBER = re.compile(r"^(?:[^/]+/)?(?P<scan>[^/]+_\d+)/Scan/Scan\.obj$")
_TAR = ".tar.gz"
_CHOICES = ("raw/raw_scans", "OpenXD-OmniObject3D-New/raw/raw_scans", "raw_scans", "")
_EXPECTED = "OmniObject3D raw scans (raw/raw_scans/<category>/<category>_<nnn>/Scan/Scan.obj, or <category>.tar.gz)"
_PAGE = "https://omniobject3d.github.io"


class OmniObject3D:
    """OmniObject3D's raw scans."""

    def __init__(self, options: OmniObject3DOptions) -> None:
        self.name = options.name or options.kind
        self._options = options
        self._listed: dict[str, dict[str, str]] = {}

    def models(self) -> Iterator[ModelRef]:
        """Every scan, by category and number; the class is the category."""
        found = {model_id for category in sorted(self._categories) for model_id in self._scans(category)}
        if not found:
            raise self._root.error("holds no raw scans")
        for model_id in sorted(found):
            category = self._category(model_id)
            known = exact(category)
            yield self._ref(
                model_id,
                known.name if known else category.replace("_", " "),
                known.synset if known else "",
                known.index if known else -1,
            )

    def find(self, synset: str, model_id: str) -> ModelRef | None:
        """See `Source.find`; the id with or without its prefix."""
        full = model_id if model_id.startswith(PREFIX) else PREFIX + model_id
        if full not in self._scans(self._category(full)):
            return None
        known = imagenet.by_synset().get(synset)
        name = known.name if known else self._category(full).replace("_", " ")
        return self._ref(full, name, synset, known.index if known else -1)

    def prepare(self, ids: Iterable[str]) -> None:
        """Have the scans of these ids kept in the cache while their archives are listed, in one pass."""
        wanted: dict[str, set[str]] = {}
        for model_id in ids:
            scan = model_id.removeprefix(PREFIX)
            wanted.setdefault(self._category(scan), set()).add(scan)
        for category, box in self._categories.items():
            if box is not None and category in wanted:
                box.want(wanted[category])

    def open(self, ref: ModelRef) -> CadModel:
        """See `Source.open`."""
        category = self._category(ref.model_id)
        inside = self._scans(category).get(ref.model_id)
        if inside is None:
            return open_model(None, ref, self._options)
        box = self._categories[category]
        if box is None and self._root.local is not None:
            folder = self._root.local / inside
            return open_model(folder / "Scan" / "Scan.obj", ref, self._options, root=folder)
        return open_boxed(box or self._root, f"{inside}/Scan/Scan.obj", inside, ref, self._options)

    def fetch(self, ref: ModelRef) -> None:
        """Bring a model of another machine, or of an archive, into the cache, ahead of `open`."""
        category = self._category(ref.model_id)
        inside = self._scans(category).get(ref.model_id)
        if inside is not None and (self._categories[category] is not None or self._root.local is None):
            fetch_boxed(self._categories[category] or self._root, f"{inside}/Scan/Scan.obj", inside, self._options)

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
    def _root(self) -> Root:
        root = Root(self._options, self.name, _EXPECTED, _PAGE)
        below = next((choice for choice in _CHOICES if choice and root.is_folder(choice)), "")
        return root / below if below else root

    @cached_property
    def _categories(self) -> dict[str, TarBox | None]:
        """Category -> its archive, or None for a folder of the tree; the folder wins."""
        try:
            entries = [entry for entry in self._root.entries() if not entry.name.startswith(".")]
        except NotListable:
            return {}
        names = {entry.name[: -len(_TAR)] for entry in entries if not entry.is_folder and entry.name.endswith(_TAR)}
        folders: dict[str, TarBox | None] = {entry.name: None for entry in entries if entry.is_folder}
        return {**{name: self._root.tar(name + _TAR) for name in sorted(names)}, **folders}

    def _scans(self, category: str) -> dict[str, str]:
        """Catalogue id -> the scan's folder, of one category. An archive is gone through when somebody asks for it."""
        if category not in self._listed:
            if category not in self._categories and self._is_unlisted(category):
                self._categories[category] = self._root.tar(category + _TAR)
            if category not in self._categories:
                return {}
            box = self._categories[category]
            self._listed[category] = self._folders(category) if box is None else self._members(category, box)
        return self._listed[category]

    def _is_unlisted(self, category: str) -> bool:
        """Whether a server that shows no list has the category's archive."""
        is_name = re.fullmatch(r"[\w-]+", category) is not None
        return is_name and self._root.local is None and not self._categories and self._root.has(category + _TAR)

    def _folders(self, category: str) -> dict[str, str]:
        names = [entry.name for entry in self._root.entries(category) if _SCAN.match(entry.name)]
        if self._root.local is not None:
            names = [name for name in names if self._root.has(f"{category}/{name}/Scan/Scan.obj")]
        return {PREFIX + name: f"{category}/{name}" for name in names if self._category(name) == category}

    def _members(self, category: str, box: TarBox) -> dict[str, str]:
        try:
            matches = [match for name in box.names if (match := _MEMBER.match(name))]
        except (ModelRefused, FileNotFoundError) as error:
            raise self._root.error(error) from error
        scans = {match["scan"]: match[0][: -len("/Scan/Scan.obj")] for match in matches}
        return {PREFIX + scan: inside for scan, inside in scans.items() if self._category(scan) == category}
