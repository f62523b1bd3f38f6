"""The fusion of all filters: weights learnt from half of the CAD models, and asked about the other half."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..scores.logistic import fit, probability
from ..seeds import seed_of
from .filters_tables import NAMES, Table

ALONE = ("fused", "cleanlab")  # scores that are not fused


def add(tables: Sequence[Table]) -> None:
    """Give every table the score `fused`: each half of the models is judged by weights learnt from the other half.

    Only rated samples teach. All classes share their weights.

    Raises:
        UsageError: a half has too few good or bad samples.
    """
    names = [name for name in NAMES if name not in ALONE and all(name in table.scores for table in tables)]
    halves = [halves_of(table.models) for table in tables]
    for half in (False, True):
        teach = [table.rated & (own != half) for table, own in zip(tables, halves, strict=True)]
        known = {
            name: np.concatenate([table.scores[name][rows] for table, rows in zip(tables, teach, strict=True)])
            for name in names
        }
        good = np.concatenate([~table.bad[rows] for table, rows in zip(tables, teach, strict=True)])
        models = [model for table, rows in zip(tables, teach, strict=True) for model in np.array(table.models)[rows]]
        weights = fit(known, good, models)
        for table, own in zip(tables, halves, strict=True):
            asked = {name: table.scores[name][own == half] for name in names}
            score = table.scores.setdefault("fused", np.zeros(len(own)))
            score[own == half] = probability(weights, asked, int((own == half).sum()))[0]


def halves_of(models: Sequence[str]) -> NDArray[np.bool_]:
    """(N,) which half of the CAD models each sample's belongs to; the models are dealt out by their names."""
    order = sorted(set(models), key=lambda model: seed_of("filters", "half", model))
    second = {model for number, model in enumerate(order) if number % 2}
    return np.array([model in second for model in models])
