"""Processes that work off tasks: what they are handed when, and what their deaths cost."""

from __future__ import annotations

import pytest

from dst3d_datasets.engines.pool import TRIES, Pool, Task
from dst3d_datasets.errors import StoreError


def answers(how: str, contents: list[tuple[str, object]], workers: int, *arguments: float) -> tuple[dict, int]:
    """By the task's name: its result and message; and how much progress was told."""
    told: list[int] = []
    pool = Pool(f"_pool_work:{how}", arguments, workers, [])
    found = list(pool.map([Task(f"task {n}", content) for n, content in enumerate(contents)], told.append))
    assert len({answer.name for answer in found}) == len(found) == len(contents)
    return {answer.name: (answer.result, answer.message) for answer in found}, sum(told)


@pytest.mark.parametrize("how", ["one_by_one", "two_at_once"])
def test_every_task_has_one_answer(how):
    contents = [("say", n) for n in range(9)]
    contents[3] = ("fail", 3)
    found, told = answers(how, contents, 2)
    assert told == 9
    for n in range(9):
        result, message = found[f"task {n}"]
        if n == 3:
            assert (result, message.partition(" (")[0]) == (None, "ValueError: 3")
        else:
            assert (result[0], message) == (n, "")
    assert len({result[1] for result, _ in found.values() if result}) == 2, "both workers did some"


@pytest.mark.parametrize("how", ["one_by_one", "two_at_once"])
def test_a_task_that_kills_its_worker_is_given_up_and_alone_blamed(how):
    contents = [("say", n) for n in range(8)]
    contents[1] = ("die", 1)
    found, _ = answers(how, contents, 2)
    assert f"died {TRIES} times (signal 9)" in found["task 1"][1]
    assert [n for n in range(8) if found[f"task {n}"][1]] == [1]


@pytest.mark.parametrize("how", ["one_by_one", "two_at_once"])
def test_what_no_task_can_do_without_ends_all(how):
    with pytest.raises(StoreError, match="no disk"):
        answers(how, [("say", 0), ("stop", "no disk"), ("say", 2)], 1)


def test_the_next_task_is_begun_beside_the_one_at_work_but_the_last_wait_for_who_is_free():
    found, _ = answers("two_at_once", [*(("say", n) for n in range(5)), ("last", 5)], 1, 60.0)
    assert [found[f"task {n}"][0][2] for n in range(6)] == [True] * 5 + [False]
    found, _ = answers("two_at_once", [("say", n) for n in range(3)], 2)
    assert [found[f"task {n}"][0][2] for n in range(3)] == [False] * 3
