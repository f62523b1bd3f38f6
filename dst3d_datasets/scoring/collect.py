"""The verdicts of a whole run: its tables of scores put together, and what becomes of every sample."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrow import arrow
from ..errors import StoreError, UsageError
from ..recipe import Recipe
from ..run import Run, amended, note, read_run
from ..scores import NOT_JUDGED
from ..store import Store
from .bins import bins_of, name_of
from .jobs import classes_of, found_tables, waiting
from .ratings import read_ratings
from .tables import ScoreTable, read_table
from .verdicts import Decision, Population, decide

FILE = "verdicts.parquet"
ROWS = 100_000  # of a row group


@dataclass(frozen=True)
class Verdicts:
    """Every sample of a run, each attempt a row, sorted by class, key and attempt: what is said of it and what follows

    N rows.
    """

    by: str  # the score that decides; empty when nothing does
    class_ids: list[str]  # of the classes, by number
    class_names: list[str]
    keys: list[str]  # N
    azimuth: NDArray[np.float64]  # (N,) degrees
    elevation: NDArray[np.float64]  # (N,) degrees
    symmetry: NDArray[np.int64]  # (N,)
    scores: dict[str, NDArray[np.float64]]  # name -> (N,)
    details: dict[str, Any]  # name -> N numbers or texts
    reasons: dict[str, list[str]]  # scorer -> N texts
    samples: Population
    decision: Decision

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def rejected(self) -> dict[str, list[str]]:
        """Class id -> keys of which no attempt is kept, sorted."""
        return self._keys(self.decision.chosen & ~self.decision.keep)

    @property
    def below_the_bar(self) -> dict[str, list[str]]:
        """Class id -> keys of which no attempt passes: the rejected ones, and those that the floor alone has kept."""
        return self._keys(self.decision.chosen & (~self.decision.keep | self.decision.rescued))

    def _keys(self, rows: NDArray[np.bool_]) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for row in np.flatnonzero(rows).tolist():
            found.setdefault(self.class_ids[self.samples.class_id[row]], []).append(self.keys[row])
        return found

    def of(self, row: int) -> tuple[Mapping[str, float], bool]:
        """Every score of a row by name, and whether it is kept."""
        return {name: float(values[row]) for name, values in self.scores.items()}, bool(self.decision.keep[row])


def verdicts_of(run: str | os.PathLike[str], overrides: Sequence[str] = ()) -> tuple[Store, Recipe, Verdicts]:
    """The verdicts of a run's folder, with its store and its recipe.

    Args:
        run: the run's folder or fsspec address.
        overrides: changes of the run's recipe, which are noted if they lead to verdicts; see `run.amended`.

    Raises:
        UsageError: see `collect`.
    """
    store = Store(run)
    recipe = amended(store, overrides)
    verdicts = collect(store, recipe, read_run(store)[1])
    note(store, recipe)
    return store, recipe, verdicts


def collect(store: Store, recipe: Recipe, run: Run) -> Verdicts:
    """Read every table of a run, and decide.

    Raises:
        UsageError: tables are not there, `keep.by` is no score of theirs, or `keep.precision` cannot be had.
        StoreError: a table cannot be read.
    """
    by_state = classes_of(store, run)
    classes = by_state.all()
    found = found_tables(store, recipe, classes)
    kinds = [scorer.kind for scorer in recipe.scores]
    if not kinds:
        raise UsageError(
            f"{store.url}: the run's recipe names no scorer; give some: dst3d score --set 'scores=[edges]'"
        )
    if not classes:
        raise UsageError(f"{store.url}: there is not one sample; `dst3d status {store.url}` shows why")
    if absent := waiting(kinds, classes, found):
        raise UsageError(
            f"{store.url}: {len(absent):,} tables of scores are not there, such as {absent[0]}; run `dst3d score "
            f"{store.url}`" + (" --partial (classes have shards to make yet)" if by_state.partial else "")
        )
    tables = {class_id: [read_table(store, found[class_id, kind].path) for kind in kinds] for class_id in classes}
    for class_id, own in tables.items():
        if any(table.facts["key"] != own[0].facts["key"] for table in own):
            raise StoreError(f"{store.url}: the tables of {class_id} are not of the same samples; remove them")
    return _decided(store, recipe, tables)


def _decided(store: Store, recipe: Recipe, tables: dict[str, list[ScoreTable]]) -> Verdicts:
    first = [own[0] for own in tables.values()]
    facts = {name: _joined([table.facts[name] for table in first]) for name in first[0].facts} if first else {}
    counts = [len(table) for table in first]
    keys: list[str] = facts.get("key", [])
    scores = _columns(tables, counts, "scores")
    by = _deciding(recipe, tables, scores)
    symmetry = np.asarray(facts.get("symmetry", []), np.int64)
    samples = Population(
        key=_numbers(keys),
        attempt=np.asarray(facts.get("attempt", []), np.int64),
        class_id=np.repeat(np.arange(len(first)), counts),
        view_bin=bins_of(np.asarray(facts["azimuth"]), np.asarray(facts["elevation"]), symmetry),
        score=scores[by] if by else np.full(len(keys), NOT_JUDGED),
    )
    good: dict[int, float] = {}
    if recipe.keep is not None and recipe.keep.precision is not None:
        number_of = dict(zip(keys, samples.key.tolist(), strict=True))
        good = {number_of[key]: share for key, share in read_ratings(store).items() if key in number_of}
    return Verdicts(
        by=by if recipe.keep is not None else "",
        class_ids=list(tables),
        class_names=[table.facts["class_name"][0] for table in first],
        keys=keys,
        azimuth=facts["azimuth"],
        elevation=facts["elevation"],
        symmetry=symmetry,
        scores=scores,
        details=_columns(tables, counts, "details"),
        reasons={
            kind: [reason for own in tables.values() for reason in own[number].reasons]
            for number, kind in enumerate(table.kind for table in next(iter(tables.values())))
        },
        samples=samples,
        decision=decide(samples, recipe.keep, good),
    )


def _numbers(keys: list[str]) -> NDArray[np.int64]:
    """(N,) a number for each key; the attempts at one key follow each other."""
    is_next = np.fromiter((a != b for a, b in pairwise(keys)), np.int64, max(len(keys) - 1, 0))
    return np.concatenate([np.zeros(min(len(keys), 1), np.int64), np.cumsum(is_next)])


def _joined(parts: list[Any]) -> Any:
    if isinstance(parts[0], list):
        return [value for part in parts for value in part]
    return np.concatenate(parts)


def _columns(tables: dict[str, list[ScoreTable]], counts: list[int], which: str) -> dict[str, Any]:
    """Columns over all classes; where a class has none of a name, its details are empty.

    Raises:
        UsageError: two scorers use the same name.
    """
    names: dict[str, str] = {}
    for table in (table for own in tables.values() for table in own):
        for name in getattr(table, which):
            if names.setdefault(name, table.kind) != table.kind:
                raise UsageError(f"the scorers {names[name]} and {table.kind} both have {name!r}: use one of them")
    found: dict[str, Any] = {}
    for name in names:
        parts = [
            next((v for t in own if (v := getattr(t, which).get(name)) is not None), None) for own in tables.values()
        ]
        known = next(part for part in parts if part is not None)
        blank: Any = "" if isinstance(known, list) else np.nan
        found[name] = _joined(
            [
                part if part is not None else ([blank] * count if isinstance(known, list) else np.full(count, blank))
                for part, count in zip(parts, counts, strict=True)
            ]
        )
    return found


def _deciding(recipe: Recipe, tables: dict[str, list[ScoreTable]], scores: Mapping[str, Any]) -> str:
    """The score that decides: what `keep.by` names, or the first score of the scorer it names, or of the last one."""
    own = next(iter(tables.values()), [])
    of_kind = {table.kind: next(iter(table.scores)) for table in own}
    asked = recipe.keep.by if recipe.keep is not None else ""
    if not asked:
        return next(reversed(of_kind.values()), "")
    if asked not in scores and asked not in of_kind:
        raise UsageError(f"keep.by: there is no score {asked!r}; known: {', '.join(scores)}")
    return asked if asked in scores else of_kind[asked]


def verdict_table(verdicts: Verdicts) -> bytes:
    """The verdicts as a Parquet file: a row an attempt, rejected ones too.

    Columns: `key`, `attempt`, `class_id`, `class_name`, `azimuth`, `elevation`, `symmetry`, `view_bin` (see `bins`),
    `keep`, `chosen` (the attempt that stands for its key), `rescued` (kept by `keep.at_least` alone), `threshold`,
    every score, every detail, and for each scorer `<kind>_reason`: why it has not judged the row.
    """
    pa, parquet = arrow("verdicts")
    samples, decision = verdicts.samples, verdicts.decision
    names = np.array([name_of(number) for number in range(int(samples.view_bin.max(initial=0)) + 1)], dtype=object)
    columns: dict[str, Any] = {
        "key": verdicts.keys,
        "attempt": samples.attempt,
        "class_id": [verdicts.class_ids[number] for number in samples.class_id],
        "class_name": [verdicts.class_names[number] for number in samples.class_id],
        "azimuth": verdicts.azimuth,
        "elevation": verdicts.elevation,
        "symmetry": verdicts.symmetry,
        "view_bin": names[samples.view_bin].tolist(),
        "keep": decision.keep,
        "chosen": decision.chosen,
        "rescued": decision.rescued,
        "threshold": decision.threshold,
        **verdicts.scores,
        **verdicts.details,
        **{f"{kind}_reason": reasons for kind, reasons in verdicts.reasons.items()},
    }
    buffer = io.BytesIO()
    table = pa.table({name: pa.array(values) for name, values in columns.items()})
    parquet.write_table(table, buffer, compression="zstd", row_group_size=ROWS)
    return buffer.getvalue()
