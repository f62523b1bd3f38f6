"""Run folders: whose a folder is, what it is for, what is there, and who is at work in it."""

from __future__ import annotations

import fcntl
import json
import os
import socket
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path

from .errors import BusyError, StoreError, UsageError
from .nouns import Missing
from .plan import Plan
from .receipt import Receipt
from .recipe import Recipe, difference, fingerprint, overridden, to_yaml, validate
from .recipe.io import NOT_IN_FINGERPRINT, parse_yaml
from .render.auto import AUTO, choose
from .retries import RetryShard, read_retries, still_valid, write_retries
from .store import Store

RUN_SCHEMA = "dst3d-run/1"


@dataclass(frozen=True)
class Run:
    """What `run.json` says a folder is for."""

    fingerprint: str  # recipe.fingerprint
    plan: str  # digest of the plan
    limit: int | None
    num_samples: int
    shards: dict[str, tuple[str, int]]  # shard id -> (digest of its spec, samples)
    missing: tuple[Missing, ...] = ()  # catalogue rows that no source has
    retries: tuple[RetryShard, ...] = ()  # samples that are drawn again; they have a file of their own

    def is_done(self, receipt: Receipt | None) -> bool:
        """Whether a receipt proves one of this run's shards, those of retries included."""
        return receipt is not None and self._digests.get(receipt.shard_id) == receipt.digest

    def is_retry(self, receipt: Receipt) -> bool:
        """Whether a receipt proves a shard of samples that were drawn again."""
        return self.is_done(receipt) and receipt.shard_id not in self.shards

    @cached_property
    def attempts(self) -> dict[str, int]:
        """Shard id -> attempt of all shards of retries; those of the plan are attempt 0, and not in here."""
        return {shard.shard_id: shard.attempt for shard in self.retries}

    @cached_property
    def _digests(self) -> dict[str, str]:
        planned = {shard_id: digest for shard_id, (digest, _) in self.shards.items()}
        return {shard.shard_id: shard.digest for shard in self.retries} | planned


@dataclass(frozen=True)
class RunStatus:
    """What is there of a run."""

    fingerprint: str
    limit: int | None
    num_shards: int
    num_done: int
    num_samples_planned: int
    num_samples_done: int
    num_bytes: int
    skipped_by_reason: dict[str, int]  # samples that are missing because a model was refused
    num_retries: int  # shards of samples that are drawn again, planned
    num_retries_done: int
    num_retried_samples: int  # drawn again
    missing: tuple[Missing, ...]
    seconds: dict[str, float]
    untrained: str
    building: bool  # whether a build holds the folder (known for local folders)


def read_run(store: Store) -> tuple[Recipe, Run]:
    """The recipe and the plan's outline of a run folder.

    Raises:
        UsageError: the folder is no run's folder.
    """
    text, data = store.read("recipe.yaml"), store.read("run.json")
    if text is None or data is None:
        raise UsageError(f"{store.url}: not a run folder (no run.json); `dst3d build` makes one")
    recipe = validate(parse_yaml(text.decode(), f"{store.url}/recipe.yaml"), origin=f"{store.url}/recipe.yaml")
    try:
        plain = json.loads(data)
        if plain.pop("schema") != RUN_SCHEMA:
            raise UsageError(f"{store.url}: made by another version of dst3d_datasets")
        plain["shards"] = {shard_id: (digest, count) for shard_id, (digest, count) in plain["shards"].items()}
        plain["missing"] = tuple(Missing(**row) for row in plain["missing"])
        return recipe, Run(**plain, retries=read_retries(store))
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{store.url}/run.json: cannot be read ({error})") from error


def settled(recipe: Recipe, store: Store | None = None) -> Recipe:
    """The recipe with `render.engine: auto` replaced by an engine's name.

    It is that of the run that `store` holds, if there is one: a run is gone on with, wherever that is, by the engine it
    was begun with. Else it is the one that suits this machine. Recipes that name an engine are given back as they are.
    """
    if recipe.render.engine != AUTO:
        return recipe
    if store is not None and store.read("run.json") is not None:
        engine = read_run(store)[0].render.engine
    else:
        engine = choose(recipe.render.device).engine
    return recipe.model_copy(update={"render": recipe.render.model_copy(update={"engine": engine})})


def claim(store: Store, recipe: Recipe, plan: Plan, missing: list[Missing], extend: bool) -> Run:
    """Make the folder this recipe's, or see that it already is; what a recipe says of scores and release is noted anew.

    Raises:
        UsageError: the folder holds another recipe's run and `extend` is not given, or holds other things.
    """
    run = Run(
        fingerprint=fingerprint(recipe),
        plan=plan.digest,
        limit=plan.limit,
        num_samples=plan.num_samples,
        shards={spec.shard_id: (spec.digest, spec.num_samples) for spec in plan},
        missing=tuple(missing),
    )
    if store.read("run.json") is None:
        if store.local is not None and store.local.is_dir() and _strangers(store):
            raise UsageError(f"{store.url}: not empty and not a run folder; choose another --out")
    else:
        old_recipe, old = read_run(store)
        if (old.fingerprint, old.plan, old.limit) == (run.fingerprint, run.plan, run.limit):
            free = {name: getattr(recipe, name) for name in NOT_IN_FINGERPRINT}
            if any(getattr(old_recipe, name) != value for name, value in free.items()):
                store.write("recipe.yaml", to_yaml(old_recipe.model_copy(update=free)).encode())
            return replace(run, retries=old.retries)
        if not extend:
            raise UsageError(_other_run(store, old_recipe, old, recipe, run))
        run = replace(run, retries=still_valid(plan, old.retries))
        if run.retries != old.retries:
            write_retries(store, run.retries)
    plain = {"schema": RUN_SCHEMA, **asdict(replace(run, retries=()))}
    del plain["retries"]
    store.write("recipe.yaml", to_yaml(recipe).encode())
    store.write("run.json", (json.dumps(plain, indent=1) + "\n").encode())
    return run


def amend(store: Store, overrides: Sequence[str]) -> Recipe:
    """The recipe of a run, after changes which are noted; see `amended`."""
    recipe = amended(store, overrides)
    note(store, recipe)
    return recipe


def note(store: Store, recipe: Recipe) -> None:
    """Make what `amended` gave the recipe of the run."""
    if recipe != read_run(store)[0]:
        store.write("recipe.yaml", to_yaml(recipe).encode())


def amended(store: Store, overrides: Sequence[str]) -> Recipe:
    """The recipe of a run, with changes of what changes no sample (`scores`, `keep`, `release`, ...).

    Args:
        store: the run's.
        overrides: `field.path=value` texts, as `recipe.load_recipe` takes them; relative places are taken from the
            working folder.

    Raises:
        UsageError: the folder is no run's folder, or the change would make another run of it.
        RecipeError: the result is no recipe.
    """
    recipe, _ = read_run(store)
    if not overrides:
        return recipe
    changed = overridden(recipe, overrides, Path.cwd())
    if changes := difference(recipe, changed):
        raise UsageError(
            f"{store.url}: {'; '.join(changes[:3])}: that makes other samples. Of a run that is there, only "
            f"{', '.join(NOT_IN_FINGERPRINT)} may be changed"
        )
    return changed


def _strangers(store: Store) -> list[str]:
    assert store.local is not None
    return [entry.name for entry in store.local.iterdir() if entry.name not in ("locks", "tmp", "recipe.yaml")]


def _other_run(store: Store, old_recipe: Recipe, old: Run, recipe: Recipe, run: Run) -> str:
    if old.limit != run.limit:
        what = f"limit {old.limit} there, {run.limit} here"
    else:
        changes = difference(old_recipe, recipe)
        what = "; ".join(changes[:5]) + (f"; and {len(changes) - 5} more" if len(changes) > 5 else "")
        what = what or "the catalogue, or files that a source, the prompts or the backgrounds read, have changed"
    kept = sum(1 for shard_id, entry in run.shards.items() if old.shards.get(shard_id) == entry)
    return (
        f"{store.url} holds another run ({what}). Choose another --out, or give --extend to turn it into this one: "
        f"{kept} of {len(run.shards)} shards would stay as they are"
    )


def status(out: str | os.PathLike[str]) -> RunStatus:
    """Count what is there of a run."""
    store = Store(out)
    _, run = read_run(store)
    proven = [receipt for receipt in store.receipts() if run.is_done(receipt)]
    done = [receipt for receipt in proven if not run.is_retry(receipt)]
    again = [receipt for receipt in proven if run.is_retry(receipt)]
    skipped: Counter[str] = Counter()
    seconds: Counter[str] = Counter()
    for receipt in done:
        skipped.update({row.reason: row.num_views for row in receipt.skipped})
    for receipt in proven:
        seconds.update(receipt.seconds)
    return RunStatus(
        fingerprint=run.fingerprint,
        limit=run.limit,
        num_shards=len(run.shards),
        num_done=len(done),
        num_samples_planned=run.num_samples,
        num_samples_done=sum(receipt.num_samples for receipt in done),
        num_bytes=sum(receipt.num_bytes for receipt in proven),
        skipped_by_reason=dict(skipped),
        num_retries=len(run.retries),
        num_retries_done=len(again),
        num_retried_samples=sum(receipt.num_samples for receipt in again),
        missing=run.missing,
        seconds={stage: round(value, 3) for stage, value in seconds.items()},
        untrained=next((receipt.untrained for receipt in done if receipt.untrained), ""),
        building=is_locked(store),
    )


@contextmanager
def lock(store: Store, name: str, doing: str = "building") -> Iterator[None]:
    """Hold a lock file of a local folder; the system lets go of it whenever the process ends, however that happens."""
    if store.local is None:
        yield
        return
    path = store.local / "locks" / f"{name}.lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        stream = path.open("a+")
    except OSError as error:
        raise store.error("make this folder", error) from error
    with stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            stream.seek(0)
            holder = stream.read().strip() or "another process"
            raise BusyError(
                f"{store.url}: {holder} is {doing} here already; wait for it, or give each its own --slice i/n"
            ) from None
        stream.truncate(0)
        stream.write(f"process {os.getpid()} on {socket.gethostname()}")
        stream.flush()
        yield


def is_locked(store: Store, what: str = "build") -> bool:
    """Whether a build (or another kind of work: `score`, `*` for any) is at it in a local folder."""
    if store.local is None:
        return False
    for path in (store.local / "locks").glob(f"{what}-*.lock"):
        with path.open("a") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return True
    return False
