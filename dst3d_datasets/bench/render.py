"""Views a second with every control, as `make_shard` makes them, by engine and number of faces."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ..camera import camera_of
from ..engines.local import LocalEngine
from ..errors import Dst3dError
from ..nouns import CadModel, Camera, View
from ..recipe import Recipe, validate
from ..registry import table
from ..seeds import seed_of, uniform
from ..shard import one_thread_an_operator
from ..stream import Clock
from ..tools import Tools
from .child import in_child
from .result import Cell, Measured
from .shapes import bumpy_torus

SIZE = 512  # pixels
TOGETHER = 8  # views handed to the renderer at once, as in `make_shard`
FACES = (10_000, 100_000)
PARTS = ("render", "controls", "visibility")

_CODE = "from dst3d_datasets.bench.render import measure; result = dict(rows=measure({engine!r}, {size}, {seconds}))"


def run(quick: bool) -> Measured:
    """Every engine of the drawer that works here, one after the other, with as many workers as a build would have."""
    rows: list[tuple[Cell, ...]] = []
    workers = LocalEngine().workers
    notes = [
        f"{SIZE} px, textured; colour, depth, normals, mask, edges, box and visible share of every view.",
        "Views a second of all workers together; milliseconds of one view in one worker.",
    ]
    for engine in table("render"):
        code = _CODE.format(engine=engine, size=SIZE, seconds=3.0 if quick else 15.0)
        try:
            with ThreadPoolExecutor(workers) as pool:
                found = list(pool.map(in_child, [code] * workers))
        except Dst3dError as error:
            notes.append(f"{engine} does not work here: {str(error).splitlines()[0]}")
            continue
        for number, faces in enumerate(FACES):
            rows.append((engine, faces, workers, *_together([each["rows"][number] for each in found])))
    columns = ("engine", "faces", "workers", "views/s", *(f"{part} ms" for part in PARTS))
    return Measured(columns, rows, notes)


def _together(workers: list[dict[str, float]]) -> list[float]:
    """Rates added up, times averaged."""
    rate = sum(worker["rate"] for worker in workers)
    return [rate, *(sum(worker[part] for worker in workers) / len(workers) for part in PARTS)]


def measure(engine: str, size: int, seconds: float) -> list[dict[str, float]]:
    """What one worker does: for each of `FACES`, views a second (`rate`) and milliseconds a view in each of `PARTS`.

    Args:
        engine: a name of the `render` drawer.
        size: side of the pictures, pixels.
        seconds: how long each model is drawn, after a first view that loads what is loaded once.
    """
    recipe = validate({"views": {"per_model": 1}, "render": {"engine": engine, "size": size}})
    tools = Tools(recipe)
    tools.ready()
    with one_thread_an_operator():
        return [_measure(tools, recipe, bumpy_torus(faces), seconds) for faces in FACES]


def _measure(tools: Tools, recipe: Recipe, model: CadModel, seconds: float) -> dict[str, float]:
    _draw(tools, recipe, model, range(1), Clock())
    clock, done, start = Clock(), 0, time.perf_counter()
    while not done or time.perf_counter() - start < seconds:
        _draw(tools, recipe, model, range(done, done + TOGETHER), clock)
        done += TOGETHER
    rate = done / (time.perf_counter() - start)
    return {"rate": rate, **{part: 1000 * clock.seconds[part] / done for part in PARTS}}


def _draw(tools: Any, recipe: Recipe, model: CadModel, numbers: range, clock: Clock) -> None:
    """What `make_shard` does between a loaded model and the generator."""
    cameras = [_camera(number, recipe.render.size) for number in numbers]
    lights = [tools.lighting.lights_of(seed_of("bench", number)) for number in numbers]
    with clock("render"):
        all_buffers = list(tools.renderer.render(model, cameras, lights))
    for camera, buffers in zip(cameras, all_buffers, strict=True):
        with clock("controls"):
            tools.make_controls(buffers, camera, recipe.controls)
        with clock("visibility"):
            tools.box_and_visible(model, camera, tools.renderer)


def _camera(number: int, size: int) -> Camera:
    view = View(
        index=number,
        azimuth=360.0 * uniform("bench", "azimuth", number),
        elevation=60.0 * uniform("bench", "elevation", number) - 15.0,
        theta=0.0,
        distance=1.6,
    )
    return camera_of(view, size, size)
