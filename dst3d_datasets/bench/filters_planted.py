"""Known failures: pictures drawn for another pose, class or size than their label says.

The label and its controls stay; the picture is drawn anew for what is wrong. A failure that nobody could see is none:
the opposite side of what looks the same from there, or the mirror image of what is seen from the front.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..camera import rotation_of, rotation_z, wrap_360
from ..nouns import View
from ..seeds import seed_of, uniform

KINDS: dict[str, str] = {
    "180": "the object turned by 180 degrees about the vertical",
    "mirrored": "the picture's mirror image",
    "30": "azimuth off by 30 degrees",
    "90": "azimuth off by 90 degrees",
    "class": "an object of another class, same angles",
    "missing": "the background alone",
    "edges": "another model of the class from elsewhere: what a generator draws that ignores its edges",
    "scale": "the camera 1.6 times as far, or 1.35 times as near",
}
RATES = (0.05, 0.2, 0.4)
CLEAR = 20.0  # degrees that a pose must be wrong by, after every symmetry, to count
FAR, NEAR = 1.6, 1 / 1.35


def pose_error(label: Mapping[str, Any], azimuth: float, elevation: float, theta: float) -> float:
    """Degrees between a label's pose and another one, the least over the turns that keep the object's look.

    Args:
        label: its azimuth, elevation and theta (degrees) and its `symmetry` (order; 0 is a body of revolution).
        azimuth: of the other pose, degrees.
        elevation: of the other pose, degrees.
        theta: of the other pose, degrees.
    """
    order = int(label["symmetry"]) or 360
    here = rotation_of(label["azimuth"], label["elevation"], label["theta"])
    there = rotation_of(azimuth, elevation, theta)
    turns = np.stack([rotation_z(360.0 * turn / order) for turn in range(order)])
    cosine = (np.einsum("ij,njk,ik->n", here, turns, there) - 1.0) / 2.0
    return float(np.degrees(np.arccos(np.clip(cosine.max(), -1.0, 1.0))))


def mirror_error(label: Mapping[str, Any]) -> float:
    """Degrees by which the picture's mirror image is another pose than the label's.

    An object with a mirror plane of its own, upright through its middle, is seen in a mirror as from elsewhere: from
    -azimuth if the plane divides left from right (cars), from 180 - azimuth if it divides front from back (mugs). The
    smaller of the two is taken, as nobody says which plane an object has.
    """
    a, e, t = label["azimuth"], label["elevation"], label["theta"]
    return min(pose_error(label, -a, e, -t), pose_error(label, 180.0 - a, e, -t))


def turn_of(kind: str, key: str) -> float:
    """Degrees that a kind turns the azimuth by: the sign of 30 and 90 is drawn by the sample's key."""
    degrees = {"180": 180.0, "30": 30.0, "90": 90.0}.get(kind, 0.0)
    return -degrees if degrees < 180.0 and uniform("filters", key, "sign") < 0.5 else degrees


def is_seen(kind: str, label: Mapping[str, Any]) -> bool:
    """Whether a failure of a kind makes a sample's label wrong: by `CLEAR` degrees where it is about pose."""
    if kind in ("180", "30", "90"):
        turned = label["azimuth"] + turn_of(kind, label["key"])
        return pose_error(label, turned, label["elevation"], label["theta"]) >= CLEAR
    return mirror_error(label) >= CLEAR if kind == "mirrored" else True


def kind_of(label: Mapping[str, Any]) -> str:
    """Which failure a sample gets if it gets one: drawn by its key from those that would be seen."""
    kinds = [kind for kind in KINDS if is_seen(kind, label)]
    return kinds[seed_of("filters", label["key"], "kind") % len(kinds)]


def chosen(keys: Sequence[str], rate: float) -> list[int]:
    """Indices of the `rate` of some keys that get a failure, sorted; those of a lower rate are among them."""
    order = sorted(range(len(keys)), key=lambda index: uniform("filters", keys[index], "planted"))
    return sorted(order[: round(rate * len(keys))])


def wrong_view(kind: str, view: View, key: str) -> View:
    """The view that a failure of pose or scale is drawn from; other kinds keep the view."""
    if kind == "scale":
        factor = FAR if uniform("filters", key, "scale") < 0.5 else NEAR
        return replace(view, distance=view.distance * factor)
    return replace(view, azimuth=wrap_360(view.azimuth + turn_of(kind, key)))


def elsewhere(view: View, label: Mapping[str, Any], key: str) -> View:
    """A view drawn by the key, of the same distance, at least 60 degrees (30 if need be) from the label's pose."""
    for attempt in range(200):
        azimuth = 360.0 * uniform("filters", key, "elsewhere azimuth", attempt)
        height = 2.0 * uniform("filters", key, "elsewhere elevation", attempt) - 1.0
        elevation = float(np.degrees(np.arcsin(height)))
        if pose_error(label, azimuth, elevation, 0.0) >= (60.0 if attempt < 100 else 30.0):
            return replace(view, azimuth=azimuth, elevation=elevation, theta=0.0)
    raise AssertionError("a pose 30 degrees away exists for every object")
