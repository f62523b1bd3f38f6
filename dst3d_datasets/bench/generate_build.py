"""Whole builds on one GPU: models, renders, controls, pictures, encoding and shards, and how busy the device is."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from ..build import build
from ..recipe import load_recipe
from ..store import Store
from . import generate_work as work
from .generate import COLUMNS, FAST, Table, notes_of, table_of
from .result import Measured


def run(quick: bool) -> Measured:
    """Three shards of exact and three of fast mode, the first of each to warm up; with `quick`, exact mode alone."""
    ways: list[tuple[str, dict[str, Any]]] = [("whole build, exact", {}), ("whole build, fast", FAST)]
    with tempfile.TemporaryDirectory(prefix="dst3d-bench-") as folder:
        table = table_of(folder, quick)
        samples = 256 if table.gpu else 2 * table.size
        for name, options in ways[: 1 if quick else 2]:
            _whole(table, name, options, Path(folder) / name.split()[-1], samples)
    notes = [
        *notes_of(table),
        f"`dst3d build` in one process, shards of {samples} samples, the second and third of them.",
    ]
    columns = tuple("x first" if name == "x stock" else name for name in COLUMNS)  # no stock pipeline builds
    return Measured(columns, table.rows, notes)


def _whole(table: Table, what: str, options: dict[str, Any], out: Path, samples: int) -> None:
    """One build. On a GPU its networks are compiled."""
    changes = {**table.options, **options, "compile": "always" if table.gpu else "never"}
    given = [f"generator.{name}={_yaml(value)}" for name, value in changes.items()]
    recipe = load_recipe(
        "quickstart",
        [*given, "generator.guidance_scale=9.0", f"render.size={table.side}", f"shards.samples={samples}",
         f"views.per_model={min(64, samples)}"],
    )  # fmt: skip
    build(recipe, out, limit=3 * samples, workers=1)
    receipts = sorted(Store(out).receipts(), key=lambda receipt: receipt.seconds["wall"])
    two = receipts[:-1]
    wall = sum(receipt.seconds["wall"] for receipt in two)
    found = {
        "rate": sum(receipt.num_samples for receipt in two) / wall,
        "busy": sum(receipt.seconds["generate"] for receipt in two) / wall,
        "warm": receipts[-1].seconds["wall"],
        "peak": work.peak(),
    }
    table.add(what, int(table.options["batch_size"]), found, table.cost(options))


def _yaml(value: Any) -> str:
    return f"[{', '.join(map(str, value))}]" if isinstance(value, tuple) else str(value)
