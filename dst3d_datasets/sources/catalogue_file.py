"""Catalogue files: 3D-DST's models.csv, seven columns by position; and our own table, with more columns by name.

Our table is a CSV whose first line names its columns, in any order. `synset` and `model` are needed; what a cell leaves
empty is taken from the source. `alignment` is a rotation, nine numbers row by row, from the raw z-up frame (what
Blender's importer gives) to the canonical one; it stands instead of `azimuth` and `elevation`.
"""

from __future__ import annotations

import csv
import difflib
import io
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..camera import as_rotation, is_exact
from ..errors import RecipeError

SYNSET = re.compile(r"^n\d{8}$")
_REFERENCE = ("synset", "model_id", "distance", "azimuth", "elevation", "strength", "sampling")
COLUMNS = (
    "synset",
    "source",
    "model",
    "distance",
    "strength",
    "sampling",
    "alignment",
    "symmetry",
    "licence",
    "author",
    "url",
    "title",
    "tags",
    "textureless",
    "exact",
)
_KNOWN = (*COLUMNS, "azimuth", "elevation")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a catalogue; None and empty stand for what the source says."""

    line: int  # in the file, from 1
    synset: str
    model_id: str
    distance: float | None = None  # units of the longest box side
    azimuth: float | None = None  # degrees
    elevation: float | None = None  # degrees
    strength: int | None = None  # 1 or 2
    sampling: int | None = None  # 1-5
    source: str = ""  # name or kind of the source that has it; empty: any
    alignment: tuple[float, ...] = ()  # 3x3 rotation by rows, raw z-up to canonical frame
    symmetry: int | None = None  # order of rotation about z; 0 body of revolution
    licence: str = ""
    author: str = ""
    url: str = ""
    title: str = ""
    tags: tuple[str, ...] = ()
    textureless: bool | None = None  # neither a texture nor vertex colours
    exact: bool | None = None  # whether the reference's pictures are ours from every side

    @property
    def is_exact(self) -> bool:
        """What `exact` says, or else whether the alignment is a rotation: see `camera.is_exact`."""
        return self.exact if self.exact is not None else bool(self.alignment) or is_exact(self.elevation or 0.0)


def read_catalogue(path: str | Path) -> list[Row]:
    """Read a catalogue: the reference's seven columns by position, with either known header or none; or ours by name.

    Raises:
        RecipeError: the file is missing, or a row is wrong; the message names its line.
    """
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            rows = [(reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells)]
    except FileNotFoundError:
        raise RecipeError(f"catalogue.file: {path}: no such file; expected a CSV of {', '.join(_REFERENCE)}") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise RecipeError(f"catalogue.file: {path}: cannot be read as CSV: {error}") from error
    names = list(_REFERENCE)
    if rows and rows[0][1] and (head := [cell.strip().lower() for cell in rows[0][1]]) and "synset" in head:
        names = _names(path, head)
        rows = rows[1:]
    if not rows:
        raise RecipeError(f"catalogue.file: {path}: has no rows")
    return [_row(path, line, names, [cell.strip() for cell in cells]) for line, cells in rows]


def _names(path: str | Path, head: list[str]) -> list[str]:
    """The columns that a header stands for."""
    while head and not head[-1]:
        head.pop()
    names = ["model_id" if name == "model" else name for name in head]
    for name in head:
        if name not in (*_KNOWN, "model_id"):
            near = difflib.get_close_matches(name, _KNOWN, n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise RecipeError(f"catalogue.file: {path}: unknown column {name!r}; {hint}known: {', '.join(_KNOWN)}")
    missing = {"synset", "model_id"} - set(names)
    if missing or len(set(names)) < len(names):
        what = f"no column {sorted(missing)[0].removesuffix('_id')!r}" if missing else "a column is there twice"
        raise RecipeError(f"catalogue.file: {path}: {what}")
    return names


def _row(path: str | Path, line: int, names: list[str], cells: list[str]) -> Row:
    def wrong(text: str) -> RecipeError:
        return RecipeError(f"catalogue.file: {path}, line {line}: {text}")

    while len(cells) > len(names) and not cells[-1]:
        cells.pop()
    if len(cells) != len(names):
        raise wrong(f"{len(cells)} columns; expected {len(names)}: {', '.join(names)}")
    given = dict(zip(names, cells, strict=True))
    if not SYNSET.match(given["synset"]):
        raise wrong(f"synset {given['synset']!r} is not of the form n02690373")
    if not given["model_id"]:
        raise wrong("model_id is empty")
    if names == list(_REFERENCE):
        empty = next((name for name in names if not given[name]), None)
        if empty:
            raise wrong(f"{empty} '' is not a number")
    try:
        return _parsed(line, given)
    except ValueError as error:
        raise wrong(str(error)) from None


def _parsed(line: int, given: dict[str, str]) -> Row:
    numbers = {name: _number(name, given.get(name, "")) for name in _REFERENCE[2:]}
    strength, sampling, distance = numbers["strength"], numbers["sampling"], numbers["distance"]
    if distance is not None and distance <= 0.5:
        raise ValueError(f"distance {distance:g} puts the camera inside the object's box; it must be above 0.5")
    if strength not in (None, 1.0, 2.0):
        raise ValueError(f"strength {strength:g} is neither 1 (good) nor 2 (approximate)")
    if sampling not in (None, 1.0, 2.0, 3.0, 4.0, 5.0):
        raise ValueError(f"sampling {sampling:g} is not one of 1 to 5")
    symmetry = _number("symmetry", given.get("symmetry", ""))
    if symmetry is not None and (symmetry < 0 or symmetry != int(symmetry)):
        raise ValueError(f"symmetry {symmetry:g} is not an order: 0 (body of revolution), 1 (none), 2, ...")
    alignment = _alignment(given.get("alignment", ""))
    if alignment and (numbers["azimuth"] is not None or numbers["elevation"] is not None):
        raise ValueError("give either alignment or azimuth and elevation")
    return Row(
        line=line,
        synset=given["synset"],
        model_id=given["model_id"],
        distance=distance,
        azimuth=numbers["azimuth"],
        elevation=numbers["elevation"],
        strength=None if strength is None else int(strength),
        sampling=None if sampling is None else int(sampling),
        source=given.get("source", ""),
        alignment=alignment,
        symmetry=None if symmetry is None else int(symmetry),
        licence=given.get("licence", ""),
        author=given.get("author", ""),
        url=given.get("url", ""),
        title=given.get("title", ""),
        tags=tuple(tag for text in given.get("tags", "").split(";") if (tag := text.strip())),
        textureless=_flag("textureless", given.get("textureless", "")),
        exact=_flag("exact", given.get("exact", "")),
    )


def _number(name: str, cell: str) -> float | None:
    if not cell:
        return None
    try:
        number = float(cell)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{name} {cell!r} is not a number")
    return number


def _alignment(cell: str) -> tuple[float, ...]:
    if not cell:
        return ()
    try:
        return as_rotation([float(number) for number in cell.split()])
    except ValueError as error:
        raise ValueError(f"alignment {cell!r}: {error}") from None


def _flag(name: str, cell: str) -> bool | None:
    known = {"": None, "true": True, "false": False, "1": True, "0": False}
    if cell.lower() not in known:
        raise ValueError(f"{name} {cell!r}: write true or false")
    return known[cell.lower()]


def catalogue_text(rows: Iterable[Row]) -> str:
    """Our table as CSV; `read_catalogue` gives the same rows back."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        cells = {name: getattr(row, name, None) for name in COLUMNS}
        cells |= {
            "model": row.model_id,
            "alignment": " ".join(f"{value:.10g}" for value in row.alignment),
            "tags": "; ".join(tag.replace(";", ",") for tag in row.tags),
            "textureless": _text(row.textureless),
            "exact": _text(row.exact),
        }
        writer.writerow(["" if cells[name] is None else " ".join(str(cells[name]).split()) for name in COLUMNS])
    return text.getvalue()


def _text(flag: bool | None) -> str:
    return "" if flag is None else str(flag).lower()
