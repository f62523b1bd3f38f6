"""The renderers that work on this machine, each made once; a test that needs another is skipped with the reason."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import pytest
from _render_shapes import LIGHTS

from dst3d_datasets.errors import MissingDependency
from dst3d_datasets.nouns import Buffers, CadModel, Camera, Lights
from dst3d_datasets.registry import lookup
from dst3d_datasets.render import Renderer

NAMES = ("torch", "pyrender", "moderngl")  # the rasterisers, which draw the same picture


@cache
def _made(name: str) -> Renderer | str:
    try:
        renderer: Renderer = lookup("render", name)(device="cpu" if name == "torch" else "auto")
    except MissingDependency as error:
        return f"{name} does not work on this machine: {str(error).splitlines()[0]}"
    return renderer


def engine(name: str) -> Renderer:
    """The engine of that name."""
    made = _made(name)
    if isinstance(made, str):
        pytest.skip(made)
    return made


def draw(name: str, model: CadModel, camera: Camera, lights: Sequence[Lights] = (LIGHTS,)) -> Buffers:
    """One view by that engine."""
    return next(iter(engine(name).render(model, [camera], list(lights))))
