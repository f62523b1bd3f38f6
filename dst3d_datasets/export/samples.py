"""What is exported: the samples of a release, a run, or a folder of released tars, read one after the other.

All tars are read twice: once for the labels alone, so that objects and classes have numbers that do not depend on what
is exported of them, and once for the samples. Memory holds the models, never the samples.
"""

from __future__ import annotations

import json
import re
import tarfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import StoreError, UsageError
from ..recipe import Recipe, load_recipe
from ..release import open_release
from ..release_write import MANIFEST
from ..run import read_run
from ..splits import split_of
from ..store import Store
from ..tar import Entry, read_index, read_sample
from .survey import Survey, survey_of

_NEEDED = ("mask_rle", "bbox_visible", "area", "truncated", "symmetry_axis")  # younger than the first releases
_SHARD = re.compile(r"(?P<split>.+)-\d{5}-of-\d{5}\.tar")


@dataclass(frozen=True, slots=True)
class Row:
    """One sample."""

    key: str
    split: str
    label: Mapping[str, Any]  # see `schema.LABEL`
    members: Mapping[str, bytes]  # by extension: `jpg`, `mask.png`, ...

    def member(self, extension: str, why: str) -> bytes:
        """The content of a member.

        Raises:
            UsageError: the samples do not carry it.
        """
        if extension not in self.members:
            raise UsageError(
                f"the sample {self.key} has no {extension}, and {why}: release the control {extension.split('.')[0]!r} "
                "too (release.controls in the recipe), or export from the run"
            )
        return self.members[extension]


@dataclass(frozen=True, slots=True)
class _Tar:
    name: str
    open: Callable[[], AbstractContextManager[BinaryIO]]
    split: Callable[[Mapping[str, Any]], str]  # of a label


class Samples:
    """The samples of one place; see `open_samples`.

    Args:
        place: for messages.
        tars: in the order in which they are read.
        recipe: reads the recipe behind the samples.
        terms: files that state licences and authors, to be given on with the export.
    """

    def __init__(
        self, place: str, tars: list[_Tar], recipe: Callable[[], Recipe], terms: tuple[Path, ...] = ()
    ) -> None:
        self.place, self.terms = place, terms
        self._tars, self._recipe = tars, recipe

    def recipe(self) -> Recipe:
        """The recipe that the samples were made by.

        Raises:
            RecipeError: there is none here, or its places are not set on this machine.
        """
        return self._recipe()

    def survey(self) -> Survey:
        """Read every label: which models and classes there are, and how many samples each split has.

        Raises:
            UsageError: there is not one sample.
            StoreError: a tar is damaged.
        """
        counts: Counter[str] = Counter()
        first: dict[str, dict[str, Any]] = {}
        dropped = 0
        for tar in self._tars:
            for label in _labels(tar):
                if not label.get("keep", True):
                    dropped += 1
                    continue
                counts[tar.split(label)] += 1
                first.setdefault(prefix_of(label["key"]), label)
        if not counts:
            raise UsageError(f"{self.place}: there is not one sample to export")
        return survey_of(first, dict(counts), dropped)

    def rows(self, split: str | None, limit: int | None) -> Iterator[Row]:
        """The samples that the filters kept: of one split or of all, the first `limit` or all, in the tars' order."""
        return islice((row for tar in self._tars for row in _rows(tar, split)), limit)


@contextmanager
def _entries(tar: _Tar) -> Iterator[tuple[BinaryIO, list[Entry]]]:
    """A tar and where its samples lie in it; whatever goes wrong while it is read is told with its name."""
    try:
        with tar.open() as stream:
            yield stream, list(read_index(stream))
    except (tarfile.TarError, OSError, ValueError, LookupError) as error:
        raise StoreError(f"{tar.name}: cannot be read ({error}); fetch or make it again") from error


def _labels(tar: _Tar) -> Iterator[dict[str, Any]]:
    with _entries(tar) as (stream, entries):
        for entry in entries:
            yield _label(stream, entry)


def _rows(tar: _Tar, split: str | None) -> Iterator[Row]:
    with _entries(tar) as (stream, entries):
        for entry in entries:
            label = _label(stream, entry)
            own = tar.split(label)
            if label.get("keep", True) and split in (None, own):
                yield Row(entry.key, own, label, dict(read_sample(stream, entry).members))


def prefix_of(key: str) -> str:
    """The part of a sample's key that names its model: all but the number of the view."""
    return key.rpartition("-")[0]


def _label(stream: BinaryIO, entry: Entry) -> dict[str, Any]:
    only = tuple(member for member in entry.members if member[0] == "json")
    if not only:
        raise KeyError(f"the sample {entry.key} has no label")
    label: dict[str, Any] = json.loads(read_sample(stream, Entry(entry.key, only)).members[0][1])
    if absent := [name for name in _NEEDED if name not in label]:
        raise UsageError(
            f"the label of {entry.key} has no {', '.join(absent)}: the data set is older than `dst3d export`; "
            "build and release it again"
        )
    return label


def open_samples(place: str) -> Samples:
    """The samples of a release's folder, of a run's, or of any folder of released tars (as the Hub gives them).

    Raises:
        UsageError: the folder holds nothing of the kind.
        ReleaseError: a release that is not whole.
    """
    folder = Path(place)
    if place.startswith(("hf://", "http://", "https://")):
        raise UsageError(f"{place}: fetch the data set first, for example with `hf download` and its --local-dir")
    if (folder / MANIFEST).is_file():
        splits = open_release(folder).manifest["splits"]
        tars = [_of_split(folder / path, name) for name, split in splits.items() for path in split["shards"]]
        return Samples(place, tars, partial(load_recipe, str(folder / "recipe.yaml")), _terms(folder))
    store = Store(place)
    if store.read("run.json") is not None:
        return _of_run(store)
    found = sorted(path for path in folder.rglob("*.tar") if not path.relative_to(folder).parts[0].startswith("."))
    if not found:
        raise UsageError(f"{place}: no release, no run and no tars are here; fetch a data set of the Hub whole first")
    tars = [_of_split(path, _split_of_file(path)) for path in found]
    return Samples(place, tars, partial(load_recipe, str(folder / "recipe.yaml")), _terms(folder))


def _of_split(path: Path, split: str) -> _Tar:
    return _Tar(str(path), lambda: path.open("rb"), lambda label: split)


def _split_of_file(path: Path) -> str:
    named = _SHARD.fullmatch(path.name)
    return named["split"] if named else path.parent.name


def _terms(folder: Path) -> tuple[Path, ...]:
    paths = (folder / name for name in ("ATTRIBUTION.md", "attribution.csv"))
    return tuple(path for path in paths if path.is_file())


def _of_run(store: Store) -> Samples:
    recipe, run = read_run(store)

    def split(label: Mapping[str, Any]) -> str:
        return split_of(recipe.release.splits, recipe.seed, label["cad_source"], label["cad_id"])

    done = [each for each in store.receipts() if run.is_done(each) and not run.is_retry(each)]
    receipts = [each for each in done if store.has_all(each) and each.num_samples]
    tars = [
        _Tar(f"{store.url}/{each.path}", partial(store.open, each), split)
        for each in sorted(receipts, key=lambda each: each.shard_id)
    ]
    return Samples(store.url, tars, lambda: recipe)
