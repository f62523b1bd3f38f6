"""The light of a view: a fixed studio, or one drawn from the view's seed."""

from __future__ import annotations

import math
from typing import Literal

from ..nouns import Lights, hemisphere
from ..seeds import uniforms

Colour = tuple[float, float, float]


def lights_of(seed: int, mode: Literal["fixed", "random"]) -> Lights:
    """The lights of the view with this seed.

    "fixed" is `Lights()`. "random" draws the key light's direction (all around, 20-65 degrees up) and strength, a
    weaker fill light from the other side, the light of sky and ground, and slight tints from warm to cool. The ranges
    are such that a mid-grey model is neither black on its dark side nor burnt out on its bright one.
    """
    if mode == "fixed":
        return Lights()
    u = uniforms(seed, "lights", count=10).tolist()
    azimuth = 360.0 * u[0]
    key = direction(azimuth, 20.0 + 45.0 * u[1])
    fill = direction(azimuth + 180.0 + 150.0 * (u[2] - 0.5), 5.0 + 35.0 * u[3])
    warmth = 2.0 * u[4] - 1.0
    return Lights(
        key_direction=key,
        key_colour=tint(1.6 + 1.0 * u[5], warmth),
        fill_direction=fill,
        fill_colour=tint(0.45 + 0.5 * u[6], -warmth * u[7]),
        environment=hemisphere(tint(0.50 + 0.20 * u[8], -0.5 * warmth), tint(0.24 + 0.12 * u[9], 0.5 * warmth)),
    )


def direction(azimuth: float, elevation: float) -> Colour:
    """Unit vector (canonical frame) towards (azimuth, elevation) in degrees; azimuth 0 is the front, -y."""
    a, e = math.radians(azimuth), math.radians(elevation)
    return math.cos(e) * math.sin(a), -math.cos(e) * math.cos(a), math.sin(e)


def tint(strength: float, warmth: float) -> Colour:
    """A light of this strength, from cool (-1) to warm (+1); +-10 % in red and blue."""
    return strength * (1.0 + 0.10 * warmth), strength, strength * (1.0 - 0.10 * warmth)
