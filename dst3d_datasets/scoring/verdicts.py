"""Verdicts: which samples are kept, from tables of scores and the recipe's `keep`. No picture and no model is needed.

1. Groups. `per` cuts the samples into groups: by class, by view bin, both, or not at all. Groups of fewer than
   `SMALL` samples are judged together, with those of their class if `per` names it: a share of three means nothing.
2. The bar. `rate` gives each group the threshold that lets the best share of it pass; samples with the same score pass
   together. `threshold` and `precision` are one bar for all; see `ratings.threshold_for`.
3. The floor. A view bin of a class that would keep less than `at_least` of its keys keeps its best ones besides.
4. What no scorer could judge is kept, and counted.

Thresholds are taken from first attempts alone, so that drawing rejected samples again does not move the bar. Of several
attempts at a key the kept one with the best score is chosen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..recipe import Keep
from ..scores import NOT_JUDGED
from .ratings import threshold_for

SMALL = 20

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Population:
    """The samples of a run, every attempt a row; N rows."""

    key: Ints  # (N,) number of the key; the attempts at one sample share it
    attempt: Ints  # (N,) from 0 on
    class_id: Ints  # (N,) number of the class
    view_bin: Ints  # (N,) see `bins`
    score: Floats  # (N,) what decides; NOT_JUDGED where it cannot


@dataclass(frozen=True)
class Decision:
    """What becomes of each row of a `Population`."""

    threshold: Floats  # (N,) the bar of its group; 0 where everything passes
    keep: Bools  # (N,)
    rescued: Bools  # (N,) kept by the floor alone
    chosen: Bools  # (N,) the attempt that stands for its key: the best kept one, or the best one if none is kept


def decide(samples: Population, keep: Keep | None, good: Mapping[int, float] | None = None) -> Decision:
    """Judge every row.

    Args:
        samples: all of them.
        keep: the recipe's; None keeps everything.
        good: number of the key -> share of good ratings, for `precision`.

    Raises:
        UsageError: `precision` cannot be had from these ratings.
    """
    count = len(samples.score)
    judged = samples.score != NOT_JUDGED
    if keep is None:
        threshold, rescued = np.zeros(count), np.zeros(count, bool)
        kept = np.ones(count, bool)
    else:
        threshold = _thresholds(samples, judged, keep, good or {})
        kept = ~judged | (samples.score >= threshold)
        rescued = _rescued(samples, judged, kept, keep.at_least)
        kept = kept | rescued
    return Decision(threshold, kept, rescued, _chosen(samples, kept))


def _thresholds(samples: Population, judged: Bools, keep: Keep, good: Mapping[int, float]) -> Floats:
    if keep.threshold is not None:
        return np.full(len(judged), keep.threshold)
    first = judged & (samples.attempt == 0)
    if keep.precision is not None:
        rated = first & np.isin(samples.key, np.fromiter(good, np.int64, len(good)))
        shares = np.array([good[key] for key in samples.key[rated].tolist()])
        return np.full(len(judged), threshold_for(keep.precision, samples.score[rated], shares))
    assert keep.rate is not None
    groups = _groups(samples, first, keep)
    bars = np.zeros(int(groups.max(initial=-1)) + 1)
    for group, rows in _by(groups, np.flatnonzero(first)):
        bars[group] = _bar(samples.score[rows], keep.rate)
    return bars[groups]


def _bar(scores: Floats, rate: float) -> float:
    """The score of the last one that is kept when the best `rate` of them are; above 1 if that is none."""
    count = int(np.floor(rate * len(scores) + 0.5))
    return float(np.sort(scores)[len(scores) - count]) if count else float(np.nextafter(1.0, 2.0))


def _groups(samples: Population, first: Bools, keep: Keep) -> Ints:
    """(N,) number of each row's group; small groups are thrown together."""
    of_class = samples.class_id if "class" in keep.per else np.zeros_like(samples.class_id)
    of_view = samples.view_bin if "view" in keep.per else np.zeros_like(samples.view_bin)
    width = int(of_view.max(initial=0)) + 2
    groups = of_class * width + of_view + 1
    sizes = np.bincount(groups[first], minlength=int(groups.max(initial=0)) + 1)
    return np.unique(np.where(sizes[groups] < SMALL, of_class * width, groups), return_inverse=True)[1].reshape(-1)


def _by(groups: Ints, rows: NDArray[np.intp]) -> list[tuple[int, NDArray[np.intp]]]:
    """(group, its rows) of some rows."""
    ordered = rows[np.argsort(groups[rows], kind="stable")]
    starts = np.flatnonzero(np.diff(groups[ordered], prepend=-1))
    return [(int(groups[part[0]]), part) for part in np.split(ordered, starts[1:]) if len(part)]


def _rescued(samples: Population, judged: Bools, kept: Bools, at_least: float) -> Bools:
    """Rows that are kept because their view bin would keep too few keys: its best ones, one a key."""
    rescued = np.zeros(len(kept), bool)
    bins = samples.class_id * (int(samples.view_bin.max(initial=0)) + 1) + samples.view_bin
    for _, rows in _by(bins, np.arange(len(kept))):
        keys = np.unique(samples.key[rows])
        wanted = int(np.ceil(at_least * len(keys) - 1e-9)) - len(np.unique(samples.key[rows][kept[rows]]))
        if wanted <= 0:
            continue
        lost = rows[~np.isin(samples.key[rows], samples.key[rows][kept[rows]])]
        best = lost[np.lexsort((samples.attempt[lost], samples.key[lost], -samples.score[lost]))]
        _, places = np.unique(samples.key[best], return_index=True)  # the best attempt of each key
        rescued[best[np.sort(places)[:wanted]]] = True
    return rescued & judged


def _chosen(samples: Population, kept: Bools) -> Bools:
    order = np.lexsort((samples.attempt, -samples.score, ~kept, samples.key))
    heads = np.flatnonzero(np.diff(samples.key[order], prepend=-1))
    chosen = np.zeros(len(kept), bool)
    chosen[order[heads]] = True
    return chosen
