"""Inverse distribution functions: from uniform numbers to samples."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist

import numpy as np

from ..recipe import Distribution
from .columns import Floats

_UNIT = NormalDist()


def quantiles(distribution: Distribution, u: Floats) -> Floats:
    """The values below which shares `u` (N,), 0 < u < 1, of the distribution lie: its inverse distribution function.

    A uniform u gives a sample. Truncated normal: mean + sd Phi^-1(Phi(a) + u (Phi(b) - Phi(a))), with a and b the
    bounds in standard deviations. Sphere: asin of a uniform sine, uniform in area between two circles of latitude.
    """
    if distribution.fixed is not None:
        return np.full(len(u), distribution.fixed)
    if distribution.uniform is not None:
        low, high = distribution.uniform
        return low + u * (high - low)
    if distribution.truncated_normal is not None:
        return each(_truncated_normal(*distribution.truncated_normal), u)
    if distribution.sphere is not None:
        return between_latitudes(*distribution.sphere, u)
    assert distribution.choice is not None
    return np.asarray(distribution.choice, np.float64)[(u * len(distribution.choice)).astype(np.int64)]


def quantile(distribution: Distribution, u: float) -> float:
    """`quantiles` of one number."""
    return float(quantiles(distribution, np.array([u]))[0])


def each(function: Callable[[float], float], column: Floats) -> Floats:
    """A function of `math`, taken of every value of a column (N,)."""
    return np.array([function(value) for value in column.tolist()], np.float64)


def between_latitudes(low: float, high: float, u: Floats) -> Floats:
    """Elevations (N,) in degrees, uniform in area between two circles of latitude."""
    bottom, top = math.sin(math.radians(low)), math.sin(math.radians(high))
    sines = np.clip(bottom + u * (top - bottom), -1.0, 1.0)
    return each(lambda sine: math.degrees(math.asin(sine)), sines)


def standard_normal(u: Floats) -> Floats:
    """Samples (N,) of the standard normal distribution."""
    return each(_UNIT.inv_cdf, u)


def _truncated_normal(mean: float, sd: float, low: float, high: float) -> Callable[[float], float]:
    if low > mean:  # mirrored, so that the distribution function is taken where it has digits to spare
        mirrored = _truncated_normal(-mean, sd, -high, -low)
        return lambda u: -mirrored(1.0 - u)
    below, above = _UNIT.cdf((low - mean) / sd), _UNIT.cdf((high - mean) / sd)

    def value(u: float) -> float:
        share = min(max(below + u * (above - below), 1e-300), 1.0 - 1e-16)
        return min(high, max(low, mean + sd * _UNIT.inv_cdf(share)))

    return value
