"""The companion data sets of the paper: `models`, the aligned catalogue, and `captions`. Tables with a card.

Both are Parquet files that `load_dataset` reads with types, described by a manifest like a release's, so that they are
published, compared and numbered by the same code. What a row is known by, and which of its columns are truth about the
thing that it describes, `KINDS` says.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from .arrow import arrow
from .errors import ReleaseError
from .release_files import file_sha256
from .release_table import Rows, hash_of

SCHEMA = "dst3d-companion/1"
CARD = "README.md"
_BATCH = 10_000  # rows


@dataclass(frozen=True, slots=True)
class Kind:
    """What the rows of one kind of companion are."""

    noun: str  # what a row is, in the plural
    key: tuple[str, ...]  # the columns that name it; "a|b": whichever of them the table has
    truth: tuple[str, ...]  # the columns whose change makes another thing of it
    retold: str  # what it is called when only other columns changed
    by: str = "class_name"  # the column that counts are told by
    schema: str = ""  # what the columns mean; a new name is a major version


KINDS: dict[str, Kind] = {
    "models": Kind(
        noun="models",
        key=("synset", "source", "model"),
        truth=("class_index", "distance", "strength", "sampling", "alignment", "symmetry", "exact"),
        retold="models whose licence, author, words or looks are told anew",
        schema="dst3d-models/1",
    ),
    "captions": Kind(
        noun="captions",
        key=("class|synset", "caption"),
        truth=(),
        retold="captions written by another model or from another seed",
        schema="dst3d-captions/1",
    ),
}


def is_table(path: str) -> bool:
    """Whether a file of a companion is one of its tables."""
    return path.startswith("data/") and path.endswith(".parquet")


def manifest_of(
    kind: str, folder: Path, paths: Iterable[str], texts: Mapping[str, bytes], facts: Mapping[str, Any]
) -> dict[str, Any]:
    """The manifest of a companion.

    Args:
        kind: of KINDS.
        folder: where its files lie.
        paths: of the files in it that belong to the data set.
        texts: the files that are made for it: path -> content.
        facts: what else it says, such as counts.

    Raises:
        ReleaseError: a table cannot be read.
    """
    rows: list[dict[str, Any]] = [
        {"path": path, "sha256": file_sha256(folder / path), "bytes": (folder / path).stat().st_size}
        for path in sorted(paths)
    ]
    tables = [row["path"] for row in rows if is_table(row["path"])]
    content = hashlib.sha256(json.dumps([[row["path"], row["sha256"]] for row in rows]).encode()).hexdigest()[:32]
    rows += [
        {"path": path, "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)} for path, data in texts.items()
    ]
    return {
        "schema": SCHEMA,
        "kind": kind,
        "made_by": f"dst3d-datasets {version('dst3d-datasets')}",
        "content": content,
        "label_schema": KINDS[kind].schema,
        "label_fields": names_of(folder / tables[0]) if tables else [],
        **facts,
        "files": sorted(rows, key=lambda row: str(row["path"])),
    }


def card_of(head: Mapping[str, Any], features: list[dict[str, Any]], sizes: Mapping[str, int], body: str) -> str:
    """A companion's card: YAML that types its one config, `default`, with the split `train`; then the text.

    Args:
        head: licence, name, tags.
        features: of the columns, as the plain data of `dataset_info.features`.
        sizes: num_examples, num_bytes (in memory, about) and download_size.
        body: Markdown.
    """
    split = {"name": "train", "num_bytes": sizes["num_bytes"], "num_examples": sizes["num_examples"]}
    info = {
        "config_name": "default",
        "features": features,
        "splits": [split],
        "download_size": sizes["download_size"],
        "dataset_size": sizes["num_bytes"],
    }
    files = [{"split": "train", "path": "data/*.parquet"}]
    configs = [{"config_name": "default", "data_files": files, "default": True}]
    whole = {**head, "configs": configs, "dataset_info": [info]}
    return f"---\n{yaml.safe_dump(whole, sort_keys=False, allow_unicode=True, width=110)}---\n\n{body.strip()}\n"


def read_rows(kind: str, paths: Sequence[Path]) -> Rows:
    """The rows of a companion's tables in one order of keys, as `release_table.read_rows` gives those of a release.

    Raises:
        ReleaseError: a table cannot be read.
    """
    what = KINDS[kind]
    classes: dict[str, int] = {}
    found: list[tuple[int, int, int, int]] = []
    for path in paths:
        key_names = _key(path, what)
        for row in _rows(path, what):
            rest = sorted(set(row) - {*key_names, *what.truth})
            found.append(
                (
                    hash_of("\x1f".join(str(row[name]) for name in key_names)),
                    _digest([row.get(name) for name in what.truth]),
                    _digest([[name, row[name]] for name in rest]),
                    classes.setdefault(str(row[what.by]), len(classes)),
                )
            )
    found.sort()
    columns = list(zip(*found, strict=True)) or [(), (), (), ()]
    key, truth, content = (np.array(column, np.uint64) for column in columns[:3])
    return Rows(
        key, truth, content, np.array(columns[3], np.int32), np.zeros(len(found), np.int32), list(classes), ["train"]
    )


def _rows(path: Path, what: Kind) -> Iterator[dict[str, Any]]:
    pa, parquet = arrow("a data set's tables")
    try:
        for batch in parquet.ParquetFile(path).iter_batches(_BATCH):
            yield from batch.to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise ReleaseError(f"{path.name}: not a table of {what.noun} ({error})") from error


def _key(path: Path, what: Kind) -> list[str]:
    """The columns of a table that name its rows."""
    names = names_of(path)
    chosen = [next((name for name in each.split("|") if name in names), "") for each in what.key]
    lacking = [each for each, name in zip(what.key, chosen, strict=True) if not name]
    lacking += [what.by] if what.by not in names else []
    if lacking:
        raise ReleaseError(f"{path.name}: a table of {what.noun} needs the column {lacking[0]!r}")
    return chosen


def _digest(value: Any) -> int:
    text = json.dumps(value, separators=(",", ":"), default=str)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def names_of(table: Path) -> list[str]:
    """The columns of a table.

    Raises:
        ReleaseError: it cannot be read.
    """
    pa, parquet = arrow("a data set's tables")
    try:
        return list(parquet.read_schema(table).names)
    except (OSError, pa.ArrowException) as error:
        raise ReleaseError(f"{table}: not a Parquet table ({error})") from error


def features_of(schema: Any) -> list[dict[str, Any]]:
    """The columns of an Arrow schema as the plain data of `dataset_info.features` in a card."""
    pa, _ = arrow("a data set's tables")

    def typed(kind: Any) -> Any:
        if pa.types.is_fixed_size_list(kind):
            return {"list": typed(kind.value_type), "length": kind.list_size}
        if pa.types.is_list(kind) or pa.types.is_large_list(kind):
            return {"list": typed(kind.value_type)}
        return {"double": "float64", "float": "float32"}.get(str(kind), str(kind))

    found = [(column.name, typed(column.type)) for column in schema]
    return [{"name": name, **(kind if isinstance(kind, dict) else {"dtype": kind})} for name, kind in found]
