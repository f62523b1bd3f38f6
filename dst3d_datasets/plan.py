"""The plan: which shards a recipe implies for a list of models. Pure data, no I/O; specs are made when asked for."""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate, pairwise
from typing import Any, overload

from .errors import RecipeError, UsageError
from .nouns import ModelRef
from .recipe import Recipe, sample_fingerprint


@dataclass(frozen=True, slots=True)
class ModelViews:
    """Consecutive views of one model: `first` to `first + count - 1`."""

    ref: ModelRef
    first: int
    count: int


@dataclass(frozen=True, slots=True)
class ShardSpec:
    """One unit of work: samples of one class, in their order within the shard."""

    shard_id: str  # `[a-z0-9_-]+`, unique over the plan
    class_id: str
    jobs: tuple[ModelViews, ...]
    fingerprint: str  # recipe.sample_fingerprint and the digest of its inputs: what can change one sample
    attempt: int = 0  # above 0: the samples are there, and are drawn again with other seeds; see `retries`

    @property
    def num_samples(self) -> int:
        """Samples the shard holds if no model is skipped."""
        return sum(job.count for job in self.jobs)

    @property
    def digest(self) -> str:
        """32 hexadecimal digits over all that makes the shard what it is: a receipt with this digest is its proof."""
        content: list[Any] = [self.fingerprint, self.shard_id, [_plain(job) for job in self.jobs]]
        content += [self.attempt] if self.attempt else []
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]

    def keys(self) -> Iterator[str]:
        """Keys of the samples in order."""
        for job in self.jobs:
            for view in range(job.first, job.first + job.count):
                yield job.ref.key(view)


def _plain(job: ModelViews) -> dict[str, Any]:
    """A job as plain data, less what changes no sample, and what is younger than runs on disk and at its default."""
    plain = asdict(job)
    del plain["ref"]["exact"]
    if not job.ref.alignment:
        del plain["ref"]["alignment"]
    return plain


class Plan(Sequence[ShardSpec]):
    """All shard specs of a recipe, made lazily.

    Args:
        recipe: the recipe.
        refs: the models; order does not matter.
        limit: at most this many samples in all, spread over the classes; the shards of a limited plan have names of
            their own, so that a trial never mixes with the real run.
        inputs: digest of the files beside the recipe that decide words and pictures (see `Tools.inputs`).

    Raises:
        RecipeError: there is no model at all, or two models have the same uid.
    """

    def __init__(self, recipe: Recipe, refs: Sequence[ModelRef], limit: int | None = None, inputs: str = "") -> None:
        if not refs:
            raise RecipeError("the recipe's sources and catalogue give no model: nothing to plan")
        self.recipe = recipe
        self.fingerprint = sample_fingerprint(recipe) + (f"-{inputs}" if inputs else "")
        self.limit = limit
        by_class: dict[str, list[ModelRef]] = {}
        for ref in sorted(refs, key=lambda ref: (ref.class_id, ref.uid)):
            by_class.setdefault(ref.class_id, []).append(ref)
        _refuse_doubles(by_class)
        self._classes = list(by_class.items())
        self._counts = [self._view_counts(len(models)) for _, models in self._classes]
        if limit is not None:
            self._counts = _limited(self._counts, limit)
        self._ends = [list(accumulate(counts)) for counts in self._counts]
        per_shard = recipe.shards.samples
        self._shard_ends = list(accumulate(-(-ends[-1] // per_shard) for ends in self._ends))

    def _view_counts(self, models: int) -> list[int]:
        views = self.recipe.views
        if views.per_model is not None:
            return [views.per_model] * models
        assert views.per_class is not None
        share, rest = divmod(views.per_class, models)
        return [share + (index < rest) for index in range(models)]

    def __len__(self) -> int:
        return self._shard_ends[-1]

    @overload
    def __getitem__(self, index: int) -> ShardSpec: ...
    @overload
    def __getitem__(self, index: slice) -> list[ShardSpec]: ...
    def __getitem__(self, index: int | slice) -> ShardSpec | list[ShardSpec]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        index %= len(self)
        of_class = bisect_right(self._shard_ends, index)
        number = index - (self._shard_ends[of_class - 1] if of_class else 0)
        return self._spec(of_class, number)

    def _spec(self, of_class: int, number: int) -> ShardSpec:
        class_id, refs = self._classes[of_class]
        ends = self._ends[of_class]
        start = number * self.recipe.shards.samples
        stop = min(start + self.recipe.shards.samples, ends[-1])
        jobs, model = [], bisect_right(ends, start)
        while start < stop:
            before = ends[model - 1] if model else 0
            count = min(stop, ends[model]) - start
            if count:
                jobs.append(ModelViews(refs[model], start - before, count))
            start, model = start + count, model + 1
        suffix = "" if self.limit is None else f"-limit{self.limit}"
        return ShardSpec(f"{class_id}-{number:05d}{suffix}", class_id, tuple(jobs), self.fingerprint)

    @property
    def num_samples(self) -> int:
        """Samples of the whole plan."""
        return sum(ends[-1] for ends in self._ends)

    @property
    def num_models(self) -> int:
        """Models that take part."""
        return sum(sum(1 for count in counts if count) for counts in self._counts)

    @property
    def class_ids(self) -> list[str]:
        """Ids of the classes, sorted."""
        return [class_id for class_id, _ in self._classes]

    def slice(self, part: int, parts: int) -> list[int]:
        """Indices of the shards that part `part` of `parts` makes (0-based): every `parts`-th, so that classes spread.

        Raises:
            UsageError: not 0 <= part < parts.
        """
        if not 0 <= part < parts:
            raise UsageError(f"slice {part}/{parts}: write i/n with 0 <= i < n")
        return list(range(part, len(self), parts))

    @property
    def digest(self) -> str:
        """32 hexadecimal digits over the digests of all shards."""
        state = hashlib.sha256()
        for spec in self:
            state.update(spec.digest.encode())
        return state.hexdigest()[:32]


def _refuse_doubles(by_class: dict[str, list[ModelRef]]) -> None:
    for refs in by_class.values():
        for before, after in pairwise(refs):
            if before.uid == after.uid:
                raise RecipeError(f"the model {after.uid} is listed twice; every model may take part once")


def _limited(counts: list[list[int]], limit: int) -> list[list[int]]:
    """Cut view counts down to `limit` samples: class by class in turn, and within a class model by model in turn."""
    if limit < 1:
        raise UsageError(f"limit {limit}: write a number of samples, 1 or more")
    kept = [[0] * len(models) for models in counts]
    remaining, position = limit, [0] * len(counts)
    active = [index for index, models in enumerate(counts) if sum(models)]
    while remaining and active:
        for index in active[:remaining]:
            models = counts[index]
            while kept[index][position[index]] >= models[position[index]]:
                position[index] = (position[index] + 1) % len(models)
            kept[index][position[index]] += 1
            position[index] = (position[index] + 1) % len(models)
            remaining -= 1
        active = [index for index in active if sum(kept[index]) < sum(counts[index])]
    return kept
