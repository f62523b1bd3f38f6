"""Turns: shards that one process makes side by side are in each stage one at a time, in the order they were begun."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Stopped(Exception):
    """Raised in the threads of a shard that is given up, because the process makes no more."""


class Turns:
    """Who is in which stage. A shard waits for those before it alone, so that none can wait for another in a circle."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._left: dict[int, set[str]] = {}  # of each shard under way: the stages it has been through
        self._begun = 0
        self._is_stopped = False
        self._marked = time.perf_counter()

    def begin(self) -> Turn:
        """A place behind all that were begun before. Its `end` must be called."""
        with self._changed:
            if self._begun and not self._left:  # nobody's time
                self._marked = time.perf_counter()
            self._begun += 1
            self._left[self._begun] = set()
            return Turn(self, self._begun)

    def stop(self) -> None:
        """Give up all that is under way: who waits for a turn, or looks, is told by `Stopped`."""
        with self._changed:
            self._is_stopped = True
            self._changed.notify_all()

    def wait_below(self, count: int) -> None:
        """Until fewer than `count` are under way."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._left) < count)

    # for `Turn` -------------------------------------------------------------------------------------------------------

    def _enter(self, number: int, stage: str) -> None:
        def is_free() -> bool:
            return self._is_stopped or all(stage in left for other, left in self._left.items() if other < number)

        with self._changed:
            self._changed.wait_for(is_free)
            if self._is_stopped:
                raise Stopped

    def _leave(self, number: int, stage: str) -> None:
        with self._changed:
            self._left.get(number, set()).add(stage)
            self._changed.notify_all()

    def _wait_left(self, number: int, stage: str) -> None:
        with self._changed:
            self._changed.wait_for(lambda: number not in self._left or stage in self._left[number])

    def _end(self, number: int) -> None:
        with self._changed:
            self._left.pop(number, None)
            self._changed.notify_all()

    def _lap(self) -> float:
        with self._changed:
            before, self._marked = self._marked, time.perf_counter()
            return self._marked - before


class Turn:
    """The place of one shard. Made by `Turns.begin`."""

    def __init__(self, turns: Turns, number: int) -> None:
        self._turns, self._number = turns, number

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Be in a stage, once all shards before this one have left it.

        Raises:
            Stopped: the process makes no more.
        """
        self._turns._enter(self._number, stage)
        try:
            yield
        finally:
            self._turns._leave(self._number, stage)

    def check(self) -> None:
        """Look whether to go on.

        Raises:
            Stopped: the process makes no more.
        """
        if self._turns._is_stopped:
            raise Stopped

    def wait_left(self, stage: str) -> None:
        """Until this shard has left a stage, or has ended."""
        self._turns._wait_left(self._number, stage)

    def lap(self) -> float:
        """Seconds since the last call by any shard of the process: each second is counted for one shard."""
        return self._turns._lap()

    def end(self) -> None:
        """Wait for no more stage, and let nobody wait for this shard."""
        self._turns._end(self._number)
