"""Scorers at work on samples in memory, several at once in processes of their own."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..engines.pool import available_cores, visible_gpus
from ..machine import one_thread_an_operator
from ..recipe import load_recipe
from ..scoring.redraw import RunRedraw
from ..scoring.work import make_scorer
from .filters_data import MemorySamples, MemoryScratch

T = TypeVar("T")
U = TypeVar("U")
MODELS = 64  # of a class that can be drawn again
ON_ONE_GPU = 8  # processes that train small networks side by side


@dataclass(frozen=True, slots=True)
class Job:
    """A scorer, its options as a recipe has them, and what it is to judge."""

    kind: str
    options: Mapping[str, Any]
    samples: MemorySamples


@dataclass(frozen=True, slots=True)
class Done:
    """What a scorer said, how long it took, and what it left in its scratch."""

    scores: Mapping[str, NDArray[np.float64]]
    details: Mapping[str, NDArray[Any]]
    seconds: float
    scratch: Mapping[str, Mapping[str, NDArray[Any]]] = field(default_factory=dict)


def work(job: Job) -> Done:
    """Do one job in this process."""
    changes = [
        f"scores=[{json.dumps({'kind': job.kind, **job.options})}]",
        f"sources=[{{kind: primitives, models_per_class: {MODELS}}}]",
        f"catalogue.classes=[{job.samples.labels[0]['class_name']}]",
    ]
    recipe = load_recipe("render", changes)
    scorer: Any = make_scorer(recipe, job.kind)
    scratch = MemoryScratch()
    if hasattr(scorer, "redraw"):
        scorer.redraw = RunRedraw(recipe)
    start = perf_counter()
    with one_thread_an_operator():
        said = scorer.judge(job.samples, scratch)
    return Done(dict(said.scores), dict(said.details), perf_counter() - start, scratch.kept)


def in_processes(do: Callable[[T], U], items: Sequence[T], workers: int = 0) -> list[U]:
    """`do` of every item, in their order; processes are dealt out to the GPUs in turn.

    Args:
        do: a function of a module, so that other processes find it.
        items: the longest work first.
        workers: processes; 0: one a core, or on GPUs as many as share them well; 1: this one.
    """
    gpus = visible_gpus()
    count = min(workers or ON_ONE_GPU * len(gpus) or available_cores(), len(items))
    if count <= 1:
        return [do(item) for item in items]
    context = multiprocessing.get_context("spawn")  # CUDA does not survive a fork
    with ProcessPoolExecutor(count, context, initializer=_begin, initargs=(context.Value("i", 0), gpus)) as pool:
        return list(pool.map(do, items))


def _begin(begun: Any, gpus: Sequence[str]) -> None:
    """One GPU of its own choice for this process, and one thread an operator: the cores are shared."""
    with begun.get_lock():
        number, begun.value = begun.value, begun.value + 1
    if gpus:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpus[number % len(gpus)]
    import torch

    torch.set_num_threads(1)
