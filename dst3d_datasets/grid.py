"""The picture on a card: a few samples of different classes, each with its pose (from the label) and its controls."""

from __future__ import annotations

import io
from pathlib import Path

from .report import contact_sheet
from .tar import Entry, read_index, read_sample

NEEDS = {  # column of the sheet -> the member it is drawn from
    "picture": "jpg",
    "pose": "jpg",
    "render": "render.jpg",
    "edge": "edge.png",
    "line": "line.png",
    "depth": "depth.png",
    "normal": "normal.png",
    "part": "part.png",
    "mask": "mask.png",
}


def sample_grid(tar: Path, rows: int = 6) -> tuple[bytes, list[str]]:
    """A JPEG of some samples of a released tar, one a row and of different classes as far as there are.

    Returns:
        The JPEG's bytes, and the names of the columns.
    """
    with tar.open("rb") as stream:
        chosen = _of_different_classes(list(read_index(stream)), rows)
        samples = [read_sample(stream, entry) for entry in chosen]
    there = {extension for extension, _ in samples[0].members}
    columns = [column for column, extension in NEEDS.items() if extension in there]
    buffer = io.BytesIO()
    contact_sheet(samples, columns, cell=160).save(buffer, "JPEG", quality=90)
    return buffer.getvalue(), columns


def _of_different_classes(entries: list[Entry], count: int) -> list[Entry]:
    first: dict[str, Entry] = {}
    for entry in entries:
        first.setdefault(entry.key.split("-")[0], entry)
    different = list(first.values())[:count]
    others = [entry for entry in entries if entry not in different]
    return different + others[: count - len(different)]
