"""The fusion of all filters: weights learnt from the samples of half of the CAD models, and asked about the other half."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..seeds import seed_of
from .filters_tables import NAMES, Floats, Table

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
