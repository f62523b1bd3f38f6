"""Filters put to the test: on planted failures, on natural ones rated by hand, and by what a network learns then."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..engines.pool import visible_gpus
from ..errors import MissingDependency, UsageError
from ..recipe import Recipe
from . import filters_cleanlab, filters_fusion, filters_natural
from .filters_data import Corpus, corpora
from .filters_downstream import Accuracy, Task, accuracy_of
from .filters_jobs import in_processes
from .filters_planted import KINDS
from .filters_rows import COLUMNS, rows_of
from .filters_scale import FULL, HELD_OUT, LENDER, QUICK, RENDER, TINY, Scale, models_of, recipe_of
from .filters_tables import NAMES, Table, plain, planted, ranks
from .result import Cell, Measured


def run(quick: bool) -> Measured:
    """All of it on a GPU; what --quick does where there is none."""
    return measure(QUICK if quick or not visible_gpus() else FULL)


def measure(scale: Scale, workers: int = 0) -> Measured:
    """The bench at some scale.

    Args:
        scale: how much of everything.
        workers: processes; 0: as many as suit the machine.
    """
    start, report = time.perf_counter(), Report()
    recipe = recipe_of(scale, RENDER)
    found = _drawn(recipe, scale.classes, scale.models, max(scale.rates))
    drawing = time.perf_counter() - start
    tables = planted(found, scale.rates, scale.options, scale.single, workers)
    for rate in scale.rates:
        report.judge(RENDER, tables[rate])
    if scale.tiny is not None:
        pictures = _drawn(recipe_of(scale, TINY), scale.tiny[0], scale.tiny[1], max(scale.tiny_rates))
        for each in planted(pictures, scale.tiny_rates, scale.options, scale.single, workers).values():
            report.judge(TINY, each)
    if scale.natural:
        report.judge("natural", plain(filters_natural.rated_classes(), scale.options, scale.single, workers))
        report.note(_natural_note())
    downstream = _downstream(recipe, scale, {rate: each[0] for rate, each in tables.items()}, workers)
    seconds = time.perf_counter() - start
    notes = [*notes_of(scale), *report.notes, *downstream, f"{drawing:.0f} s of drawing, {seconds:.0f} s in all."]
    return Measured(COLUMNS, report.rows, notes, {"rows": report.facts})


@dataclass
class Report:
    """Rows so far, the same in full, and what must be said beside them."""

    rows: list[tuple[Cell, ...]] = field(default_factory=list)
    facts: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def judge(self, data: str, tables: Sequence[Table]) -> None:
        """Add the rows of some classes; what combines scores of others comes last."""
        try:
            filters_fusion.add(tables)
        except UsageError as error:
            self.note(f"{data}: no row for the fusion: {error}.")
        try:
            for table in tables:
                filters_cleanlab.add(table)
        except MissingDependency as error:
            self.note(f"No row for confident learning: {error}.")
        rows, facts = rows_of(data, tables)
        self.rows += rows
        self.facts += facts

    def note(self, text: str) -> None:
        """Add a note once."""
        if text not in self.notes:
            self.notes.append(text)


def _natural_note() -> str:
    known = list(filters_natural.ratings().values())
    same, kappa = filters_natural.agreement(known)
    bad = sum(not first and not second for first, second in known)
    return (
        f"natural: {len(known)} pictures of the shipped generator at weak settings, rated by hand twice: both "
        f"passes call {bad} bad; they agree on {100 * same:.1f} % (kappa {kappa:.2f}), and the rest is left out."
    )


def _drawn(recipe: Recipe, classes: tuple[str, ...], models: int, most: float) -> list[Corpus]:
    lender = models_of(recipe, (LENDER[0],), 0, LENDER[1]) if len(classes) == 1 else []
    return corpora(recipe, models_of(recipe, classes, 0, models), most, lender)


def _downstream(recipe: Recipe, scale: Scale, tables: Mapping[float, Table], workers: int) -> list[str]:
    """Notes on what networks learn from the first class, filtered in several ways, at each rate."""
    models, views = scale.test
    clean = recipe.model_copy(update={"views": recipe.views.model_copy(update={"per_model": views})})
    class_id = next(iter(tables.values())).samples.class_id
    held_out = models_of(recipe, scale.classes, HELD_OUT, models)
    test = corpora(clean, [ref for ref in held_out if ref.class_id == class_id], 0.0)[0].good
    test = replace(test, controls={})
    asked = {(rate, name): kept for rate, table in tables.items() for name, kept in choices(table, rate).items()}
    bare = {rate: replace(table.samples, controls={}) for rate, table in tables.items()}
    tasks = [
        Task(bare[rate], test, kept, scale.learn_size, scale.steps, scale.seeds) for (rate, _), kept in asked.items()
    ]
    found: dict[float, list[str]] = {}
    for (rate, name), accuracy in zip(asked, in_processes(accuracy_of, tasks, workers), strict=True):
        found.setdefault(rate, []).append(f"{name} {told(accuracy)}")
    return [
        f"A pose network learns from {scale.classes[0]} {RENDER}, {100 * rate:.0f} % bad, and is tested on "
        f"{len(test)} clean renders of {models} unseen models (Acc@pi/6 / Acc@pi/18, mean and spread of {scale.seeds} "
        f"seeds): {'; '.join(each)}."
        for rate, each in found.items()
    ]


def choices(table: Table, rate: float) -> dict[str, NDArray[np.bool_]]:
    """What is learnt from, (N,) each: all, what filters keep at a keep rate of 1 - `rate`, and the good samples."""
    found = {"unfiltered": np.ones(len(table.samples), bool)}
    for score in ("kcf_reference", "kcf", "fused"):
        if score in table.scores:
            best = np.argsort(-ranks(table.scores[score]), kind="stable")
            kept = np.zeros(len(best), bool)
            kept[best[: round((1.0 - rate) * len(best))]] = True
            found[NAMES[score]] = kept
    return {**found, "oracle": ~table.bad}


def told(found: Accuracy) -> str:
    """Accuracies in percent: the mean over seeds, and the spread between them."""
    shares = (found.sixth, found.eighteenth)
    mean = " / ".join(f"{100 * float(np.mean(share)):.1f}" for share in shares)
    spread = " / ".join(f"{100 * float(np.std(share)):.1f}" for share in shares)
    return f"{mean} +- {spread}"


def notes_of(scale: Scale) -> list[str]:
    """What a reader must know of how the table came about."""
    count = scale.models * scale.views
    notes = [
        f"{RENDER}: {', '.join(scale.classes)}, {scale.models} CAD models x {scale.views} views each ({count:,} "
        f"pictures of {scale.size} px, {scale.background} backgrounds); a bad sample keeps its label and controls, and "
        "its picture is drawn for what is wrong, all kinds mixed: "
        + "; ".join(f"{kind}: {text}" for kind, text in KINDS.items())
        + ".",
        "AUROC: chance that a good sample scores above a bad one; by kind: against all good ones. AUPRC: average "
        "precision of finding bad ones. 95 %: bootstrap over CAD models. Scores are compared within a class.",
        "Kept: share of each view bin (8 sides x 3 heights, of 8 samples or more) when 90 % of a class are kept.",
    ]
    for kind, options in scale.options.items():
        changed = ", ".join(f"{name} {value}" for name, value in options.items())
        notes.append(f"{kind} with {changed}; all else as by default.")
    if scale.tiny is None:
        notes.append(
            "--quick, or no GPU: no pictures of the tiny generator, no natural failures, no render and compare, "
            "one rate, and far too little training for the reference and the pose network to be worth what they are."
        )
    return notes
