"""Focal length, distance and apparent size, and which views are truncated."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..recipe import Distribution
from .columns import Floats, Span
from .distributions import quantiles
from .wheel import turn

NEAREST = 0.6  # no change of lens or size brings the camera nearer to the object's centre; longest box sides
_ANYWHERE = Distribution(uniform=(-180.0, 180.0))


def lens_of(span: Span, distance: Floats) -> tuple[Floats, Floats]:
    """Distances (N,) in longest box sides and focal lengths (N,) in image widths.

    The object's centre is seen `focal / distance` image widths a longest side large. With `keep_size` that is what the
    focal length of `render` and the sampled distance give, and `scale` then changes it, by distance or by focal length.
    Where that would bring the camera nearer than `NEAREST`, the distance stays there and the object is seen smaller.
    """
    views, usual = span.recipe.views, span.recipe.render.focal
    focal = span.constant(usual) if views.focal is None else quantiles(views.focal, span.u("focal"))
    nearest = np.minimum(distance, NEAREST)
    if views.keep_size:
        distance = distance * (focal / usual)
    if views.scale is not None:
        scale = quantiles(views.scale, span.u("scale"))
        if views.scale_by == "distance":
            distance = distance / scale
        else:
            focal = focal * scale
    return np.maximum(distance, nearest), focal


def truncation_of(span: Span, quota: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Shares (N,) of the silhouette to be left in the picture, and directions (N,) in degrees in which the rest leaves.

    The share of truncated views is that of the recipe among the views of every quota, and among the others, each
    counted by itself as `wheel.Wheel` counts.
    """
    asked = span.recipe.views.truncation
    if asked is None:
        return span.constant(1.0), span.constant(0.0)
    truncated = np.zeros(span.count, np.bool_)
    spread = turn(span, tuple(each.share for each in span.recipe.views.quotas), "quota")
    for kind in np.unique(quota).tolist():
        here = quota == kind
        nth = spread.seen(kind, span.first) + np.arange(int(here.sum()))  # which of its kind within the model
        truncated[here] = turn(span, (asked.share,), f"truncation {kind}").at(nth) == 0
    visible = np.where(truncated, quantiles(asked.visible, span.u("visible")), 1.0)
    return visible, np.where(truncated, quantiles(_ANYWHERE, span.u("towards")), 0.0)
