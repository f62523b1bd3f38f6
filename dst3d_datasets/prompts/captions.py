"""Captions from a CSV file, chosen by each sample's own seed.

The file is read once from end to end to note *where* each class's captions start (8 bytes a caption), and never held in
memory; a prompt is then one seek and one record. Files of millions of rows are meant.
"""

from __future__ import annotations

import csv
import hashlib
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ..errors import RecipeError
from ..nouns import ModelRef, Prompt
from ..recipe.options import CaptionsPromptOptions
from ..seeds import seed_of
from .template import check_template, fill

_BOM = b"\xef\xbb\xbf"
MAX_CAPTION = 2000  # characters; a text encoder reads 77 tokens of it


class Captions:
    """One of the class's captions a sample; a template where the class has none.

    Built by reading the header alone; the index is made at the first prompt. Changing one class's captions changes no
    other class's prompts.

    Args:
        options: the file, its columns, and the template to fall back to.

    Raises:
        RecipeError: no such file, not text, or no such column; the message lists the columns there are.
    """

    def __init__(self, options: CaptionsPromptOptions) -> None:
        check_template(options.fallback, "prompts.fallback")
        check_template(options.negative, "prompts.negative")
        self._options = options
        self._path = Path(options.file)
        self._class_column, self._caption_column = self._columns()
        self._starts: dict[str, array[int]] | None = None
        self._file: BinaryIO | None = None
        self._revision = ""
        self._missing = 0

    @property
    def inputs(self) -> str:
        """What the file holds; a changed file makes other shards."""
        return self.revision

    @property
    def revision(self) -> str:
        """`sha256:` and 16 hexadecimal digits over the file: what pins the words."""
        if not self._revision:
            with self._path.open("rb") as file:
                self._revision = f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()[:16]}"
        return self._revision

    def prompt(self, ref: ModelRef, seed: int) -> Prompt:
        """The prompt of one sample: a caption listed under the model's synset, else under its class name."""
        negative = fill(self._options.negative, ref)
        starts = self._index().get(_key(ref.synset)) or self._index().get(_key(ref.class_name))
        if not starts:
            self._missing += 1
            return Prompt(text=fill(self._options.fallback, ref), negative=negative)
        return Prompt(text=self._caption(starts[seed_of("caption", seed) % len(starts)]), negative=negative)

    def counts(self) -> dict[str, int]:
        """`no_caption`: prompts since the last call whose class has no caption."""
        missing, self._missing = self._missing, 0
        return {"no_caption": missing} if missing else {}

    def __getstate__(self) -> dict[str, object]:
        """An open file does not travel to another process; it is opened again there."""
        return {**self.__dict__, "_file": None}

    def _columns(self) -> tuple[int, int]:
        try:
            with self._path.open("rb") as file:
                header = next((row for _, row in _records(file)), [])
        except FileNotFoundError:
            raise RecipeError(f"prompts.file: {self._path}: no such file") from None
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise RecipeError(f"prompts.file: {self._path} cannot be read as CSV: {error}") from error
        names = [name.strip() for name in header]
        found = []
        for field in ("class_column", "caption_column"):
            column = getattr(self._options, field)
            if column not in names:
                raise RecipeError(
                    f"prompts.{field}: {self._path} has no column {column!r}; it has: {', '.join(names) or 'none'}"
                )
            found.append(names.index(column))
        return found[0], found[1]

    def _index(self) -> dict[str, array[int]]:
        """Class -> byte offsets of the records that hold its captions, in the file's order."""
        if self._starts is None:
            starts: dict[str, array[int]] = {}
            wanted = max(self._class_column, self._caption_column)
            try:
                with self._path.open("rb") as file:
                    records = _records(file)
                    next(records, None)
                    for start, row in records:
                        if len(row) > wanted and row[self._caption_column].strip():
                            key = _key(row[self._class_column])
                            starts.setdefault(key, array("Q")).append(start)
            except (OSError, UnicodeDecodeError, csv.Error) as error:
                raise RecipeError(f"prompts.file: {self._path} cannot be read as CSV: {error}") from error
            starts.pop("", None)
            self._starts = starts
        return self._starts

    def _caption(self, start: int) -> str:
        if self._file is None:
            self._file = self._path.open("rb")
        self._file.seek(start)
        _, row = next(_records(self._file, start))
        return " ".join(row[self._caption_column].split())[:MAX_CAPTION]


def _key(name: str) -> str:
    """Synsets and class names as they are compared: no case, `_` and `-` as spaces."""
    return " ".join(name.casefold().replace("_", " ").replace("-", " ").split())


def _records(file: BinaryIO, position: int = 0) -> Iterator[tuple[int, list[str]]]:
    """CSV records from the file's place on, each with the byte offset of its first line; quoted line ends are kept.

    Args:
        file: open for reading, standing at `position`.
        position: that offset, the start of a record.

    Raises:
        UnicodeDecodeError: not UTF-8.
        csv.Error: not CSV.
    """
    consumed = position

    def lines() -> Iterator[str]:
        nonlocal consumed
        for line in file:
            first = consumed == 0
            consumed += len(line)
            yield (line.removeprefix(_BOM) if first else line).decode("utf-8")

    reader = csv.reader(lines(), strict=True)
    while True:
        start = consumed
        try:
            row = next(reader)
        except StopIteration:
            return
        if row:
            yield start, row
