"""Shards on this machine: one process a GPU, or one a core; a process that dies costs one try of one shard."""

from __future__ import annotations

import glob
import os
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import wait
from typing import Any

from ..errors import Dst3dError
from ..plan import ShardSpec
from ..recipe import Recipe, dump
from ..shard import make_shard
from ..store import Store
from . import Outcome
from .worker import describe

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
            yield Outcome(spec.shard_id, None, describe(error))


class _Worker:
    """A child process and the shard it is at."""

    def __init__(self, recipe_data: dict[str, Any], store_url: str, gpu: str) -> None:
        self.pipe, child = Pipe()
        environment = {**os.environ, "CUDA_VISIBLE_DEVICES": gpu} if gpu else dict(os.environ)
        command = [sys.executable, "-m", "dst3d_datasets.engines.worker", str(child.fileno())]
        self.process = subprocess.Popen(  # noqa: S603 - our own program
            command, pass_fds=[child.fileno()], stdin=subprocess.DEVNULL, env=environment
        )
        child.close()
        self.spec: ShardSpec | None = None
        with suppress(OSError):  # a child that is dead already is found out when its answer is read
            self.pipe.send((os.getpid(), sys.path, recipe_data, store_url))

    def give(self, spec: ShardSpec) -> None:
        """Hand it the next shard."""
        self.spec = spec
        with suppress(OSError):
            self.pipe.send(spec)


class _Pool:
    """Hands shards to workers and takes their messages; replaces workers that die."""

    def __init__(self, recipe: Recipe, store: Store, workers: int, gpus: list[str]) -> None:
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
            self._workers.append(_Worker(*self._arguments, gpu))
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
        code = worker.process.wait()
        self._workers.remove(worker)
        if tries[spec.shard_id] < TRIES:
            waiting.append((spec, tries[spec.shard_id] + 1))
            return None
        why = f"signal {-code}" if code < 0 else f"exit code {code}"
        hint = "; signal 9 is often the system running out of memory: try fewer --workers" if code == -9 else ""
        return Outcome(spec.shard_id, None, f"its worker process died {TRIES} times ({why}){hint}")

    def _stop(self) -> None:
        for worker in self._workers:
            worker.pipe.close()  # an idle worker leaves by itself
            if worker.spec is not None:
                worker.process.terminate()
        for worker in self._workers:
            try:
                worker.process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                worker.process.kill()
                worker.process.wait()
