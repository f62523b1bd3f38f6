"""Many views at once, a column a number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..nouns import ModelRef, View
from ..recipe import Recipe
from ..seeds import Name, uniforms

Floats = NDArray[np.float64]


class Angles(NamedTuple):
    """PASCAL3D+ angles in degrees, each (N,): azimuth [0, 360), elevation [-90, 90], theta [-180, 180)."""

    azimuth: Floats
    elevation: Floats
    theta: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Consecutive views of one model; every column has shape (N,). Units and ranges are those of `nouns.View`."""

    first: int  # number of the first one within its model
    azimuth: Floats
    elevation: Floats
    theta: Floats
    distance: Floats
    focal: Floats
    right: Floats  # the principal point from the picture's middle
    down: Floats
    visible: Floats  # 1 where the object is not to be truncated
    towards: Floats
    quota: NDArray[np.int64]  # which of the recipe's quotas the view belongs to; -1 none

    def views(self) -> list[View]:
        """The same as `View`s."""
        rows = zip(
            *(
                column.tolist()
                for column in (
                    self.azimuth,
                    self.elevation,
                    self.theta,
                    self.distance,
                    self.focal,
                    self.right,
                    self.down,
                    self.visible,
                    self.towards,
                )
            ),
            strict=True,
        )
        return [
            View(
                index=index,
                azimuth=azimuth,
                elevation=elevation,
                theta=theta,
                distance=distance,
                focal=focal,
                principal=(right, down),
                visible=visible,
                towards=towards,
            )
            for index, (azimuth, elevation, theta, distance, focal, right, down, visible, towards) in enumerate(
                rows, self.first
            )
        ]


@dataclass(frozen=True, slots=True)
class Span:
    """Which views of which model are asked for: where all their numbers come from."""

    recipe: Recipe
    ref: ModelRef
    first: int
    count: int

    def u(self, purpose: str) -> Floats:
        """Uniform numbers (count,) in (0, 1) for one purpose; those of different purposes are independent."""
        return uniforms(self.recipe.seed, self.ref.uid, "view", purpose, first=self.first, count=self.count)

    def constant(self, value: float) -> Floats:
        """A column (count,) of one value."""
        return np.full(self.count, value)

    @property
    def name(self) -> tuple[Name, ...]:
        """What seeds of the whole model begin with."""
        return self.recipe.seed, self.ref.uid, "view"
