"""Tables of real views: one row an annotated object, or one row a bin. Read row by row; a wrong row is named."""

from __future__ import annotations

import csv
import difflib
import hashlib
import math
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from ..errors import RecipeError

NUMBERS = ("azimuth", "elevation", "theta", "distance", "weight")
ALIASES = {"count": "weight", "class_name": "class", "category": "class"}
_KNOWN = (*NUMBERS, "synset", "class", *ALIASES)
MAX_LINE = 1 << 20  # bytes
MAX_ROWS = 20_000_000
_FULL_TURN = {"degrees": 360.0, "radians": 2.0 * math.pi}

ClassName = tuple[str, str]  # synset, class name; either may be empty


@dataclass(frozen=True, slots=True)
class Table:
    """The numbers of a table by class: degrees, the table's own unit of distance, weights above 0."""

    rows: dict[ClassName, dict[str, array[float]]]
    has_theta: bool
    has_distance: bool
    digest: str  # 16 hexadecimal digits over the file


def read_table(path: str | Path, unit: str | None) -> Table:
    """Read a table of views.

    Args:
        path: a CSV in UTF-8 whose first line names its columns; see `recipe.views.Prior`.
        unit: `degrees`, `radians`, or None: degrees, unless all of it fits into radians.

    Raises:
        RecipeError: no such file, not a CSV, a column that is missing or nearly known, or a wrong row; the message
            names its line.
    """
    try:
        with Path(path).open("rb") as file:
            return _read(path, file, unit)
    except FileNotFoundError:
        raise RecipeError(f"views.prior.file: {path}: no such file") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise RecipeError(f"views.prior.file: {path}: cannot be read as CSV: {error}") from error


def _read(path: str | Path, file: BinaryIO, unit: str | None) -> Table:
    state = hashlib.sha256()
    reader = csv.reader(_lines(path, file, state), strict=True)
    places = _columns(path, next(reader, []))
    rows: dict[ClassName, dict[str, array[float]]] = {}
    factor = 360.0 / _FULL_TURN[unit or "degrees"]
    largest, total = 0.0, 0
    for cells in reader:
        if not any(map(str.strip, cells)):
            continue
        total += 1
        if total > MAX_ROWS:
            raise RecipeError(f"views.prior.file: {path}: more than {MAX_ROWS:,} rows; give bins with counts instead")
        try:
            whose, numbers = _row(cells, places, factor)
        except ValueError as error:
            raise RecipeError(f"views.prior.file: {path}, line {reader.line_num}: {error}") from None
        largest = max(largest, abs(numbers[0]), abs(numbers[1]))
        if numbers[-1] > 0.0:
            if whose not in rows:
                rows[whose] = {column: array("d") for column in NUMBERS}
            for column, number in zip(rows[whose].values(), numbers, strict=True):
                column.append(number)
    if not rows:
        raise RecipeError(f"views.prior.file: {path}: has no rows with a weight above 0")
    if unit is None and total >= 20 and largest <= 2.0 * math.pi:
        raise RecipeError(
            f"views.prior.file: {path}: no angle is above {largest:.3g}, as if in radians; write unit: radians, or "
            "unit: degrees if it is meant"
        )
    return Table(rows, "theta" in places, "distance" in places, state.hexdigest()[:16])


def _lines(path: str | Path, file: BinaryIO, state: hashlib._Hash) -> Iterator[str]:
    number = 0
    while line := file.readline(MAX_LINE + 1):
        number += 1
        if len(line) > MAX_LINE:
            raise RecipeError(f"views.prior.file: {path}, line {number}: longer than {MAX_LINE:,} bytes")
        state.update(line)
        try:
            yield line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError:
            raise RecipeError(f"views.prior.file: {path}, line {number}: not UTF-8") from None


def _columns(path: str | Path, header: list[str]) -> dict[str, int]:
    """Where the known columns stand; others are passed over, unless they look like a slip of the pen."""
    places: dict[str, int] = {}
    for place, cell in enumerate(header):
        written = cell.strip().lower()
        name = ALIASES.get(written, written)
        if name in places:
            raise RecipeError(f"views.prior.file: {path}: two columns say {name}")
        if name in _KNOWN:
            places[name] = place
        elif near := difflib.get_close_matches(written, _KNOWN, n=1, cutoff=0.8):
            raise RecipeError(f"views.prior.file: {path}: column {written!r}: did you mean {near[0]!r}?")
    for name in ("azimuth", "elevation"):
        if name not in places:
            found = ", ".join(cell.strip() for cell in header) or "none"
            raise RecipeError(f"views.prior.file: {path}: has no column {name!r}; it has: {found[:300]}")
    return places


def _row(cells: list[str], places: dict[str, int], factor: float) -> tuple[ClassName, tuple[float, ...]]:
    """The class of a row, and its `NUMBERS`; angles times `factor`."""

    def number(name: str, default: float) -> float:
        return _number(name, cells[places[name]]) if name in places else default

    try:
        azimuth, elevation = number("azimuth", 0.0) * factor, number("elevation", 0.0) * factor
        theta, distance, weight = number("theta", 0.0) * factor, number("distance", 1.0), number("weight", 1.0)
        synset, name = (key(cells[places[column]]) if column in places else "" for column in ("synset", "class"))
    except IndexError:
        raise ValueError(f"{len(cells)} columns; expected at least {max(places.values()) + 1}") from None
    if abs(azimuth) > 720.0 or abs(theta) > 720.0:
        raise ValueError("azimuth or theta is more than two turns")
    if abs(elevation) > 90.0 + 1e-6:
        raise ValueError(f"elevation {elevation:g} degrees lies beyond a pole")
    if distance <= 0.0:
        raise ValueError(f"distance {distance:g} is not above 0")
    if not 0.0 <= weight <= 1e12:
        raise ValueError(f"weight {weight:g}: from 0 to 1e12")
    if not (synset or name) and ("synset" in places or "class" in places):
        raise ValueError("names no class")
    return (synset, name), (azimuth, min(90.0, max(-90.0, elevation)), theta, distance, weight)


def _number(name: str, cell: str) -> float:
    try:
        number = float(cell)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{name} {cell[:40]!r} is not a number")
    return number


@lru_cache(maxsize=4096)
def key(name: str) -> str:
    """Synsets and class names as they are compared: no case, `_` and `-` as spaces."""
    return " ".join(name.casefold().replace("_", " ").replace("-", " ").split())
