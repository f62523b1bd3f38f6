"""Rows of `bench filters`: what each score is worth, over all failures and for each kind of failure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from .filters_metrics import auroc, keep_rates, precision_kept, quality, view_bins
from .filters_planted import KINDS
from .filters_tables import NAMES, Floats, Table, ranks
from .result import Cell

KEEP = 0.9  # share that is kept
COLUMNS: tuple[str, ...] = (
    "data", "bad %", "filter", "AUROC", "95 %", "AUPRC", "95 % ", "x reference", "good of 90 % kept", "least bin kept",
    "mean bin kept", *(f"AUROC {kind}" for kind in KINDS), "s a class",
)  # fmt: skip


def rows_of(data: str, tables: Sequence[Table]) -> tuple[list[tuple[Cell, ...]], list[dict[str, Any]]]:
    """One row for every score of some classes, and the same in full for --json; only rated samples count.

    Args:
        data: what the pictures are.
        tables: one for each class, with the same scores.
    """
    kinds = np.concatenate([np.array(table.kinds)[table.rated] for table in tables])
    bad = kinds != ""
    models = [model for table in tables for model, rated in zip(table.models, table.rated, strict=True) if rated]
    labels = [
        label for table in tables for label, rated in zip(table.samples.labels, table.rated, strict=True) if rated
    ]
    bins, reference, rows, facts = view_bins(labels), math.nan, [], []
    for score in [name for name in NAMES if all(name in table.scores for table in tables)]:
        pooled = np.concatenate([ranks(table.scores[score][table.rated]) for table in tables])
        found = quality(pooled, bad, models, f"{data} {score}")
        reference = found.auprc if score == "kcf_reference" else reference
        by_kind = {kind: _of_kind(pooled, kinds, kind) for kind in KINDS}
        kept = keep_rates(pooled, bins, KEEP)
        rates = list(kept.values()) or [KEEP]
        seconds = sum(table.seconds.get(_scorer(score), math.nan) for table in tables) / len(tables)
        precision = precision_kept(pooled, bad, KEEP)
        rows.append(
            (
                data, 100.0 * float(bad.mean()), NAMES[score], found.auroc, _interval(found.auroc_range), found.auprc,
                _interval(found.auprc_range), _or_dash(found.auprc / reference), precision, min(rates),
                float(np.mean(rates)), *(_or_dash(value) for value in by_kind.values()), _or_dash(seconds),
            )
        )  # fmt: skip
        facts.append(
            {
                "data": data, "bad": float(bad.mean()), "score": score, "samples": len(bad), **asdict(found),
                "precision": precision, "auroc by kind": by_kind, "keep rates": kept, "seconds": seconds,
            }
        )  # fmt: skip
    return rows, facts


def _of_kind(score: Floats, kinds: np.ndarray, kind: str) -> float:
    """AUROC of one kind of failure against all good samples."""
    among = (kinds == "") | (kinds == kind)
    return float(auroc(score[among], kinds[among] != "")[0])


def _scorer(score: str) -> str:
    return {"edge_precision": "edges", "edge_recall": "edges", "mask_agreement": "mask", "pose_contrast": "dino"}.get(
        score, score
    )


def _interval(ends: tuple[float, float]) -> str:
    return f"{ends[0]:.3f}-{ends[1]:.3f}"


def _or_dash(value: float) -> Cell:
    return "-" if math.isnan(value) else value
