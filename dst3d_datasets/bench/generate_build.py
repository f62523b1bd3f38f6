"""Whole builds on one GPU: models, renders, controls, pictures, encoding and shards, and how busy the device is."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from ..build import build
from ..recipe import Recipe, load_recipe
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
    build(recipe_of(changes, table.side, samples), out, workers=1)
    first, *two = Store(out).receipts()  # in the order in which one process makes them
    wall = sum(receipt.seconds["wall"] for receipt in two)
    found = {
        "rate": sum(receipt.num_samples for receipt in two) / wall,
        "busy": sum(receipt.seconds["generate"] for receipt in two) / wall,
        "warm": first.seconds["wall"],
        "peak": work.peak(),
    }
    table.add(what, int(table.options["batch_size"]), found, table.cost(options))


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
