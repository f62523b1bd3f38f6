"""The CAD render over a background: the paper's "Rendering + BG" baseline, with no network and no weights."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..nouns import Shot
from ..recipe.options import RenderGeneratorOptions
from .backgrounds import background_of
from .colour import composite
from .version import package_version


class RenderGenerator:
    """Lays a shot's own colour and coverage over a background chosen by the shot's seed, and does nothing else.

    Opaque pixels are the renderer's bytes, unchanged; antialiased and transparent ones are mixed in linear light
    (`colour.composite`).

    Args:
        options: which backgrounds.

    Raises:
        UsageError: `folder` holds no picture that can be used (at the first `generate` or `revision`).
    """

    name = "render"
    batch_size = 1
    untrained = ""

    def __init__(self, options: RenderGeneratorOptions) -> None:
        self._kind = options.background
        self._background = background_of(options)

    @property
    def inputs(self) -> str:
        """For folders of pictures, a digest of the list of files: another list makes other shards."""
        return self._background.digest

    @property
    def revision(self) -> str:
        """Package version, background kind and, for folders of pictures, a digest of the list of files."""
        digest = self._background.digest
        return f"{package_version()}-{self._kind}" + (f"-{digest}" if digest else "")

    def generate(self, shots: Sequence[Shot]) -> list[NDArray[np.uint8]]:
        """One (H, W, 3) sRGB picture a shot."""
        return [composite(s.buffers.colour, s.buffers.alpha, self._background.draw(s)) for s in shots]

    def counts(self) -> dict[str, int]:
        """What the receipt should count since the last call, e.g. {"bad_picture": 2}."""
        return self._background.counts()
