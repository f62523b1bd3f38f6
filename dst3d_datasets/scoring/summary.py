"""Keep rates: what verdicts make of a run, by class and by view bin, as plain data for the manifest and for people."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..recipe import Recipe
from ..scores import NOT_JUDGED
from .bins import name_of
from .collect import Verdicts


def summary(verdicts: Verdicts, recipe: Recipe, *, bins_of_classes: bool = False) -> dict[str, Any]:
    """Counts of keys, whole and by class and view bin.

    Args:
        verdicts: of the run.
        recipe: the run's.
        bins_of_classes: whether each class has its own `bins` too.

    Returns:
        `by`, `keep` (the recipe's, or None), the counts of `_counts`, `classes`: a list of the same with `class_id`,
        `class_name`, and `lowest`, the lowest keep rate of its view bins, and `bins`: a list with `view_bin`.
    """
    rows = np.flatnonzero(verdicts.decision.chosen)
    of_class = verdicts.samples.class_id[rows]
    classes: list[dict[str, Any]] = []
    for number, (class_id, name) in enumerate(zip(verdicts.class_ids, verdicts.class_names, strict=True)):
        own = rows[of_class == number]
        bins = _bins(verdicts, own)
        lowest = min((row["rate"] for row in bins), default=1.0)
        classes.append({"class_id": class_id, "class_name": name, **_counts(verdicts, own), "lowest": lowest})
        if bins_of_classes:
            classes[-1]["bins"] = bins
    return {
        "by": verdicts.by,
        "keep": recipe.keep.model_dump(mode="json") if recipe.keep is not None else None,
        **_counts(verdicts, rows),
        "classes": classes,
        "bins": _bins(verdicts, rows),
    }


def _bins(verdicts: Verdicts, rows: NDArray[np.intp]) -> list[dict[str, Any]]:
    of_row = verdicts.samples.view_bin[rows]
    return [
        {"view_bin": name_of(each), **_counts(verdicts, rows[of_row == each])} for each in np.unique(of_row).tolist()
    ]


def _counts(verdicts: Verdicts, rows: NDArray[np.intp]) -> dict[str, Any]:
    """Of the attempts that stand for their keys: how many there are, and what became of them.

    `samples` keys, `kept` of them and their share `rate`, `rescued` by `keep.at_least` alone, `not_judged` by the score
    that decides (all of those are kept), and `retried`: kept because of an attempt after the first one.
    """
    keep = verdicts.decision.keep[rows]
    judged = verdicts.samples.score[rows] != NOT_JUDGED
    return {
        "samples": len(rows),
        "kept": int(keep.sum()),
        "rate": round(float(keep.mean()), 4) if len(rows) else 1.0,
        "rescued": int(verdicts.decision.rescued[rows].sum()),
        "not_judged": int((~judged).sum()),
        "retried": int((keep & (verdicts.samples.attempt[rows] > 0)).sum()),
    }
