"""What one worker of the `render` bench does: views with every control, as `make_shard` makes them."""

from __future__ import annotations

import time
from collections.abc import Sequence

from ..camera import camera_of
from ..machine import one_thread_an_operator
from ..nouns import CadModel, Camera, View
from ..recipe import Recipe, validate
from ..seeds import seed_of, uniform
from ..stream import Clock
from ..tools import Tools
from .shapes import bumpy_torus

TOGETHER = {"blender": 1}  # views handed to the renderer at once; others 8, as in `make_shard`
PARTS = ("render", "controls", "visibility")


def measure(engine: str, size: int, seconds: float, faces: Sequence[int]) -> list[dict[str, float]]:
    """For each number of faces: views a second (`rate`), milliseconds of processor time a view of all threads (`cpu`),
    and milliseconds a view in each of `PARTS`.

    Args:
        engine: a name of the `render` drawer.
        size: side of the pictures, pixels.
        seconds: how long each model is drawn, after a first view that loads what is loaded once.
        faces: of the models.
    """
    recipe = validate({"views": {"per_model": 1}, "render": {"engine": engine, "size": size}})
    tools = Tools(recipe)
    tools.ready()
    with one_thread_an_operator():
        return [_measure(tools, recipe, bumpy_torus(count), seconds) for count in faces]


def _measure(tools: Tools, recipe: Recipe, model: CadModel, seconds: float) -> dict[str, float]:
    together = TOGETHER.get(recipe.render.engine, 8)
    draw(tools, recipe, model, range(1), Clock())
    clock, done, start, busy = Clock(), 0, time.perf_counter(), time.process_time()
    while not done or time.perf_counter() - start < seconds:
        draw(tools, recipe, model, range(done, done + together), clock)
        done += together
    rate, cpu = done / (time.perf_counter() - start), 1000 * (time.process_time() - busy) / done
    return {"rate": rate, "cpu": cpu, **{part: 1000 * clock.seconds[part] / done for part in PARTS}}


def draw(tools: Tools, recipe: Recipe, model: CadModel, numbers: range, clock: Clock) -> None:
    """What `make_shard` does between a loaded model and the generator."""
    cameras = [camera(number, recipe.render.size) for number in numbers]
    lights = [tools.lighting.lights_of(seed_of("bench", number)) for number in numbers]
    with clock("render"):
        all_drawn = tools.drawn(model, cameras, lights)
    for view, drawn in zip(cameras, all_drawn, strict=True):
        with clock("controls"):
            _ = drawn.controls or tools.make_controls(drawn.buffers, view, recipe.controls)
        with clock("visibility"):
            tools.box_and_visible(model, view, tools.renderer, drawn.box)


def camera(number: int, size: int) -> Camera:
    """The bench's view of that number: all around, from a little below to well above."""
    view = View(
        index=number,
        azimuth=360.0 * uniform("bench", "azimuth", number),
        elevation=60.0 * uniform("bench", "elevation", number) - 15.0,
        theta=0.0,
        distance=1.6,
    )
    return camera_of(view, size, size)
