"""Whether memory stays flat: the resident size of one process after 1,000, 10,000 and 100,000 views with every control.

Pictures and models are small, so that it ends; a new model comes every 50 views, so that what is kept a model is let go
thousands of times.
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Sequence
from pathlib import Path

from ..errors import Dst3dError
from ..machine import one_thread_an_operator
from ..recipe import validate
from ..registry import table
from ..stream import Clock
from ..tools import Tools
from .child import in_child
from .render_work import draw
from .result import Cell, Measured
from .shapes import bumpy_torus

VIEWS = (1_000, 10_000, 100_000)
QUICK_VIEWS = (100, 200, 400)
SIZE = 32  # pixels
FACES = 200
A_MODEL = 50  # views
SLOW = ("blender",)
DAY = 86_400.0

_CODE = "from dst3d_datasets.bench.render_memory import soak; result = dict(rows=soak({engine!r}, {views}))"


def run(quick: bool) -> Measured:
    """Every engine of the drawer that works here, one after the other, each in a process of its own."""
    rows: list[tuple[Cell, ...]] = []
    notes = [f"{SIZE} px, {FACES} faces, every control, a new model every {A_MODEL} views; one process an engine."]
    views = QUICK_VIEWS if quick else VIEWS
    for engine in table("render"):
        if engine in SLOW:
            continue
        try:
            found = in_child(_CODE.format(engine=engine, views=views), seconds=DAY)["rows"]
        except Dst3dError as error:
            notes.append(f"{engine} does not work here: {str(error).splitlines()[0]}")
            continue
        rows.append((engine, *(row["mib"] for row in found), found[-1]["mib"] - found[0]["mib"], found[-1]["seconds"]))
    columns = ("engine", *(f"MiB after {count:,}" for count in views), "growth MiB", "seconds")
    return Measured(columns, rows, notes)


def soak(engine: str, views: Sequence[int]) -> list[dict[str, float]]:
    """Draw views by one engine, and note the resident size (`mib`) and the time spent after each of these numbers."""
    recipe = validate({"views": {"per_model": 1}, "render": {"engine": engine, "size": SIZE}})
    tools, start, done, found = Tools(recipe), time.perf_counter(), 0, []
    tools.ready()
    with one_thread_an_operator():
        for until in views:
            while done < until:
                draw(tools, recipe, bumpy_torus(FACES, texture=16), range(done, done + A_MODEL), Clock())
                done += A_MODEL
            gc.collect()
            found.append({"mib": resident_mib(), "seconds": time.perf_counter() - start})
    return found


def resident_mib() -> float:
    """Resident size of this process; 0 where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
