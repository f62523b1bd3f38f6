"""A worker process of the local engine: `python -m dst3d_datasets.engines.worker <file descriptor>`.

It is started as a program of its own rather than by `multiprocessing`, which would import the caller's main module
again: a build works the same from a script without a main guard, a notebook, a test or standard input.
"""

from __future__ import annotations

import os
import sys
import threading
import time
import traceback
from multiprocessing.connection import Connection
from typing import Any

from ..errors import Dst3dError
from ..recipe import validate
from ..shard import make_shard
from ..store import Store


def describe(error: BaseException) -> str:
    """One line for the report; the innermost place is what a bug report needs."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} (at {os.path.basename(frame.filename)}:{frame.lineno})"


def work(pipe: Connection, recipe_data: dict[str, Any], store_url: str) -> None:
    """The life of a worker: take a spec, make the shard, say so; end when the parent has no more or is gone."""
    recipe, store = validate(recipe_data), Store(store_url)
    while True:
        try:
            spec = pipe.recv()
        except (EOFError, OSError, KeyboardInterrupt):
            return
        try:
            pipe.send(("done", make_shard(recipe, spec, store, lambda n: pipe.send(("samples", n)))))
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
    parent, path, recipe_data, store_url = pipe.recv()
    sys.path[:] = path
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    work(pipe, recipe_data, store_url)


if __name__ == "__main__":
    main()
