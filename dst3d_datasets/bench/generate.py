"""Pictures a second: the stock pipeline, our exact mode and our fast mode side by side, and whole builds of the same.

On a GPU with weights of Stable Diffusion 1.5's shapes (random ones: none are downloaded, and speed does not depend on
them); elsewhere, and for what it says of equality, with the small model that ships with the package.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import torch

from ..build import build
from ..recipe import load_recipe
from ..store import Store
from . import generate_work as work
from .result import Cell, Measured

FAST = {"mode": "fast", "scheduler": "dpmpp", "steps": 6, "guidance_interval": (0.0, 0.5)}  # the recipe sd15_fast
LCM = {"scheduler": "lcm", "steps": 4, "guidance_scale": 1.0}
COLUMNS = (
    "what", "batch", "images/s", "x stock", "TFLOP/image", "TFLOP/s", "% of limit", "GPU busy %", "warm-up s", "GiB",
)  # fmt: skip


def run(quick: bool) -> Measured:
    """Everything in this process, builds last."""
    gpu = torch.cuda.is_available()
    with tempfile.TemporaryDirectory(prefix="dst3d-bench-") as folder:
        pipeline = "tiny"
        if gpu:
            from .generate_weights import write

            pipeline = f"{folder}/sd15"
            write(Path(pipeline), "cuda")
        table = _Table(pipeline, 512 if gpu else 128, work.limit(), gpu)
        table.stock(4, "pil", 2)
        table.stock(32 if gpu else 8, "pt", 1 if quick else 2)
        many = (4 if quick else 10) if gpu else 2
        table.ours("exact", {}, many)
        for steps in (8, 6):
            table.ours(f"fast: {steps} steps of DPM-Solver++, half of them guided", FAST | {"steps": steps}, many)
        if not quick:
            table.ours("fast: 4 steps of an LCM, no guidance", LCM, many)
        if gpu:
            for name, options in [("whole build, exact", {}), ("whole build, fast", FAST)]:
                table.whole(name, options, Path(folder) / name.split()[-1], 128 if quick else 256)
    notes = [
        f"{'Random weights of SD 1.5 + ControlNet' if gpu else 'The shipped model'}, {table.side} px; 20 steps of "
        "DDIM, eta 1, CFG 9 where nothing else is said.",
        f"Limit: {table.limit:.0f} TFLOP/s in a matrix product of this run.",
        *_equality(table),
    ]
    return Measured(COLUMNS, table.rows, notes)


class _Table:
    """The rows, as they are measured; the first is what the others are compared with."""

    def __init__(self, pipeline: str, side: int, limit: float, gpu: bool) -> None:
        self.side, self.limit, self.gpu = side, limit, gpu
        self.rows: list[tuple[Cell, ...]] = []
        self.options: dict[str, Any] = {"pipeline": pipeline, "batch_size": 32 if gpu else 4}
        self._costs: dict[str, float] = {}

    def add(self, what: str, batch: int, found: dict[str, float], cost: float) -> None:
        """One row."""
        base = float(self.rows[0][2]) if self.rows else found["rate"]
        speed = found["rate"] * cost
        self.rows.append(
            (
                what, batch, found["rate"], found["rate"] / base, cost, speed, 100 * speed / self.limit,
                100 * found["busy"], found["warm"], found["peak"],
            )
        )  # fmt: skip

    def stock(self, batch: int, output: str, batches: int) -> None:
        """The pipeline's own call. Its cost is counted as ours is, without what we leave out."""
        generator = work.made(self.options | {"batch_size": batch, "compile": "never"})
        found = work.stock_rate(generator, work.shots(batch, self.side), batches, output)
        self.add(f"stock pipeline, {output}", batch, found, self._cost({}))

    def ours(self, what: str, options: dict[str, Any], batches: int) -> None:
        """Our generator, compiled on a GPU."""
        generator = work.made(self.options | options | {"compile": "always" if self.gpu else "never"})
        size = generator.batch_size
        wanted = work.shots(size * batches, self.side)
        found = work.rate(generator, [wanted[first : first + size] for first in range(0, len(wanted), size)])
        self.add(what, size, found, self._cost(options))

    def whole(self, what: str, options: dict[str, Any], out: Path, samples: int) -> None:
        """`dst3d build`: models, renders, controls, pictures, encoding, shards. The first shard warms up."""
        changes = {**self.options, **options, "compile": "always", "steps": options.get("steps", 20)}
        given = [f"generator.{name}={_yaml(value)}" for name, value in changes.items()]
        recipe = load_recipe(
            "quickstart",
            [*given, "generator.guidance_scale=9.0", f"render.size={self.side}", f"shards.samples={samples}",
             "views.per_model=64"],
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
        self.add(what, int(self.options["batch_size"]), found, self._cost(options))

    def _cost(self, options: dict[str, Any]) -> float:
        key = repr(options)
        if key not in self._costs:
            generator = work.made(self.options | options | {"batch_size": 2, "compile": "never"})
            self._costs[key] = work.flops(generator, work.shots(2, self.side))
        return self._costs[key]


def _yaml(value: Any) -> str:
    return f"[{', '.join(map(str, value))}]" if isinstance(value, tuple) else str(value)


def _equality(table: _Table) -> list[str]:
    """Exact mode against the stock pipeline, beside what two batch sizes of the stock pipeline differ by."""
    lines = []
    shapes = [("The shipped model", {"pipeline": "tiny", "guidance_scale": 2.0}, 128)]
    if table.gpu:
        shapes.append(("SD 1.5's shapes, random weights", {"pipeline": table.options["pipeline"]}, 512))
    size = 32 if table.gpu else 8
    for name, options, side in shapes:
        wanted = work.shots(size, side)
        plain = work.made({**options, "batch_size": size, "compile": "never"})
        ours = work.made({**options, "batch_size": size, "compile": "always" if table.gpu else "never"})
        whole = work.stock(plain, wanted)
        halves = work.stock(plain, wanted[: size // 2]) + work.stock(plain, wanted[size // 2 :])
        ours.generate(wanted)
        drawn, again = ours.generate(wanted), ours.generate(wanted)
        turned = ours.generate([*wanted[3:], *wanted[:3]])
        pairs = [(whole, halves), (whole, drawn), (drawn, again), (drawn, [*turned[-3:], *turned[:-3]])]
        two, exact, twice, place = work.differences(iter(pairs))
        lines.append(
            f"{name}: stock at batch {size} against half of it {two}; exact against stock {exact}; "
            f"drawn again {twice}; at another place of the batch {place}."
        )
    return lines
