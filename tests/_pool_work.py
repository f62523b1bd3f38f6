"""What the workers of `test_pool` do."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from dst3d_datasets.errors import StoreError


def doing(task: Any, progress: Callable[[int], None]) -> Any:
    """A task is what to do, and with what."""
    what, value = task
    progress(1)
    if what == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "fail":
        raise ValueError(value)
    if what == "stop":
        raise StoreError(value)
    return value, os.getpid()


def one_by_one() -> Callable[..., Any]:
    """A worker that does task after task."""
    return doing


class TwoAtOnce:
    """A worker that takes the next task while it is at one, and ends that one then.

    Or after `patience` seconds, if none comes; or at once, if its task is the "last".
    """

    def __init__(self, patience: float) -> None:
        self.patience = patience
        self.end: Callable[[bool], None] = lambda is_beside: None
        self.lock = threading.Lock()

    def submit(self, task: Any, progress: Callable[[int], None]) -> Future[Any]:
        """Begin a task, whose answer says at last whether another was begun beside it."""
        future: Future[Any] = Future()

        def end(is_beside: bool) -> None:
            with self.lock:
                if future.done():
                    return
                try:
                    future.set_result((*doing(task, progress), is_beside))
                except Exception as error:
                    future.set_exception(error)

        self.end(True)
        self.end = end
        waiting = threading.Timer(0.0 if task[0] == "last" else self.patience, end, (False,))
        waiting.daemon = True
        waiting.start()
        return future

    def wait_room(self) -> None:
        """There is some at once."""


def two_at_once(patience: float = 0.2) -> TwoAtOnce:
    """A worker that has room for a second task."""
    return TwoAtOnce(patience)
