"""Generators: from a shot (controls, prompt, seed) to a picture, each a `Generator`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..nouns import Shot

TABLE = {
    "render": "dst3d_datasets.generate.render:RenderGenerator",
    "controlnet": "dst3d_datasets.generate.controlnet:ControlNetGenerator",
    "imported": "dst3d_datasets.generate.imported:ImportedGenerator",
}


class Generator(Protocol):
    """Draws pictures. Built as `Class(options)`, which loads nothing; weights come with the first `generate`.

    A picture depends on its shot alone: not on its neighbours in the batch, its place there, or what came before.

    A generator may also have

    * `counts() -> dict[str, int]`: what the receipt should count since the last call;
    * `expect(num_pictures)`: told how many pictures this process is going to draw, about;
    * `stream(batches, turn)`, which is then called in place of `generate`: it yields (shots, pictures, seconds that the
      device was at work) of each batch, and enters the context manager `turn` while it begins batches. What it does
      before and after may run beside another stream (see `ControlNetGenerator.stream`).
    """

    name: str  # e.g. "render", "controlnet"; goes into the label
    batch_size: int  # how many shots `generate` likes at once; it takes 1 to batch_size

    @property
    def revision(self) -> str:
        """What pins the pictures: the package's version, or the weights' commits or digests. Goes into the label."""
        ...

    @property
    def untrained(self) -> str:
        """Empty, or why the pictures must not be released (random weights)."""
        ...

    def generate(self, shots: Sequence[Shot]) -> list[NDArray[np.uint8]]:
        """One (H, W, 3) sRGB picture a shot, of the size of the shot's controls."""
        ...
