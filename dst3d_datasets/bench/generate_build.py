"""Whole builds on one GPU: models, renders, controls, pictures, encoding and shards, and how busy the device is."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..build import build
from ..generate.draw import Pending
from ..recipe import Recipe, load_recipe
from ..store import Store
from . import generate_work as work
from .generate import FAST, Table, notes_of, table_of
from .result import Measured


def run(quick: bool) -> Measured:
    """Three shards of exact and three of fast mode, the first of each to warm up; with `quick`, exact mode alone."""
    ways: list[tuple[str, dict[str, Any]]] = [("whole build, exact", {}), ("whole build, fast", FAST)]
    with tempfile.TemporaryDirectory(prefix="dst3d-bench-") as folder:
        table = table_of(folder, quick)
        table.columns = tuple("x first" if name == "x stock" else name for name in table.columns)  # nothing is stock
        samples = 256 if table.gpu else 2 * table.size
        for name, options in ways[: 1 if quick else 2]:
            _whole(table, name, options, Path(folder) / name.split()[-1], samples)
    notes = [
        *notes_of(table),
        f"`dst3d build` in one process, three shards of {samples} samples, timed from the end of the first one's last "
        "batch to that of the third's.",
    ]
    return Measured(table.columns, table.rows, notes)


def _whole(table: Table, what: str, options: dict[str, Any], out: Path, samples: int) -> None:
    """One build. On a GPU its networks are compiled."""
    changes = {**table.options, **options, "compile": "always" if table.gpu else "never"}
    work.peak(reset=True)
    with watched() as drawn:
        build(recipe_of(changes, table.side, samples), out, workers=1)
    warm = next(iter(Store(out).receipts())).seconds["wall"]
    found = {**after(drawn, samples), "warm": warm, "peak": work.peak()}
    table.add(what, int(table.options["batch_size"]), found, table.cost(options))


@dataclass(frozen=True, slots=True)
class Drawn:
    """A batch whose pictures are there."""

    ended: float  # by the device's clock, seconds since some moment
    seconds: float  # that the device was at work on it
    count: int  # of pictures


@contextmanager
def watched() -> Iterator[list[Drawn]]:
    """Note what every `ControlNetGenerator` of this process draws, in the order in which it is waited for."""
    drawn: list[Drawn] = []
    original, start = Pending.pictures, None
    if torch.cuda.is_available():
        start = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        start.record()

    def pictures(self: Pending) -> work.Pictures:
        found = original(self)
        ended = time.perf_counter() if start is None else start.elapsed_time(self.ended) / 1000
        drawn.append(Drawn(ended, self.seconds, len(self.shots)))
        return found

    Pending.pictures = pictures  # type: ignore[method-assign]
    try:
        yield drawn
    finally:
        Pending.pictures = original  # type: ignore[method-assign]


def after(drawn: Sequence[Drawn], count: int) -> dict[str, float]:
    """Pictures a second once the first `count` of them were drawn, and the share of that time in which the device drew.

    The clock runs from the end of the last batch of the first `count` pictures to the end of the last batch of all:
    between them lies everything that a build does from shard to shard.
    """
    sums = np.cumsum([batch.count for batch in drawn])
    first = int(np.searchsorted(sums, count))
    spent = drawn[-1].ended - drawn[first].ended
    rest = drawn[first + 1 :]
    return {"rate": sum(b.count for b in rest) / spent, "busy": sum(b.seconds for b in rest) / spent}


def recipe_of(generator: dict[str, Any], side: int, samples: int) -> Recipe:
    """Three shards of `samples` pictures of one class; guidance is the reference's, if `generator` says nothing."""
    views = min(64, samples)
    given = [f"generator.{name}={_yaml(value)}" for name, value in generator.items()]
    return load_recipe(
        "quickstart",
        ["generator.guidance_scale=9.0", *given, f"render.size={side}", f"shards.samples={samples}",
         f"views.per_model={views}", f"sources.0.models_per_class={3 * samples // views}",
         "catalogue.classes=[teapot]"],
    )  # fmt: skip


def _yaml(value: Any) -> str:
    return f"[{', '.join(map(str, value))}]" if isinstance(value, tuple) else str(value)
