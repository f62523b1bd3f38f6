"""View sampling: from a recipe's distributions (or the reference's five strategies) to views, by name, not by order.

View i of a model depends on the recipe's seed, the model's uid and i alone: adding a view or a model moves no other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

from .camera import reference_view, wrap_180, wrap_360
from .nouns import ModelRef, View
from .recipe import Distribution, Recipe, Sampling
from .seeds import uniforms

_UNIT = NormalDist()

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


def quantile(distribution: Distribution, u: float) -> float:
    """The value below which a share `u` (0 < u < 1) of the distribution lies: its inverse distribution function.

    A uniform u gives a sample. Truncated normal: mean + sd Phi^-1(Phi(a) + u (Phi(b) - Phi(a))), with a and b the
    bounds in standard deviations. Sphere: asin of a uniform sine, uniform in area between two circles of latitude.
    """
    if distribution.fixed is not None:
        return distribution.fixed
    if distribution.uniform is not None:
        low, high = distribution.uniform
        return low + u * (high - low)
    if distribution.truncated_normal is not None:
        return _truncated_normal(*distribution.truncated_normal, u=u)
    if distribution.sphere is not None:
        low, high = (math.sin(math.radians(bound)) for bound in distribution.sphere)
        return math.degrees(math.asin(min(1.0, max(-1.0, low + u * (high - low)))))
    assert distribution.choice is not None
    return distribution.choice[int(u * len(distribution.choice))]


def _truncated_normal(mean: float, sd: float, low: float, high: float, *, u: float) -> float:
    if low > mean:  # mirrored, so that the distribution function is taken where it has digits to spare
        return -_truncated_normal(-mean, sd, -high, -low, u=1.0 - u)
    below, above = _UNIT.cdf((low - mean) / sd), _UNIT.cdf((high - mean) / sd)
    share = min(max(below + u * (above - below), 1e-300), 1.0 - 1e-16)
    return min(high, max(low, mean + sd * _UNIT.inv_cdf(share)))


def sample_views(recipe: Recipe, ref: ModelRef, first: int, count: int) -> list[View]:
    """Views `first` to `first + count - 1` of a model."""
    columns = {
        purpose: uniforms(recipe.seed, ref.uid, "view", purpose, count=first + count)[first:]
        for purpose in ("azimuth", "elevation", "theta", "distance")
    }
    distances = [quantile(_distance(recipe, ref), float(u)) for u in columns["distance"]]
    rows = zip(columns["azimuth"], columns["elevation"], columns["theta"], distances, strict=True)
    return [_view(recipe, ref, first + i, row) for i, row in enumerate(rows)]


def _view(recipe: Recipe, ref: ModelRef, index: int, row: Sequence[float | np.floating]) -> View:
    u_azimuth, u_elevation, u_theta, distance = (float(value) for value in row)
    sampling = recipe.views.sampling
    if isinstance(sampling, Sampling):
        elevation = quantile(sampling.elevation, u_elevation)
        return View(
            index=index,
            azimuth=wrap_360(quantile(sampling.azimuth, u_azimuth)),
            elevation=min(90.0, max(-90.0, elevation)),
            theta=wrap_180(quantile(sampling.theta, u_theta)),
            distance=distance,
        )
    theta, phi = STRATEGIES[ref.sampling if sampling == "catalogue" else sampling]
    return reference_view(quantile(theta, u_azimuth), quantile(phi, u_elevation), distance, index)


def _distance(recipe: Recipe, ref: ModelRef) -> Distribution:
    if isinstance(recipe.views.distance, Distribution):
        return recipe.views.distance
    if recipe.views.distance == "catalogue":
        return Distribution(fixed=ref.distance)
    return Distribution(truncated_normal=(ref.distance, 0.5, ref.distance - 0.5, ref.distance + 1.5))
