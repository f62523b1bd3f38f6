"""Captions as Parquet: one part a class, and the tables that are published, typed and compressed with zstd."""

from __future__ import annotations

import hashlib
import io
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ..errors import MissingDependency

COLUMNS: dict[str, tuple[str, str]] = {  # name -> type, meaning
    "class": ("string", "WordNet synset, or a slug for a class outside WordNet"),
    "class_name": ("string", "the class as its captions call it"),
    "class_index": ("int32", "ImageNet-1k index, -1 outside it"),
    "synset": ("string", "WordNet synset, empty outside WordNet"),
    "caption": ("string", "the caption"),
    "number": ("int32", "which of the class's captions, from 0; those given up are missing"),
    "attempts": ("int32", "drafts that it took, 1 or more"),
    "seed": ("int64", "of the draft that passed"),
    "style": ("string", "phrases or free"),
    "model": ("string", "language model"),
    "revision": ("string", "commit on the Hub, or digest of the files"),
}
_TABLE = re.compile(r"\.?train-\d{5}-of-\d{5}\.parquet(\.\d+)?")  # ours, and what a killed pass left of one
ROWS = 250_000  # of a table, about: whole classes


def part_bytes(rows: Sequence[dict[str, Any]]) -> bytes:
    """One class's rows as a Parquet file; the same rows give the same bytes.

    Args:
        rows: mappings with the keys of `COLUMNS`.

    Raises:
        MissingDependency: pyarrow is not installed.
    """
    pa, parquet = _arrow()
    stream = io.BytesIO()
    table = pa.Table.from_pylist(list(rows), schema=_schema(pa))
    parquet.write_table(table, stream, compression="zstd")
    return stream.getvalue()


def join_parts(parts: Sequence[Path], folder: Path) -> list[dict[str, Any]]:
    """Tables of all parts in their order, a row group a class; memory is that of one part.

    The tables replace those that were there, each whole or not at all; other files in the folder are left alone.

    Args:
        parts: Parquet files of one class each.
        folder: `train-00000-of-00002.parquet` and so on come into it; made if needed.

    Returns:
        {"path", "rows", "bytes", "sha256"} of each table, the path as seen from the folder above.
    """
    pa, parquet = _arrow()
    folder.mkdir(parents=True, exist_ok=True)
    groups = list(_groups(parts, parquet))
    made = []
    for number, group in enumerate(groups):
        name = f"train-{number:05}-of-{len(groups):05}.parquet"
        fresh = folder / f".{name}.{os.getpid()}"
        with fresh.open("wb") as stream:
            with parquet.ParquetWriter(stream, _schema(pa), compression="zstd") as writer:
                for part in group:
                    writer.write_table(parquet.read_table(part))
            stream.flush()
            os.fsync(stream.fileno())
        rows = parquet.ParquetFile(fresh).metadata.num_rows
        with fresh.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        made.append({"path": f"{folder.name}/{name}", "rows": rows, "bytes": fresh.stat().st_size, "sha256": digest})
        os.replace(fresh, folder / name)
    names = {Path(each["path"]).name for each in made}
    for path in folder.iterdir():
        if _TABLE.fullmatch(path.name) and path.name not in names:
            path.unlink()
    return made


def _groups(parts: Sequence[Path], parquet: Any) -> Iterator[list[Path]]:
    """The parts of each table."""
    group: list[Path] = []
    rows = 0
    for part in parts:
        count = parquet.ParquetFile(part).metadata.num_rows
        if group and rows + count > ROWS:
            yield group
            group, rows = [], 0
        group.append(part)
        rows += count
    if group:
        yield group


def _schema(pa: Any) -> Any:
    return pa.schema([(name, getattr(pa, kind)()) for name, (kind, _) in COLUMNS.items()])


def _arrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ModuleNotFoundError as error:
        raise MissingDependency('tables of captions need pyarrow: pip install "dst3d-datasets[llm]"') from error
    return pyarrow, pyarrow.parquet
