"""Named parts of ImageNet-1k that a release offers as configs, without storing a picture twice.

A class that belongs to some of a release's subsets goes into tars of that combination (its *group*), so that every
subset is a set of whole tars.

* `imagenet-100`: the 100 classes of Tian et al., "Contrastive Multiview Coding" (ECCV 2020), the usual choice.
* `imagenet-200`: the 200 classes of ImageNet-R (Hendrycks et al., ICCV 2021).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from importlib import resources

OTHERS = "others"  # the group of classes that belong to no subset


@cache
def subsets() -> dict[str, frozenset[str]]:
    """Name -> synsets of every subset that is known."""
    text = (resources.files("dst3d_datasets") / "data" / "subsets.tsv").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in text.splitlines()]
    return {name: frozenset(synsets.split()) for name, synsets in rows}


def group_of(synset: str, wanted: Sequence[str], split: str) -> str:
    """The group of a class: the first part of its tars' names.

    >>> group_of("n01440764", (), "train"), group_of("n01820546", ("imagenet-100", "imagenet-200"), "train")
    ('train', 'imagenet-100_imagenet-200')
    """
    if not wanted:
        return split
    return "_".join(name for name in sorted(wanted) if synset in subsets()[name]) or OTHERS


def groups_with(subset: str, groups: Iterable[str]) -> list[str]:
    """The groups that make up a subset."""
    return [group for group in groups if subset in group.split("_")]
