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
from multiprocessing.connection import Connection
from typing import Any

from ..errors import Dst3dError


def describe(error: BaseException) -> str:
    """One line for the report; the innermost place is what a bug report needs."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} (at {os.path.basename(frame.filename)}:{frame.lineno})"


def work(pipe: Connection, target: str, arguments: tuple[Any, ...]) -> None:
    """The life of a worker: take a task, do it, say so; end when the parent has no more or is gone."""
    module, _, name = target.partition(":")
    do = getattr(importlib.import_module(module), name)(*arguments)
    while True:
        try:
            task = pipe.recv()
        except (EOFError, OSError, KeyboardInterrupt):
            return
        try:
            pipe.send(("done", do(task, lambda n: pipe.send(("progress", n)))))
        except (BrokenPipeError, ConnectionResetError, KeyboardInterrupt):
            return
        except Dst3dError as error:
            pipe.send(("fatal", error))
        except Exception as error:
            pipe.send(("failed", describe(error)))


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
