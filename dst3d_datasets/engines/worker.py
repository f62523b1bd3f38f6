"""A worker process of a pool: `python -m dst3d_datasets.engines.worker <file descriptor>`.

It is started as a program of its own rather than by `multiprocessing`, which would import the caller's main module
again: a build works the same from a script without a main guard, a notebook, a test or standard input.
"""

from __future__ import annotations

import importlib
import os
import sys
import threading
import time
import traceback
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

from ..errors import Dst3dError


def describe(error: BaseException) -> str:
    """One line for the report; the innermost place is what a bug report needs."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} (at {os.path.basename(frame.filename)}:{frame.lineno})"


class _Line:
    """The pipe to the parent, for messages (kind, task's name, content) from any thread."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe, self._lock = pipe, threading.Lock()

    def send(self, kind: str, name: str, content: Any = None) -> None:
        """Send a message."""
        with self._lock:
            self._pipe.send((kind, name, content))

    def fail(self, name: str, error: BaseException) -> None:
        """Say why there is no result, of this task or of any."""
        if isinstance(error, Dst3dError):
            self.send("fatal", name, error)
        else:
            self.send("failed", name, describe(error))

    def answer(self, name: str, done: Future[Any]) -> None:
        """Send what came of a task that a thread has ended."""
        with suppress(BrokenPipeError, ConnectionResetError):
            error = done.exception()
            if error is None:
                self.send("done", name, done.result())
            else:
                self.fail(name, error)


def work(pipe: Connection, target: str, arguments: tuple[Any, ...]) -> None:
    """The life of a worker: take a task, do it, say so; end when the parent has no more or is gone."""
    module, _, name = target.partition(":")
    do, line = getattr(importlib.import_module(module), name)(*arguments), _Line(pipe)
    while True:
        try:
            name, task = pipe.recv()
        except (EOFError, OSError, KeyboardInterrupt):
            return
        try:
            _do(do, name, task, line)
        except (BrokenPipeError, ConnectionResetError, KeyboardInterrupt):
            return
        except Exception as error:
            line.fail(name, error)


def _do(do: Any, name: str, task: Any, line: _Line) -> None:
    """Do a task; or begin it and come back as soon as there is room for another, which the parent is told."""

    def progress(done: int) -> None:
        line.send("progress", name, done)

    if not hasattr(do, "submit"):
        line.send("done", name, do(task, progress))
        return
    do.submit(task, progress).add_done_callback(partial(line.answer, name))
    do.wait_room()
    line.send("room", name)


def _end_with(parent: int) -> None:
    """A killed parent cannot tell its children: they watch for its end, so that no shard is made twice for nothing."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def main() -> None:
    """Read what to do from the pipe that the parent has opened."""
    pipe = Connection(int(sys.argv[1]))
    parent, path, target, arguments = pipe.recv()
    sys.path[:] = path
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    work(pipe, target, arguments)


if __name__ == "__main__":
    main()
