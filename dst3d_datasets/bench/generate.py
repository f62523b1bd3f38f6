"""Pictures a second: the stock pipeline, our exact mode and our fast mode side by side.

On a GPU with weights of Stable Diffusion 1.5's shapes (random ones: none are downloaded, and speed does not depend on
them); elsewhere, and for what it says of equality, with the small model that ships with the package.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import torch

from ..machine import one_thread_an_operator
from . import generate_work as work
from .result import Cell, Measured, tell

# The recipe sd15_fast.
FAST: dict[str, Any] = {"mode": "fast", "scheduler": "dpmpp", "steps": 6, "guidance_interval": (0.0, 0.5)}
LCM = {"scheduler": "lcm", "steps": 4, "guidance_scale": 1.0}
COLUMNS = (
    "what", "batch", "images/s", "x stock", "TFLOP/image", "TFLOP/s", "% of limit", "GPU busy %", "warm-up s", "GiB",
)  # fmt: skip


def run(quick: bool) -> Measured:
    """Everything in this process, with one thread an operator, as in a build."""
    gpu = torch.cuda.is_available()
    with one_thread_an_operator(), tempfile.TemporaryDirectory(prefix="dst3d-bench-") as folder:
        table = table_of(folder, quick)
        table.stock(4 if gpu else table.size, "pil", 2)
        if gpu or not quick:
            table.stock(32 if gpu else 8, "pt", 1 if quick else 2)
        many = (4 if quick else 10) if gpu else (2 if quick else 4)
        table.ours("exact", {}, many)
        for steps in (8, 6) if gpu or not quick else (6,):
            table.ours(f"fast: {steps} steps of DPM-Solver++, half of them guided", FAST | {"steps": steps}, many)
        if not quick:
            table.ours("fast: 4 steps of an LCM, no guidance", LCM, many)
        return Measured(table.columns, table.rows, [*notes_of(table), *_equality(table, table.gpu or not quick)])


def table_of(folder: str, quick: bool) -> Table:
    """An empty table; on a GPU with weights of Stable Diffusion 1.5's shapes, which are written into the folder."""
    gpu, pipeline = torch.cuda.is_available(), "tiny"
    if gpu:
        from .generate_weights import write

        pipeline = f"{folder}/sd15"
        write(Path(pipeline), "cuda")
    size, steps = (32, 20) if gpu else (2, 3) if quick else (4, 20)
    return Table(pipeline, 512 if gpu else 128, work.limit(), size, steps)


def notes_of(table: Table) -> list[str]:
    """What was drawn, and what its speed is compared with."""
    return [
        f"{'Random weights of SD 1.5 + ControlNet' if table.gpu else 'The shipped model'}, {table.side} px; "
        f"{table.options['steps']} steps of DDIM, eta 1, CFG 9 where nothing else is said.",
        f"Limit: {table.limit:.3g} TFLOP/s in a matrix product of this run.",
    ]


class Table:
    """The rows, as they are measured; the first is what the others are compared with."""

    def __init__(self, pipeline: str, side: int, limit: float, size: int, steps: int) -> None:
        self.side, self.limit, self.size, self.gpu = side, limit, size, torch.cuda.is_available()
        self.columns: tuple[str, ...] = COLUMNS
        self.rows: list[tuple[Cell, ...]] = []
        self.options: dict[str, Any] = {"pipeline": pipeline, "batch_size": size, "steps": steps}
        self._costs: dict[str, float] = {}

    def add(self, what: str, batch: int, found: dict[str, float], cost: float) -> None:
        """One row, shown at once."""
        base = float(self.rows[0][2]) if self.rows else found["rate"]
        speed = found["rate"] * cost
        row = (
            what, batch, found["rate"], found["rate"] / base, cost, speed, 100 * speed / self.limit,
            100 * found["busy"] if "busy" in found else "-", found.get("warm", "-"), found["peak"],
        )  # fmt: skip
        self.rows.append(row)
        tell(self.columns, row)

    def stock(self, batch: int, output: str, batches: int) -> None:
        """The pipeline's own call. Its cost is counted as ours is, without what we leave out."""
        generator = work.made(self.options | {"batch_size": batch, "compile": "never"})
        found = work.stock_rate(generator, work.shots(batch, self.side), batches, output)
        self.add(f"stock pipeline, {output}", batch, found, self.cost({}))

    def ours(self, what: str, options: dict[str, Any], batches: int) -> None:
        """Our generator, compiled on a GPU."""
        generator = work.made(self.options | options | {"compile": "always" if self.gpu else "never"})
        size = generator.batch_size
        wanted = work.shots(size * batches, self.side)
        found = work.rate(generator, [wanted[first : first + size] for first in range(0, len(wanted), size)])
        self.add(what, size, found, self.cost(options))

    def cost(self, options: dict[str, Any]) -> float:
        """TFLOP a picture of these options, counted once."""
        key = repr(options)
        if key not in self._costs:
            generator = work.made(self.options | options | {"batch_size": 2, "compile": "never"})
            self._costs[key] = work.flops(generator, work.shots(2, self.side))
        return self._costs[key]


def _equality(table: Table, other_process: bool) -> list[str]:
    """Exact mode against the stock pipeline, beside what two batch sizes of the stock pipeline differ by."""
    lines = []
    shapes = [("The shipped model", {**table.options, "pipeline": "tiny", "guidance_scale": 2.0}, 128)]
    if table.gpu:
        shapes.append(("SD 1.5's shapes, random weights", table.options, 512))
    size = table.size
    for name, options, side in shapes:
        wanted = work.shots(size, side)
        plain = work.made({**options, "compile": "never"})
        options = {**options, "compile": "always" if table.gpu else "never"}
        ours = work.made(options)
        whole = work.stock(plain, wanted)
        halves = work.stock(plain, wanted[: size // 2]) + work.stock(plain, wanted[size // 2 :])
        ours.generate(wanted)
        drawn, again = ours.generate(wanted), ours.generate(wanted)
        turned = ours.generate([*wanted[1:], wanted[0]])
        pairs = [(whole, halves), (whole, drawn), (drawn, again), (drawn, [turned[-1], *turned[:-1]])]
        if other_process:
            pairs.append((drawn, work.elsewhere(options, size, side)))
        two, exact, twice, place, *other = work.differences(iter(pairs))
        lines.append(
            f"{name}: stock at batch {size} against half of it {two}; exact against stock {exact}; "
            f"drawn again {twice}; at another place of the batch {place}"
            + "".join(f"; in another process {each}" for each in other)
            + "."
        )
    return lines
