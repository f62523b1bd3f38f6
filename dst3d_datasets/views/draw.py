"""From a recipe and a model to the numbers of its views."""

from __future__ import annotations

import numpy as np

from ..camera import wrap_180
from ..nouns import ModelRef
from ..recipe import Distribution, Recipe, Sampling
from .angles import SO3, SPHERE, by_distributions, by_strategy
from .columns import Angles, Columns, Floats, Span
from .distributions import each, quantiles
from .lens import lens_of, truncation_of
from .prior import from_prior
from .quotas import quota_angles, quotas_of


def draw(recipe: Recipe, ref: ModelRef, first: int, count: int) -> Columns:
    """The numbers of views `first` to `first + count - 1` of a model.

    Every number has a stream of its own: a quota, a lens or a truncation that is added to a recipe leaves all other
    numbers as they were.

    Raises:
        RecipeError: the table of a prior is missing or wrong.
    """
    span = Span(recipe, ref, first, count)
    angles, base = _sampled(span)
    quota = quotas_of(span)
    angles = quota_angles(span, quota, angles)
    if recipe.views.roll is not None:
        turned = angles.theta + quantiles(recipe.views.roll, span.u("roll"))
        angles = angles._replace(theta=each(wrap_180, turned))
    distance, focal = lens_of(span, base)
    principal = recipe.views.principal
    right, down = (
        quantiles(principal.x if axis == "x" else principal.y, span.u(f"principal {axis}"))
        if principal
        else span.constant(0.0)
        for axis in "xy"
    )
    visible, towards = truncation_of(span, quota)
    return Columns(
        first=first,
        **angles._asdict(),
        distance=distance,
        focal=focal,
        right=right,
        down=down,
        visible=visible,
        towards=towards,
        quota=quota,
    )


def _sampled(span: Span) -> tuple[Angles, Floats]:
    """Angles and distances before quotas, roll and lens."""
    sampling, ref = span.recipe.views.sampling, span.ref
    if sampling == "prior":
        angles, distance = from_prior(span)
        return angles, _distance(span) if distance is None else distance
    if isinstance(sampling, Sampling) or sampling in ("sphere", "so3"):
        named = sampling if isinstance(sampling, Sampling) else SPHERE if sampling == "sphere" else SO3
        return by_distributions(span, named), _distance(span)
    return by_strategy(span, ref.sampling if sampling == "catalogue" else int(sampling)), _distance(span)


def _distance(span: Span) -> Floats:
    asked, known = span.recipe.views.distance, span.ref.distance
    if isinstance(asked, Distribution):
        return quantiles(asked, span.u("distance"))
    if asked == "catalogue_random":
        truncated = Distribution(truncated_normal=(known, 0.5, known - 0.5, known + 1.5))
        return quantiles(truncated, span.u("distance"))
    return span.constant(np.float64(known))
