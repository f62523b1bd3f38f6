"""Making a catalogue from what sources list: classes by WordNet names, filters, and what of ImageNet that covers."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .. import imagenet
from ..camera import alignment_of, as_rotation
from ..errors import ModelRefused
from ..licences import family
from ..nouns import REFERENCE_FOCAL, ModelRef
from ..recipe import Recipe
from . import Source
from .catalogue import build_sources, resolve
from .catalogue_file import Row
from .class_names import Match, match
from .limits import Loader


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which models a catalogue takes."""

    licences: tuple[str, ...] = ()  # families such as cc0, by, by-sa; empty: any
    min_faces: int = 0
    max_faces: int | None = None
    textured: bool = False  # only models with a texture or vertex colours
    max_strength: int = 2
    look: bool = False  # open every model: drop what is refused, and set the distance by its box

    @property
    def asks_for_facts(self) -> bool:
        """Whether something must be known that a list of models does not say."""
        return self.look or self.textured or self.min_faces > 0 or self.max_faces is not None


@dataclass
class Coverage:
    """What became of the models that the sources list."""

    listed: int = 0
    taken: int = 0
    inexact: int = 0  # taken, and the reference's pictures are ours in the plane of the front only
    opened: int = 0
    left_out: Counter[str] = field(default_factory=Counter)  # why -> models
    unmatched: Counter[str] = field(default_factory=Counter)  # name of a class that is none of ImageNet's -> models
    models: dict[str, Counter[int]] = field(default_factory=dict)  # synset -> strength -> models

    def to_dict(self) -> dict[str, Any]:
        """The same as plain data, with every class of ImageNet that has a model."""
        known = imagenet.by_synset()
        return {
            "listed": self.listed,
            "taken": self.taken,
            "inexact": self.inexact,
            "opened": self.opened,
            "left_out": dict(sorted(self.left_out.items())),
            "num_classes": len(self.models),
            "num_classes_strength_1": sum(1 for counts in self.models.values() if counts[1]),
            "num_classes_of": len(known),
            "classes": [
                {
                    "synset": synset,
                    "name": known[synset].name,
                    "models": sum(counts.values()),
                    "strength_1": counts[1],
                }
                for synset, counts in sorted(self.models.items())
            ],
            "unmatched": dict(sorted(self.unmatched.items(), key=lambda item: (-item[1], item[0]))),
        }


def build_catalogue(recipe: Recipe, wanted: Wanted) -> tuple[list[Row], Coverage]:
    """Rows for every model of the recipe's sources that is wanted and has a class in ImageNet; by class and id.

    A recipe with a `catalogue.file` (the reference's models.csv, say) gives the models of that, with their columns as
    rotations; `exact` is false where the reference's elevation column was none.

    Raises:
        SourceError: a source's root is missing.
    """
    coverage, rows = Coverage(), []
    loader = Loader(recipe.limits)
    kinds = {options.name or options.kind: options for options in recipe.sources}
    licences = {family(licence) for licence in wanted.licences}
    try:
        sources = build_sources(recipe)
        for ref in _listed(recipe, sources, coverage):
            options = kinds[ref.source]
            coverage.listed += 1
            found = _class_of(ref, options.kind)
            why = _unwanted(ref, found, wanted, licences, coverage)
            if why or found is None:
                coverage.left_out[why] += 1
                continue
            facts = _facts(sources[ref.source], options, ref, wanted, loader, coverage)
            why = _unfit(facts, wanted)
            if why:
                coverage.left_out[why] += 1
                continue
            rows.append(_row(ref, found, facts))
            coverage.inexact += not ref.exact
            coverage.models.setdefault(found.entry.synset, Counter())[rows[-1].strength or 1] += 1
    finally:
        loader.close()
    coverage.taken = len(rows)
    return sorted(rows, key=lambda row: (row.synset, row.source, row.model_id)), coverage


def _listed(recipe: Recipe, sources: Mapping[str, Source], coverage: Coverage) -> Iterator[ModelRef]:
    """What the sources have by themselves, or what the recipe's catalogue takes of it."""
    if not recipe.catalogue.file:
        for source in sources.values():
            yield from source.models()
        return
    refs, missing = resolve(recipe, sources)
    coverage.listed += len(missing)
    coverage.left_out.update(entry.reason for entry in missing)
    yield from refs


def _class_of(ref: ModelRef, kind: str) -> Match | None:
    """The ImageNet class of a listed model: by its synset, its own class's name, or that class's synonyms."""
    known = imagenet.by_synset().get(ref.synset)
    if known is not None:
        return Match(known, ref.strength)
    names = [ref.class_name, *(ref.keywords if kind == "shapenet" else ())]
    return next((found for name in names if (found := match(name)) is not None), None)


def _unwanted(ref: ModelRef, found: Match | None, wanted: Wanted, licences: set[str], coverage: Coverage) -> str:
    if found is None:
        coverage.unmatched[ref.class_name] += 1
        return "no_class"
    if max(found.strength, ref.strength) > wanted.max_strength:
        return "strength"
    return "licence" if licences and family(ref.licence) not in licences else ""


def _facts(
    source: Source, options: Any, ref: ModelRef, wanted: Wanted, loader: Loader, coverage: Coverage
) -> dict[str, Any]:
    """faces, textureless and size, as far as they are known or asked for; `refused` if it cannot be opened."""
    known = getattr(source, "known", None)  # a source may offer what its metadata says: {"faces", "textureless"}
    facts: dict[str, Any] = dict(known(ref)) if known is not None else {}
    enough = "faces" in facts and ("textureless" in facts or not wanted.textured)
    if wanted.look or (wanted.asks_for_facts and not enough):
        coverage.opened += 1
        try:
            if getattr(options, "reads_files", False):
                plain = options.model_dump(mode="json", by_alias=True)
                facts |= loader.call(f"{__package__}.inspection:look", plain, ref)
            else:
                from .inspection import is_textureless

                model = source.open(ref)
                facts |= {"faces": model.num_faces, "size": model.size, "textureless": is_textureless(model)}
        except ModelRefused as error:
            facts["refused"] = error.reason.value
    return facts


def _unfit(facts: dict[str, Any], wanted: Wanted) -> str:
    if "refused" in facts:
        return str(facts["refused"])
    faces = facts.get("faces", 0)
    if wanted.asks_for_facts and (faces < wanted.min_faces or faces > (wanted.max_faces or math.inf)):
        return "faces"
    return "textureless" if wanted.textured and facts.get("textureless") else ""


def _row(ref: ModelRef, found: Match, facts: dict[str, Any]) -> Row:
    turn = as_rotation([round(value, 12) for value in alignment_of(ref).reshape(-1).tolist()])
    return Row(
        line=0,
        synset=found.entry.synset,
        source=ref.source,
        model_id=ref.model_id,
        distance=fitting_distance(facts["size"]) if "size" in facts else ref.distance,
        strength=max(found.strength, ref.strength),
        sampling=ref.sampling,
        alignment=tuple(value + 0.0 for value in turn),  # no -0
        symmetry=ref.symmetry,
        licence=ref.licence,
        author=ref.author,
        url=ref.url,
        title=ref.title,
        tags=_tags(ref, found),
        textureless=facts.get("textureless"),
        exact=ref.exact,
    )


def _tags(ref: ModelRef, found: Match) -> tuple[str, ...]:
    """The collection's own word for the class, which may say more than ImageNet's, and the model's keywords."""
    own = () if ref.class_name.lower() in (name.lower() for name in found.entry.names) else (ref.class_name,)
    return tuple(dict.fromkeys((*own, *ref.keywords)))


def fitting_distance(size: Any) -> float:
    """From where the reference's lens just holds the sphere around a box of that size; in longest box sides."""
    radius = math.sqrt(sum(float(side) ** 2 for side in size)) / 2.0
    return round(radius / math.sin(math.atan(0.5 / REFERENCE_FOCAL)), 2)
