"""ADE20K's 150 classes as segmentation ControlNets see them: their colours, and which one an object of a class has.

Zhou et al., "Scene Parsing through ADE20K Dataset", CVPR 2017. The colours and the ImageNet classes of each are in
`data/ade20k.tsv`; its palette is the one that the ControlNet annotators draw with.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources

from .. import imagenet
from ..errors import RecipeError
from ..nouns import ModelRef

_ANIMALS = 398  # the first classes of ImageNet-1k, by index, are animals

Rgb = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Segment:
    """One class of ADE20K."""

    name: str
    colour: Rgb
    below: str  # the class of the ground that such an object stands on
    behind: str  # and of what is behind it


@cache
def segments() -> dict[str, Segment]:
    """All 150 classes by name, in ADE20K's order."""
    return {row[0]: Segment(row[0], _rgb(row[1]), *row[2].split()) for row in _rows()}


def segment_of(ref: ModelRef) -> Segment:
    """The class of an object.

    ImageNet classes go by the table; any other class must have the name of one of ADE20K's.

    Raises:
        RecipeError: ADE20K has no class that is near.
    """
    if 0 <= ref.class_index < _ANIMALS:
        return segments()["animal"]
    plain = ref.class_name.lower().replace("_", " ")
    known = _of_imagenet().get(ref.class_index) if ref.class_index >= 0 else None
    name = known or (plain if plain in segments() else "")
    if not name:
        raise RecipeError(
            f"generator.controls: segmentation: ADE20K's 150 classes have none for {ref.class_name!r}, so no colour "
            "says what it is; leave the class out, or use another control"
        )
    return segments()[name]


@cache
def _of_imagenet() -> dict[int, str]:
    """ImageNet-1k's index -> name of the ADE20K class."""
    by_name: dict[str, list[int]] = {}
    for entry in imagenet.classes()[_ANIMALS:]:
        by_name.setdefault(entry.name, []).append(entry.index)
    return {index: row[0] for row in _rows() if row[3] for word in row[3].split("; ") for index in by_name[word]}


def _rows() -> list[list[str]]:
    text = (resources.files("dst3d_datasets") / "data" / "ade20k.tsv").read_text(encoding="utf-8")
    return [line.split("\t") for line in text.splitlines() if not line.startswith("#")]


def _rgb(digits: str) -> Rgb:
    red, green, blue = bytes.fromhex(digits)
    return red, green, blue
