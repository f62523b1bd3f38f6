"""What two releases differ in, sample by sample, by class: from their tables of labels, no picture is read.

Blocks of a table that are the same file in both are not opened, so a large release that gained one shard is compared in
the time that one block takes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import companion
from .companion import KINDS
from .errors import ReleaseError
from .release_table import PROVENANCE, Rows, is_table, read_rows
from .versions import Bump

Opener = Callable[[str], Path]


@dataclass(frozen=True)
class Difference:
    """From one release to another. Each mapping is class name -> samples."""

    added: dict[str, int] = field(default_factory=dict)
    dropped: dict[str, int] = field(default_factory=dict)
    redrawn: dict[str, int] = field(default_factory=dict)  # same geometry, other picture, words or controls
    relabelled: dict[str, int] = field(default_factory=dict)  # the same key with another pose, camera, class, ...
    moved: dict[str, int] = field(default_factory=dict)  # to another split
    same_blocks: int = 0  # tables that are the same file in both
    meaning: str = ""  # how the labels' schema changed its meaning; empty if it did not
    new_fields: tuple[str, ...] = ()  # of the label
    lost_fields: tuple[str, ...] = ()
    noun: str = "samples"  # what is counted

    def bump(self) -> Bump:
        """What the change calls for; see `versions`."""
        if self.meaning or self.relabelled or self.lost_fields:
            return "major"
        if self.added or self.dropped or self.redrawn or self.moved or self.new_fields:
            return "minor"
        return "patch"

    def why(self) -> str:
        """The change in a few words."""
        counted = ("added", "dropped", "redrawn", "relabelled", "moved")
        parts = [f"{total:,} {name}" for name in counted if (total := sum(getattr(self, name).values()))]
        if self.meaning:
            parts.append(self.meaning)
        parts += [f"{name} label fields" for name in ("new", "lost") if getattr(self, f"{name}_fields")]
        return ", ".join(parts) or f"the {self.noun} are the same"

    def lines(self) -> list[str]:
        """The change, a line each kind, with its classes."""
        kind = next((kind for kind in KINDS.values() if kind.noun == self.noun), None)
        said = {
            "added": f"{self.noun} added",
            "dropped": f"{self.noun} dropped",
            "redrawn": kind.retold if kind else "samples drawn anew",
            "relabelled": f"{self.noun} whose labels say something else now",
            "moved": f"{self.noun} moved to another split",
        }
        found = {text: by for name, text in said.items() if (by := getattr(self, name))}
        lines = [f"{sum(by.values()):,} {text}: {_classes(by)}" for text, by in found.items()]
        if self.meaning:
            lines.append(f"Labels: {self.meaning}")
        if self.new_fields:
            lines.append(f"New label fields: {', '.join(self.new_fields)}")
        if self.lost_fields:
            lines.append(f"Label fields that are gone: {', '.join(self.lost_fields)}")
        return lines or [f"The same {self.noun}; the card or other metadata changed."]


def _classes(by: dict[str, int], most: int = 12) -> str:
    rows = sorted(by.items(), key=lambda row: (-row[1], row[0]))
    text = ", ".join(f"{name} {count:,}" for name, count in rows[:most])
    return text + (f", and {len(rows) - most:,} classes more" if len(rows) > most else "")


def difference(before: dict[str, Any], after: dict[str, Any], open_before: Opener, open_after: Opener) -> Difference:
    """Compare two releases.

    Args:
        before: the manifest of one.
        after: the manifest of the other.
        open_before: path in the release -> a local file with its content; asked for tables only.
        open_after: the same of the other.

    Raises:
        ReleaseError: a table cannot be read, or one is of samples and the other of models or captions.
    """
    kinds = [manifest.get("kind", "") for manifest in (before, after)]
    if kinds[0] != kinds[1]:
        what = [f"of {KINDS[kind].noun}" if kind else "of samples" for kind in kinds]
        raise ReleaseError(f"one data set is {what[0]} and the other is {what[1]}: they cannot be versions of one")
    old, new = tables(before), tables(after)
    shared = {path for path in old.keys() & new.keys() if old[path] == new[path]}
    fields = [set(manifest["label_fields"]) for manifest in (before, after)]
    common = sorted((fields[0] & fields[1]) - PROVENANCE) if fields[0] != fields[1] else []
    a, b = (
        _rows(kinds[0], [opener(path) for path in sorted(found.keys() - shared)], common)
        for found, opener in ((old, open_before), (new, open_after))
    )
    for manifest, names in zip((before, after), fields, strict=True):
        names |= {f"scores.{name}" for name in manifest.get("scores", [])}
    schemas = [manifest["label_schema"] for manifest in (before, after)]
    return Difference(
        **_compared(a, b),
        same_blocks=len(shared),
        meaning="" if schemas[0] == schemas[1] else f"schema {schemas[0]} became {schemas[1]}",
        new_fields=tuple(sorted(fields[1] - fields[0])),
        lost_fields=tuple(sorted(fields[0] - fields[1])),
        noun=KINDS[kinds[0]].noun if kinds[0] else "samples",
    )


def tables(manifest: dict[str, Any]) -> dict[str, str]:
    """path -> sha256 of a release's tables of labels, or of a companion's tables."""
    wanted = companion.is_table if manifest.get("kind") else is_table
    return {row["path"]: row["sha256"] for row in manifest["files"] if wanted(row["path"])}


def _rows(kind: str, paths: list[Path], common: list[str]) -> Rows:
    return companion.read_rows(kind, paths) if kind else read_rows(paths, common)


def _compared(a: Rows, b: Rows) -> dict[str, Any]:
    """How many samples of each class came, went and changed."""
    in_b, in_a = np.isin(a.key, b.key, assume_unique=True), np.isin(b.key, a.key, assume_unique=True)
    old, new = np.flatnonzero(in_b), np.flatnonzero(in_a)  # the same keys, in the same order
    relabelled = a.truth[old] != b.truth[new]
    split_of_a, split_of_b = np.array(a.splits, object)[a.split[old]], np.array(b.splits, object)[b.split[new]]
    moved = ~relabelled & (split_of_a != split_of_b).astype(bool)
    redrawn = ~relabelled & ~moved & (a.content[old] != b.content[new])
    return {
        "added": _by_class(b, np.flatnonzero(~in_a)),
        "dropped": _by_class(a, np.flatnonzero(~in_b)),
        "redrawn": _by_class(b, new[redrawn]),
        "relabelled": _by_class(b, new[relabelled]),
        "moved": _by_class(b, new[moved]),
    }


def _by_class(rows: Rows, chosen: NDArray[np.intp]) -> dict[str, int]:
    counts = np.bincount(rows.class_name[chosen], minlength=len(rows.classes))
    return {name: int(count) for name, count in sorted(zip(rows.classes, counts, strict=True)) if count}
