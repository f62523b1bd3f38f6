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
    """A child process and the tasks it is at."""

    def __init__(self, target: str, arguments: tuple[Any, ...], gpu: str) -> None:
        self.pipe, child = Pipe()
        environment = {**os.environ, "CUDA_VISIBLE_DEVICES": gpu} if gpu else dict(os.environ)
        command = [sys.executable, "-m", "dst3d_datasets.engines.worker", str(child.fileno())]
        self.process = subprocess.Popen(  # noqa: S603 - our own program
            command, pass_fds=[child.fileno()], stdin=subprocess.DEVNULL, env=environment
        )
        child.close()
        self.tasks: dict[str, Task] = {}
        self._last = ""
        self._has_room = False
        with suppress(OSError):  # a child that is dead already is found out when its answer is read
            self.pipe.send((os.getpid(), sys.path, target, arguments))

    def give(self, task: Task) -> None:
        """Hand it the next task."""
        self.tasks[task.name] = task
        self._last, self._has_room = task.name, False
        with suppress(OSError):
            self.pipe.send((task.name, task.content))

    def say_room(self, name: str) -> None:
        """It could begin another task beside that one."""
        self._has_room = name == self._last

    @property
    def has_room(self) -> bool:
        """Whether it could begin another task beside the one it is at."""
        return self._has_room and len(self.tasks) == 1


class Pool:
    """Hands tasks to workers and takes their messages; replaces workers that die.

    Args:
        target: "module:function" of what a worker calls first, with `arguments`; it gives back a function of a task's
            content and a listener of progress (how many more are done), whose result is the answer. Or an object whose
            `submit` takes them and gives a `Future` of the answer, and whose `wait_room` comes back when the next task
            could begin beside that one.
        arguments: for `target`; they must survive a process boundary.
        workers: how many processes.
        gpus: ids of the devices that the workers share.
    """

    def __init__(self, target: str, arguments: tuple[Any, ...], workers: int, gpus: Sequence[str]) -> None:
        self._target, self._arguments = target, arguments
        self._gpus = gpus
        self._size = workers
        self._workers: list[_Worker] = []
        self._waiting: deque[Task] = deque()
        self._tries: dict[str, int] = {}  # how often each task was handed out

    def map(self, tasks: Sequence[Task], progress: Callable[[int], None]) -> Iterator[Answer]:
        """Yield one answer a task, in any order.

        Raises:
            Dst3dError: a worker met something that no task can do without.
        """
        self._waiting = deque(tasks)
        self._tries = dict.fromkeys((task.name for task in tasks), 0)
        try:
            while self._waiting or any(worker.tasks for worker in self._workers):
                self._hand_out()
                ready = wait([worker.pipe for worker in self._workers if worker.tasks])
                for worker in [worker for worker in self._workers if worker.pipe in ready]:
                    yield from self._receive(worker, progress)
        finally:
            self._stop()

    def _hand_out(self) -> None:
        while self._waiting and len(self._workers) < self._size:
            gpu = self._gpus[len(self._workers) % len(self._gpus)] if self._gpus else ""
            self._workers.append(_Worker(self._target, self._arguments, gpu))
            self._give(self._workers[-1])
        for worker in self._workers:
            if self._waiting and not worker.tasks:
                self._give(worker)
        for worker in self._workers:
            if worker.has_room and self._goes_beside(worker):
                self._give(worker)

    def _give(self, worker: _Worker) -> None:
        task = self._waiting.popleft()
        self._tries[task.name] += 1
        worker.give(task)

    def _goes_beside(self, worker: _Worker) -> bool:
        """Whether the next task may begin beside the one that a worker is at.

        The last tasks wait for whoever is free first. After the death of a worker its tasks are done alone: if one of
        them was the reason, the others are not blamed again.
        """
        if len(self._waiting) < len(self._workers):
            return False
        return not self._tries[self._waiting[0].name] and all(self._tries[name] == 1 for name in worker.tasks)

    def _receive(self, worker: _Worker, progress: Callable[[int], None]) -> Iterator[Answer]:
        try:
            kind, name, content = worker.pipe.recv()
        except (EOFError, OSError):
            yield from self._bury(worker)
            return
        if kind == "progress":
            progress(content)
        elif kind == "fatal":
            raise content
        elif kind == "room":
            worker.say_room(name)
        else:
            del worker.tasks[name]
            yield Answer(name, content) if kind == "done" else Answer(name, message=content)

    def _bury(self, worker: _Worker) -> Iterator[Answer]:
        code = worker.process.wait()
        self._workers.remove(worker)
        for task in worker.tasks.values():
            if self._tries[task.name] < TRIES:
                self._waiting.append(task)
                continue
            why = f"signal {-code}" if code < 0 else f"exit code {code}"
            hint = "; signal 9 is often the system running out of memory: try fewer --workers" if code == -9 else ""
            yield Answer(task.name, message=f"its worker process died {TRIES} times ({why}){hint}")

    def _stop(self) -> None:
        for worker in self._workers:
            worker.pipe.close()  # an idle worker leaves by itself
            if worker.tasks:
                worker.process.terminate()
        for worker in self._workers:
            try:
                worker.process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                worker.process.kill()
                worker.process.wait()
