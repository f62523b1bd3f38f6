"""What stands behind a render: one class a kind, each a `Background`."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..nouns import Shot
from ..recipe.options import RenderGeneratorOptions
from .colour import Floats, encode
from .noise import Draws, grain, mix
from .palette import soft_colour
from .scenes import draw_scene


class Background(Protocol):
    """Draws what is behind the object; the picture depends on the shot alone."""

    digest: str  # of the files it draws from; empty when there are none

    def draw(self, shot: Shot) -> NDArray[np.uint8]:
        """(H, W, 3) sRGB, of the size of the shot's buffers."""
        ...

    def counts(self) -> dict[str, int]:
        """What the receipt should count since the last call."""
        ...


class Plain:
    """One colour; without one, a soft colour by seed, lit a little from one side."""

    digest = ""

    def __init__(self, colour: tuple[int, int, int] | None) -> None:
        self._colour = colour

    def draw(self, shot: Shot) -> NDArray[np.uint8]:
        """(H, W, 3) sRGB."""
        height, width = shot.buffers.alpha.shape
        if self._colour is not None:
            return np.full((height, width, 3), self._colour, np.uint8)
        draws = Draws("background", "plain", shot.seed)
        base = soft_colour(draws, "base")
        lit = _spot(draws, height, width)
        picture = mix(base * np.float32(draws.number("low", 0.45, 0.8)), np.minimum(base * 1.15, 1.0), lit)
        return encode(picture, grain(draws, height, width, 0.6))

    def counts(self) -> dict[str, int]:
        """Nothing can go wrong here: always empty."""
        return {}


def _spot(draws: Draws, height: int, width: int) -> Floats:
    """A broad pool of light somewhere near the middle, (H, W) in (0, 1]."""
    y = ((np.arange(height, dtype=np.float32) + 0.5) / height - draws.number("spot y", 0.2, 0.7))[:, None]
    x = ((np.arange(width, dtype=np.float32) + 0.5) / width - draws.number("spot x", 0.2, 0.8))[None, :]
    radius = draws.number("spot radius", 0.35, 0.8)
    return np.exp((x * x + y * y) * np.float32(-1.0 / (2.0 * radius * radius)))


class Procedural:
    """Rooms, studios, fields and skies computed in the shot's own perspective: see `scenes`."""

    digest = ""

    def draw(self, shot: Shot) -> NDArray[np.uint8]:
        """(H, W, 3) sRGB."""
        draws = Draws("background", "procedural", shot.seed)
        height, width = shot.buffers.alpha.shape
        return encode(draw_scene(shot, draws), grain(draws, height, width, draws.number("grain strength", 0.4, 1.6)))

    def counts(self) -> dict[str, int]:
        """Nothing can go wrong here: always empty."""
        return {}


def background_of(options: RenderGeneratorOptions) -> Background:
    """The background that the options ask for; opens no file yet."""
    if options.background == "plain":
        return Plain(options.colour)
    if options.background == "procedural":
        return Procedural()
    from .pictures import Images, Panoramas, Surroundings

    if options.background == "images":
        return Images(options.folder, options.shadow)
    return Panoramas(options.folder, options.shadow) if options.folder else Surroundings(options.shadow)
