"""Shards on this machine: one process a GPU, or one a core; a process that dies costs one try of one shard."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ..errors import Dst3dError
from ..plan import ShardSpec
from ..receipt import Receipt
from ..recipe import Recipe, dump, validate
from ..shard import make_shard
from ..store import Store
from . import Outcome
from .pool import Pool, Task, available_cores, visible_gpus
from .worker import describe


class LocalEngine:
    """Processes on this machine.

    Args:
        workers: how many; None: one a GPU if there are any, else one a core. 1 works in the calling process.
    """

    def __init__(self, workers: int | None = None) -> None:
        self.gpus = visible_gpus()
        self.workers = workers or len(self.gpus) or available_cores()

    def map(
        self, recipe: Recipe, specs: Sequence[ShardSpec], store: Store, progress: Callable[[int], None]
    ) -> Iterator[Outcome]:
        """See `engines.Engine`."""
        workers = min(self.workers, len(specs))
        expected = sum(spec.num_samples for spec in specs) // max(1, workers)
        if workers <= 1:
            return _here(recipe, specs, store, progress, expected)
        pool = Pool(f"{__name__}:shard_maker", (dump(recipe), store.url, expected), workers, self.gpus)
        answers = pool.map([Task(spec.shard_id, spec) for spec in specs], progress)
        return (Outcome(answer.name, answer.result, answer.message) for answer in answers)


def _here(
    recipe: Recipe, specs: Sequence[ShardSpec], store: Store, progress: Callable[[int], None], expected: int
) -> Iterator[Outcome]:
    for spec in specs:
        try:
            yield Outcome(spec.shard_id, make_shard(recipe, spec, store, progress, expected))
        except Dst3dError:
            raise
        except Exception as error:
            yield Outcome(spec.shard_id, None, describe(error))


def shard_maker(
    recipe_data: dict[str, Any], store_url: str, expected: int
) -> Callable[[ShardSpec, Callable[[int], None]], Receipt]:
    """What a worker process calls for each shard."""
    recipe, store = validate(recipe_data), Store(store_url)
    return lambda spec, progress: make_shard(recipe, spec, store, progress, expected)
