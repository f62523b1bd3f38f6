"""Orientations that a network tells, brought into the catalogue's frame and compared with labels."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..camera import rotation_of
from . import NOT_JUDGED, Judgement

ROUND = "a body of revolution has no front"
FRONTLESS = "the network sees no front"
_FLAT = 0.2  # strength of a Fourier coefficient, at most 1, below which it says nothing
_ENOUGH = 4  # renders of one order of symmetry that a frame is found by


@dataclass(frozen=True, slots=True)
class Angles:
    """What a network says of one picture, degrees, in its own frame."""

    azimuth: float
    elevation: float
    theta: float
    fronts: int  # 1, 2, 4, ...; 0: none can be told


@dataclass(frozen=True, slots=True)
class Frame:
    """How a network's angles of a class become a label's."""

    turn: int  # 1, or -1 where its azimuth runs the other way round
    offset: float  # degrees: its azimuth of what the label calls the front
    up: int  # sign of its elevation
    roll: int  # sign of its roll
    error: float  # degrees; the median on the class's renders, 180 if nothing can be said


def angles_of(logits: NDArray[np.float64], layout: Mapping[str, Any]) -> list[Angles]:
    """The likeliest angles.

    Args:
        logits: (B, outputs), in the order of `orientation`'s layout.
        layout: `azimuth`, `polar`, `rotation`: numbers of bins; `rotation_span`, degrees; `fronts`, if there is any.
    """
    sizes = [int(layout[name]) for name in ("azimuth", "polar", "rotation")]
    around, over, about, seen = np.split(logits, np.cumsum(sizes), axis=1)
    span = float(layout.get("rotation_span", 360.0))
    azimuth, polar = around.argmax(1) * (360.0 / sizes[0]), over.argmax(1) * (180.0 / sizes[1]) - 90.0
    roll = about.argmax(1) * (span / sizes[2]) - span / 2.0
    told = [int(count) for count in layout.get("fronts", ())]
    fronts = [told[index] for index in seen.argmax(1)] if told else [fronts_of(row) for row in around]
    rows = zip(azimuth.tolist(), polar.tolist(), roll.tolist(), fronts, strict=True)
    return [Angles(*row) for row in rows]


def fronts_of(logits: NDArray[np.float64]) -> int:
    """How many fronts an azimuth's distribution has, 1, 2, 4, or 0 where it is flat.

    By the distribution's Fourier coefficients: n equal peaks have none below the n-th.

    Args:
        logits: (bins,) of a whole turn.
    """
    share = np.exp(logits - logits.max())
    turn = 2j * np.pi * np.arange(len(share)) / len(share)
    strength = {count: abs((share * np.exp(count * turn)).sum()) / share.sum() for count in (1, 2, 4)}
    most = max(strength.values())
    return 0 if most < _FLAT else next(count for count, value in strength.items() if value >= most / 2.0)


def calibrate(angles: Sequence[Angles], labels: Sequence[Mapping[str, Any]]) -> Frame:
    """Find the frame of a class by pictures whose labels are true.

    Args:
        angles: what the network says of them.
        labels: theirs.
    """
    pairs = [
        (said, label)
        for said, label in zip(angles, labels, strict=True)
        if said.fronts > 0 and int(label["symmetry_shape"]) > 0
    ]
    if not pairs:
        return Frame(1, 0.0, 1, 1, 180.0)
    orders = Counter(int(label["symmetry_shape"]) for _, label in pairs)
    order = 1 if orders[1] >= _ENOUGH else orders.most_common(1)[0][0]
    alike = [(said, label) for said, label in pairs if int(label["symmetry_shape"]) == order]
    theirs = np.radians([said.azimuth for said, _ in alike])
    ours = np.radians([float(label["azimuth"]) for _, label in alike])
    means = {turn: complex(np.exp(1j * order * (theirs - turn * ours)).mean()) for turn in (1, -1)}
    turn = max(means, key=lambda sign: abs(means[sign]))
    offset = math.degrees(np.angle(means[turn])) / order
    up = _sign([said.elevation for said, _ in alike], [float(label["elevation"]) for _, label in alike])
    roll = _sign([said.theta for said, _ in alike], [float(label["theta"]) for _, label in alike])
    frame = Frame(turn, offset, up, roll, 0.0)
    error = float(np.median([error_of(said, label, frame) for said, label in pairs]))
    return Frame(turn, offset, up, roll, error)


def _sign(theirs: Sequence[float], ours: Sequence[float]) -> int:
    said, true = np.array(theirs), np.array(ours)
    return 1 if np.abs(said - true).sum() <= np.abs(said + true).sum() else -1


def error_of(said: Angles, label: Mapping[str, Any], frame: Frame) -> float:
    """Degrees of one rotation between what a network says and the label, over all turns that look the same.

    Args:
        said: of the picture; `fronts` at least 1.
        label: `azimuth`, `elevation`, `theta`, and `symmetry_shape` at least 1.
        frame: of the class.
    """
    true = rotation_of(float(label["azimuth"]), float(label["elevation"]), float(label["theta"]))
    azimuth = frame.turn * (said.azimuth - frame.offset)
    turns = {360.0 * k / n for n in (int(label["symmetry_shape"]), said.fronts) for k in range(n)}
    cosines = [
        float((rotation_of(azimuth + turn, frame.up * said.elevation, frame.roll * said.theta) * true).sum())
        for turn in turns
    ]
    return math.degrees(math.acos(min(1.0, max(-1.0, (max(cosines) - 1.0) / 2.0))))


def judge_angles(angles: Sequence[Angles], labels: Sequence[Mapping[str, Any]], frame: Frame) -> Judgement:
    """The score `orientation` of the samples of a class: 1 - error / 180.

    Args:
        angles: what the network says of the pictures.
        labels: theirs.
        frame: of the class.
    """
    reasons = [
        ROUND if int(label["symmetry_shape"]) == 0 else FRONTLESS if said.fronts == 0 else ""
        for said, label in zip(angles, labels, strict=True)
    ]
    errors = np.array(
        [
            0.0 if reason else error_of(said, label, frame)
            for said, label, reason in zip(angles, labels, reasons, strict=True)
        ]
    )
    judged = np.array([not reason for reason in reasons], bool)
    return Judgement(
        scores={"orientation": np.where(judged, 1.0 - errors / 180.0, NOT_JUDGED)},
        reasons=reasons,
        details={"orientation_error": errors},
    )


def unjudged(labels: Sequence[Mapping[str, Any]], reason: str) -> Judgement:
    """A class of which nothing is said."""
    return Judgement(
        scores={"orientation": np.full(len(labels), NOT_JUDGED)},
        reasons=[ROUND if int(label["symmetry_shape"]) == 0 else reason for label in labels],
        details={"orientation_error": np.zeros(len(labels))},
    )
