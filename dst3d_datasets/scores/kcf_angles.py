"""Angles as soft bins, and how well a network's distribution over them agrees with a label.

A label spreads over its neighbours as a von Mises density, so that being one bin off costs little, and a turn by 360
degrees costs nothing. Under a symmetry of order n all n turns are right, and both targets and agreement sum over them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .kcf_folds import HEADS, Poses

Floats = NDArray[np.float64]
STEP = 5.0  # degrees a bin
_BINS = {"azimuth": 72, "elevation": 36, "theta": 72}
_FIRST = {"azimuth": 0.0, "elevation": -90.0, "theta": -180.0}


@dataclass(frozen=True, slots=True)
class Head:
    """One angle's place among a network's outputs."""

    name: str
    column: int  # of `Poses.angles`
    begin: int  # of its bins among all outputs
    count: int

    @property
    def span(self) -> slice:
        """Its outputs."""
        return slice(self.begin, self.begin + self.count)

    @property
    def centres(self) -> Floats:
        """(count,): the middle of each bin, degrees."""
        return np.asarray(_FIRST[self.name] + STEP * (np.arange(self.count) + 0.5), dtype=np.float64)


def heads_of(judged: tuple[bool, bool, bool]) -> tuple[Head, ...]:
    """The heads of the angles that are judged, one after the other."""
    heads: list[Head] = []
    for column, name in enumerate(HEADS):
        if judged[column]:
            begin = heads[-1].span.stop if heads else 0
            heads.append(Head(name, column, begin, _BINS[name]))
    return tuple(heads)


def outputs(heads: tuple[Head, ...]) -> int:
    """How many numbers a network gives."""
    return heads[-1].begin + heads[-1].count


def mirrored(heads: tuple[Head, ...]) -> NDArray[np.int64]:
    """Where each output of a picture goes in its mirror image: azimuth and theta change their sign."""
    order = np.arange(outputs(heads))
    for head in heads:
        if head.name != "elevation":
            order[head.span] = order[head.span][::-1].copy()
    return order


def near(head: Head, degrees: Floats, width: float) -> Floats:
    """Closeness (M, count) of M angles to each bin: 1 at the angle, falling off like a bell of that width, degrees."""
    away = np.radians(head.centres[None, :] - degrees[:, None])
    sharp = np.radians(width) ** -2.0
    if head.name == "elevation":
        return np.asarray(np.exp(-0.5 * sharp * away**2))
    return np.asarray(np.exp(sharp * (np.cos(away) - 1.0)))


def closeness(head: Head, poses: Poses, width: float) -> Floats:
    """`near` of every label, (N, count): the sum over the turns that look the same; 0 for a round object's azimuth."""
    degrees = poses.angles[:, head.column]
    if head.name != "azimuth":
        return near(head, degrees, width)
    found = np.zeros((len(poses), head.count))
    for order in np.unique(poses.symmetry[poses.symmetry > 0]).tolist():
        own = np.flatnonzero(poses.symmetry == order)
        for turn in range(order):
            found[own] += near(head, degrees[own] + 360.0 * turn / order, width)
    return found


def targets_of(heads: tuple[Head, ...], poses: Poses, width: float) -> NDArray[np.float32]:
    """What a network is to say of each sample, (N, outputs): each head sums to 1, or to 0 where it is not judged."""
    found = np.zeros((len(poses), outputs(heads)), np.float32)
    for head in heads:
        close = closeness(head, poses, width)
        found[:, head.span] = close / np.maximum(close.sum(1, keepdims=True), 1e-12)
    return found


def agreement(heads: tuple[Head, ...], chance: Floats, poses: Poses, tolerance: float) -> Floats:
    """How well distributions agree with labels, (N,) in [0, 1].

    For each angle: what the network gives to the label and its neighbours, by what it gives to the angle it likes best
    and its neighbours. 1 where the label is what it would have said; a picture it knows nothing of is not held against
    the label. The angles' values are multiplied.

    Args:
        heads: of the network.
        chance: (N, outputs), each head a distribution.
        poses: the labels.
        tolerance: width of the neighbourhood, degrees.
    """
    agreed = np.ones(len(poses))
    for head in heads:
        at_label, best = _given(head, chance[:, head.span], poses, tolerance)
        agreed *= np.minimum(at_label / np.maximum(best, 1e-12), 1.0)
    return agreed


def mass(heads: tuple[Head, ...], chance: Floats, poses: Poses, tolerance: float) -> Floats:
    """What distributions give to labels and their neighbours, (N,) in [0, 1]; arguments as of `agreement`.

    Little, too, where a picture says nothing of its pose: one of another class, or of nothing.
    """
    found = np.ones(len(poses))
    for head in heads:
        found *= np.minimum(_given(head, chance[:, head.span], poses, tolerance)[0], 1.0)
    return found


def _given(head: Head, given: Floats, poses: Poses, tolerance: float) -> tuple[Floats, Floats]:
    """What one head gives to the label's neighbourhood, and to the one it likes best; both (N,)."""
    at_label = (given * closeness(head, poses, tolerance)).sum(1)
    best = (given @ near(head, head.centres, tolerance)).max(1)
    if head.name == "azimuth":
        at_label[poses.symmetry == 0] = best[poses.symmetry == 0]
        for order in np.unique(poses.symmetry[poses.symmetry > 1]).tolist():
            own = poses.symmetry == order
            best[own] = _over_turns(head, given[own], tolerance, order).max(1)
    return at_label, best


def _over_turns(head: Head, given: Floats, tolerance: float, order: int) -> Floats:
    """What is given to each bin, its neighbours, and those of its `order` turns together."""
    kernel = sum(near(head, head.centres + 360.0 * turn / order, tolerance) for turn in range(order))
    return np.asarray(given @ np.asarray(kernel).T)
