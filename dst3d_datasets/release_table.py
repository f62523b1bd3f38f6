"""The labels of a release without its pictures: Parquet tables to query, and small tars that `datasets` streams.

A *block* of either covers `BLOCK` data tars in a row, so that a release which gains a tar changes one block. Rows lie
in the order of the samples in the tars.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .arrow import arrow
from .errors import ReleaseError
from .nouns import Sample
from .schema import LABEL, Field
from .tar import Entry, TarWriter, read_index, read_sample

BLOCK = 64
LEFT_OUT = frozenset({"mask_rle"})  # a picture written as text: it would be most of the table
PROVENANCE = frozenset(  # how a picture came about, and how it is encoded: no truth about the object
    {"schema", "prompt", "negative_prompt", "seed", "generator", "generator_revision", "depth_scale", "depth_offset"}
)
_TABLE = re.compile(r"index/([^/]+)/[^/]+\.parquet")
_LABEL_MEMBERS = ("cls", "json", "txt")


def fields() -> tuple[Field, ...]:
    """The label's fields that a table holds."""
    return tuple(field for field in LABEL if field.name not in LEFT_OUT)


def is_table(path: str) -> bool:
    """Whether a file of a release is one of its tables."""
    return _TABLE.fullmatch(path) is not None


@dataclass(frozen=True, slots=True)
class Row:
    """One sample of a table, beside its label."""

    shard: str  # path of its tar in the release
    offset: int  # where the sample begins in it, bytes: the header of its first member
    num_bytes: int  # what it takes, headers and padding included
    content: str  # 16 hexadecimal digits over everything but the label
    truth: str  # 16 hexadecimal digits over the label's fields that say something of the object
    label: dict[str, Any]


def write_block(folder: Path, split: str, name: str, shards: Sequence[str]) -> list[str]:
    """Write table and label tar of one block, from its data tars.

    Args:
        folder: the release in the making.
        split: name of the split.
        name: of the block.
        shards: paths of its data tars in the release, which are there.

    Returns:
        The two paths in the release, table first.

    Raises:
        MissingDependency: pyarrow is not installed.
    """
    pa, parquet = arrow("a release's tables")
    names = [f"index/{split}/{name}.parquet", f"labels/{split}/{name}.tar"]
    table, tar = (folder / name for name in names)
    for path in (table, tar):
        path.parent.mkdir(parents=True, exist_ok=True)
    schema = _schema(pa)
    with tar.open("wb") as stream, parquet.ParquetWriter(table, schema, compression="zstd") as writer:
        labels = TarWriter(stream)
        for shard in shards:
            rows = []
            for row, sample in rows_of(folder, shard):
                rows.append(_plain(row, split))
                labels.write(_without_pictures(sample))
            writer.write_table(pa.Table.from_pylist(rows, schema=schema))  # one row group a tar
        labels.finish()
    return names


def _without_pictures(sample: Sample) -> Sample:
    return Sample(key=sample.key, members=tuple(member for member in sample.members if member[0] in _LABEL_MEMBERS))


def rows_of(folder: Path, shard: str) -> Iterator[tuple[Row, Sample]]:
    """Every sample of a data tar, with its row."""
    with (folder / shard).open("rb") as stream:
        for entry in read_index(stream):
            sample = read_sample(stream, entry)
            members = dict(sample.members)
            label = json.loads(members.pop("json"))
            content = hashlib.sha256()
            for name, data in members.items():
                content.update(f"{name}:{len(data)}:".encode() + data)
            yield Row(shard, _start(entry), entry.num_bytes, content.hexdigest()[:16], truth_of(label), label), sample


def truth_of(label: dict[str, Any], names: Sequence[str] = ()) -> str:
    """16 hexadecimal digits over a label's fields that say something of the object; of those in `names`, if given."""
    chosen = [name for name in (names or [field.name for field in fields()]) if name not in PROVENANCE]
    text = json.dumps([[name, label[name]] for name in sorted(chosen)], separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Rows:
    """Rows of tables as compact arrays (N of them): thirty bytes a sample. Keys are kept as 64-bit hashes."""

    key: NDArray[np.uint64]  # (N,)
    truth: NDArray[np.uint64]  # (N,)
    content: NDArray[np.uint64]  # (N,)
    class_name: NDArray[np.int32]  # (N,), index into `classes`
    split: NDArray[np.int32]  # (N,), index into `splits`
    classes: list[str]
    splits: list[str]


def read_rows(paths: Sequence[Path], common: Sequence[str] = ()) -> Rows:
    """The rows of some tables, in one order of keys.

    Args:
        paths: of the tables.
        common: the label fields whose truth is asked for; none: all of this version's (what the table holds by itself).

    Raises:
        ReleaseError: a table cannot be read.
    """
    pa, parquet = arrow("a release's tables")
    codes: dict[str, dict[str, int]] = {"class_name": {}, "split": {}}
    parts: list[list[NDArray[Any]]] = []
    names = ["key", "content", "class_name", "split", *(common or ["truth"])]
    for path in paths:
        try:
            file = parquet.ParquetFile(path)
            for group in range(file.num_row_groups):
                columns = file.read_row_group(group, columns=names).to_pydict()
                parts.append(_compact(columns, codes, common))
        except (OSError, pa.ArrowException, KeyError, ValueError) as error:
            raise ReleaseError(f"{path.name}: not a table of this version of dst3d_datasets ({error})") from error
    kinds = (np.uint64, np.uint64, np.uint64, np.int32, np.int32)
    arrays = [np.concatenate([np.zeros(0, kind), *(part[i] for part in parts)]) for i, kind in enumerate(kinds)]
    order = np.argsort(arrays[0], kind="stable")
    key, truth, content, class_name, split = (array[order] for array in arrays)
    return Rows(key, truth, content, class_name, split, list(codes["class_name"]), list(codes["split"]))


def _compact(columns: dict[str, list[Any]], codes: dict[str, dict[str, int]], common: Sequence[str]) -> list[Any]:
    truths = columns.get("truth", [])
    if common:
        labels = zip(*(columns[name] for name in common), strict=True)
        truths = [truth_of(dict(zip(common, values, strict=True)), common) for values in labels]
    coded = [[codes[name].setdefault(value, len(codes[name])) for value in columns[name]] for name in codes]
    return [
        np.array([hash_of(key) for key in columns["key"]], np.uint64),
        np.array([int(value, 16) for value in truths], np.uint64),
        np.array([int(value, 16) for value in columns["content"]], np.uint64),
        np.array(coded[0], np.int32),
        np.array(coded[1], np.int32),
    ]


def hash_of(key: str) -> int:
    """64 bits that stand for a key: among ten million keys, two agree by chance once in a third of a million sets."""
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "big")


def read_placement(paths: Sequence[Path]) -> Iterator[tuple[str, str]]:
    """(key, path of its tar) of every row of some tables, in their order."""
    _, parquet = arrow("a release's tables")
    for path in paths:
        file = parquet.ParquetFile(path)
        for group in range(file.num_row_groups):
            columns = file.read_row_group(group, columns=["key", "shard"]).to_pydict()
            yield from zip(columns["key"], columns["shard"], strict=True)


def _start(entry: Entry) -> int:
    return entry.members[0][1] - 512


def _plain(row: Row, split: str) -> dict[str, Any]:
    label = {field.name: _flat(row.label[field.name]) for field in fields()}
    own = {"split": split, "shard": row.shard, "offset": row.offset, "num_bytes": row.num_bytes}
    verdict = {"keep": row.label["keep"], "scores": json.dumps(row.label.get("scores", {}), sort_keys=True)}
    return own | {"content": row.content, "truth": row.truth} | label | verdict


def _flat(value: Any) -> Any:
    """A matrix row by row in one list: what every reader of Parquet understands."""
    if isinstance(value, list) and value and isinstance(value[0], list):
        return [number for line in value for number in line]
    return value


def _schema(pa: Any) -> Any:
    kinds = {"string": pa.string(), "int64": pa.int64(), "float64": pa.float64(), "bool": pa.bool_()}
    own = {"split": "string", "shard": "string", "offset": "int64", "num_bytes": "int64", "content": "string"}
    columns = [(name, kinds[kind]) for name, kind in own.items()] + [("truth", pa.string())]
    for field in fields():
        kind = kinds[field.kind]
        size = int(np.prod(field.shape, dtype=int))
        columns.append((field.name, pa.list_(kind, size) if field.shape else kind))
    return pa.schema([*columns, ("keep", pa.bool_()), ("scores", pa.string())])
