"""Rows of a captions data set, streamed: CSV and Parquet, one file or a folder of them, on disk or at any address.

An address is what fsspec opens: a path, or for example `hf://datasets/ccvl/3D-DST-captions@<revision>/captions.csv`.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
from collections.abc import Iterator
from typing import Any

import fsspec

from ..errors import MissingDependency, RecipeError

_KINDS = (".csv", ".parquet")
_BATCH = 2048  # rows of a Parquet file that are held at once


class Rows:
    """A captions data set.

    Args:
        address: a file or a folder; of a folder, `captions.csv` if it is there, else its CSV and Parquet files in the
            order of their names: those in its folder `data`, or all where it has none.
        class_column: name of the column with synsets or class names.
        caption_column: name of the column with captions.

    Raises:
        RecipeError: nothing there, unreadable, or no such column in a file; the message lists the columns there are.
        MissingDependency: a Parquet file without pyarrow.
    """

    def __init__(self, address: str, class_column: str, caption_column: str) -> None:
        self.address = address
        self._columns = {"class_column": class_column, "caption_column": caption_column}
        try:
            self._fs, path = fsspec.core.url_to_fs(address)
            self._files = self._list(path)
        except FileNotFoundError:
            raise RecipeError(f"prompts.file: {address}: no such file") from None
        except (OSError, ValueError, ImportError) as error:
            raise RecipeError(f"prompts.file: {address} cannot be read: {error}") from error
        if not self._files:
            raise RecipeError(f"prompts.file: {address} holds no {' or '.join(_KINDS)} file")
        for file in self._files:
            self._check(file)

    def digest(self) -> str:
        """32 hexadecimal digits that change with the data: over the bytes on disk, elsewhere over what the server says
        of each file (its hash or tag, its size)."""
        state = hashlib.sha256()
        for file in self._files:
            state.update(file.rpartition("/")[2].encode() + b"\0")
            if "file" in _protocols(self._fs):
                with self._fs.open(file, "rb") as opened:
                    state.update(hashlib.file_digest(opened, "sha256").digest())
            else:
                info = self._fs.info(file)
                said = [info.get(key) for key in ("size", "blob_id", "etag", "ETag", "lfs", "mtime", "created")]
                state.update(repr(said).encode())
        return state.hexdigest()[:32]

    def stamp(self) -> tuple[tuple[int, int], ...]:
        """Size and time of each file on disk, to notice cheaply that one was written again; elsewhere nothing."""
        if "file" not in _protocols(self._fs):
            return ()
        found = [os.stat(file) for file in self._files]
        return tuple((each.st_size, each.st_mtime_ns) for each in found)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """(class, caption) of every row in order, as they are; rows too short for a column are left out.

        Raises:
            RecipeError: a file breaks on the way.
        """
        for file in self._files:
            try:
                yield from self._parquet(file) if file.endswith(".parquet") else self._csv(file)
            except (OSError, ValueError, csv.Error) as error:
                raise self._unreadable(error) from error

    def _list(self, path: str) -> list[str]:
        if not self._fs.isdir(path):
            if not self._fs.exists(path):
                raise FileNotFoundError(path)
            return [path]
        table = f"{path.rstrip('/')}/captions.csv"
        if self._fs.exists(table):
            return [table]
        found = sorted(file for file in self._fs.find(path) if file.endswith(_KINDS))
        return [file for file in found if file.startswith(f"{path.rstrip('/')}/data/")] or found

    def _check(self, file: str) -> None:
        try:
            names = self._names(file)
        except (OSError, ValueError, csv.Error) as error:
            raise self._unreadable(error) from error
        for field, column in self._columns.items():
            if column not in names:
                raise RecipeError(
                    f"prompts.{field}: {self.address} has no column {column!r}; it has: {', '.join(names) or 'none'}"
                )

    def _names(self, file: str) -> list[str]:
        if file.endswith(".parquet"):
            with self._fs.open(file, "rb") as opened:
                return list(_parquet().ParquetFile(opened).schema_arrow.names)
        with self._fs.open(file, "rb") as opened:
            return [name.strip() for name in next(_reader(opened), [])]

    def _csv(self, file: str) -> Iterator[tuple[str, str]]:
        with self._fs.open(file, "rb") as opened:
            reader = _reader(opened)
            names = [name.strip() for name in next(reader)]
            of_class, of_caption = (names.index(column) for column in self._columns.values())
            for row in reader:
                if len(row) > max(of_class, of_caption):
                    yield row[of_class], row[of_caption]

    def _parquet(self, file: str) -> Iterator[tuple[str, str]]:
        columns = list(self._columns.values())
        with self._fs.open(file, "rb") as opened:
            for batch in _parquet().ParquetFile(opened).iter_batches(_BATCH, columns=columns):
                found = batch.to_pydict()
                for name, caption in zip(found[columns[0]], found[columns[1]], strict=True):
                    yield str(name if name is not None else ""), str(caption if caption is not None else "")

    def _unreadable(self, error: Exception) -> RecipeError:
        kind = "Parquet" if self._files[0].endswith(".parquet") else "CSV"
        return RecipeError(f"prompts.file: {self.address} cannot be read as {kind}: {error}")


def _reader(opened: Any) -> Iterator[list[str]]:
    text = io.TextIOWrapper(opened, encoding="utf-8-sig", newline="")
    return (row for row in csv.reader(text, strict=True) if row)


def _protocols(fs: Any) -> tuple[str, ...]:
    return (fs.protocol,) if isinstance(fs.protocol, str) else tuple(fs.protocol)


def _parquet() -> Any:
    try:
        import pyarrow.parquet as parquet
    except ModuleNotFoundError as error:
        raise MissingDependency(
            "prompts.file: Parquet needs the Python package 'pyarrow', which is not installed; "
            'run: pip install "dst3d-datasets[datasets]"'
        ) from error
    return parquet
