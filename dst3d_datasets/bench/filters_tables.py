"""Every filter's scores of samples that are known to be good or bad, class by class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..scores import NOT_JUDGED
from .filters_data import Corpus, MemorySamples
from .filters_jobs import Done, Job, in_processes, work

Floats = NDArray[np.float64]
LEARNING = ("kcf_reference", "kcf")  # scorers that learn from the class, bad samples and all
SINGLE = ("edges", "mask", "dino")  # scorers that look at one sample at a time
NAMES = {  # score -> what a reader is told
    "kcf_reference": "KCF, reference",
    "kcf": "KCF, ours",
    "edge_precision": "edges, precision",
    "edge_recall": "edges, recall",
    "mask_agreement": "mask",
    "pose_contrast": "render and compare",
    "fused": "fusion",
    "cleanlab": "confident learning (cleanlab)",
}
Options = Mapping[str, Mapping[str, Any]]  # kind -> options, as a recipe has them


@dataclass(frozen=True, slots=True)
class Table:
    """The samples of one class, what is wrong with them, and their scores."""

    samples: MemorySamples
    kinds: Sequence[str]  # (N,) what is wrong; empty for good ones
    rated: NDArray[np.bool_]  # (N,) whether it is known if they are good
    scores: dict[str, Floats]  # name -> (N,)
    seconds: dict[str, float]  # kind of scorer -> for the class
    details: dict[str, Mapping[str, NDArray[Any]]] = field(default_factory=dict)  # kind of scorer -> its details
    scratch: dict[str, Mapping[str, Mapping[str, NDArray[Any]]]] = field(default_factory=dict)

    @property
    def bad(self) -> NDArray[np.bool_]:
        """(N,)"""
        return np.array([kind != "" for kind in self.kinds])

    @property
    def models(self) -> list[str]:
        """(N,) the CAD model of each sample."""
        return [label["cad_id"] for label in self.samples.labels]


def planted(
    found: Sequence[Corpus], rates: Sequence[float], options: Options, single: Sequence[str] = SINGLE, workers: int = 0
) -> dict[float, list[Table]]:
    """Tables of classes with planted failures, for each rate.

    What looks at one sample at a time is asked once about every good and every spoiled picture; what learns from the
    class is run anew for every rate.
    """
    tables = {
        rate: [
            Table(samples, kinds, np.ones(len(samples), bool), {}, {}) for samples, kinds in (c.at(rate) for c in found)
        ]
        for rate in rates
    }
    jobs = [
        Job(kind, options.get(kind, {}), replace(table.samples, controls={}))
        for kind in LEARNING
        for rate in rates
        for table in tables[rate]
    ]
    parts = [each for corpus in found for each in (corpus.good, corpus.all_spoiled())]
    jobs += [Job(kind, options.get(kind, {}), part) for kind in single for part in parts]
    answers = iter(in_processes(work, jobs, workers))
    for kind in LEARNING:
        for rate in rates:
            for table in tables[rate]:
                _take(table, kind, next(answers))
    for kind in single:
        for number, corpus in enumerate(found):
            good, spoiled = next(answers), next(answers)
            for rate in rates:
                _join(tables[rate][number], kind, corpus, good, spoiled)
    return tables


def plain(
    classes: Sequence[tuple[MemorySamples, Sequence[str], NDArray[np.bool_]]],
    options: Options,
    single: Sequence[str] = SINGLE,
    workers: int = 0,
) -> list[Table]:
    """Tables of classes as they are: samples, what is wrong with them, and which of them are rated."""
    tables = [Table(samples, kinds, rated, {}, {}) for samples, kinds, rated in classes]
    order = [(kind, table) for kind in (*LEARNING, *single) for table in tables]
    jobs = [Job(kind, options.get(kind, {}), table.samples) for kind, table in order]
    for (kind, table), done in zip(order, in_processes(work, jobs, workers), strict=True):
        _take(table, kind, done)
    return tables


def _take(table: Table, kind: str, done: Done) -> None:
    table.scores.update(done.scores)
    table.seconds[kind], table.details[kind], table.scratch[kind] = done.seconds, done.details, done.scratch


def _join(table: Table, kind: str, corpus: Corpus, good: Done, spoiled: Done) -> None:
    places = {index: number for number, index in enumerate(sorted(corpus.spoiled))}
    for name, values in good.scores.items():
        joined = values.copy()
        for index, bad in enumerate(table.bad.tolist()):
            if bad:
                joined[index] = spoiled.scores[name][places[index]]
        table.scores[name] = joined
    share = len(good.scores[name]) / (len(good.scores[name]) + len(places))
    table.seconds[kind] = (good.seconds + spoiled.seconds) * share


def ranks(score: Floats) -> Floats:
    """Scores of one class as shares of the class that score no higher, (N,) in (0, 1]; what is not judged counts as 1.

    Filters set their bar class by class, so scores of different classes are only compared by rank.
    """
    judged = np.where(score == NOT_JUDGED, np.inf, score)
    _, group, counts = np.unique(judged, return_inverse=True, return_counts=True)
    upper = np.cumsum(counts)
    middle: Floats = (upper - (counts - 1) / 2.0)[group] / len(score)
    return middle
