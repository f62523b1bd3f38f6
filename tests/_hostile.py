"""What a loader may run into, for the process it runs in: called there by name."""

from __future__ import annotations

import ctypes
import os
import time
from typing import Any

import numpy as np

from dst3d_datasets.errors import ModelRefused, Reason, SourceError
from dst3d_datasets.sources.limits_child import open_from


def echo(value: Any) -> Any:
    return value


def process_id() -> int:
    return os.getpid()


def spin() -> None:
    """Never ends, inside a C function that holds the interpreter's lock and sees no Python signal handler."""
    (10**9 + 1).__pow__(10**9)


def sleep() -> None:
    time.sleep(3600)


def eat() -> None:
    held = []
    while True:
        held.append(np.ones(2**22))


def swallow_and_eat() -> list[int]:
    """A library that catches MemoryError and reports it as the loader does."""
    try:
        eat()
    except MemoryError:
        raise ModelRefused(Reason.MEMORY_LIMIT, "as the loader says it") from None
    return []


def crash() -> None:
    ctypes.string_at(0)


def leave() -> None:
    os._exit(7)


def refuse() -> None:
    raise ModelRefused(Reason.NO_FACES, "none")


def no_source() -> None:
    raise SourceError("no such folder")


def defect() -> None:
    raise KeyError("a slip of ours")


class Intruder:
    """Would run in the build if its pickle were believed."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("echo intruder",)


def intrude() -> Intruder:
    return Intruder()


_BAD = {"hang": spin, "eat": eat, "crash": crash}


def open_or(options: dict[str, Any], ref: Any) -> Any:
    """`open_from`, but for models whose name says what they do."""
    bad = next((what for name, what in _BAD.items() if name in ref.model_id), None)
    return bad() if bad else open_from(options, ref)


def make(megabytes: int) -> np.ndarray:
    """An array of so many million bytes, which costs nothing to make."""
    return np.zeros(megabytes * 10**6, dtype=np.uint8)
