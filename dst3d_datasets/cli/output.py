"""What a verb gives back, and the only place that prints."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from ..errors import EXIT_FAILED, EXIT_OK

LINES = 20  # of a list that may be long; --json has it whole


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a verb: the same facts for a program and for a person."""

    data: dict[str, Any] = field(default_factory=dict)  # printed by --json; plain JSON types
    text: str = ""  # printed otherwise, unless --quiet
    code: int = EXIT_OK


def show(outcome: Outcome, *, as_json: bool, quiet: bool) -> None:
    """Print an outcome on stdout: one JSON object, or its text, or nothing. A closed pipe is no error."""
    if as_json:
        _put(json.dumps(outcome.data, ensure_ascii=False, allow_nan=False))
    elif outcome.text and not quiet:
        _put(outcome.text.rstrip("\n"))


def show_error(kind: str, message: str, as_json: bool, code: int = EXIT_FAILED) -> None:
    """Print one message on stderr, or as a JSON object on stdout."""
    if as_json:
        _put(json.dumps({"error": {"type": kind, "message": message, "exit_code": code}}, ensure_ascii=False))
    else:
        note(f"dst3d: error: {message}")


def note(message: str) -> None:
    """One line on stderr."""
    with suppress(BrokenPipeError):
        sys.stderr.write(f"{message}\n")
        sys.stderr.flush()


def table(rows: Iterable[Sequence[object]], indent: str = "  ", most: int | None = None) -> str:
    """Rows of cells as aligned text: numbers to the right, everything else to the left; at most `most` of them."""
    cells = [[_cell(value) for value in row] for row in rows]
    if not cells:
        return ""
    if most is not None and len(cells) > most:
        return f"{table(cells[:most], indent)}\n{indent}... and {len(cells) - most:,} more (--json lists all)"
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    right = [all(_is_number(row[i]) for row in cells) for i in range(len(cells[0]))]
    lines = []
    for row in cells:
        padded = [c.rjust(w) if r else c.ljust(w) for c, w, r in zip(row, widths, right, strict=True)]
        lines.append((indent + "  ".join(padded)).rstrip())
    return "\n".join(lines)


def size(num_bytes: float) -> str:
    """A number of bytes for people, in powers of ten: `12.3 MB`."""
    value = float(num_bytes)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if abs(value) < 1000 or unit == "TB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"


def duration(seconds: float) -> str:
    """Seconds for people: `4.2 s`, `3 min 10 s`, `2 h 05 min`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes = int(seconds // 60)
    return f"{minutes} min {int(seconds % 60):02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def _cell(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _is_number(text: str) -> bool:
    return text.replace(",", "").replace(".", "").replace("-", "").replace("%", "").isdigit()


def _put(text: str) -> None:
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except BrokenPipeError:  # the reader (`head`, a pager) has seen enough: no complaint now, and none at exit
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
