"""Procedural surroundings in the shot's own perspective: horizon and floor lie where its camera puts them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..nouns import Shot
from .noise import Draws, Floats, mix, smoothstep
from .palette import soft_colour
from .rays import directions

Scene = Callable[[Shot, Floats, Draws], Floats]  # shot, rays (3, H, W), draws -> (H, W, 3) linear light


def floor_height(shot: Shot) -> float:
    """Height of the plane the object stands on, canonical frame: the bottom of its box."""
    return -0.5 * float(shot.label["size"][2])


def studio(shot: Shot, rays: Floats, draws: Draws) -> Floats:
    """A seamless paper sweep: one colour, floor and wall joined by a soft bend at the horizon."""
    colour = soft_colour(draws, "paper")
    slope = rays[2] / np.sqrt(rays[0] * rays[0] + rays[1] * rays[1] + rays[2] * rays[2])
    wall = smoothstep(-draws.number("bend", 0.15, 0.4), draws.number("rise", 0.02, 0.3), slope)
    floor = np.broadcast_to(colour * np.float32(0.92), (*wall.shape, 3))
    return mix(floor, colour * np.float32(draws.number("wall", 0.35, 0.75)), wall)


SCENES: dict[str, Scene] = {"studio": studio}


def draw_scene(shot: Shot, draws: Draws) -> Floats:
    """One of the scenes by seed, (H, W, 3) linear light."""
    rays = directions(shot.camera)
    return SCENES[draws.pick("scene", sorted(SCENES))](shot, rays, draws)
