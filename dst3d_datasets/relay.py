"""Shards of one process without a pause between them.

The models of the next one are loaded and rendered while the pictures of the last one are still drawn, encoded and
written, so that a device never waits for a shard to begin or to end.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack
from traceback import clear_frames
from types import TracebackType

from .machine import one_thread_an_operator, short_turns
from .plan import ShardSpec
from .receipt import Receipt
from .recipe import Recipe
from .shard import make_in_turn
from .store import Store
from .tools import tools_for
from .turns import Turn, Turns

UNDER_WAY = 2  # shards at once: one whose pictures are drawn, and the next


class Relay:
    """Makes shard after shard as `make_shard` would, the next one begun when the last one has loaded its models.

    Each stage (load, render, generate) has one shard at a time, in the order of `submit`. A context manager: at its end
    what is still under way is given up.

    Args:
        recipe: the recipe the shards were planned from.
        store: where to put them.
        expected: how many samples this process is going to make in all, about (see `make_shard`).
    """

    def __init__(self, recipe: Recipe, store: Store, expected: int | None = None) -> None:
        self._recipe, self._store, self._expected = recipe, store, expected
        self._turns = Turns()
        self._last: Turn | None = None
        self._threads: list[threading.Thread] = []
        self._contexts = ExitStack()
        self._is_ready = False
        self._counting = threading.Lock()

    def wait_room(self) -> None:
        """Until another shard may begin."""
        if self._last is not None:
            self._last.wait_left("load")
        self._turns.wait_below(UNDER_WAY)

    def submit(self, spec: ShardSpec, progress: Callable[[int], None] = lambda done: None) -> Future[Receipt]:
        """Begin a shard, once there is room.

        Args:
            spec: what to make.
            progress: told how many more samples are finished, from one thread at a time.

        Returns:
            Its receipt to come, or what `make_shard` would raise.

        Raises:
            Dst3dError: the generator or renderer cannot be used at all.
        """
        self._ready()
        self.wait_room()
        future: Future[Receipt] = Future()
        self._last = turn = self._turns.begin()
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        arguments = (future, spec, turn, progress)
        # Not of a pool, whose threads a process that is interrupted twice would still wait for.
        self._threads.append(threading.Thread(target=self._make, args=arguments, name="dst3d-shard", daemon=True))
        self._threads[-1].start()
        return future

    def close(self) -> None:
        """Give up what is under way, and wait until it is."""
        self._turns.stop()
        for thread in self._threads:
            thread.join()
        self._contexts.close()

    def __enter__(self) -> Relay:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _ready(self) -> None:
        """What is the process's: in its own thread, and for as long as any shard is made."""
        if not self._is_ready:
            tools_for(self._recipe).ready()
            self._contexts.enter_context(one_thread_an_operator())
            self._contexts.enter_context(short_turns())
            self._is_ready = True

    def _make(self, future: Future[Receipt], spec: ShardSpec, turn: Turn, progress: Callable[[int], None]) -> None:
        def count(done: int) -> None:
            with self._counting:
                progress(done)

        try:
            receipt = make_in_turn(self._recipe, spec, self._store, turn, count, self._expected)
        except BaseException as error:
            _let_go(error)
            turn.end()
            future.set_exception(error)
        else:
            turn.end()
            future.set_result(receipt)


def _let_go(error: BaseException) -> None:
    """Clear the frames that an error remembers: they hold the stages, whose threads must end before the turn does."""
    each: BaseException | None = error
    while each is not None:
        clear_frames(each.__traceback__)
        each = each.__context__
