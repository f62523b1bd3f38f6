"""How well a score tells good samples from bad ones, in numpy: with bootstrap intervals, and by where the camera is.

A score is higher for what is more trustworthy. Ties count as in a random order among the tied.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..scoring.bins import bins_of, name_of
from ..seeds import seed_of

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

DRAWS = 200  # of the bootstrap
FEWEST = 8  # samples that a view bin must have to be told


@dataclass(frozen=True, slots=True)
class Quality:
    """What a score is worth; each number with its 95 % interval (low, high)."""

    auroc: float  # chance that a good sample scores above a bad one
    auroc_range: tuple[float, float]
    auprc: float  # average precision at finding the bad ones, lowest score first
    auprc_range: tuple[float, float]


def auroc(score: Floats, bad: Flags, weight: Floats | None = None) -> Floats:
    """Area under the ROC curve (Mann and Whitney's U), ties counting half; nan without both sorts of samples.

    Args:
        score: (N,).
        bad: (N,).
        weight: (B, N) how often each sample counts in each of B draws; none: once.

    Returns:
        (B,), or (1,) without weights.
    """
    w, flags, ends = _sorted(score, bad, weight)
    good, wrong = _grouped(w * ~flags, ends), _grouped(w * flags, ends)
    below = np.cumsum(wrong, axis=1) - wrong  # bad samples that score less than each tied group
    both = good.sum(1) * wrong.sum(1)
    area: Floats = np.divide((good * (below + wrong / 2)).sum(1), both, out=np.full(len(w), np.nan), where=both > 0)
    return area


def auprc(score: Floats, bad: Flags, weight: Floats | None = None) -> Floats:
    """Average precision of "bad" among the lowest scores: the sum over thresholds of precision times gained recall.

    As scikit-learn's `average_precision_score(bad, -score)`: samples of one score are taken together. Arguments and
    result as of `auroc`; nan where nothing is bad.
    """
    w, flags, ends = _sorted(score, bad, weight)
    wrong, every = _grouped(w * flags, ends), _grouped(w, ends)
    seen = np.cumsum(every, axis=1)
    precision = np.divide(np.cumsum(wrong, axis=1), seen, out=np.zeros_like(seen), where=seen > 0)
    total = wrong.sum(1)
    area: Floats = np.divide((precision * wrong).sum(1), total, out=np.full(len(w), np.nan), where=total > 0)
    return area


def _sorted(score: Floats, bad: Flags, weight: Floats | None) -> tuple[Floats, Flags, NDArray[np.intp]]:
    """Weights (B, N) and flags (1, N) by rising score, and where each group of one score begins."""
    order = np.argsort(score, kind="stable")
    ordered = score[order]
    w = np.ones((1, len(score))) if weight is None else np.asarray(weight, np.float64)[:, order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(ordered) else np.zeros(0, np.intp)
    return w, bad[order][None], starts


def _grouped(values: Floats, starts: NDArray[np.intp]) -> Floats:
    if not len(starts):
        return np.zeros((len(values), 0))
    summed: Floats = np.add.reduceat(values, starts, axis=1)
    return summed


def quality(score: Floats, bad: Flags, groups: Sequence[str], name: str) -> Quality:
    """AUROC and AUPRC with their 95 % intervals.

    Args:
        score: (N,).
        bad: (N,).
        groups: (N,) names of what is drawn together by the bootstrap: the CAD model, as views of one model fail alike.
        name: of the draws' seed.
    """
    weight = draws(groups, name)
    first, second = auroc(score, bad), auprc(score, bad)
    return Quality(
        float(first[0]), _range(auroc(score, bad, weight)), float(second[0]), _range(auprc(score, bad, weight))
    )


def draws(groups: Sequence[str], name: str) -> Floats:
    """(DRAWS, N) how often each sample is in each draw of as many groups as there are, with replacement."""
    names, owner = np.unique(np.asarray(groups), return_inverse=True)
    random = np.random.Generator(np.random.Philox(key=seed_of("bootstrap", name)))
    counts = random.multinomial(len(names), np.full(len(names), 1.0 / len(names)), size=DRAWS)
    return counts[:, owner].astype(np.float64)


def _range(values: Floats) -> tuple[float, float]:
    known = values[~np.isnan(values)]
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.quantile(known, (0.025, 0.975))
    return float(low), float(high)


def kept(score: Floats, rate: float) -> Floats:
    """(N,) the chance that each sample is among the `rate` that score highest: 1, 0, or between where tied."""
    _, group, counts = np.unique(score, return_inverse=True, return_counts=True)
    above = len(score) - np.cumsum(counts)
    chance: Floats = np.clip((rate * len(score) - above) / counts, 0.0, 1.0)[group]
    return chance


def precision_kept(score: Floats, bad: Flags, rate: float = 0.9) -> float:
    """Share of good samples among the `rate` that score highest."""
    chance = kept(score, rate)
    return float(chance[~bad].sum() / chance.sum())


def view_bins(labels: Sequence[Mapping[str, Any]]) -> list[str]:
    """The view bin of each label: of its class, as verdicts have it (`scoring.bins`)."""
    angles = np.array([[label["azimuth"], label["elevation"]] for label in labels], np.float64)
    order = np.array([int(label["symmetry"]) for label in labels], np.int64)
    found = bins_of(angles[:, 0], angles[:, 1], order).tolist()
    return [f"{label['class_name']}, {name_of(number)}" for label, number in zip(labels, found, strict=True)]


def keep_rates(score: Floats, bins: Sequence[str], rate: float = 0.9) -> dict[str, float]:
    """Share kept of each view bin that has at least `FEWEST` samples, at an overall keep rate."""
    chance, names = kept(score, rate), np.asarray(bins)
    rates = {}
    for name in sorted(set(bins)):
        inside = names == name
        if inside.sum() >= FEWEST:
            rates[name] = float(chance[inside].mean())
    return rates
