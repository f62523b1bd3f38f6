"""`mask`: does the picture show an object cut out as the mask says? No segmentation network is asked.

Three weak witnesses, each blind where the others see, and their mean:

* **cut**: GrabCut (Rother, Kolmogorov and Blake, SIGGRAPH 2004) started from the mask; the IoU of what it makes of the
  picture with the mask. Fails where the background has the object's colours.
* **outline**: how often the gradient across the mask's outline exceeds the gradients across the same outline shrunk and
  grown (an AUROC, 0.5 by chance). Fails before a background as restless as the object.
* **sides**: how far apart the colours lie just inside and just outside of the outline, place by place, as a
  discriminability d' brought to 0..1. Fails for an object with a seam along its outline on the inner side alone.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from ..recipe.filter_options import MaskScoreOptions
from . import NOT_JUDGED, Candidate, ClassSamples, Judgement, Scratch

LEAST = 16  # pixels of the mask, and of the rest, that are needed to say anything
WITNESSES = ("mask_cut", "mask_outline", "mask_sides")
_REACH = 4 / 128  # of the picture's side: width of the bands beside the outline
_NOISE = 9.0  # variance in Lab below which two colours are not told apart any better

Bits = NDArray[np.bool_]
Picture = NDArray[np.uint8]


class MaskScorer:
    """Gives `mask_agreement`; the three witnesses are in the details.

    Args:
        options: the size to work at.
    """

    name = "mask"
    scores = ("mask_agreement",)
    controls: tuple[str, ...] = ("mask",)
    revision = "1"

    def __init__(self, options: MaskScoreOptions) -> None:
        self.options = options

    def judge(
        self, samples: ClassSamples, scratch: Scratch, progress: Callable[[float], None] = lambda share: None
    ) -> Judgement:
        """Judge every picture by itself; nothing of the class is learnt."""
        found, reasons = np.full((len(samples), 3), NOT_JUDGED), []
        for number, sample in enumerate(samples):
            image, mask = shrunk(sample, self.options.side)
            reason = _unfit(mask)
            reasons.append(reason)
            if not reason:
                found[number] = witnesses(image, mask)
            progress((number + 1) / len(samples))
        details = {name: found[:, column] for column, name in enumerate(WITNESSES)}
        return Judgement(scores={"mask_agreement": found.mean(1)}, reasons=reasons, details=details)


def shrunk(sample: Candidate, side: int) -> tuple[Picture, Bits]:
    """Picture (h, w, 3) and mask (h, w) with no side longer than `side`."""
    image, mask = sample.image, sample.controls["mask"]
    factor = side / max(mask.shape)
    if factor >= 1.0:
        return image, mask
    size = (max(1, round(mask.shape[1] * factor)), max(1, round(mask.shape[0] * factor)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    cover = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8), np.asarray(cover >= 0.5)


def _unfit(mask: Bits) -> str:
    if np.count_nonzero(mask) < LEAST:
        return "the mask is too small"
    return "the mask fills the picture" if np.count_nonzero(~mask) < LEAST else ""


def witnesses(image: Picture, mask: Bits) -> tuple[float, float, float]:
    """Cut, outline and sides of a picture (H, W, 3) and a mask (H, W) with at least `LEAST` pixels in and out; 0..1."""
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(np.float32)
    reach = max(2.0, _REACH * max(mask.shape))
    return cut(image, mask), outline(lab, mask, reach), sides(lab, mask, reach)


def cut(image: Picture, mask: Bits) -> float:
    """IoU of the mask with what GrabCut makes of the picture when it is started from the mask."""
    seeds = np.where(mask, np.uint8(cv2.GC_PR_FGD), np.uint8(cv2.GC_PR_BGD))
    cv2.setRNGSeed(0)  # its colour models start from a k-means
    inside, outside = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(np.ascontiguousarray(image[..., ::-1]), seeds, None, inside, outside, 1, cv2.GC_INIT_WITH_MASK)  # type: ignore[call-overload]
    seen = seeds == cv2.GC_PR_FGD
    return float(np.count_nonzero(seen & mask) / np.count_nonzero(seen | mask))


def outline(lab: NDArray[np.float32], mask: Bits, reach: float) -> float:
    """P(gradient across the outline > gradient across its copies, shrunk and grown by one to three `reach`).

    Args:
        lab: colours (H, W, 3).
        mask: the object (H, W).
        reach: pixels.
    """
    depth = _signed_distance(mask)
    smooth = cv2.GaussianBlur(depth, (0, 0), 1.5)
    right, down = cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)
    length = np.hypot(right, down) + 1e-6
    plane = cv2.GaussianBlur(lab, (0, 0), 1.0)
    steps = (cv2.Sobel(plane, cv2.CV_32F, 1, 0), cv2.Sobel(plane, cv2.CV_32F, 0, 1))
    across = steps[0] * (right / length)[..., None] + steps[1] * (down / length)[..., None]
    steep = cv2.dilate(np.sqrt((across * across).sum(-1)), np.ones((3, 3), np.uint8))
    within = np.zeros_like(mask)
    within[2:-2, 2:-2] = True  # what is cut by the picture's edge is no outline
    on = steep[within & (np.abs(depth) <= 0.6)]
    off = np.sort(steep[within & (np.abs(depth) > reach) & (np.abs(depth) < 3.0 * reach)])
    if not len(on) or not len(off):
        return 0.5
    ranks = np.searchsorted(off, on, side="left") + np.searchsorted(off, on, side="right")
    return float(ranks.mean() / (2 * len(off)))


def sides(lab: NDArray[np.float32], mask: Bits, reach: float) -> float:
    """Mean over the outline of d'^2 / (1 + d'^2) between the colours of the bands inside and outside, `reach` wide.

    Args:
        lab: colours (H, W, 3).
        mask: the object (H, W).
        reach: pixels; the colours of a place are those within three times this.
    """
    depth = _signed_distance(mask)
    window = 2 * int(1.5 * reach) + 1
    means, variances = [], []
    for band in ((depth > 0) & (depth <= reach + 0.5), (depth < 0) & (depth >= -reach - 0.5)):
        weight = cv2.blur(band.astype(np.float32), (window, window))[..., None] + 1e-6
        mean = cv2.blur(lab * band[..., None], (window, window)) / weight
        square = cv2.blur(lab * lab * band[..., None], (window, window)) / weight
        means.append(mean)
        variances.append(np.maximum(square - mean * mean, 0.0))
    apart = ((means[0] - means[1]) ** 2 / (variances[0] + variances[1] + _NOISE)).sum(-1)
    at = apart[(depth > 0) & (depth <= 0.6)]
    return float((at / (1.0 + at)).mean()) if len(at) else 0.0


def _signed_distance(mask: Bits) -> NDArray[np.float32]:
    """Pixels to the outline (H, W), > 0 inside; half a pixel on either side of it. The picture's edge is no outline."""
    inside = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    outside = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.where(mask, inside - 0.5, 0.5 - outside).astype(np.float32)
