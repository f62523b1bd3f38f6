"""Views a second with every control, as `make_shard` makes them, by engine and number of faces."""

from __future__ import annotations

import resource
import time

from ..camera import camera_of
from ..errors import Dst3dError
from ..nouns import CadModel, Camera, View
from ..recipe import validate
from ..registry import table
from ..seeds import seed_of, uniform
from ..stream import Clock
from ..tools import Tools
from .result import Cell, Measured
from .shapes import bumpy_torus

SIZE = 512  # pixels
TOGETHER = 8  # views handed to the renderer at once, as in `make_shard`
PARTS = ("render", "controls", "visibility")


def run(quick: bool) -> Measured:
    """Every engine of the drawer that works here; side by side, in one process."""
    rows: list[tuple[Cell, ...]] = []
    notes = [f"{SIZE} px, textured; colour, depth, normals, mask, edges, box and visible share of every view."]
    for engine in table("render"):
        try:
            tools = Tools(validate({"views": {"per_model": 1}, "render": {"engine": engine, "size": SIZE}}))
            for faces in (10_000, 100_000):
                rows.append(_measure(tools, engine, bumpy_torus(faces), seconds=3.0 if quick else 15.0))
        except (Dst3dError, ImportError) as error:
            notes.append(f"{engine} does not work here: {str(error).splitlines()[0]}")
    columns = ("engine", "faces", "views", "views/s", *(f"{part} ms" for part in PARTS), "peak MiB")
    return Measured(columns, rows, notes)


def _measure(tools: Tools, engine: str, model: CadModel, seconds: float) -> tuple[Cell, ...]:
    _batch(tools, model, 0, Clock())  # the first batch loads what is loaded once
    clock, done, start = Clock(), 0, time.perf_counter()
    while not done or time.perf_counter() - start < seconds:
        _batch(tools, model, 1 + done, clock)
        done += TOGETHER
    wall = time.perf_counter() - start
    parts = (1000 * clock.seconds[part] / done for part in PARTS)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return (engine, model.num_faces, done, done / wall, *parts, peak)


def _batch(tools: Tools, model: CadModel, number: int, clock: Clock) -> None:
    cameras = [_camera(number + index) for index in range(TOGETHER)]
    lights = [tools.lights_of(seed_of("bench", number, index), "random") for index in range(TOGETHER)]
    with clock("render"):
        all_buffers = list(tools.renderer.render(model, cameras, lights))
    for camera, buffers in zip(cameras, all_buffers, strict=True):
        with clock("controls"):
            tools.make_controls(buffers, tools.recipe.controls)
        with clock("visibility"):
            tools.box_and_visible(model, camera, tools.renderer)


def _camera(number: int) -> Camera:
    view = View(
        index=number,
        azimuth=360.0 * uniform("bench", "azimuth", number),
        elevation=60.0 * uniform("bench", "elevation", number) - 15.0,
        theta=0.0,
        distance=1.6,
    )
    return camera_of(view, SIZE, SIZE)
