"""Angles by the reference's five strategies, by distributions of one's own, and uniform on the sphere or on SO(3)."""

from __future__ import annotations

import numpy as np

from ..camera import reference_angles, wrap_180, wrap_360
from ..recipe import Distribution, Sampling
from .columns import Angles, Span
from .distributions import each, quantiles

# (theta, phi) of the reference code, degrees. Strategy 3's upper bound of 195 is the reference's own: views below the
# nadir go over the pole (see camera.reference_view).
_ALL_AROUND, _FRONT_HALF = Distribution(uniform=(0.0, 360.0)), Distribution(uniform=(-195.0, 15.0))
_LEVEL = Distribution(truncated_normal=(90.0, 30.0, 0.0, 180.0))
_FROM_ABOVE = Distribution(truncated_normal=(60.0, 20.0, 0.0, 195.0))
STRATEGIES: dict[int, tuple[Distribution, Distribution]] = {
    1: (_ALL_AROUND, _LEVEL),
    2: (_FRONT_HALF, _LEVEL),
    3: (_ALL_AROUND, _FROM_ABOVE),
    4: (_FRONT_HALF, _FROM_ABOVE),
    5: (_ALL_AROUND, Distribution(uniform=(0.0, 180.0))),
}

# Azimuth even, sine of the elevation even: even in area. With theta even as well, Rz(theta) Rx(e - 90) Rz(-a) is
# distributed as the Haar measure of SO(3): its Z-X-Z Euler angles are even, even in the cosine, and even.
SPHERE = Sampling()
SO3 = Sampling(theta=Distribution(uniform=(-180.0, 180.0)))


def by_strategy(span: Span, number: int) -> Angles:
    """The reference's strategy 1 to 5; theta is 0."""
    theta, phi = STRATEGIES[number]
    columns = quantiles(theta, span.u("azimuth")), quantiles(phi, span.u("elevation"))
    pairs = [reference_angles(*pair) for pair in zip(*(column.tolist() for column in columns), strict=True)]
    azimuth, elevation = np.array(pairs, np.float64).reshape(-1, 2).T
    return Angles(azimuth, elevation, span.constant(0.0))


def by_distributions(span: Span, sampling: Sampling) -> Angles:
    """Three independent distributions; elevations beyond a pole are put on it."""
    return Angles(
        each(wrap_360, quantiles(sampling.azimuth, span.u("azimuth"))),
        np.clip(quantiles(sampling.elevation, span.u("elevation")), -90.0, 90.0),
        each(wrap_180, quantiles(sampling.theta, span.u("theta"))),
    )
