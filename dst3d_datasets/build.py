"""Build a recipe into a run folder; verify and sweep what is there."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from . import registry
from .engines import Outcome
from .errors import BusyError, RecipeError
from .nouns import Missing
from .plan import Plan, ShardSpec
from .receipt import Skipped
from .recipe import Recipe
from .retries import specs_of
from .run import Run, RunStatus, claim, is_locked, lock, read_run, settled, status
from .scoring import sweep_scores
from .sources.catalogue import build_sources, resolve
from .store import Store
from .tools import Tools

__all__ = ["BuildReport", "RunStatus", "VerifyReport", "build", "plan_for", "read_run", "status", "sweep", "verify"]

Event = Callable[..., None]


def _no_event(kind: str, **data: Any) -> None:
    """The default listener."""


@dataclass
class BuildReport:
    """What one call of `build` did."""

    num_shards: int  # in this slice
    num_done_before: int
    num_made: int = 0
    num_samples: int = 0  # made by this call
    skipped: list[Skipped] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)  # shard id -> why
    seconds: dict[str, float] = field(default_factory=dict)  # busy seconds by stage, over all workers


@dataclass
class VerifyReport:
    """What `verify` found."""

    num_checked: int = 0
    damaged: dict[str, str] = field(default_factory=dict)  # shard id -> what is wrong
    repaired: list[str] = field(default_factory=list)


def plan_for(recipe: Recipe, limit: int | None = None) -> tuple[Plan, list[Missing]]:
    """The plan of a recipe, and the catalogue rows that no source has.

    Raises:
        SourceError: a source's root is missing.
        RecipeError: the catalogue cannot be read, or there is no model at all.
    """
    refs, missing = resolve(recipe, build_sources(recipe))
    if missing and not refs:
        first = "; ".join(f"{row.synset}/{row.model_id}: {row.reason}: {row.detail}" for row in missing[:3])
        raise RecipeError(f"not one of the catalogue's {len(missing):,} models was found, for example {first}")
    return Plan(recipe, refs, limit, Tools(recipe).inputs()), missing


def build(
    recipe: Recipe,
    out: str | os.PathLike[str],
    *,
    limit: int | None = None,
    part: int = 0,
    parts: int = 1,
    workers: int | None = None,
    engine: str = "local",
    extend: bool = False,
    on_event: Event = _no_event,
) -> BuildReport:
    """Make all shards of a recipe that are not there yet.

    Args:
        recipe: the recipe.
        out: the run's folder (or fsspec address); made if need be.
        limit: at most this many samples, spread over the classes.
        part: which slice of the plan this call makes, 0 <= part < parts.
        parts: how many slices there are; each may run on a machine of its own with the same `out`.
        workers: processes; None for as many as suit the machine.
        engine: a name of the `engines` drawer.
        extend: go on in a folder whose recipe or catalogue was another; shards that are the same are kept.
        on_event: told plan(total_samples, done_samples, shards), samples(n), shard(receipt), failed(shard_id, message).

    Raises:
        UsageError: the folder holds another recipe's run, or is no run's folder.
        BusyError: another build of the same slice is at work there.
        StoreError: the folder cannot be written.
    """
    store = Store(out)
    recipe = settled(recipe, store)
    plan, missing = plan_for(recipe, limit)
    indices = plan.slice(part, parts)
    with lock(store, f"build-{part}-of-{parts}"):
        run = claim(store, recipe, plan, missing, extend)
        specs = [plan[index] for index in indices]
        todo = [spec for spec in specs if not _is_made(store, run, spec)]
        report = BuildReport(num_shards=len(specs), num_done_before=len(specs) - len(todo))
        total, left = sum(spec.num_samples for spec in specs), sum(spec.num_samples for spec in todo)
        on_event("plan", total_samples=total, done_samples=total - left, shards=len(specs))
        make_shards(recipe, todo, store, registry.lookup("engines", engine)(workers=workers), report, on_event)
    return report


def make_shards(
    recipe: Recipe, specs: list[ShardSpec], store: Store, engine: Any, report: BuildReport, on_event: Event
) -> None:
    """Make some shards by an engine, and count them in `report`. The caller holds the folder's lock."""
    for outcome in engine.map(recipe, specs, store, lambda n: on_event("samples", n=n)):
        _count(report, outcome, on_event)


def _count(report: BuildReport, outcome: Outcome, on_event: Event) -> None:
    if outcome.receipt is None:
        report.failed[outcome.shard_id] = outcome.message
        on_event("failed", shard_id=outcome.shard_id, message=outcome.message)
        return
    report.num_made += 1
    report.num_samples += outcome.receipt.num_samples
    report.skipped.extend(outcome.receipt.skipped)
    for stage, seconds in outcome.receipt.seconds.items():
        report.seconds[stage] = round(report.seconds.get(stage, 0.0) + seconds, 4)
    on_event("shard", receipt=outcome.receipt)


def _is_made(store: Store, run: Run, spec: ShardSpec) -> bool:
    receipt = store.receipt(spec.shard_id)
    return receipt is not None and run.is_done(receipt) and store.has_all(receipt)


def verify(
    out: str | os.PathLike[str], *, repair: bool = True, workers: int | None = None, on_event: Event = _no_event
) -> VerifyReport:
    """Read every finished shard and compare it with its receipt; make damaged ones again if `repair`."""
    store = Store(out)
    recipe, run = read_run(store)
    report = VerifyReport()
    for receipt in store.receipts():
        if run.is_done(receipt):
            report.num_checked += 1
            wrong = store.verify(receipt)
            if wrong:
                report.damaged[receipt.shard_id] = wrong
            on_event("checked", receipt=receipt, wrong=wrong)
    if repair and report.damaged:
        _repair(store, recipe, run, report, workers, on_event)
    return report


def _repair(store: Store, recipe: Recipe, run: Run, report: VerifyReport, workers: int | None, on_event: Event) -> None:
    if is_locked(store):
        raise BusyError(f"{store.url}: a build is at work here; repair when it has ended")
    with lock(store, "build-0-of-1"):
        plan, _ = plan_for(recipe, run.limit)
        again = [shard for shard in run.retries if shard.shard_id in report.damaged]
        specs = [spec for spec in plan if spec.shard_id in report.damaged] + specs_of(plan, again)
        for spec in specs:
            store.forget(spec.shard_id)
        made = BuildReport(num_shards=len(specs), num_done_before=0)
        on_event("plan", total_samples=sum(spec.num_samples for spec in specs), done_samples=0, shards=len(specs))
        make_shards(recipe, specs, store, registry.lookup("engines", "local")(workers=workers), made, on_event)
        report.repaired = [spec.shard_id for spec in specs if spec.shard_id not in made.failed]
        report.damaged.update(made.failed)


def sweep(out: str | os.PathLike[str], *, remove: bool = True) -> list[tuple[str, int]]:
    """Find (and remove) files that belong to no finished shard of the run, and scores of shards that are no more:
    (name, bytes) of each.

    Raises:
        BusyError: a build or a scoring is at work; what it writes must not be swept.
    """
    store = Store(out)
    _, run = read_run(store)
    if is_locked(store, "*"):
        raise BusyError(f"{store.url}: a build or a scoring is at work here; sweep when it has ended")
    stale = [receipt for receipt in store.receipts() if not run.is_done(receipt)]
    found = [(f"receipts/{receipt.shard_id}.json", len(receipt.to_json())) for receipt in stale]
    if remove:
        for receipt in stale:
            store.forget(receipt.shard_id)
        return found + store.sweep() + sweep_scores(store)
    ignoring = {receipt.shard_id for receipt in stale}
    return found + store.sweep(remove=False, ignoring=ignoring) + sweep_scores(store, remove=False)
