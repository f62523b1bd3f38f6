"""Processes on this machine that work off tasks; a process that dies costs one try of one task."""

from __future__ import annotations

import glob
import os
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import wait
from typing import Any

TRIES = 3  # a worker can be killed from outside (memory, a preempted node): the task itself may be fine


def visible_gpus() -> list[str]:
    """Ids of the CUDA devices this process may use, found without starting CUDA in it."""
    allowed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if allowed is not None:
        return [part.strip() for part in allowed.split(",") if part.strip() not in ("", "-1")]
    return sorted(path.removeprefix("/dev/nvidia") for path in glob.glob("/dev/nvidia[0-9]*"))


def available_cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class Task:
    """One piece of work."""

    name: str  # unique within a call of `Pool.map`
    content: Any  # what the worker is given; it must survive a process boundary


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a task: a result, or a message that says why there is none."""

    name: str
    result: Any = None
    message: str = ""


class _Worker:
    """A child process and the task it is at."""

    def __init__(self, target: str, arguments: tuple[Any, ...], gpu: str) -> None:
        self.pipe, child = Pipe()
        environment = {**os.environ, "CUDA_VISIBLE_DEVICES": gpu} if gpu else dict(os.environ)
        command = [sys.executable, "-m", "dst3d_datasets.engines.worker", str(child.fileno())]
        self.process = subprocess.Popen(  # noqa: S603 - our own program
            command, pass_fds=[child.fileno()], stdin=subprocess.DEVNULL, env=environment
        )
        child.close()
        self.task: Task | None = None
        with suppress(OSError):  # a child that is dead already is found out when its answer is read
            self.pipe.send((os.getpid(), sys.path, target, arguments))

    def give(self, task: Task) -> None:
        """Hand it the next task."""
        self.task = task
        with suppress(OSError):
            self.pipe.send(task.content)


class Pool:
    """Hands tasks to workers and takes their messages; replaces workers that die.

    Args:
        target: "module:function" of what a worker calls first, with `arguments`; it gives back a function of a task's
            content and a listener of progress (how many more are done), whose result is the answer.
        arguments: for `target`; they must survive a process boundary.
        workers: how many processes.
        gpus: ids of the devices that the workers share.
    """

    def __init__(self, target: str, arguments: tuple[Any, ...], workers: int, gpus: Sequence[str]) -> None:
        self._target, self._arguments = target, arguments
        self._gpus = gpus
        self._size = workers
        self._workers: list[_Worker] = []

    def map(self, tasks: Sequence[Task], progress: Callable[[int], None]) -> Iterator[Answer]:
        """Yield one answer a task, in any order.

        Raises:
            Dst3dError: a worker met something that no task can do without.
        """
        waiting = deque((task, 1) for task in tasks)
        tries: dict[str, int] = {}
        try:
            while waiting or any(worker.task for worker in self._workers):
                self._hand_out(waiting, tries)
                ready = wait([worker.pipe for worker in self._workers if worker.task])
                for worker in [worker for worker in self._workers if worker.pipe in ready]:
                    answer = self._receive(worker, waiting, tries, progress)
                    if answer is not None:
                        yield answer
        finally:
            self._stop()

    def _hand_out(self, waiting: deque[tuple[Task, int]], tries: dict[str, int]) -> None:
        while waiting and len(self._workers) < self._size:
            gpu = self._gpus[len(self._workers) % len(self._gpus)] if self._gpus else ""
            self._workers.append(_Worker(self._target, self._arguments, gpu))
            task, tries_so_far = waiting.popleft()
            tries[task.name] = tries_so_far
            self._workers[-1].give(task)
        for worker in self._workers:
            if worker.task is None and waiting:
                task, tries[task.name] = waiting.popleft()
                worker.give(task)

    def _receive(
        self,
        worker: _Worker,
        waiting: deque[tuple[Task, int]],
        tries: dict[str, int],
        progress: Callable[[int], None],
    ) -> Answer | None:
        task = worker.task
        assert task is not None
        try:
            kind, content = worker.pipe.recv()
        except (EOFError, OSError):
            return self._bury(worker, task, waiting, tries)
        if kind == "progress":
            progress(content)
            return None
        if kind == "fatal":
            raise content
        worker.task = None
        return Answer(task.name, content) if kind == "done" else Answer(task.name, message=content)

    def _bury(
        self, worker: _Worker, task: Task, waiting: deque[tuple[Task, int]], tries: dict[str, int]
    ) -> Answer | None:
        code = worker.process.wait()
        self._workers.remove(worker)
        if tries[task.name] < TRIES:
            waiting.append((task, tries[task.name] + 1))
            return None
        why = f"signal {-code}" if code < 0 else f"exit code {code}"
        hint = "; signal 9 is often the system running out of memory: try fewer --workers" if code == -9 else ""
        return Answer(task.name, message=f"its worker process died {TRIES} times ({why}){hint}")

    def _stop(self) -> None:
        for worker in self._workers:
            worker.pipe.close()  # an idle worker leaves by itself
            if worker.task is not None:
                worker.process.terminate()
        for worker in self._workers:
            try:
                worker.process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                worker.process.kill()
                worker.process.wait()
