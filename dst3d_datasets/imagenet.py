"""The 1000 classes of ImageNet-1k: WordNet synset, index in the challenge's order, and names.

The table is WordNet 3.0's lemmas for the ILSVRC-2012 synsets, sorted by synset, which is the usual index order.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True, slots=True)
class ImageNetClass:
    """One class."""

    index: int  # 0-999
    synset: str  # e.g. "n02690373"
    names: tuple[str, ...]  # WordNet lemmas, the usual one first

    @property
    def name(self) -> str:
        """The first name, e.g. "airliner"."""
        return self.names[0]


@cache
def classes() -> tuple[ImageNetClass, ...]:
    """All 1000 classes by index."""
    text = (resources.files("dst3d_datasets") / "data" / "imagenet1k.tsv").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in text.splitlines()]
    return tuple(ImageNetClass(i, synset, tuple(names.split(", "))) for i, (synset, names) in enumerate(rows))


@cache
def by_synset() -> dict[str, ImageNetClass]:
    """Classes by synset, e.g. "n02690373"."""
    return {entry.synset: entry for entry in classes()}


@cache
def _by_name() -> dict[str, ImageNetClass]:
    table: dict[str, ImageNetClass] = {}
    for position in range(max(len(entry.names) for entry in classes())):
        for entry in classes():
            if position < len(entry.names):
                table.setdefault(_plain(entry.names[position]), entry)
    return table


def find(text: str) -> ImageNetClass | None:
    """The class that a synset or a name means ("n02690373", "Airliner", "park_bench"), or None."""
    return by_synset().get(text) or _by_name().get(_plain(text))


def _plain(name: str) -> str:
    return " ".join(name.lower().replace("_", " ").replace("-", " ").split())
