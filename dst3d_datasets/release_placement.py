"""Which sample goes into which public tar.

A first release is mixed by name. A release that follows another keeps every sample in the tar it was in: what is new
goes into tars of its own, what is gone leaves its tar, and all other tars stay the same file, which nobody has to send
or fetch again.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import ReleaseError
from .release_files import num_shards, shard_ranges
from .release_index import Index
from .release_table import is_table, read_placement

_TAR = re.compile(r"data/[^/]+/(.+)-(\d+)\.tar")


@dataclass(frozen=True)
class Base:
    """The release that another one follows: where its samples lie."""

    content: str
    shard_of: dict[str, str]  # key -> path of its tar

    @classmethod
    def of(cls, manifest: dict[str, Any], tables: Sequence[Path]) -> Base:
        """The placement that a release's tables tell."""
        return cls(manifest["content"], dict(read_placement(tables)))


def open_base(folder: str | os.PathLike[str]) -> Base:
    """The release in a folder, to be followed.

    Raises:
        ReleaseError: there is none.
    """
    place = Path(folder)
    try:
        manifest = json.loads((place / "manifest.json").read_bytes())
        paths = [place / row["path"] for row in manifest["files"] if is_table(row["path"])]
        return Base.of(manifest, paths)
    except (OSError, ValueError, KeyError) as error:
        raise ReleaseError(f"{folder}: no release that another one could follow ({error})") from error


def place(
    index: Index, samples: NDArray[np.int64], split: str, group: str, shard_bytes: int, base: Base | None
) -> list[tuple[str, NDArray[np.int64]]]:
    """The tars of one group of one split: (path in the release, samples in their order), none of them empty.

    Args:
        index: of the run.
        samples: those of the group, in the order of names.
        split: name of the split.
        group: the first part of the tars' names; see `subsets`.
        shard_bytes: about how large a tar may be.
        base: the release before; none for a first one.
    """
    tars: list[tuple[str, NDArray[np.int64]]] = []
    first = 0
    stem = f"data/{split}/{group}"
    if base is not None:
        tars, samples, first = _kept(index, samples, stem, base)
    if len(samples):
        sizes = index.num_bytes()
        count = num_shards(len(samples), int(sizes[samples].sum()), shard_bytes)
        for number, span in enumerate(shard_ranges(len(samples), count), first):
            tars.append((f"{stem}-{number:05d}.tar", samples[span.start : span.stop]))
    return tars


def blocks(shards: Iterable[str], size: int) -> Iterator[tuple[str, list[str]]]:
    """(name, tars) of every block of tars that is not empty; a tar's block follows from its own name and number."""
    by_block: dict[str, list[str]] = {}
    for shard in shards:
        group, number = _name(shard)
        by_block.setdefault(f"{group}-{number // size:05d}", []).append(shard)
    yield from sorted(by_block.items())


def group_in(shard: str) -> str:
    """The group of a tar, by its path in the release."""
    return _name(shard)[0]


def _name(shard: str) -> tuple[str, int]:
    """Group and number of a tar. Its name does not tell how many there are: names stay when a release grows."""
    match = _TAR.fullmatch(shard)
    if match is None:
        raise ReleaseError(f"{shard}: not the name of a public tar")
    return match[1], int(match[2])


def _kept(
    index: Index, samples: NDArray[np.int64], stem: str, base: Base
) -> tuple[list[tuple[str, NDArray[np.int64]]], NDArray[np.int64], int]:
    """The tars of the release before with what is left of them, the new samples, and the first free number."""
    used: dict[str, list[int]] = {}
    fresh: list[int] = []
    for sample in samples.tolist():
        shard = base.shard_of.get(index.key(sample), "")
        if shard.rpartition("-")[0] == stem:
            used.setdefault(shard, []).append(sample)
        else:
            fresh.append(sample)
    numbers = {_name(shard)[1] for shard in set(base.shard_of.values()) if shard.rpartition("-")[0] == stem}
    tars = [(shard, np.array(used[shard], np.int64)) for shard in sorted(used)]
    return tars, np.array(fresh, np.int64), max(numbers, default=-1) + 1
