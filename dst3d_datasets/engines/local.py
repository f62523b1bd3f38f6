"""Shards on this machine: one process a GPU, or one a core; a process that dies costs one try of one shard."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from typing import Any

from ..errors import Dst3dError
from ..plan import ShardSpec
from ..receipt import Receipt
from ..recipe import Recipe, dump, validate
from ..relay import Relay
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
    waiting: deque[tuple[str, Future[Receipt]]] = deque()
    with Relay(recipe, store, expected) as relay:
        for spec in specs:
            relay.wait_room()
            while waiting and waiting[0][1].done():
                yield _outcome(*waiting.popleft())
            waiting.append((spec.shard_id, relay.submit(spec, progress)))
        while waiting:
            yield _outcome(*waiting.popleft())


def _outcome(shard_id: str, made: Future[Receipt]) -> Outcome:
    """What became of a shard, once that is known."""
    try:
        return Outcome(shard_id, made.result())
    except Dst3dError:
        raise
    except Exception as error:
        return Outcome(shard_id, None, describe(error))


def shard_maker(recipe_data: dict[str, Any], store_url: str, expected: int) -> Relay:
    """What makes the shards of a worker process."""
    return Relay(validate(recipe_data), Store(store_url), expected)
