"""Which tables of scores a run's recipe asks for, and which of them are there."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..recipe import Recipe
from ..recipe.base import plain_without
from ..run import Run
from ..store import Store
from .samples import ClassShards

FOLDER = "scores"
_NAME = re.compile(r"scores/([^/]+)/([^/]+)-([0-9a-f]{8})([0-9a-f]{8})([0-9a-f]{8})(?:\.parquet|/.*)")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a table of scores lies, or belongs, in the store."""

    class_id: str
    kind: str
    options: str  # 8 hexadecimal digits each
    revision: str
    shards: str

    @property
    def stem(self) -> str:
        """The table's path without its ending: the folder of what is finished of it."""
        return f"{FOLDER}/{self.class_id}/{self.kind}-{self.options}{self.revision}{self.shards}"

    @property
    def path(self) -> str:
        """The table's path."""
        return f"{self.stem}.parquet"


def digest(*content: Any) -> str:
    """8 hexadecimal digits over plain data."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:8]


def digest_of_options(options: Any) -> str:
    """8 hexadecimal digits over a scorer's options, less the places of files: its revision stands for their content."""
    return digest(plain_without(options, "location"))


def digest_of_shards(shards: ClassShards) -> str:
    """8 hexadecimal digits over the content of a class's shards."""
    return digest([(receipt.shard_id, receipt.sha256) for receipt in shards.receipts])


@dataclass(frozen=True)
class Classes:
    """The classes of a run."""

    whole: dict[str, ClassShards]  # class id -> its shards, of classes that hold samples and have every shard
    partial: dict[str, ClassShards]  # of classes with shards that are yet to be made

    def all(self) -> dict[str, ClassShards]:
        """Both, sorted."""
        return dict(sorted({**self.whole, **self.partial}.items()))


def classes_of(store: Store, run: Run) -> Classes:
    """The finished shards of a run, by class."""
    planned = Counter(_class_of(shard_id) for shard_id in run.shards)
    planned.update(shard.class_id for shard in run.retries)
    done = sorted(
        (receipt for receipt in store.receipts() if run.is_done(receipt) and store.has_all(receipt)),
        key=lambda receipt: receipt.shard_id,
    )
    finished = Counter(receipt.class_id for receipt in done)
    found = Classes({}, {})
    for class_id in sorted(finished):
        own = tuple(receipt for receipt in done if receipt.class_id == class_id and receipt.num_samples)
        shards = ClassShards(class_id, own, tuple(run.attempts.get(receipt.shard_id, 0) for receipt in own))
        if own:
            (found.whole if finished[class_id] == planned[class_id] else found.partial)[class_id] = shards
    return found


def _class_of(shard_id: str) -> str:
    """The class of a shard of the plan: its id is that of the class and a number, and more in a trial."""
    match = re.fullmatch(r"(.+)-\d{5}(?:-limit\d+)?", shard_id)
    return match[1] if match else shard_id


def places_there(store: Store, class_id: str = "") -> Iterator[tuple[Place, str, int]]:
    """(place, name, bytes) of every file of scores, of one class or all: tables, and what is finished of others."""
    for name, size in store.files(f"{FOLDER}/{class_id}".rstrip("/")):
        match = _NAME.fullmatch(name)
        if match is not None:
            yield Place(*match.groups()), name, size


def found_tables(store: Store, recipe: Recipe, classes: dict[str, ClassShards]) -> dict[tuple[str, str], Place]:
    """(class id, kind) -> the table that is there for the recipe's options and the class's shards.

    Scorers are not asked for their revision: no weights are needed to read what they have said. `dst3d score` leaves
    one revision of a table.
    """
    options = {scorer.kind: digest_of_options(scorer) for scorer in recipe.scores}
    shards = {class_id: digest_of_shards(each) for class_id, each in classes.items()}
    return {
        (place.class_id, place.kind): place
        for place, name, _ in places_there(store)
        if name == place.path
        and options.get(place.kind) == place.options
        and shards.get(place.class_id) == place.shards
    }


def leftovers(store: Store, classes: dict[str, ClassShards]) -> list[tuple[str, int]]:
    """(name, bytes) of files that no scoring will use again: of shards that are no more, and of finished tables."""
    shards = {class_id: digest_of_shards(each) for class_id, each in classes.items()}
    there = list(places_there(store))
    finished = {place.stem for place, name, _ in there if name == place.path}
    return [
        (name, size)
        for place, name, size in there
        if place.shards != shards.get(place.class_id) or (name != place.path and place.stem in finished)
    ]


def waiting(kinds: Sequence[str], classes: dict[str, ClassShards], found: dict[tuple[str, str], Place]) -> list[str]:
    """The tables that are not there, as "class kind"."""
    return [f"{class_id} {kind}" for class_id in classes for kind in kinds if (class_id, kind) not in found]
