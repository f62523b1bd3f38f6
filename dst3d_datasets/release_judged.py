"""What the filters say of a release's samples: which ones it holds, and what their labels say of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import ReleaseError
from .recipe import Recipe
from .release_files import Verdict
from .release_index import Index
from .run import Run
from .scoring.collect import FILE, Verdicts, collect, verdict_table
from .scoring.summary import summary
from .store import Store


def _all_kept(sample: int) -> tuple[Mapping[str, float], bool]:
    return {}, True


@dataclass(frozen=True)
class Judged:
    """The filters' part of a release."""

    facts: dict[str, Any] = field(default_factory=lambda: {"scores": [], "verdicts": None})  # for the manifest
    files: dict[str, bytes] = field(default_factory=dict)  # path in the release -> content
    verdicts: Verdicts | None = None
    verdict: Verdict = _all_kept


def judge(store: Store, recipe: Recipe, run: Run) -> Judged:
    """Take the verdicts of a run; without scores in the recipe every sample is kept and nothing is said.

    Raises:
        UsageError: the run has not been scored; the message says how.
    """
    if not recipe.scores:
        return Judged()
    verdicts = collect(store, recipe, run)
    table = verdict_table(verdicts)
    told = summary(verdicts, recipe) | {
        "rejected": recipe.release.rejected,
        "sha256": hashlib.sha256(table).hexdigest(),
    }
    return Judged({"scores": sorted(verdicts.scores), "verdicts": told}, {FILE: table}, verdicts)


def chosen(judged: Judged, index: Index, run: Run, rejected: str) -> tuple[Index, Judged]:
    """The samples that are released: one attempt a key, and those that are rejected only if asked for.

    Args:
        judged: what `judge` gave.
        index: of every sample of the run, each attempt at a key.
        run: says which shards are retries.
        rejected: `drop` or `keep`.

    Returns:
        Their index, and `judged` with the verdict on each of them.

    Raises:
        ReleaseError: nothing is left, or the verdicts are not of these samples.
    """
    attempt = np.array([run.attempts.get(receipt.shard_id, 0) for receipt in index.receipts], np.int64)[index.shard]
    if judged.verdicts is None:
        return (index if not attempt.any() else index.select(np.flatnonzero(attempt == 0))), judged
    rows = _rows(judged.verdicts, index, attempt)
    decision = judged.verdicts.decision
    wanted = np.flatnonzero(decision.chosen[rows] & (decision.keep[rows] | (rejected == "keep")))
    if not len(wanted):
        raise ReleaseError("keep: every sample is rejected; set another bar (`dst3d verdicts` shows what comes of it)")
    verdicts, of_sample = judged.verdicts, rows[wanted]
    return index.select(wanted), Judged(
        judged.facts, judged.files, verdicts, lambda sample: verdicts.of(int(of_sample[sample]))
    )


def _rows(verdicts: Verdicts, index: Index, attempt: NDArray[np.int64]) -> NDArray[np.int64]:
    """(N,) the row of each sample of the index."""
    first: dict[str, int] = {}
    for row, key in enumerate(verdicts.keys):
        first.setdefault(key, row)
    rows = np.zeros(len(index), np.int64)
    try:
        for sample in range(len(index)):
            row = first[index.key(sample)]
            while verdicts.samples.attempt[row] != attempt[sample]:
                row += 1
            rows[sample] = row
        if any(verdicts.keys[row] != index.key(sample) for sample, row in enumerate(rows.tolist())):
            raise KeyError
    except (KeyError, IndexError):
        raise ReleaseError(
            "the verdicts are of other samples than the run holds now; run `dst3d score` again"
        ) from None
    return rows
