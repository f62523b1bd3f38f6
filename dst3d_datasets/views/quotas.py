"""Rare views that are sure to be there: shares of every model's views from regions of one's choice."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..camera import wrap_180, wrap_360
from ..recipe import Quota
from .columns import Angles, Floats, Span
from .distributions import between_latitudes, each
from .wheel import FREE, turn

Range = tuple[float, float]
_ALL: Range = (0.0, 360.0)

# Named regions as (azimuths, elevations) in degrees. The object faces -y with z up, so +x, azimuth 90, is its own left.
REGIONS: dict[str, tuple[tuple[Range, Range], ...]] = {
    "below": ((_ALL, (-90.0, -20.0)),),
    "above": ((_ALL, (60.0, 90.0)),),
    "front": (((330.0, 390.0), (-30.0, 30.0)),),
    "rear": (((150.0, 210.0), (-30.0, 30.0)),),
    "left_side": (((75.0, 105.0), (-30.0, 30.0)),),
    "right_side": (((255.0, 285.0), (-30.0, 30.0)),),
    "sides": (((75.0, 105.0), (-30.0, 30.0)), ((255.0, 285.0), (-30.0, 30.0))),
    "upside_down": (),
}
_UPSIDE_DOWN: Range = (135.0, 225.0)  # theta


def quotas_of(span: Span) -> NDArray[np.int64]:
    """The index (N,) of the quota that each view belongs to, -1 for none; how many there are, `wheel.Wheel` says."""
    shares = tuple(quota.share for quota in span.recipe.views.quotas)
    if not shares:
        return np.full(span.count, FREE)
    return turn(span, shares, "quota").at(np.arange(span.first, span.first + span.count))


def quota_angles(span: Span, quota: NDArray[np.int64], angles: Angles) -> Angles:
    """The angles, with those of quota views drawn anew: even in area over the quota's region, theta even in its range.

    What a quota leaves open stays as sampled: theta where it names none, azimuth and elevation where it names theta
    alone.
    """
    if not (quota != FREE).any():
        return angles
    a, e, t = (column.copy() for column in angles)
    u, v, w = (span.u(f"quota {name}") for name in ("azimuth", "elevation", "theta"))
    for index, asked in enumerate(span.recipe.views.quotas):
        here = quota == index
        boxes = boxes_of(asked)
        if boxes:
            a[here], e[here] = _in_boxes(boxes, u[here], v[here])
        turned = theta_of(asked)
        if turned:
            t[here] = each(wrap_180, turned[0] + w[here] * (turned[1] - turned[0]))
    return Angles(a, e, t)


def boxes_of(quota: Quota) -> tuple[tuple[Range, Range], ...]:
    """A quota's region as boxes of (azimuths, elevations) that do not overlap; none: it says nothing of them."""
    if quota.region is not None:
        return REGIONS[quota.region]
    if quota.azimuth is None and quota.elevation is None:
        return ()
    return ((quota.azimuth or _ALL, quota.elevation or (-90.0, 90.0)),)


def theta_of(quota: Quota) -> Range | None:
    """The thetas that a quota asks for; None: those of the sampling."""
    return _UPSIDE_DOWN if quota.region == "upside_down" else quota.theta


def inside(quota: Quota, angles: Angles) -> NDArray[np.bool_]:
    """Which views (N,) lie in a quota's region, whether drawn for it or not."""
    boxes, turned = boxes_of(quota), theta_of(quota)
    found = np.zeros(len(angles.azimuth), np.bool_) if boxes else np.ones(len(angles.azimuth), np.bool_)
    for azimuths, (low, high) in boxes:
        found |= _within(angles.azimuth, azimuths) & (angles.elevation >= low) & (angles.elevation <= high)
    return found & _within(angles.theta, turned) if turned else found


def _within(degrees: Floats, bounds: Range) -> NDArray[np.bool_]:
    """Which angles lie in a range, full turns aside; the ends count, to a billionth of a degree."""
    above: NDArray[np.bool_] = (degrees - bounds[0] + 1e-9) % 360.0 <= bounds[1] - bounds[0] + 2e-9
    return above


def _in_boxes(boxes: tuple[tuple[Range, Range], ...], u: Floats, v: Floats) -> tuple[Floats, Floats]:
    """Azimuths and elevations (N,), even in area over boxes: u chooses a box by its area and a place in it."""
    areas = np.array([_area(azimuths, elevations) for azimuths, elevations in boxes])
    ends = np.cumsum(areas) / areas.sum()
    box = np.minimum(np.searchsorted(ends, u, side="right"), len(boxes) - 1)
    azimuth, elevation = np.empty(len(u)), np.empty(len(u))
    for index, ((left, right), elevations) in enumerate(boxes):
        here = box == index
        start = ends[index - 1] if index else 0.0
        share = np.clip((u[here] - start) / (ends[index] - start), 0.0, 1.0)
        azimuth[here] = each(wrap_360, left + share * (right - left))
        elevation[here] = between_latitudes(*elevations, v[here])
    return azimuth, elevation


def _area(azimuths: Range, elevations: Range) -> float:
    low, high = (math.sin(math.radians(bound)) for bound in elevations)
    return (azimuths[1] - azimuths[0]) * (high - low)
