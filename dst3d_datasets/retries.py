"""Samples that were rejected and are drawn again: which ones, in which shards.

A retry has the key, the pose, the light and so the controls of the first attempt; the seeds of its words and of its
picture follow from the number of the attempt (`seeds.sample_seed`). Retries lie in shards of their own beside those of
the plan, which never change, and `retries.json` says which ones there are.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

from .errors import StoreError
from .nouns import ModelRef
from .plan import ModelViews, Plan, ShardSpec
from .store import Store

FILE = "retries.json"
_SCHEMA = "dst3d-retries/1"


@dataclass(frozen=True, slots=True)
class RetryShard:
    """A shard of samples that are drawn again."""

    shard_id: str
    class_id: str
    attempt: int  # from 1 on
    digest: str  # of its spec
    keys: tuple[str, ...]


def read_retries(store: Store) -> tuple[RetryShard, ...]:
    """The retries of a run; none if nothing has been drawn again.

    Raises:
        StoreError: the file cannot be read.
    """
    data = store.read(FILE)
    if data is None:
        return ()
    try:
        plain = json.loads(data)
        if plain["schema"] != _SCHEMA:
            raise StoreError(f"{store.url}/{FILE}: made by another version of dst3d_datasets")
        return tuple(RetryShard(**{**row, "keys": tuple(row["keys"])}) for row in plain["shards"])
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{store.url}/{FILE}: cannot be read ({error})") from error


def write_retries(store: Store, shards: Iterable[RetryShard]) -> None:
    """Note the retries of a run, in one atomic replace."""
    plain = {"schema": _SCHEMA, "shards": [asdict(shard) for shard in shards]}
    store.write(FILE, (json.dumps(plain, indent=1) + "\n").encode())


def plan_retries(plan: Plan, rejected: Mapping[str, Collection[str]], attempt: int) -> list[ShardSpec]:
    """The shards that draw samples again, as large as those of the plan.

    Args:
        plan: the run's.
        rejected: class id -> keys of its samples.
        attempt: which attempt it is, from 1 on.
    """
    per_shard, suffix = plan.recipe.shards.samples, "" if plan.limit is None else f"-limit{plan.limit}"
    where = _where(plan, {key for keys in rejected.values() for key in keys})
    specs = []
    for class_id in sorted(rejected):
        keys = sorted(rejected[class_id])
        for number, first in enumerate(range(0, len(keys), per_shard)):
            shard_id = f"{class_id}-retry{attempt}-{number:05d}{suffix}"
            specs.append(_spec(plan, shard_id, class_id, keys[first : first + per_shard], attempt, where))
    return specs


def noted(spec: ShardSpec) -> RetryShard:
    """What is kept of the spec of a retry."""
    return RetryShard(spec.shard_id, spec.class_id, spec.attempt, spec.digest, tuple(spec.keys()))


def specs_of(plan: Plan, shards: Sequence[RetryShard]) -> list[ShardSpec]:
    """The specs of retries; those that the plan has no place for any more are left out."""
    where = _where(plan, {key for shard in shards for key in shard.keys})
    specs = [
        _spec(plan, shard.shard_id, shard.class_id, shard.keys, shard.attempt, where)
        for shard in shards
        if all(key in where for key in shard.keys)
    ]
    proven = {(shard.shard_id, shard.digest) for shard in shards}
    return [spec for spec in specs if (spec.shard_id, spec.digest) in proven]


def still_valid(plan: Plan, shards: Sequence[RetryShard]) -> tuple[RetryShard, ...]:
    """The retries that are those of `plan` too: same models, same pictures."""
    return tuple(noted(spec) for spec in specs_of(plan, shards)) if shards else ()


def _where(plan: Plan, keys: Collection[str]) -> dict[str, tuple[ModelRef, int]]:
    """Model and view of some keys of a plan."""
    found: dict[str, tuple[ModelRef, int]] = {}
    models = {key.rpartition("-")[0] for key in keys}
    for spec in plan:
        for job in spec.jobs:
            if job.ref.key(0).rpartition("-")[0] in models:
                for view in range(job.first, job.first + job.count):
                    found[job.ref.key(view)] = (job.ref, view)
    return found


def _spec(
    plan: Plan,
    shard_id: str,
    class_id: str,
    keys: Sequence[str],
    attempt: int,
    where: Mapping[str, tuple[ModelRef, int]],
) -> ShardSpec:
    jobs: list[ModelViews] = []
    for key in keys:
        ref, view = where[key]
        last = jobs[-1] if jobs else None
        if last is not None and last.ref == ref and last.first + last.count == view:
            jobs[-1] = ModelViews(ref, last.first, last.count + 1)
        else:
            jobs.append(ModelViews(ref, view, 1))
    return ShardSpec(shard_id, class_id, tuple(jobs), plan.fingerprint, attempt)
