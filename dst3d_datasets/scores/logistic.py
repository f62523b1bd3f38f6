"""Logistic regression on a few hundred rated samples: scores in, the probability of a good sample out. NumPy alone.

Scores are standardised; one that is not judged counts as the mean, and where some ratings have it missing an indicator
tells by how much that is worse. Both answers weigh the same in total, and an L2 penalty holds the coefficients, so that
a score which separates the ratings perfectly does not run away. Newton's method (IRLS) finds the one minimum.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import UsageError
from ..seeds import uniform

SCHEMA = "dst3d-fused/1"
PENALTY = 1.0  # of the squared coefficients, against the sum of a loss per rated sample
LEAST = 5  # ratings of either answer that are needed
_STEPS, _SMALL = 100, 1e-10
_MISSING = -1.0

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Weights:
    """What makes one score of several."""

    scores: tuple[str, ...]  # S names
    mean: tuple[float, ...]  # S
    spread: tuple[float, ...]  # S; standard deviations, 1 where a score never changes
    weight: tuple[float, ...]  # S; of the standardised scores
    missing: tuple[float, ...]  # S; added where a score is not judged
    bias: float
    rated: int  # samples it was fitted to
    good: int  # of these
    auroc: float  # cross-validated

    def to_json(self) -> bytes:
        """The file that `dst3d fuse` writes."""
        return (json.dumps({"schema": SCHEMA, **asdict(self)}, indent=1) + "\n").encode()


def weights_of(data: bytes, origin: str) -> Weights:
    """Read what `Weights.to_json` gave.

    Raises:
        UsageError: it is no such file.
    """
    try:
        plain = json.loads(data)
        if plain.pop("schema") != SCHEMA:
            raise ValueError("another schema")
        lists = ("scores", "mean", "spread", "weight", "missing")
        found = Weights(**{**plain, **{name: tuple(plain[name]) for name in lists}})
        numbers = [found.bias, *found.mean, *found.spread, *found.weight, *found.missing]
        if len({len(getattr(found, name)) for name in lists}) != 1 or not np.isfinite(np.array(numbers, float)).all():
            raise ValueError("its lists do not fit together")
        return found
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{origin}: no weights of `dst3d fuse` ({error})") from error


def probability(weights: Weights, table: Mapping[str, Floats], count: int) -> tuple[Floats, NDArray[np.int64]]:
    """How likely each of N samples is good.

    Args:
        weights: fitted.
        table: name -> (N,) scores in 0..1, or -1 where not judged; a name that is not there counts as not judged.
        count: N.

    Returns:
        (N,) in 0..1, and (N,) how many of the scores were there.
    """
    columns = np.stack([np.asarray(table.get(name, np.full(count, _MISSING)), float) for name in weights.scores], 1)
    design = _design(columns, np.array(weights.mean), np.array(weights.spread))
    values = design @ np.array([*weights.weight, *weights.missing, weights.bias])
    return _sigmoid(values), (columns != _MISSING).sum(1)


def fit(
    table: Mapping[str, Floats], good: NDArray[np.bool_], groups: Sequence[str], penalty: float = PENALTY
) -> Weights:
    """Fit to rated samples.

    Args:
        table: name -> (N,) scores in 0..1, or -1 where not judged. Scores judged nowhere are left out.
        good: (N,) what the person said.
        groups: N names, as of CAD models; a group is never on both sides of the cross-validation.
        penalty: of the squared coefficients.

    Raises:
        UsageError: too few ratings of either answer, or no score.
    """
    if min(good.sum(), (~good).sum()) < LEAST:
        raise UsageError(
            f"{int(good.sum())} good and {int((~good).sum())} bad rated samples with scores: {LEAST} of each are needed"
        )
    names = [name for name, values in table.items() if (values != _MISSING).any()]
    if not names:
        raise UsageError("not one of the rated samples has a score")
    columns = np.stack([np.asarray(table[name], float) for name in names], 1)
    mean, spread, found = _fitted(columns, good, penalty)
    size = len(names)
    return Weights(
        scores=tuple(names),
        mean=tuple(mean.tolist()),
        spread=tuple(spread.tolist()),
        weight=tuple(found[:size].tolist()),
        missing=tuple(found[size : 2 * size].tolist()),
        bias=float(found[-1]),
        rated=len(good),
        good=int(good.sum()),
        auroc=_cross_validated(columns, good, groups, penalty),
    )


def _fitted(columns: Floats, good: NDArray[np.bool_], penalty: float) -> tuple[Floats, Floats, Floats]:
    judged = columns != _MISSING
    some = np.maximum(judged.sum(0), 1)
    mean = np.where(judged, columns, 0.0).sum(0) / some
    spread = np.sqrt(np.where(judged, (columns - mean) ** 2, 0.0).sum(0) / some)
    spread = np.where(spread > 1e-6, spread, 1.0)
    return mean, spread, solve(_design(columns, mean, spread), good, penalty)


def _design(columns: Floats, mean: Floats, spread: Floats) -> Floats:
    """(N, 2 S + 1): standardised scores, whether each is missing, and 1."""
    missing = columns == _MISSING
    return np.concatenate([np.where(missing, 0.0, (columns - mean) / spread), missing, np.ones((len(columns), 1))], 1)


def solve(design: Floats, good: NDArray[np.bool_], penalty: float) -> Floats:
    """The coefficients (D,) that make the class-balanced logistic loss and the penalty least.

    The last column is the bias, which is not held. Steps are halved until the loss falls, so it always gets there.

    Args:
        design: (N, D), the last column 1.
        good: (N,), both answers there.
        penalty: of the squared coefficients.
    """
    total = len(good)
    share = np.where(good, total / (2.0 * good.sum()), total / (2.0 * (~good).sum()))
    held = np.full(design.shape[1], penalty)
    held[-1] = 1e-9
    found = np.zeros(design.shape[1])

    def loss(at: Floats) -> float:
        signed = np.where(good, -1.0, 1.0) * (design @ at)
        return float((share * np.logaddexp(0.0, signed)).sum() + 0.5 * (held * at * at).sum())

    for _ in range(_STEPS):
        likely = _sigmoid(design @ found)
        slope = design.T @ (share * (likely - good)) + held * found
        curve = (design * (share * likely * (1.0 - likely))[:, None]).T @ design + np.diag(held)
        step, length, before = np.linalg.solve(curve, slope), 1.0, loss(found)
        while loss(found - length * step) > before and length > 1e-8:
            length /= 2.0
        found = found - length * step
        if float(np.abs(length * step).max()) < _SMALL:
            break
    return found


def _sigmoid(values: Floats) -> Floats:
    return np.exp(-np.logaddexp(0.0, -values))


def _cross_validated(columns: Floats, good: NDArray[np.bool_], groups: Sequence[str], penalty: float) -> float:
    """AUROC of samples that the fit has not seen, of five folds of groups."""
    fold = np.array([int(uniform("fused", group) * 5) for group in groups])
    values = np.full(len(good), np.nan)
    for number in range(5):
        held_out = fold == number
        seen = ~held_out
        if held_out.any() and good[seen].any() and not good[seen].all():
            mean, spread, found = _fitted(columns[seen], good[seen], penalty)
            values[held_out] = _design(columns[held_out], mean, spread) @ found
    told = ~np.isnan(values)
    return auroc(values[told & good], values[told & ~good])


def auroc(good: Floats, bad: Floats) -> float:
    """P(a good sample's value > a bad one's), ties half; 0.5 where one side is empty."""
    if not len(good) or not len(bad):
        return 0.5
    ordered = np.sort(bad)
    ranks = np.searchsorted(ordered, good, "left") + np.searchsorted(ordered, good, "right")
    return float(ranks.mean() / (2 * len(bad)))
