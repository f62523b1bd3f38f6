"""Engines: ways to map `make_shard`, or a `relay.Relay`, over shard specs, each an `Engine`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from ..plan import ShardSpec
from ..receipt import Receipt
from ..recipe import Recipe
from ..store import Store

TABLE = {"local": "dst3d_datasets.engines.local:LocalEngine"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one shard: a receipt, or a message that says why there is none."""

    shard_id: str
    receipt: Receipt | None
    message: str = ""


class Engine(Protocol):
    """Maps `make_shard`. Built as `Class(workers=...)`, with None for as many as suit the machine."""

    def map(
        self, recipe: Recipe, specs: Sequence[ShardSpec], store: Store, progress: Callable[[int], None]
    ) -> Iterator[Outcome]:
        """Yield one outcome a spec, in any order. A shard that fails does not stop the others.

        Raises:
            Dst3dError: something that no shard can do without is missing (disk, weights, a library).
        """
        ...
