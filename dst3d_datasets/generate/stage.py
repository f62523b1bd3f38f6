"""What every procedural scene starts from: the shot, its rays, and the plane its object stands on."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from ..nouns import Shot
from .colour import Floats
from .noise import Draws
from .rays import Ground, centre, directions, ground
from .shadow import shade
from .textures import pyramid, sample


@dataclass(frozen=True)
class Stage:
    """A shot seen as an empty stage. Lengths in longest box sides, canonical frame."""

    shot: Shot
    draws: Draws
    rays: Floats  # (3, H, W)

    @classmethod
    def of(cls, shot: Shot, draws: Draws) -> Stage:
        """The stage of a shot."""
        return cls(shot, draws, directions(shot.camera))

    @property
    def floor(self) -> float:
        """Height of the plane the object stands on: the bottom of its box."""
        return -0.5 * float(self.shot.label["size"][2])

    @cached_property
    def eye(self) -> tuple[float, float, float]:
        """Camera centre."""
        x, y, z = centre(self.shot.camera)
        return float(x), float(y), float(z)

    @property
    def stands(self) -> bool:
        """Whether the camera looks onto the floor: it must be well above it."""
        return self.eye[2] > self.floor + 0.06

    @cached_property
    def plane(self) -> Ground:
        """Where the rays meet the floor."""
        return ground(self.shot.camera, self.rays, self.floor)

    @cached_property
    def slope(self) -> Floats:
        """(H, W): tangent of each ray's elevation; 0 at the true horizon."""
        level = np.sqrt(self.rays[0] * self.rays[0] + self.rays[1] * self.rays[1])
        slope: Floats = self.rays[2] / np.maximum(level, np.float32(1e-4))
        return slope

    @cached_property
    def heading(self) -> Floats:
        """(H, W): heading of each ray in turns, 0-1."""
        turns: Floats = np.arctan2(self.rays[0], self.rays[1]) * np.float32(0.5 / math.pi) + np.float32(0.5)
        return turns

    @property
    def pixel(self) -> float:
        """Side of a pixel in image heights: for blurs and softness that look the same at any size."""
        return 1.0 / float(self.rays.shape[1])

    def coarse(self) -> Stage:
        """The same stage at half the resolution: for what is out of focus anyway.

        The mean of four neighbouring rays is exactly the ray through the middle of the larger pixel.
        """
        planes = [cv2.resize(plane, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for plane in self.rays]
        return Stage(self.shot, self.draws, np.stack(planes).astype(np.float32))

    def textured(self, name: str, makers: tuple[Callable[[Draws], Floats], ...], period: tuple[float, float]) -> Floats:
        """The floor, (H, W, 3) linear light: one of the textures, turned and scaled by seed."""
        draws = self.draws.within(name)
        turn = math.radians(draws.number("turn", 0.0, 360.0))
        c, s = np.float32(math.cos(turn)), np.float32(math.sin(turn))
        scale = np.float32(1.0 / draws.number("period", *period))
        plane = self.plane
        u = (plane.x * c + plane.y * s) * scale + np.float32(draws.number("u"))
        v = (plane.y * c - plane.x * s) * scale + np.float32(draws.number("v"))
        levels = pyramid(draws.pick("kind", makers)(draws))
        return sample(levels, u, v, plane.footprint * scale)

    def shadow(self, contact: tuple[float, float], cast: tuple[float, float]) -> Floats:
        """(H, W): light left on the floor by the object's soft shadow; strengths are drawn from the ranges."""
        return shade(
            self.shot, self.plane, self.floor,
            self.draws.number("contact", *contact), self.draws.number("cast", *cast),
        )  # fmt: skip
