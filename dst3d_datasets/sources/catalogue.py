"""Catalogues: 3D-DST's models.csv, the sources' own lists, and which models of them a recipe takes."""

from __future__ import annotations

import csv
import difflib
import logging
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from .. import imagenet
from ..errors import Reason, RecipeError
from ..nouns import Missing, ModelRef
from ..recipe import Recipe
from ..registry import lookup
from ..seeds import shuffle_key
from . import Source
from .omniobject3d import PREFIX as OMNIOBJECT3D

_COLUMNS = ("synset", "model_id", "distance", "azimuth", "elevation", "strength", "sampling")
_SYNSET = re.compile(r"^n\d{8}$")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of models.csv."""

    line: int  # in the file, from 1
    synset: str
    model_id: str
    distance: float  # units of the longest box side
    azimuth: float  # degrees
    elevation: float  # degrees
    strength: int  # 1 or 2
    sampling: int  # 1-5


_log = logging.getLogger(__name__)


def build_sources(recipe: Recipe) -> dict[str, Source]:
    """The recipe's sources by name, in its order."""
    return {options.name or options.kind: lookup("sources", options.kind)(options) for options in recipe.sources}


def read_catalogue(path: str | Path) -> list[Row]:
    """Read a models.csv: seven columns by position, with either known header or none.

    Raises:
        RecipeError: the file is missing, or a row is wrong; the message names its line.
    """
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            rows = [(reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells)]
    except FileNotFoundError:
        raise RecipeError(f"catalogue.file: {path}: no such file; expected a CSV of {', '.join(_COLUMNS)}") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise RecipeError(f"catalogue.file: {path}: cannot be read as CSV: {error}") from error
    if rows and rows[0][1][0].strip().lower() == "synset":
        rows = rows[1:]
    if not rows:
        raise RecipeError(f"catalogue.file: {path}: has no rows")
    return [_row(path, line, [cell.strip() for cell in cells]) for line, cells in rows]


def _row(path: str | Path, line: int, cells: list[str]) -> Row:
    def wrong(text: str) -> RecipeError:
        return RecipeError(f"catalogue.file: {path}, line {line}: {text}")

    while len(cells) > len(_COLUMNS) and not cells[-1]:
        cells.pop()
    if len(cells) != len(_COLUMNS):
        raise wrong(f"{len(cells)} columns; expected {len(_COLUMNS)}: {', '.join(_COLUMNS)}")
    if not _SYNSET.match(cells[0]):
        raise wrong(f"synset {cells[0]!r} is not of the form n02690373")
    if not cells[1]:
        raise wrong("model_id is empty")
    numbers = []
    for name, cell in zip(_COLUMNS[2:], cells[2:], strict=True):
        try:
            number = float(cell)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise wrong(f"{name} {cell!r} is not a number")
        numbers.append(number)
    distance, azimuth, elevation, strength, sampling = numbers
    if distance <= 0.5:
        raise wrong(f"distance {distance:g} puts the camera inside the object's box; it must be above 0.5")
    if strength not in (1.0, 2.0):
        raise wrong(f"strength {strength:g} is neither 1 (good) nor 2 (approximate)")
    if sampling not in (1.0, 2.0, 3.0, 4.0, 5.0):
        raise wrong(f"sampling {sampling:g} is not one of 1 to 5")
    return Row(line, cells[0], cells[1], distance, azimuth, elevation, int(strength), int(sampling))


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
    chosen.sort(key=lambda ref: (ref.class_id, ref.uid))
    if recipe.catalogue.models_per_class is not None:
        chosen = _at_most(chosen, recipe.catalogue.models_per_class, recipe.seed)
    missing = [entry for ref, entry in absent if _takes(recipe, wanted, ref)]
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
        asked = [name for name in ranked if _may_have(kinds.get(name, ""), row.model_id)]
        ref = next((ref for name in asked if (ref := sources[name].find(row.synset, row.model_id)) is not None), None)
        if ref is not None:
            found.append(_filled(ref, row))
        else:
            absent.append(_absent(row, asked))
    return found, absent


# The reference's order of looking: an id's prefix names OmniObject3D; then ShapeNet, then Objaverse; then any other.
_RANK = {"omniobject3d": 0, "shapenet": 1, "objaverse": 2, "folder": 3}


def _may_have(kind: str, model_id: str) -> bool:
    if model_id.startswith("toys4k_"):
        return False
    if kind == "omniobject3d" or model_id.startswith(OMNIOBJECT3D):
        return (kind == "omniobject3d") == model_id.startswith(OMNIOBJECT3D)
    return True


def _filled(ref: ModelRef, row: Row) -> ModelRef:
    """A source's reference with what the row says; the row's class wins."""
    known = imagenet.by_synset().get(row.synset)
    return replace(
        ref,
        synset=row.synset,
        class_name=known.name if known else ref.class_name,
        class_index=known.index if known else -1,
        distance=row.distance,
        azimuth=row.azimuth,
        elevation=row.elevation,
        strength=row.strength,
        sampling=row.sampling,
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
    shown = sorted(name for name in names if not _SYNSET.match(name))
    return ", ".join(shown[:12]) + (f" and {len(shown) - 12} more" if len(shown) > 12 else "")


def _takes(recipe: Recipe, wanted: set[str] | None, ref: ModelRef) -> bool:
    return (wanted is None or ref.class_id in wanted) and ref.strength <= recipe.catalogue.max_strength


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
