"""Procedural surroundings in the shot's own perspective: horizon and floor lie where its camera puts them.

Scenes with a floor put it at the bottom of the object's box (z = -size_z / 2) and lay the object's soft shadow on it.
A camera below that floor would look through it, so it gets a scene without one.
"""

from __future__ import annotations

from collections.abc import Callable

from ..nouns import Shot
from .backdrops import bokeh, canvas
from .colour import Floats
from .indoors import room, studio, table
from .noise import Draws
from .outdoors import air, field
from .stage import Stage

Scene = Callable[[Stage], Floats]  # -> (H, W, 3) linear light

SCENES: dict[str, Scene] = {
    "air": air,
    "bokeh": bokeh,
    "canvas": canvas,
    "field": field,
    "room": room,
    "studio": studio,
    "table": table,
}
STANDING = ("bokeh", "canvas", "field", "field", "field", "room", "room", "room", "studio", "studio", "table", "table")
HANGING = ("air", "air", "bokeh", "canvas")


def draw_scene(shot: Shot, draws: Draws, name: str = "") -> Floats:
    """One scene, (H, W, 3) linear light.

    Args:
        shot: whose camera, lights and buffers it is seen by.
        draws: what it is drawn from.
        name: which scene; by default one by seed, among those that fit the camera.
    """
    stage = Stage.of(shot, draws)
    return SCENES[name or draws.pick("scene", STANDING if stage.stands else HANGING)](stage)
