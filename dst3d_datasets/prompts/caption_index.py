"""Captions by class on disk, made once from any data set and then read in place.

    FOLDER/texts        every caption in UTF-8, each on a line of its own, in the data set's order
    FOLDER/starts       where each class's captions begin in `texts`: 8 bytes a caption, class after class
    FOLDER/index.json   class -> [first, count] in `starts`

The folder's name is the digest of the data, so that it is made once a machine. Memory is that of one batch of rows and
the class names, however many captions there are.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from array import array
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ..errors import RecipeError

MAX_CAPTION = 2000  # characters; a text encoder reads 77 tokens of it
_CHUNK = 16_384  # captions that are sorted at once


class CaptionIndex:
    """Captions by class, opened where they lie.

    Args:
        folder: made by `make_index`.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._places: dict[str, list[int]] = json.loads((folder / "index.json").read_text(encoding="utf-8"))
        self._files: tuple[BinaryIO, BinaryIO] | None = None

    def count(self, name: str) -> int:
        """How many captions a class has; 0 if none. Names are compared without case, `_` and `-` as spaces."""
        return self._places.get(key_of(name), [0, 0])[1]

    def caption(self, name: str, number: int) -> str:
        """Caption `number` of a class, 0 <= number < count(name)."""
        if self._files is None:
            self._files = (self._folder / "starts").open("rb"), (self._folder / "texts").open("rb")
        starts, texts = self._files
        starts.seek(8 * (self._places[key_of(name)][0] + number))
        texts.seek(int.from_bytes(starts.read(8), "little"))
        return texts.readline().decode().rstrip("\n")

    def __getstate__(self) -> dict[str, object]:
        """Open files do not travel to another process; they are opened again there."""
        return {**self.__dict__, "_files": None}


def make_index(rows: Iterable[tuple[str, str]], folder: Path) -> CaptionIndex:
    """The index in a folder, made from the rows if it is not there. Several processes may do so at once.

    Args:
        rows: (class, caption), read once; rows without a class or a caption are left out.
        folder: its parent is made if needed.

    Raises:
        RecipeError: the place cannot be written, or whatever reading the rows raises.
    """
    if not (folder / "index.json").is_file():
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            fresh = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
        except OSError as error:
            raise RecipeError(
                f"prompts: the index of the captions cannot be written to {folder.parent}: {error.strerror}; "
                "set DST3D_HOME to a place that can"
            ) from error
        try:
            _write(rows, fresh)
            try:
                fresh.rename(folder)
            except OSError:  # another process was first; the content is the same
                if not (folder / "index.json").is_file():
                    raise
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    return CaptionIndex(folder)


def key_of(name: str) -> str:
    """Synsets and class names as they are compared: no case, `_` and `-` as spaces."""
    return " ".join(name.casefold().replace("_", " ").replace("-", " ").split())


def _write(rows: Iterable[tuple[str, str]], folder: Path) -> None:
    numbers: dict[str, int] = {}
    counts: list[int] = []
    with (folder / "texts").open("wb") as texts, (folder / "pairs").open("wb") as pairs:
        start, batch = 0, array("Q")
        for name, caption in rows:
            key, text = key_of(name), " ".join(caption.split())[:MAX_CAPTION]
            if not key or not text:
                continue
            number = numbers.setdefault(key, len(numbers))
            if number == len(counts):
                counts.append(0)
            counts[number] += 1
            batch.extend((number, start))
            start += texts.write(text.encode() + b"\n")
            if len(batch) >= 2 * _CHUNK:
                batch.tofile(pairs)
                batch = array("Q")
        batch.tofile(pairs)
    firsts = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
    _sort(folder, firsts, sum(counts))
    index = {key: [int(firsts[number]), counts[number]] for key, number in numbers.items()}
    with (folder / "index.json").open("w", encoding="utf-8") as file:
        json.dump(index, file)
        file.flush()
        os.fsync(file.fileno())


def _sort(folder: Path, firsts: np.ndarray, total: int) -> None:
    """Turn `pairs` (class number, start) into `starts`, class after class, a chunk at a time."""
    following = firsts[:-1].copy()
    with (folder / "starts").open("wb") as file:
        file.truncate(8 * total)
    if total:
        starts = np.memmap(folder / "starts", dtype="<u8", mode="r+", shape=(total,))
        with (folder / "pairs").open("rb") as pairs:
            while len(chunk := np.fromfile(pairs, dtype=np.uint64, count=2 * _CHUNK).reshape(-1, 2)):
                order = np.argsort(chunk[:, 0], kind="stable")
                numbers, where = chunk[order, 0].astype(np.int64), chunk[order, 1]
                present, begin, count = np.unique(numbers, return_index=True, return_counts=True)
                within = np.arange(len(numbers)) - np.repeat(begin, count)
                starts[following[numbers] + within] = where
                following[present] += count
        starts.flush()
        del starts
    (folder / "pairs").unlink()
