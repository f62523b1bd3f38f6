"""Scoring: a second pass over the finished shards of a run, class by class, by every scorer that the recipe names.

The tables lie beside the shards and are made once: a second call makes what is not there. See `tables` for the files.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..engines.pool import Answer, Pool, Task, available_cores, visible_gpus
from ..errors import UsageError
from ..recipe import Recipe, dump
from ..run import amended, lock, note, read_run
from ..scores import Scorer
from ..store import Store
from .jobs import Place, classes_of, digest, digest_of_options, digest_of_shards, found_tables, leftovers
from .samples import ClassShards
from .work import Job, Worker, make_scorer, needs_scores

__all__ = ["ScoreReport", "ScoreStatus", "score", "score_status", "sweep_scores"]

Event = Callable[..., None]


def _no_event(kind: str, **data: Any) -> None:
    """The default listener."""


@dataclass
class ScoreReport:
    """What one call of `score` did."""

    num_classes: int
    num_done_before: int  # tables that were there
    made: list[str] = field(default_factory=list)  # "class kind" of each table
    failed: dict[str, str] = field(default_factory=dict)  # "class kind" -> why
    unfinished: list[str] = field(default_factory=list)  # classes that wait for shards


@dataclass(frozen=True)
class ScoreStatus:
    """How far the scoring of a run is."""

    num_classes: int  # that hold samples
    scored: dict[str, int]  # scorer -> classes that it has judged, as their shards are now


def score(
    run: str | os.PathLike[str],
    *,
    only: Collection[str] = (),
    classes: Collection[str] = (),
    partial: bool = False,
    overrides: Sequence[str] = (),
    part: int = 0,
    parts: int = 1,
    workers: int | None = None,
    on_event: Event = _no_event,
) -> ScoreReport:
    """Let the recipe's scorers judge the samples of a run; tables that are there are kept.

    Args:
        run: the run's folder or fsspec address.
        only: kinds of scorers; empty: all that the recipe names.
        classes: ids of classes; empty: all.
        partial: judge classes too whose shards are not all made yet; they are judged again when they are.
        overrides: changes of the run's recipe, which are noted; see `run.amended`.
        part: judge part `part` of `parts` of the classes, on a machine of its own.
        parts: how many parts there are.
        workers: processes; None: one a GPU if there are any, else one a core.
        on_event: told plan(total_samples, done_samples, shards), samples(n), scored(name), failed(shard_id, message).

    Raises:
        UsageError: the folder is no run's, the recipe names no scorer, or `only` or `classes` names something else.
        MissingDependency: a scorer needs a package that is not installed.
        BusyError: another process is scoring the same part.
    """
    store = Store(run)
    recipe = amended(store, overrides)
    kinds = _kinds(recipe, only)
    found = classes_of(store, read_run(store)[1])
    chosen = _chosen(store, found.all() if partial else found.whole, classes, found.all())
    chosen = dict(list(chosen.items())[part::parts])
    with lock(store, f"score-{part}-of-{parts}", "scoring"):
        scorers = {kind: make_scorer(recipe, kind) for kind in kinds}
        report = ScoreReport(len(chosen), 0, unfinished=[] if partial else sorted(found.partial))
        rounds = [[kind for kind in kinds if needs_scores(scorers[kind]) is late] for late in (False, True)]
        todo = [_jobs(store, recipe, chosen, {kind: scorers[kind] for kind in each}) for each in rounds]
        note(store, recipe)  # now that every scorer has what it needs
        total = len(kinds) * sum(shards.num_samples for shards in chosen.values())
        left = sum(job.shards.num_samples for jobs in todo for job in jobs)
        report.num_done_before = len(kinds) * len(chosen) - sum(len(jobs) for jobs in todo)
        on_event("plan", total_samples=total, done_samples=total - left, shards=0)
        for each in rounds:  # once more: what the second one reads may have been made by the first
            jobs = _jobs(store, recipe, chosen, {kind: scorers[kind] for kind in each})
            for answer in _answers(recipe, store, jobs, workers, lambda n: on_event("samples", n=n)):
                _count(report, answer, on_event)
    return report


def _kinds(recipe: Recipe, only: Collection[str]) -> list[str]:
    kinds = [scorer.kind for scorer in recipe.scores]
    if not kinds:
        raise UsageError("the run's recipe names no scorer; give some: --set 'scores=[edges]'")
    if unknown := sorted(set(only) - set(kinds)):
        raise UsageError(f"the run's recipe has no scorer {unknown[0]!r}; it has: {', '.join(kinds)}")
    return [kind for kind in kinds if not only or kind in only]


def _chosen(
    store: Store, classes: dict[str, ClassShards], asked: Collection[str], known: dict[str, ClassShards]
) -> dict[str, ClassShards]:
    if unknown := sorted(set(asked) - set(known)):
        raise UsageError(f"{store.url}: there is no class {unknown[0]!r} with samples; known: {', '.join(known)}")
    return {class_id: shards for class_id, shards in classes.items() if not asked or class_id in asked}


def _jobs(store: Store, recipe: Recipe, classes: dict[str, ClassShards], scorers: dict[str, Scorer]) -> list[Job]:
    """The tables of some scorers that are not there."""
    there = found_tables(store, recipe, classes)
    options = {scorer.kind: digest_of_options(scorer) for scorer in recipe.scores}
    jobs = []
    for class_id, shards in classes.items():
        for kind, scorer in scorers.items():
            others: tuple[Place, ...] = ()
            if needs_scores(scorer):
                others = tuple(
                    there[class_id, other] for other in options if (class_id, other) in there and other != kind
                )
            revision = digest(scorer.revision, *(place.stem for place in others))
            place = Place(class_id, kind, options[kind], revision, digest_of_shards(shards))
            if there.get((class_id, kind)) != place:
                jobs.append(Job(shards, place, others))
    return jobs


def _answers(
    recipe: Recipe, store: Store, jobs: list[Job], workers: int | None, progress: Callable[[int], None]
) -> Iterator[Answer]:
    gpus = visible_gpus()
    processes = min(workers or len(gpus) or available_cores(), len(jobs))
    if processes <= 1:
        work = Worker(recipe, store)
        for job in jobs:
            yield Answer(job.name, work(job, progress))
        return
    pool = Pool("dst3d_datasets.scoring.work:worker", (dump(recipe), store.url), processes, gpus)
    yield from pool.map([Task(job.name, job) for job in jobs], progress)


def _count(report: ScoreReport, answer: Answer, on_event: Event) -> None:
    why = answer.message or answer.result
    if why:
        report.failed[answer.name] = why
        on_event("failed", shard_id=answer.name, message=why)
    else:
        report.made.append(answer.name)
        on_event("scored", name=answer.name)


def score_status(run: str | os.PathLike[str]) -> ScoreStatus:
    """How many classes each of the recipe's scorers has judged."""
    store = Store(run)
    recipe, outline = read_run(store)
    if not recipe.scores:
        return ScoreStatus(0, {})
    classes = classes_of(store, outline).all()
    there = [kind for _, kind in found_tables(store, recipe, classes)]
    return ScoreStatus(len(classes), {scorer.kind: there.count(scorer.kind) for scorer in recipe.scores})


def sweep_scores(store: Store, remove: bool = True) -> list[tuple[str, int]]:
    """Find (and remove) what scorings left behind: (name, bytes) of each. The caller sees that none is at work."""
    found = leftovers(store, classes_of(store, read_run(store)[1]).all())
    if remove:
        for name, _ in found:
            store.remove(name)
    return found
