"""What K-fold consistency needs of labels: poses as arrays, folds, and why a class cannot be judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..seeds import shuffle_key

HEADS = ("azimuth", "elevation", "theta")
SPREAD = 5.0  # degrees; an angle that varies less in a class teaches nothing


@dataclass(frozen=True, slots=True)
class Poses:
    """The labels of N samples as arrays."""

    keys: tuple[str, ...]
    models: NDArray[np.str_]  # (N,), the CAD model's name
    angles: NDArray[np.float64]  # (N, 3): azimuth, elevation, theta, degrees
    symmetry: NDArray[np.int64]  # (N,): order about the vertical axis; 0: any turn

    def __len__(self) -> int:
        """How many samples."""
        return len(self.keys)

    @property
    def finite(self) -> NDArray[np.bool_]:
        """(N,): whether all three angles are numbers."""
        return np.asarray(np.isfinite(self.angles).all(1))

    def take(self, index: NDArray[np.int64]) -> Poses:
        """Some of the samples."""
        return Poses(tuple(self.keys[i] for i in index), self.models[index], self.angles[index], self.symmetry[index])


def poses_of(labels: Sequence[Mapping[str, Any]]) -> Poses:
    """The poses of some labels; angles that are no numbers become NaN."""
    angles = np.array([[_number(label[name]) for name in HEADS] for label in labels], np.float64).reshape(-1, 3)
    return Poses(
        keys=tuple(str(label["key"]) for label in labels),
        models=np.array([f"{label['cad_source']}/{label['cad_id']}" for label in labels], dtype=np.str_),
        angles=angles,
        symmetry=np.array([int(label.get("symmetry", 1)) for label in labels], np.int64),
    )


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else float("nan")


def judged_heads(poses: Poses) -> tuple[bool, bool, bool]:
    """Which of the three angles can be learnt: those that vary, and the azimuth of no body of revolution."""
    turning = poses.symmetry > 0
    azimuth = turning.sum() > 1 and _spread(poses.angles[turning, 0]) > SPREAD
    elevation = len(poses) > 1 and float(np.ptp(poses.angles[:, 1])) > SPREAD
    theta = len(poses) > 1 and _spread(poses.angles[:, 2]) > SPREAD
    return bool(azimuth), bool(elevation), bool(theta)


def _spread(degrees: NDArray[np.float64]) -> float:
    """The smallest arc that holds all angles, degrees."""
    turned = np.sort(degrees % 360.0)
    gaps = np.diff(turned, append=turned[0] + 360.0)
    return float(360.0 - gaps.max())


def why_not(poses: Poses, by: Literal["model", "image"], least: int) -> str:
    """Why these samples cannot be judged; empty if they can.

    Args:
        poses: of the samples whose labels are finite.
        by: what folds are made of.
        least: samples that a class must have.
    """
    if len(poses) < least:
        return f"too few to train on: {len(poses)} of at least {least} pictures"
    if by == "model" and len(set(poses.models)) < 2:
        return "one CAD model only: its pictures cannot be judged by networks that never saw it"
    if not any(judged_heads(poses)):
        return "nothing to learn: all labels are alike"
    return ""


def folds_of(poses: Poses, folds: int, by: Literal["model", "image"], name: str | int) -> NDArray[np.int64]:
    """The fold of each sample, (N,).

    Models are dealt out in an order that comes from their names, each to the fold that is smallest so far; where there
    are fewer models than folds there are as many folds as models. Which other samples there are, and in which order,
    moves single pictures never apart from their model.

    Args:
        poses: of the samples.
        folds: how many, at most.
        by: what is dealt out: whole models, or single pictures.
        name: what the order is derived from.
    """
    owners = poses.models if by == "model" else np.array(poses.keys, dtype=np.str_)
    names, which, size = np.unique(owners, return_inverse=True, return_counts=True)
    order = sorted(range(len(names)), key=lambda i: (shuffle_key("kcf", name, str(names[i])), str(names[i])))
    filled, fold = [0] * min(folds, len(names)), np.zeros(len(names), np.int64)
    for i in order:
        fold[i] = min(range(len(filled)), key=lambda f: (filled[f], f))
        filled[fold[i]] += int(size[i])
    return fold[which]
