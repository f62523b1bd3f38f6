"""From a collection's word for a thing ("car_(automobile)") to an ImageNet class, by WordNet's lemmas.

`data/class_aliases.tsv` is the reviewed part, over the categories of LVIS v1, ShapeNet and OmniObject3D: other names of
a class (strength 1), words whose class is near enough to stand for it (strength 2), and false friends, which look like
a lemma and mean another thing (a toy kite is no bird): those have no class. Nothing is guessed from parts of a word.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from typing import NamedTuple

from .. import imagenet
from ..imagenet import ImageNetClass


class Match(NamedTuple):
    """An ImageNet class, and how well the name fits it."""

    entry: ImageNetClass
    strength: int  # 1 the class itself, 2 only approximates it


def match(name: str) -> Match | None:
    """The class that a category's name stands for, or None.

    Args:
        name: with underscores, hyphens or spaces, any case, and LVIS's remarks in parentheses.

    >>> match("race_car").entry.name, match("mug").strength, match("kite")
    ('racer', 2, None)
    """
    full, base = _plain(re.sub(r"[()]", " ", name)), _plain(re.sub(r"\([^)]*\)", " ", name))
    for text in dict.fromkeys((full, base)):
        if text in _aliases():
            return _aliases()[text]
    for text in dict.fromkeys((full, base)):
        entry = imagenet.find(text)
        if entry is not None:
            return Match(entry, 1)
    return None


def exact(name: str) -> ImageNetClass | None:
    """The class that a name stands for without approximation, or None."""
    found = match(name)
    return found.entry if found is not None and found.strength == 1 else None


def _plain(text: str) -> str:
    return " ".join(re.sub(r"[_\-\s]+", " ", text).lower().split())


@cache
def _aliases() -> dict[str, Match | None]:
    text = (resources.files("dst3d_datasets") / "data" / "class_aliases.tsv").read_text(encoding="utf-8")
    table: dict[str, Match | None] = {}
    for line in text.splitlines():
        name, synset, strength, _ = line.split("\t")
        table[name] = None if synset == "-" else Match(imagenet.by_synset()[synset], int(strength))
    return table
