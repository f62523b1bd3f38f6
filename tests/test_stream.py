"""Stages that run ahead: order, bounds, exceptions, early ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from dst3d_datasets.stream import Clock, ahead, batched, ordered_map


def threads() -> int:
    return sum(thread.name.startswith("dst3d") for thread in threading.enumerate())


def counting(seen: list[int], stop: int = 1000) -> Iterator[int]:
    for number in range(stop):
        seen.append(number)
        yield number


def test_ahead_keeps_the_order_and_its_bound() -> None:
    seen: list[int] = []
    for taken, number in enumerate(ahead(counting(seen, 100), depth=3)):
        time.sleep(0.001)
        assert number == taken
        assert len(seen) <= taken + 1 + 3 + 1
    assert len(seen) == 100


def test_ahead_runs_beside_its_reader() -> None:
    here = threading.get_ident()
    assert all(ident != here for ident in ahead((threading.get_ident() for _ in range(3)), depth=2))


def test_exceptions_reach_the_reader_after_what_came_before() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise OSError("the disk")

    stream = ahead(broken(), depth=5)
    assert next(stream) == 1
    with pytest.raises(OSError, match="the disk"):
        next(stream)
    assert threads() == 0


def test_a_reader_that_stops_early_ends_the_threads_and_closes_the_source() -> None:
    closed = threading.Event()

    def endless() -> Iterator[int]:
        try:
            yield from counting([], 10**9)
        finally:
            closed.set()

    stream = ordered_map(lambda n: n, ahead(ahead(endless(), 2), 2), workers=2, depth=4)
    assert [next(stream) for _ in range(5)] == list(range(5))
    stream.close()  # type: ignore[attr-defined]
    del stream
    assert closed.wait(5)
    assert threads() == 0


def test_ordered_map_keeps_the_order_whatever_the_speed() -> None:
    def slow_if_even(number: int) -> int:
        time.sleep(0.01 if number % 2 == 0 else 0)
        return number * number

    assert list(ordered_map(slow_if_even, range(40), workers=4, depth=8)) == [n * n for n in range(40)]


def test_ordered_map_passes_exceptions_on() -> None:
    with pytest.raises(ZeroDivisionError):
        list(ordered_map(lambda n: 1 // (n - 7), range(40), workers=2, depth=4))
    assert threads() == 0


@pytest.mark.parametrize(("count", "size"), [(0, 3), (6, 3), (7, 3), (2, 3)])
def test_batched(count: int, size: int) -> None:
    batches = list(batched(range(count), size))
    assert [item for batch in batches for item in batch] == list(range(count))
    assert all(len(batch) == size for batch in batches[:-1])


def test_clock_adds_up_over_threads() -> None:
    clock = Clock()

    def work() -> None:
        with clock("stage"):
            time.sleep(0.02)

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert clock.seconds["stage"] >= 0.06
