"""Draw rejected samples again: the same key, pose and controls, with other words and another seed, until one is kept.

A round draws every sample again of which no attempt passes the bar (also those that `keep.at_least` alone has kept), as
shards of its own (see `retries`), and scores their classes anew: a filter sees all attempts together, and the bar stays
where the first attempts put it. A release takes the best kept attempt at each key and leaves out the rest.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from . import registry
from .build import BuildReport, make_shards, plan_for
from .errors import BusyError, UsageError
from .plan import Plan, ShardSpec
from .recipe import Recipe
from .retries import noted, plan_retries, specs_of, write_retries
from .run import Run, amend, is_locked, lock, read_run
from .scoring import score
from .scoring.collect import collect
from .store import Store

Event = Callable[..., None]


def _no_event(kind: str, **data: Any) -> None:
    """The default listener."""


@dataclass
class RegenerateReport:
    """What one call of `regenerate` did."""

    drawn: dict[int, int] = field(default_factory=dict)  # attempt -> samples that this call has drawn
    failed: dict[str, str] = field(default_factory=dict)  # shard id, or class and scorer -> why; the call ended with it
    rejected: dict[str, int] = field(default_factory=dict)  # class id -> samples of which no attempt is kept
    attempts: int = 0  # that were made of the worst samples, the first one aside


def regenerate(
    run: str | os.PathLike[str],
    *,
    rounds: int = 1,
    workers: int | None = None,
    engine: str = "local",
    overrides: Sequence[str] = (),
    on_event: Event = _no_event,
) -> RegenerateReport:
    """Draw what the run's verdicts reject again, and score it; shards and scores that are there are kept.

    Args:
        run: the run's folder or fsspec address; all of its shards are made.
        rounds: how often a sample is drawn again at most, counting what earlier calls did.
        workers: processes; see `build.build` and `scoring.score`.
        engine: a name of the `engines` drawer.
        overrides: changes of the run's recipe, which are noted; see `run.amended`.
        on_event: told stage(unit) when another kind of work begins, and what `build.build` and `scoring.score` tell.

    Raises:
        UsageError: the run is not finished, nothing decides in its recipe, or its pictures cannot be drawn again.
        BusyError: a build is at work.
    """
    store = Store(run)
    recipe = amend(store, overrides)
    outline = read_run(store)[1]
    plan = _plan(store, recipe, outline)
    if is_locked(store):
        raise BusyError(f"{store.url}: a build is at work here; regenerate when it has ended")
    report = RegenerateReport()
    with lock(store, "build-0-of-1", "building"):
        while not report.failed:
            _draw(recipe, plan, store, registry.lookup("engines", engine)(workers=workers), report, on_event)
            if report.failed:
                break
            on_event("stage", unit="judgements")
            report.failed.update(score(run, workers=workers, on_event=on_event).failed)
            if report.failed:
                break
            outline = read_run(store)[1]
            verdicts = collect(store, recipe, outline)
            report.rejected = {class_id: len(keys) for class_id, keys in verdicts.rejected.items()}
            report.attempts = max(outline.attempts.values(), default=0)
            wanting = verdicts.below_the_bar
            if not wanting or report.attempts >= rounds:
                break
            specs = plan_retries(plan, wanting, report.attempts + 1)
            write_retries(store, [*outline.retries, *(noted(spec) for spec in specs)])
    return report


def _plan(store: Store, recipe: Recipe, run: Run) -> Plan:
    """The run's plan.

    Raises:
        UsageError: see `regenerate`.
    """
    if recipe.keep is None:
        raise UsageError(f"{store.url}: nothing is rejected: the run's recipe has no `keep`; try --set keep.rate=0.9")
    if recipe.generator.kind == "imported":
        raise UsageError(f"{store.url}: imported pictures cannot be drawn again")
    done = {receipt.shard_id for receipt in store.receipts() if run.is_done(receipt) and store.has_all(receipt)}
    absent = len(run.shards.keys() - done)
    if absent:
        raise UsageError(f"{store.url}: {absent:,} of {len(run.shards):,} shards are not made yet; run `dst3d build`")
    plan, _ = plan_for(recipe, run.limit)
    if plan.digest != run.plan:
        raise UsageError(
            f"{store.url}: the catalogue, or a file that a source, the prompts or the backgrounds read, has changed "
            "since the run was built; `dst3d build --extend` makes it a run of what is there now"
        )
    return plan


def _draw(recipe: Recipe, plan: Plan, store: Store, engine: Any, report: RegenerateReport, on_event: Event) -> None:
    """Make the shards of retries that are noted and not there: an earlier call may have been cut."""
    run = read_run(store)[1]
    specs = [spec for spec in specs_of(plan, run.retries) if not _is_made(store, spec)]
    if not specs:
        return
    on_event("stage", unit="images")
    on_event("plan", total_samples=sum(spec.num_samples for spec in specs), done_samples=0, shards=len(specs))
    made = BuildReport(num_shards=len(specs), num_done_before=0)
    make_shards(recipe, specs, store, engine, made, on_event)
    for spec in specs:
        if spec.shard_id not in made.failed:
            report.drawn[spec.attempt] = report.drawn.get(spec.attempt, 0) + spec.num_samples
    report.failed.update(made.failed)


def _is_made(store: Store, spec: ShardSpec) -> bool:
    receipt = store.receipt(spec.shard_id)
    return receipt is not None and receipt.digest == spec.digest and store.has_all(receipt)
