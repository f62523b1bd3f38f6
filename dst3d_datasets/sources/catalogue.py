"""Catalogues: 3D-DST's models.csv, the sources' own lists, and which models of them a recipe takes."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from .. import imagenet
from ..errors import Reason, RecipeError
from ..licences import forbids_derived, is_known
from ..nouns import Missing, ModelRef
from ..recipe import Recipe
from ..registry import lookup
from ..seeds import shuffle_key
from . import Source
from .catalogue_file import SYNSET, Row, read_catalogue
from .omniobject3d import PREFIX as OMNIOBJECT3D

_log = logging.getLogger(__name__)


def build_sources(recipe: Recipe) -> dict[str, Source]:
    """The recipe's sources by name, in its order."""
    return {options.name or options.kind: lookup("sources", options.kind)(options) for options in recipe.sources}


def resolve(recipe: Recipe, sources: Mapping[str, Source]) -> tuple[list[ModelRef], list[Missing]]:
    """Which models a recipe takes, by class and uid, and the rows of its catalogue that no source has.

    With `catalogue.file` each row is looked for in the reference's order; without it every source lists what it has.

    Raises:
        RecipeError: the catalogue is wrong, names a class that is not there, or two models share a uid.
        SourceError: a source's root is missing.
    """
    if recipe.catalogue.file:
        found, absent = _from_file(recipe, sources)
    else:
        found, absent = [ref for source in sources.values() for ref in source.models()], []
    unique: dict[str, ModelRef] = {}
    for ref in found:
        other = unique.setdefault(ref.uid, ref)
        if other is not ref:
            if other != ref:
                raise RecipeError(f"catalogue: two different entries for {ref.uid}; keep one of them")
            _log.warning("catalogue: %s is listed twice and taken once", ref.uid)
    wanted = _classes(recipe.catalogue.classes, [*unique.values(), *(ref for ref, _ in absent)])
    chosen = [ref for ref in unique.values() if _takes(recipe, wanted, ref)]
    chosen, forbidden = _publishable(recipe, chosen)
    chosen.sort(key=lambda ref: (ref.class_id, ref.uid))
    if recipe.catalogue.models_per_class is not None:
        chosen = _at_most(chosen, recipe.catalogue.models_per_class, recipe.seed)
    missing = [entry for ref, entry in absent if _takes(recipe, wanted, ref)] + forbidden
    return chosen, sorted(missing, key=lambda entry: (entry.synset, entry.model_id))


_Found = tuple[list[ModelRef], list[tuple[ModelRef, Missing]]]


def _from_file(recipe: Recipe, sources: Mapping[str, Source]) -> _Found:
    rows = read_catalogue(str(recipe.catalogue.file))
    kinds = {options.name or options.kind: options.kind for options in recipe.sources}
    ranked = sorted(sources, key=lambda name: _RANK.get(kinds.get(name, ""), len(_RANK)))
    for name in ranked:
        # A source may offer `prepare(ids)`: to read its index files once for all rows.
        prepare = getattr(sources[name], "prepare", None)
        if prepare is not None:
            prepare(row.model_id for row in rows)
    found: list[ModelRef] = []
    absent: list[tuple[ModelRef, Missing]] = []
    for row in rows:
        asked = [name for name in ranked if _may_have(name, kinds.get(name, ""), row)]
        ref = next((ref for name in asked if (ref := sources[name].find(row.synset, row.model_id)) is not None), None)
        if ref is not None:
            found.append(_filled(ref, row))
        else:
            absent.append(_absent(row, asked))
    return found, absent


# The reference's order of looking: an id's prefix names OmniObject3D; then ShapeNet, then Objaverse; then any other.
_RANK = {"omniobject3d": 0, "shapenet": 1, "objaverse": 2, "folder": 3}


def _may_have(name: str, kind: str, row: Row) -> bool:
    if row.source:
        return row.source in (name, kind)
    if row.model_id.startswith("toys4k_"):
        return False
    if kind == "omniobject3d" or row.model_id.startswith(OMNIOBJECT3D):
        return (kind == "omniobject3d") == row.model_id.startswith(OMNIOBJECT3D)
    return True


def _filled(ref: ModelRef, row: Row) -> ModelRef:
    """A source's reference with what the row says; the row's class wins, and an empty cell leaves what is there."""
    known = imagenet.by_synset().get(row.synset)
    said: dict[str, Any] = {
        name: value
        for name in ("distance", "strength", "sampling", "symmetry", "licence", "author", "url", "title")
        if (value := getattr(row, name)) not in (None, "")
    }
    if row.symmetry is not None:
        said["symmetry_source"] = "catalogue"
    if row.alignment:
        said |= {"alignment": row.alignment, "azimuth": 0.0, "elevation": 0.0}
    elif row.azimuth is not None or row.elevation is not None:
        said |= {"azimuth": row.azimuth or 0.0, "elevation": row.elevation or 0.0, "alignment": ()}
    return replace(
        ref,
        synset=row.synset,
        class_name=known.name if known else ref.class_name,
        class_index=known.index if known else -1,
        exact=row.is_exact,
        keywords=row.tags or ref.keywords,
        **said,
    )


def _absent(row: Row, asked: list[str]) -> tuple[ModelRef, Missing]:
    ref = _filled(ModelRef(source="none", model_id=row.model_id, class_name=row.synset), row)
    if row.model_id.startswith("toys4k_"):
        reason, detail = Reason.UNSUPPORTED, "Toys4K models are .blend files, which only Blender reads"
    else:
        where = f"not in {', '.join(asked)}" if asked else "the recipe has no source that could have it"
        reason, detail = Reason.MISSING, f"catalogue line {row.line}: {where}"
    return ref, Missing(synset=row.synset, model_id=row.model_id, reason=reason.value, detail=detail)


def _classes(asked: Iterable[str], refs: list[ModelRef]) -> set[str] | None:
    """The class ids that `catalogue.classes` names; None: all."""
    asked = tuple(asked)
    if not asked:
        return None
    names: dict[str, str] = {}
    for ref in refs:
        for name in (ref.class_id, ref.class_name, ref.class_name.lower().replace("_", " ")):
            names.setdefault(name, ref.class_id)
    wanted = set()
    for text in asked:
        known = imagenet.find(text)
        choices = [text, text.lower().replace("_", " "), *([known.synset] if known else [])]
        match = next((names[choice] for choice in choices if choice in names), None)
        if match is None:
            near = difflib.get_close_matches(text.lower().replace("_", " "), sorted(names), n=3, cutoff=0.5)
            hint = f"did you mean {', '.join(map(repr, near))}?" if near else f"known: {_some(names)}"
            raise RecipeError(f"catalogue.classes: no model of the class {text!r}; {hint}")
        wanted.add(match)
    return wanted


def _some(names: Mapping[str, str]) -> str:
    shown = sorted(name for name in names if not SYNSET.match(name))
    return ", ".join(shown[:12]) + (f" and {len(shown) - 12} more" if len(shown) > 12 else "")


def _takes(recipe: Recipe, wanted: set[str] | None, ref: ModelRef) -> bool:
    return (wanted is None or ref.class_id in wanted) and ref.strength <= recipe.catalogue.max_strength


def _publishable(recipe: Recipe, refs: list[ModelRef]) -> tuple[list[ModelRef], list[Missing]]:
    """The models whose own licence lets pictures of them be given on, if the recipe wants that; and the others."""
    if not recipe.publishable:
        return refs, []
    kinds = {options.name or options.kind: options.kind for options in recipe.sources}
    seen_to = set(recipe.acknowledge)
    kept, left = [], []
    for ref in refs:
        allowed = is_known(ref.licence) and not forbids_derived(ref.licence)
        if allowed or seen_to & {ref.source, kinds[ref.source]}:
            kept.append(ref)
        else:
            detail = f"the licence {ref.licence!r} does not let pictures of it be given on (publishable: true)"
            left.append(Missing(synset=ref.synset, model_id=ref.model_id, reason=Reason.LICENCE.value, detail=detail))
    return kept, left


def _at_most(refs: list[ModelRef], most: int, seed: int) -> list[ModelRef]:
    """At most so many of each class, chosen by name: another model takes one place at most. The order stays."""
    by_class: dict[str, list[ModelRef]] = {}
    for ref in refs:
        by_class.setdefault(ref.class_id, []).append(ref)
    kept = []
    for group in by_class.values():
        chosen = sorted(group, key=lambda ref: (shuffle_key(seed, ref.uid, "models_per_class"), ref.uid))[:most]
        kept.extend(sorted(chosen, key=lambda ref: ref.uid))
    return kept
