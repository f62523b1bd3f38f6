"""The fusion of all filters: weights learnt from half of the CAD models, and asked about the other half."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ..scores import NOT_JUDGED
from ..seeds import seed_of
from .filters_tables import NAMES, Floats, Table

PENALTY, STEPS = 1.0, 25
ALONE = ("fused", "cleanlab")  # scores that are not fused


def add(tables: Sequence[Table]) -> None:
    """Give every table the score `fused`: each half of the models is judged by weights learnt from the other half.

    Only rated samples teach. All classes share their weights.
    """
    names = [name for name in NAMES if name not in ALONE and all(name in table.scores for table in tables)]
    halves = [halves_of(table.models) for table in tables]
    for half in (False, True):
        learn = [rows_of(table, names, table.rated & (own != half)) for table, own in zip(tables, halves, strict=True)]
        good = [~table.bad[table.rated & (own != half)] for table, own in zip(tables, halves, strict=True)]
        fitted = fit({name: np.concatenate([part[name] for part in learn]) for name in names}, np.concatenate(good))
        for table, own in zip(tables, halves, strict=True):
            score = table.scores.setdefault("fused", np.zeros(len(own)))
            score[own == half] = fitted(rows_of(table, names, own == half))


def halves_of(models: Sequence[str]) -> NDArray[np.bool_]:
    """(N,) which half of the CAD models each sample's belongs to; the models are dealt out by their names."""
    order = sorted(set(models), key=lambda model: seed_of("filters", "half", model))
    second = {model for number, model in enumerate(order) if number % 2}
    return np.array([model in second for model in models])


def rows_of(table: Table, names: Sequence[str], among: NDArray[np.bool_]) -> dict[str, Floats]:
    """Some scores of some samples."""
    return {name: table.scores[name][among] for name in names}


def fit(scores: Mapping[str, Floats], good: NDArray[np.bool_]) -> Callable[[Mapping[str, Floats]], Floats]:
    """Logistic regression by Newton's method, L2, classes balanced; what is not judged counts as the mean, and as such.

    Args:
        scores: name -> (N,).
        good: (N,).

    Returns:
        what gives of other scores the chance that they are of good samples, (M,).
    """
    names = list(scores)
    plain = np.stack([scores[name] for name in names], 1)
    judged = plain != NOT_JUDGED
    count = np.maximum(judged.sum(0), 1)
    mean = (plain * judged).sum(0) / count
    spread = np.sqrt((((plain - mean) * judged) ** 2).sum(0) / count) + 1e-9

    def design(of: Mapping[str, Floats]) -> Floats:
        own = np.stack([of[name] for name in names], 1)
        known = own != NOT_JUDGED
        return np.concatenate([np.where(known, (own - mean) / spread, 0.0), ~known, np.ones((len(own), 1))], 1)

    rows, weights = design(scores), np.zeros(2 * len(names) + 1)
    share = np.where(good, 0.5 / max(int(good.sum()), 1), 0.5 / max(int((~good).sum()), 1)) * len(good)
    penalty = np.r_[np.full(2 * len(names), PENALTY), 1e-6]
    for _ in range(STEPS):
        chance = 1.0 / (1.0 + np.exp(-rows @ weights))
        slope = rows.T @ (share * (chance - good)) + penalty * weights
        bend = (rows * (share * chance * (1.0 - chance))[:, None]).T @ rows + np.diag(penalty + 1e-9)
        weights = weights - np.linalg.solve(bend, slope)
    return lambda of: np.asarray(1.0 / (1.0 + np.exp(-design(of) @ weights)))
