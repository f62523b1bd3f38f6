"""The picture on a card: a few samples, each with its controls."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .images import decode
from .tar import Entry, read_index, read_sample

COLUMNS = ("jpg", "render.jpg", "edge.png", "depth.png", "normal.png", "mask.png")
CAPTIONS = ("picture", "render", "edges", "depth", "normals", "mask")
_CELL, _GAP = 176, 4


def sample_grid(tar: Path, rows: int = 6) -> tuple[bytes, list[str]]:
    """A JPEG of some samples of a released tar, one a row and of different classes as far as there are.

    Returns:
        The JPEG's bytes, and the captions of the columns.
    """
    with tar.open("rb") as stream:
        chosen = _of_different_classes(list(read_index(stream)), rows)
        samples = [dict(read_sample(stream, entry).members) for entry in chosen]
    kept = [extension for extension in COLUMNS if extension in samples[0]]
    step = _CELL + _GAP
    sheet = Image.new("RGB", (step * len(kept) - _GAP, step * len(samples) - _GAP), (255, 255, 255))
    for y, members in enumerate(samples):
        for x, extension in enumerate(kept):
            cell = Image.fromarray(_shown(extension, members[extension]))
            cell.thumbnail((_CELL, _CELL), Image.Resampling.BOX)
            sheet.paste(cell.convert("RGB"), (x * step, y * step))
    buffer = io.BytesIO()
    sheet.save(buffer, "JPEG", quality=90)
    return buffer.getvalue(), [caption for name, caption in zip(COLUMNS, CAPTIONS, strict=True) if name in kept]


def _of_different_classes(entries: list[Entry], count: int) -> list[Entry]:
    first: dict[str, Entry] = {}
    for entry in entries:
        first.setdefault(entry.key.split("-")[0], entry)
    different = list(first.values())[:count]
    others = [entry for entry in entries if entry not in different]
    return different + others[: count - len(different)]


def _shown(extension: str, data: bytes) -> NDArray[np.uint8]:
    """A member as 8-bit pixels; depth with near bright and the background black."""
    pixels = decode(data)
    if extension != "depth.png":
        return pixels.astype(np.uint8)
    hit = pixels > 0
    if not hit.any():
        return np.zeros(pixels.shape, np.uint8)
    near, far = int(pixels[hit].min()), int(pixels[hit].max())
    bright = 255 - 200 * (pixels.astype(np.int64) - near) // max(far - near, 1)
    return np.where(hit, bright, 0).astype(np.uint8)
