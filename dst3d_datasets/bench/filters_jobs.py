"""Scorers at work on samples in memory, several at once in processes of their own."""

from __future__ import annotations

import multiprocessing
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..engines.local import available_cores, visible_gpus
from ..recipe import load_recipe
from ..registry import lookup
from .filters_data import MemorySamples, MemoryScratch

ON_ONE_GPU = 6  # processes that train small networks side by side


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
    options = load_recipe("render", [f"scores=[{_flow({'kind': job.kind, **job.options})}]"]).scores[0]
    scorer, scratch = lookup("scores", job.kind)(options), MemoryScratch()
    start = perf_counter()
    said = scorer.judge(job.samples, scratch)
    return Done(dict(said.scores), dict(said.details), perf_counter() - start, scratch.kept)


def work_all(jobs: Sequence[Job], workers: int = 0) -> list[Done]:
    """Do all jobs, the longest first if they are given so.

    Args:
        jobs: what is to be done.
        workers: processes; 0: one a core, or on a GPU as many as share it well; 1: this one.
    """
    count = min(workers or (ON_ONE_GPU if visible_gpus() else available_cores()), len(jobs))
    if count <= 1:
        return [work(job) for job in jobs]
    context = multiprocessing.get_context("spawn")  # CUDA does not survive a fork
    with ProcessPoolExecutor(count, context, initializer=_alone) as pool:
        return list(pool.map(work, jobs))


def _alone() -> None:
    """One thread an operator: the cores are shared by the processes."""
    import torch

    torch.set_num_threads(1)


def _flow(value: Any) -> str:
    """Plain data as YAML in one line."""
    import json

    return json.dumps(value)
