"""Shards on this machine: one process a GPU, or one a core; a process that dies costs one try of one shard."""

from __future__ import annotations

import glob
import multiprocessing
import os
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from typing import Any

from ..errors import Dst3dError
from ..plan import ShardSpec
from ..recipe import Recipe, dump, validate
from ..shard import make_shard
from ..store import Store
from . import Outcome

TRIES = 3  # a worker can be killed from outside (memory, a preempted node): the shard itself may be fine


def visible_gpus() -> list[str]:
    """Ids of the CUDA devices this process may use, found without starting CUDA in it."""
    allowed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if allowed is not None:
        return [part.strip() for part in allowed.split(",") if part.strip() not in ("", "-1")]
    return sorted(path.removeprefix("/dev/nvidia") for path in glob.glob("/dev/nvidia[0-9]*"))


def available_cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


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
        if workers <= 1:
            return _here(recipe, specs, store, progress)
        return _Pool(recipe, store, workers, self.gpus).map(specs, progress)


def _here(
    recipe: Recipe, specs: Sequence[ShardSpec], store: Store, progress: Callable[[int], None]
) -> Iterator[Outcome]:
    for spec in specs:
        try:
            yield Outcome(spec.shard_id, make_shard(recipe, spec, store, progress))
        except Dst3dError:
            raise
        except Exception as error:
            yield Outcome(spec.shard_id, None, _message(error))


def _message(error: BaseException) -> str:
    """One line for the report; the innermost place is what a bug report needs."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{os.path.basename(frame.filename)}:{frame.lineno}"
    return f"{type(error).__name__}: {error} (at {place})"


class _Worker:
    """A child process and the shard it is at."""

    def __init__(self, context: Any, arguments: tuple[Any, ...]) -> None:
        self.pipe, child = context.Pipe()
        self.process = context.Process(target=_work, args=(child, *arguments), daemon=True)
        self.process.start()
        child.close()
        self.spec: ShardSpec | None = None

    def give(self, spec: ShardSpec) -> None:
        self.spec = spec
        self.pipe.send(spec)


class _Pool:
    """Hands shards to workers and takes their messages; replaces workers that die."""

    def __init__(self, recipe: Recipe, store: Store, workers: int, gpus: list[str]) -> None:
        # spawn: a forked child of a process that has touched CUDA or started threads is not safe
        self._context = multiprocessing.get_context("spawn")
        self._arguments = (dump(recipe), store.url)
        self._gpus = gpus
        self._size = workers
        self._workers: list[_Worker] = []

    def map(self, specs: Sequence[ShardSpec], progress: Callable[[int], None]) -> Iterator[Outcome]:
        waiting = deque((spec, 1) for spec in specs)
        tries: dict[str, int] = {}
        try:
            while waiting or any(worker.spec for worker in self._workers):
                self._hand_out(waiting, tries)
                ready = wait([worker.pipe for worker in self._workers if worker.spec])
                for worker in [worker for worker in self._workers if worker.pipe in ready]:
                    outcome = self._receive(worker, waiting, tries, progress)
                    if outcome is not None:
                        yield outcome
        finally:
            self._stop()

    def _hand_out(self, waiting: deque[tuple[ShardSpec, int]], tries: dict[str, int]) -> None:
        while waiting and len(self._workers) < self._size:
            gpu = self._gpus[len(self._workers) % len(self._gpus)] if self._gpus else ""
            self._workers.append(_Worker(self._context, (*self._arguments, gpu)))
            spec, tries_so_far = waiting.popleft()
            tries[spec.shard_id] = tries_so_far
            self._workers[-1].give(spec)
        for worker in self._workers:
            if worker.spec is None and waiting:
                spec, tries[spec.shard_id] = waiting.popleft()
                worker.give(spec)

    def _receive(
        self,
        worker: _Worker,
        waiting: deque[tuple[ShardSpec, int]],
        tries: dict[str, int],
        progress: Callable[[int], None],
    ) -> Outcome | None:
        spec = worker.spec
        assert spec is not None
        try:
            kind, content = worker.pipe.recv()
        except (EOFError, OSError):
            return self._bury(worker, spec, waiting, tries)
        if kind == "samples":
            progress(content)
            return None
        if kind == "fatal":
            raise content
        worker.spec = None
        return Outcome(spec.shard_id, content) if kind == "done" else Outcome(spec.shard_id, None, content)

    def _bury(
        self, worker: _Worker, spec: ShardSpec, waiting: deque[tuple[ShardSpec, int]], tries: dict[str, int]
    ) -> Outcome | None:
        worker.process.join()
        self._workers.remove(worker)
        if tries[spec.shard_id] < TRIES:
            waiting.append((spec, tries[spec.shard_id] + 1))
            return None
        code = worker.process.exitcode
        why = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
        hint = "; signal 9 is often the system running out of memory: try fewer --workers" if code == -9 else ""
        return Outcome(spec.shard_id, None, f"its worker process died {TRIES} times ({why}){hint}")

    def _stop(self) -> None:
        for worker in self._workers:
            worker.pipe.close()  # an idle worker leaves by itself
            if worker.spec is not None:
                worker.process.terminate()
        for worker in self._workers:
            worker.process.join(timeout=10)
            if worker.process.is_alive():
                worker.process.kill()


def _work(pipe: Connection, recipe_data: dict[str, Any], store_url: str, gpu: str) -> None:
    """The life of a worker: take a spec, make the shard, say so; end when the parent has no more or is gone."""
    if gpu:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu
    threading.Thread(target=_end_with_parent, daemon=True).start()
    recipe, store = validate(recipe_data), Store(store_url)
    while True:
        try:
            spec = pipe.recv()
        except (EOFError, OSError, KeyboardInterrupt):
            return
        try:
            pipe.send(("done", make_shard(recipe, spec, store, lambda n: pipe.send(("samples", n)))))
        except (BrokenPipeError, KeyboardInterrupt):
            return
        except Dst3dError as error:
            pipe.send(("fatal", error))
        except Exception as error:
            pipe.send(("failed", _message(error)))


def _end_with_parent() -> None:
    """A killed parent cannot tell its children: they watch for its end, so that no shard is made twice for nothing."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
