"""Which samples are rated: as many of each class and view bin as there can be, the same ones every time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import UsageError
from ..nouns import Sample
from ..open_shards import OpenShards
from ..receipt import Receipt
from ..run import read_run
from ..scoring.bins import bins_of
from ..scoring.jobs import classes_of
from ..seeds import uniform
from ..store import Store
from ..tar import Entry, read_index, read_sample

SHOWN = ("json", "jpg", "render.jpg")  # the members that a person is shown something of
_LABELS = 240  # of a class that are looked at to find its view bins, at least
_LABELS_EACH = 12  # and this many for each sample that the class will give


@dataclass(frozen=True, slots=True)
class Chosen:
    """One sample to be rated."""

    key: str
    class_id: str
    class_name: str
    view_bin: int  # see `scoring.bins`
    receipt: Receipt
    entry: Entry


def choose(store: Store, count: int) -> list[Chosen]:
    """Up to `count` samples of a run, spread evenly over its classes and their view bins.

    Classes and bins take turns in an order by seed, and within a bin samples are drawn by seed, so a larger `count`
    holds every sample of a smaller one as long as the classes do not grow.

    Raises:
        UsageError: the folder is no run's, or holds no sample yet.
    """
    classes = classes_of(store, read_run(store)[1]).all()
    if not classes:
        raise UsageError(f"{store.url}: there is no finished sample to rate; `dst3d build` makes some")
    strata: dict[tuple[str, int], list[Chosen]] = {}
    with OpenShards(store) as opened:
        for class_id, shards in classes.items():
            places = [
                (receipt, entry)
                for receipt, attempt in zip(shards.receipts, shards.attempts, strict=True)
                if attempt == 0
                for entry in read_index(opened.stream(receipt))
            ]
            places.sort(key=lambda place: uniform("rate", place[1].key))
            most = max(_LABELS, _LABELS_EACH * -(-count // len(classes)))
            for chosen in _looked_at(opened, class_id, places[:most]):
                strata.setdefault((class_id, chosen.view_bin), []).append(chosen)
    order = sorted(strata, key=lambda stratum: uniform("rate", *stratum))
    deepest = max(len(rows) for rows in strata.values())
    turns = [strata[stratum][turn] for turn in range(deepest) for stratum in order if turn < len(strata[stratum])]
    return turns[:count]


def _looked_at(opened: OpenShards, class_id: str, places: Sequence[tuple[Receipt, Entry]]) -> list[Chosen]:
    labels = [json.loads(_members(opened, receipt, entry, ("json",))["json"]) for receipt, entry in places]
    columns = (np.array([label[name] for label in labels]) for name in ("azimuth", "elevation", "symmetry"))
    bins = bins_of(*columns).tolist()
    return [
        Chosen(entry.key, class_id, label["class_name"], view_bin, receipt, entry)
        for (receipt, entry), label, view_bin in zip(places, labels, bins, strict=True)
    ]


def _members(opened: OpenShards, receipt: Receipt, entry: Entry, names: Sequence[str]) -> dict[str, bytes]:
    wanted = Entry(entry.key, tuple(member for member in entry.members if member[0] in names))
    return dict(read_sample(opened.stream(receipt), wanted).members)


def read(store: Store, chosen: Chosen) -> Sample:
    """What is shown of a sample: its label, its picture and its render."""
    with OpenShards(store) as opened:
        return Sample(key=chosen.key, members=tuple(_members(opened, chosen.receipt, chosen.entry, SHOWN).items()))


def order_of(chosen: Sequence[Chosen], pass_: int) -> list[Chosen]:
    """The samples in the order of one pass; every pass has another one."""
    return sorted(chosen, key=lambda each: uniform("rate", pass_, each.key))
