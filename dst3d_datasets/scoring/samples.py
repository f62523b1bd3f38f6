"""The samples of one class of a run, as scorers see them: read from the shards when asked for, never held."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np

from ..columns import CONTROL_MEMBERS
from ..engines.pool import available_cores
from ..loading import decode_sample
from ..open_shards import OpenShards
from ..receipt import Receipt
from ..scores import Candidate
from ..store import Store
from ..stream import ordered_map
from ..tar import Entry, read_index, read_sample

_MOST_DECODERS = 8


@dataclass(frozen=True, slots=True)
class ClassShards:
    """The finished shards of one class."""

    class_id: str
    receipts: tuple[Receipt, ...]  # sorted by shard id, those without samples left out
    attempts: tuple[int, ...]  # of each: 0 for those of the plan, else which retry

    @property
    def num_samples(self) -> int:
        """Samples of all of them, retries included."""
        return sum(receipt.num_samples for receipt in self.receipts)


class RunSamples:
    """`scores.ClassSamples` of a class of a run, sorted by key, the attempts at one key in their order.

    Args:
        store: the run's.
        shards: the class.
        controls: which ones the candidates carry.
    """

    def __init__(self, store: Store, shards: ClassShards, controls: Sequence[str]) -> None:
        self.class_id = shards.class_id
        self._store, self._controls = store, tuple(controls)
        wanted = {"json", "jpg", *(CONTROL_MEMBERS[name] for name in controls)}
        rows: list[tuple[str, int, Receipt, Entry]] = []
        with OpenShards(store) as opened:
            for receipt, attempt in zip(shards.receipts, shards.attempts, strict=True):
                for entry in read_index(opened.stream(receipt)):
                    members = tuple(member for member in entry.members if member[0] in wanted)
                    rows.append((entry.key, attempt, receipt, Entry(entry.key, members)))
        self._rows = sorted(rows, key=lambda row: row[:2])
        self.keys = [row[0] for row in self._rows]
        self.attempts = np.array([row[1] for row in self._rows], np.int64)
        self.labels: Sequence[Mapping[str, Any]] = _Labels(self)

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Candidate]:
        decoders = max(2, min(available_cores() // 2, _MOST_DECODERS))
        return ordered_map(self._decoded, self._read(range(len(self))), decoders, 4 * decoders)

    def label(self, index: int) -> Mapping[str, Any]:
        """The label of one sample."""
        return next(self.read_labels(range(index, index + 1)))

    def read_labels(self, chosen: range) -> Iterator[Mapping[str, Any]]:
        """The labels of some samples."""
        for members in self._read(chosen, ("json",)):
            yield json.loads(members["json"])

    def _read(self, chosen: range, only: tuple[str, ...] = ()) -> Iterator[dict[str, bytes]]:
        with OpenShards(self._store) as opened:
            for index in chosen:
                key, _, receipt, entry = self._rows[index]
                members = tuple(member for member in entry.members if not only or member[0] in only)
                yield dict(read_sample(opened.stream(receipt), Entry(key, members)).members)

    def _decoded(self, members: dict[str, bytes]) -> Candidate:
        label = json.loads(members["json"])
        decoded = decode_sample({**members, "json": label}, self._controls)
        return Candidate(
            key=label["key"],
            label=label,
            image=decoded["image"],
            controls={name: decoded[name] for name in self._controls},
        )


class _Labels(Sequence[Mapping[str, Any]]):
    """Labels that are read from the shards when they are asked for."""

    def __init__(self, samples: RunSamples) -> None:
        self._samples = samples

    def __len__(self) -> int:
        return len(self._samples)

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        return self._samples.read_labels(range(len(self)))

    @overload
    def __getitem__(self, index: int) -> Mapping[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> list[Mapping[str, Any]]: ...
    def __getitem__(self, index: int | slice) -> Mapping[str, Any] | list[Mapping[str, Any]]:
        if isinstance(index, slice):
            return list(self._samples.read_labels(range(len(self))[index]))
        return self._samples.label(range(len(self))[index])
