"""Views a second with every control, as `make_shard` makes them, by engine and number of faces."""

from __future__ import annotations

import resource
import time

from ..camera import camera_of
from ..errors import Dst3dError
from ..nouns import CadModel, Camera, View
from ..recipe import validate
from ..recipe.fields import ControlOptions
from ..registry import table
from ..seeds import seed_of, uniform
from ..stream import Clock
from ..tools import Tools
from .result import Cell, Measured
from .shapes import bumpy_torus

SIZE = 512  # pixels
SECONDS = (3.0, 15.0)  # how long each model is drawn: with and without --quick
TOGETHER = 8  # views handed to the renderer at once, as in `make_shard`
PARTS = ("render", "controls", "visibility")


def run(quick: bool) -> Measured:
    """Every engine of the drawer that works here; side by side, in one process."""
    rows: list[tuple[Cell, ...]] = []
    notes = [f"{SIZE} px, textured; colour, depth, normals, mask, edges, box and visible share of every view."]
    for engine in table("render"):
        try:
            recipe = validate({"views": {"per_model": 1}, "render": {"engine": engine, "size": SIZE}})
            stage = _Stage(Tools(recipe), recipe.controls)
            for faces in (10_000, 100_000):
                rows.append(_measure(stage, engine, bumpy_torus(faces), SECONDS[0 if quick else 1]))
        except (Dst3dError, ImportError) as error:
            notes.append(f"{engine} does not work here: {str(error).splitlines()[0]}")
    columns = ("engine", "faces", "views", "views/s", *(f"{part} ms" for part in PARTS), "peak MiB")
    return Measured(columns, rows, notes)


class _Stage:
    """What `make_shard` does between a loaded model and the generator."""

    def __init__(self, tools: Tools, options: ControlOptions) -> None:
        self.tools, self.options = tools, options

    def batch(self, model: CadModel, number: int, clock: Clock) -> None:
        """Make every control of `TOGETHER` views, the first of which is view `number`."""
        cameras = [_camera(number + index) for index in range(TOGETHER)]
        lights = [self.tools.lights_of(seed_of("bench", number, index), "random") for index in range(TOGETHER)]
        with clock("render"):
            all_buffers = list(self.tools.renderer.render(model, cameras, lights))
        for camera, buffers in zip(cameras, all_buffers, strict=True):
            with clock("controls"):
                self.tools.make_controls(buffers, self.options)
            with clock("visibility"):
                self.tools.box_and_visible(model, camera, self.tools.renderer)


def _measure(stage: _Stage, engine: str, model: CadModel, seconds: float) -> tuple[Cell, ...]:
    stage.batch(model, 0, Clock())  # the first batch loads what is loaded once
    clock, done, start = Clock(), 0, time.perf_counter()
    while not done or time.perf_counter() - start < seconds:
        stage.batch(model, 1 + done, clock)
        done += TOGETHER
    wall = time.perf_counter() - start
    parts = (1000 * clock.seconds[part] / done for part in PARTS)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return (engine, model.num_faces, done, done / wall, *parts, peak)


def _camera(number: int) -> Camera:
    view = View(
        index=number,
        azimuth=360.0 * uniform("bench", "azimuth", number),
        elevation=60.0 * uniform("bench", "elevation", number) - 15.0,
        theta=0.0,
        distance=1.6,
    )
    return camera_of(view, SIZE, SIZE)
