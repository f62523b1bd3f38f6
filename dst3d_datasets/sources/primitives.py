"""The `primitives` source: procedural CAD models of everyday classes, made from nothing but numbers drawn by name.

Every class is a parametric family with unbounded instances. Instance i of a class is the same for ever and everywhere,
whichever others are listed or opened.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Protocol

from ..camera import alignment_of
from ..errors import ModelRefused, Reason, RecipeError
from ..imagenet import ImageNetClass, by_synset, find
from ..nouns import CadModel, ModelRef
from .shapes import FAMILIES
from .shapes.kit import Dice, Family, Kit

_ID = re.compile(r"(?P<family>[a-z-]+)-(?P<number>[0-9]{5,12})")


class Options(Protocol):
    """What the source reads of its options in the recipe."""

    name: str
    models_per_class: int
    classes: tuple[str, ...]


class Primitives:
    """Procedural models; ids are "<class>-<number>", e.g. "coffee-mug-00012", with any number.

    Raises:
        RecipeError: `options.classes` names a class that has no family; the message lists the choices.
    """

    def __init__(self, options: Options) -> None:
        self.name = options.name or "primitives"
        self._per_class = options.models_per_class
        self._families = _chosen(options.classes)

    def models(self) -> Iterator[ModelRef]:
        """The first `models_per_class` instances of each chosen class, class by class."""
        for family in self._families:
            for number in range(self._per_class):
                yield self._ref(family, number)

    def find(self, synset: str, model_id: str) -> ModelRef | None:
        """The reference of any instance by its id, chosen class or not; None for ids of another form or class."""
        family, number = _parse(model_id)
        if family is None or (synset and synset != _entry(family).synset):
            return None
        return self._ref(family, number)

    def open(self, ref: ModelRef) -> CadModel:
        """Build one instance.

        Raises:
            ModelRefused: the id is not of this source (reason `missing`).
        """
        family, number = _parse(ref.model_id)
        if family is None:
            raise ModelRefused(Reason.MISSING, f"{ref.model_id!r} is no id of the procedural source")
        kit = Kit()
        family.build(Dice(family.name, number), kit)
        turned = bool(ref.alignment) or ref.azimuth != 0.0 or ref.elevation != 0.0
        return kit.model(ref, alignment_of(ref) if turned else None)

    def _ref(self, family: Family, number: int) -> ModelRef:
        entry = _entry(family)
        facts = family.facts(Dice(family.name, number))
        return ModelRef(
            source=self.name,
            model_id=f"{_stem(family)}-{number:05d}",
            class_name=family.name,
            synset=entry.synset,
            class_index=entry.index,
            distance=facts.distance or family.distance,
            sampling=family.sampling,
            symmetry=facts.symmetry,
            licence="CC0-1.0",
            author="dst3d_datasets",
            title=" ".join((*facts.keywords[:2], family.name)),
            keywords=facts.keywords,
        )


def _stem(family: Family) -> str:
    return family.name.replace(" ", "-")


_BY_STEM = {_stem(family): family for family in FAMILIES}
_ENTRIES: dict[str, ImageNetClass] = {}


def _entry(family: Family) -> ImageNetClass:
    if family.name not in _ENTRIES:
        entry = find(family.name)
        if entry is None:  # a family's name is ours, so this is a slip of ours and not of the user
            raise LookupError(f"{family.name!r} is no ImageNet class")
        _ENTRIES[family.name] = entry
    return _ENTRIES[family.name]


def _parse(model_id: str) -> tuple[Family | None, int]:
    match = _ID.fullmatch(model_id)
    if match is None or f"{int(match['number']):05d}" != match["number"]:
        return None, 0
    return _BY_STEM.get(match["family"]), int(match["number"])


def _chosen(classes: Sequence[str]) -> tuple[Family, ...]:
    if not classes:
        return FAMILIES
    known = {_entry(family).synset: family for family in FAMILIES}
    chosen: dict[str, Family] = {}
    for text in classes:
        entry = by_synset().get(text) or find(text)
        if entry is None or entry.synset not in known:
            choices = ", ".join(family.name for family in FAMILIES)
            raise RecipeError(
                f"classes: the procedural source has no class {text!r}; choices: {choices} (or their synsets)"
            )
        chosen[entry.synset] = known[entry.synset]
    return tuple(chosen.values())
