"""`edges`: does the picture show the edges it was drawn from? Canny's edges of both, compared by place and direction.

The control is extracted again from the picture, as ControlNet++ (Li et al., ECCV 2024) measures consistency, and two
things are asked within a tolerance: which share of the picture's edges inside the object's mask is an edge of the
control (precision), and which share of the control's edges is in the picture (recall). Edges outside the mask are the
background's own affair.

A picture full of texture has an edge near everything. So an edge must also run in the same direction to within 45
degrees at most, and what edges laid down at random over the mask would reach is taken off, as in Cohen's kappa:
score = (share - chance) / (1 - chance), not below 0.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from ..recipe.filter_options import EdgeScoreOptions
from . import NOT_JUDGED, Candidate, ClassSamples, Judgement, Scratch

DIRECTIONS = 8  # sectors of half a turn
_SIDE = 256.0  # pixels of the picture that `tolerance` is said of; smaller ones keep it, larger ones scale it
_BLUR = 1.0  # of the structure tensor, pixels

Bits = NDArray[np.bool_]
Agreement = tuple[float, float, float, float]


class EdgeScorer:
    """Gives `edge_precision` and `edge_recall`; the shares before chance is taken off are in the details.

    Args:
        options: thresholds, tolerance, and the control to compare with.
    """

    name = "edges"
    scores = ("edge_precision", "edge_recall")
    revision = "1"

    def __init__(self, options: EdgeScoreOptions) -> None:
        self.options = options
        self.controls: tuple[str, ...] = (options.control, "mask")

    def judge(
        self, samples: ClassSamples, scratch: Scratch, progress: Callable[[float], None] = lambda share: None
    ) -> Judgement:
        """Judge every picture by itself; nothing of the class is learnt."""
        found, reasons = np.full((len(samples), 4), NOT_JUDGED), []
        for number, sample in enumerate(samples):
            agreement, reason = self._one(sample)
            reasons.append(reason)
            if agreement is not None:
                found[number] = agreement
            progress((number + 1) / len(samples))
        return Judgement(
            scores={"edge_precision": found[:, 0], "edge_recall": found[:, 1]},
            reasons=reasons,
            details={"edge_precision_raw": found[:, 2], "edge_recall_raw": found[:, 3]},
        )

    def _one(self, sample: Candidate) -> tuple[Agreement | None, str]:
        options = self.options
        wanted, mask = sample.controls[options.control], sample.controls["mask"]
        if not wanted.any():
            return None, f"the {options.control} control shows no edge"
        if not mask.any():
            return None, "the mask is empty"
        grey = np.asarray(cv2.cvtColor(sample.image, cv2.COLOR_RGB2GRAY), np.uint8)
        found = cv2.Canny(grey, options.low, options.high, apertureSize=3, L2gradient=False) > 0
        tolerance = options.tolerance * max(1.0, max(mask.shape) / _SIDE)
        drawn = np.where(wanted, np.uint8(255), np.uint8(0))
        return compare(found, sectors_of(grey), wanted, sectors_of(drawn), mask, tolerance), ""


def sectors_of(grey: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Which of `DIRECTIONS` sectors of half a turn the structure tensor's main direction lies in, (H, W), at each pixel
    of a picture (H, W); the same for an edge and for a drawn line of the same direction."""
    plane = cv2.GaussianBlur(grey.astype(np.float32), (0, 0), _BLUR)
    across, down = cv2.Sobel(plane, cv2.CV_32F, 1, 0), cv2.Sobel(plane, cv2.CV_32F, 0, 1)
    products = (across * across - down * down, 2.0 * across * down)
    even, odd = (cv2.GaussianBlur(product, (0, 0), _BLUR) for product in products)
    angle = np.arctan2(odd, even) / 2.0 % np.pi
    return np.minimum((angle * (DIRECTIONS / np.pi)).astype(np.int64), DIRECTIONS - 1)


def compare(
    found: Bits,
    found_sectors: NDArray[np.int64],
    wanted: Bits,
    wanted_sectors: NDArray[np.int64],
    mask: Bits,
    tolerance: float,
) -> Agreement:
    """How well found edges are the wanted ones.

    Args:
        found: edges of the picture (H, W).
        found_sectors: their directions (H, W), from `sectors_of`.
        wanted: edges of the control (H, W), at least one.
        wanted_sectors: their directions (H, W).
        mask: the object (H, W), not empty.
        tolerance: pixels that an edge may lie off.

    Returns:
        Precision and recall with chance taken off, then the shares themselves; 0 to 1. Without any edge found inside
        the mask both are 0.
    """
    inside = _within(mask, tolerance)
    found_inside = found & inside
    if not found_inside.any():
        return 0.0, 0.0, 0.0, 0.0
    precision, precision_chance = _share(found_inside, found_sectors, wanted, wanted_sectors, inside, tolerance)
    recall, recall_chance = _share(wanted, wanted_sectors, found, found_sectors, inside, tolerance)
    return _above(precision, precision_chance), _above(recall, recall_chance), precision, recall


def _share(
    these: Bits,
    their_sectors: NDArray[np.int64],
    others: Bits,
    other_sectors: NDArray[np.int64],
    inside: Bits,
    tolerance: float,
) -> tuple[float, float]:
    """The share of `these` that lie near others of a direction like theirs, and the share that would by chance."""
    hits, chance = 0.0, 0.0
    for sector in range(DIRECTIONS):
        mine = these & (their_sectors == sector)
        apart = (other_sectors - sector) % DIRECTIONS
        near = _within(others & ((apart <= 1) | (apart == DIRECTIONS - 1)), tolerance)
        hits += np.count_nonzero(mine & near)
        chance += np.count_nonzero(mine) * float(near[inside].mean())
    count = np.count_nonzero(these)
    return hits / count, chance / count


def _within(bits: Bits, radius: float) -> Bits:
    """Pixels (H, W) within `radius` of a set one."""
    if not bits.any():
        return bits
    away = cv2.distanceTransform((~bits).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(away <= radius)


def _above(share: float, chance: float) -> float:
    return max(0.0, (share - chance) / (1.0 - chance)) if chance < 1.0 else 0.0
