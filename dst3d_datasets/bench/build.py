"""The shards of the recipe `render`: images a second, and the share of a shard's time in each stage."""

from __future__ import annotations

import tempfile
import time

from ..build import build
from ..engines.pool import available_cores
from ..recipe import load_recipe
from .result import Cell, Measured


def run(quick: bool) -> Measured:
    """Build in a temporary folder, with one worker and with one a core."""
    recipe, rows = load_recipe("render"), []
    for workers in sorted({1, available_cores()}):
        with tempfile.TemporaryDirectory(prefix="dst3d-bench-") as folder:
            start = time.perf_counter()
            report = build(recipe, f"{folder}/run", limit=24 if quick else None, workers=workers)
            wall = time.perf_counter() - start
        busy = {stage: seconds for stage, seconds in report.seconds.items() if stage != "wall"}
        rows.append((workers, report.num_samples, wall, report.num_samples / wall, busy))
    stages = sorted({stage for row in rows for stage in row[-1]}, key=lambda stage: -rows[0][-1].get(stage, 0.0))
    cells: list[tuple[Cell, ...]] = [(*row, *_shares(busy, stages)) for *row, busy in rows]
    columns = ("workers", "images", "wall s", "images/s", *(f"{stage} %" for stage in stages))
    notes = [
        f"Recipe render, {recipe.render.size} px, every control; the wall includes starting the workers.",
        "Shares are of busy time; stages run side by side.",
    ]
    return Measured(columns, cells, notes, {"busy_seconds": [busy for *_, busy in rows]})


def _shares(busy: dict[str, float], stages: list[str]) -> list[float]:
    total = sum(busy.values()) or 1.0
    return [round(100 * busy.get(stage, 0.0) / total, 1) for stage in stages]
