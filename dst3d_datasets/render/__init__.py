"""Renderers: one file an engine, each a `Renderer`; and the controls made from their buffers.

What tells the engines apart, and what of a material is drawn: `cards/rendering.md`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..boxes import Box
from ..nouns import Buffers, CadModel, Camera, Controls, Lights

TABLE = {
    "torch": "dst3d_datasets.render.raster:TorchRenderer",
    "moderngl": "dst3d_datasets.render.moderngl:ModernglRenderer",
    "blender": "dst3d_datasets.render.blender:BlenderRenderer",
    "pyrender": "dst3d_datasets.render.pyrender:PyrenderRenderer",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """One view as an engine hands it over; what it did not make itself is None."""

    buffers: Buffers
    controls: Controls | None = None  # as `controls.make_controls` makes them
    box: Box | None = None  # as `visibility.projected_box` finds it


class Renderer(Protocol):
    """Draws a model from cameras. Built as `Class(device="auto")`; used by one thread at a time.

    All engines agree with each other and with a ray cast: mask IoU >= 0.995, depth within 0.1 % of the size, normals
    within 1 degree (median).

    An engine that can make the controls where it draws, on a GPU, has two methods more: `on_device(model) -> bool` says
    whether it does so for this model, and `render_controlled(model, cameras, lights, options: ControlOptions) ->
    Iterator[Drawn]` then takes the place of `render`.
    """

    name: str

    def render(self, model: CadModel, cameras: Sequence[Camera], lights: Sequence[Lights]) -> Iterator[Buffers]:
        """Yield one `Buffers` a camera, in order; `lights` has one entry a camera."""
        ...

    def silhouette(self, model: CadModel, camera: Camera) -> NDArray[np.bool_]:
        """Only the mask (H, W) of one camera, of any image size: cheap, for measuring what leaves the image."""
        ...

    def close(self) -> None:
        """Free what the engine holds; the renderer is not used afterwards."""
        ...
