"""Tables of scores: one Parquet file a class and scorer, in the store beside the shards.

Its name says what it was made of: `scores/<class>/<kind>-<24 digits>.parquet`, eight digits each for the scorer's
options, for its revision and for the class's shards. It appears in one atomic replace, and a folder of the same name
holds what is finished of a judgement that is under way.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from ..arrow import arrow
from ..errors import StoreError
from ..scores import NOT_JUDGED, Judgement
from ..store import Store

SCHEMA = "dst3d-scores/1"
FACTS = ("key", "attempt", "class_name", "azimuth", "elevation", "symmetry")  # of each sample, from its label
RESERVED = (*FACTS, "reason", "class_id", "view_bin", "keep", "chosen", "rescued", "threshold")  # columns of verdicts
_NAME = re.compile(r"[a-z0-9_]+")
_WHAT = "tables of scores"


@dataclass(frozen=True)
class ScoreTable:
    """What one scorer says of the N samples of a class, with what verdicts need of their labels."""

    kind: str
    class_id: str
    revision: str
    facts: dict[str, Any]  # name of `FACTS` -> N values: lists of texts, arrays of numbers
    scores: dict[str, NDArray[np.float64]]  # name -> (N,)
    reasons: list[str]  # N
    details: dict[str, NDArray[Any]]  # name -> (N,)

    def __len__(self) -> int:
        return len(self.reasons)


def checked(judgement: Judgement, count: int, names: Sequence[str]) -> None:
    """Raise ValueError unless a judgement keeps to `scores.Scorer`.

    Args:
        judgement: what a scorer gave.
        count: how many samples it was given.
        names: of its scores.
    """
    if set(judgement.scores) != set(names):
        raise ValueError(f"it gives the scores {sorted(judgement.scores)}, and promises {sorted(names)}")
    if len(judgement.reasons) != count:
        raise ValueError(f"it gives {len(judgement.reasons)} reasons for {count} samples")
    for name, values in {**judgement.scores, **judgement.details}.items():
        if np.shape(values) != (count,):
            raise ValueError(f"{name} has shape {np.shape(values)}, and not ({count},)")
        if name in RESERVED or (name in judgement.details and name in judgement.scores):
            raise ValueError(f"{name!r} is the name of another column")
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name of a score: a-z, 0-9 and _")
    for name, values in judgement.scores.items():
        judged = values != NOT_JUDGED
        if not (np.isfinite(values) & (~judged | ((values >= 0.0) & (values <= 1.0)))).all():
            raise ValueError(f"{name} has values outside [0, 1]")
        if any(not judgement.reasons[index] for index in np.flatnonzero(~judged).tolist()):
            raise ValueError(f"{name} is not judged somewhere, and no reason is given")


def facts_of(keys: Sequence[str], attempts: NDArray[np.int64], labels: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What a table holds of the samples themselves."""
    names = ("class_name", "azimuth", "elevation", "symmetry")
    rows = [tuple(label[name] for name in names) for label in labels]
    class_name, azimuth, elevation, symmetry = zip(*rows, strict=True) if rows else ((), (), (), ())
    return {
        "key": list(keys),
        "attempt": attempts,
        "class_name": list(class_name),
        "azimuth": np.array(azimuth, np.float64),
        "elevation": np.array(elevation, np.float64),
        "symmetry": np.array(symmetry, np.int64),
    }


def write_table(store: Store, path: str, table: ScoreTable) -> None:
    """Put a table into the store, in one atomic replace."""
    pa, parquet = arrow(_WHAT)
    columns = {**table.facts, "reason": table.reasons, **table.scores, **table.details}
    about = {
        "schema": SCHEMA,
        "kind": table.kind,
        "class_id": table.class_id,
        "revision": table.revision,
        "scores": list(table.scores),
        "details": list(table.details),
    }
    plain = pa.table({name: pa.array(_plain(values)) for name, values in columns.items()})
    buffer = io.BytesIO()
    parquet.write_table(plain.replace_schema_metadata({"dst3d": json.dumps(about)}), buffer, compression="zstd")
    store.write(path, buffer.getvalue())


def _plain(values: Any) -> Any:
    """Columns of texts as lists: pyarrow takes no arrays of NumPy's own texts."""
    if isinstance(values, np.ndarray) and values.dtype.kind in "US":
        return [str(value) for value in values]
    return values


def read_table(store: Store, path: str) -> ScoreTable:
    """A table of the store.

    Raises:
        StoreError: there is none, or it cannot be read.
    """
    pa, parquet = arrow(_WHAT)
    data = store.read(path)
    if data is None:
        raise StoreError(f"{store.url}/{path}: gone; run `dst3d score` again")
    try:
        # Not a Python file: Arrow reads ahead on threads of its own, and one that asks a Python object for bytes while
        # the interpreter ends takes the process with it.
        table = parquet.read_table(pa.BufferReader(data))
        about = json.loads(table.schema.metadata[b"dst3d"])
        if about["schema"] != SCHEMA:
            raise StoreError(f"{store.url}/{path}: made by another version of dst3d_datasets")
        return ScoreTable(
            kind=about["kind"],
            class_id=about["class_id"],
            revision=about["revision"],
            facts={name: _column(table, name) for name in FACTS},
            scores={name: _column(table, name) for name in about["scores"]},
            reasons=table.column("reason").to_pylist(),
            details={name: _column(table, name) for name in about["details"]},
        )
    except (pa.ArrowException, OSError, KeyError, ValueError, TypeError) as error:
        raise StoreError(f"{store.url}/{path}: cannot be read ({error}); remove it and run `dst3d score`") from error


def _column(table: Any, name: str) -> Any:
    column = table.column(name)
    is_text = str(column.type) in ("string", "large_string", "null")
    return column.to_pylist() if is_text else column.to_numpy()


class StoreScratch:
    """`scores.Scratch` in a folder of the store.

    Args:
        store: the run's.
        folder: of this judgement; its name says what the judgement is made of.
    """

    def __init__(self, store: Store, folder: str) -> None:
        self._store, self._folder = store, folder

    def load(self, name: str) -> dict[str, NDArray[Any]] | None:
        """See `scores.Scratch`. What cannot be read counts as not there."""
        data = self._store.read(f"{self._folder}/{name}.npz")
        if data is None:
            return None
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
                return {key: arrays[key] for key in arrays.files}
        except (OSError, ValueError, EOFError, KeyError, BadZipFile):
            return None

    def save(self, name: str, arrays: Mapping[str, NDArray[Any]]) -> None:
        """See `scores.Scratch`."""
        plain = {key: np.asarray(value) for key, value in arrays.items()}
        if objects := [key for key, value in plain.items() if value.dtype.hasobject]:
            raise TypeError(f"{objects[0]}: scratch holds numbers and texts, no objects")
        buffer = io.BytesIO()
        np.savez(buffer, **plain)  # type: ignore[arg-type]
        self._store.write(f"{self._folder}/{name}.npz", buffer.getvalue())
