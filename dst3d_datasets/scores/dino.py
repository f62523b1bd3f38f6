"""`dino`: does the picture look like its CAD model from the label's side, rather than from another?

The model is drawn again from the label's camera, turned by +180, +-90 and +-30 degrees about its vertical axis, and
mirrored. The picture and each of these renders become grids of features (DINOv2's patch tokens, or histograms of
gradients without any network), and their similarity is the mean of the features' products over the two silhouettes.
How much more the picture is like another render than like the label's is divided by how far the two renders are apart,
so that a nearly symmetric object counts like any other: -1 would be the label's render itself, +1 the other one. The
score is the label's share of a softmax over these. What edges cannot see, a front drawn on a back, shows
here, because the other view is asked about too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..camera import rotation_z
from ..convert.label import camera_of_label
from ..errors import ModelRefused
from ..nouns import Camera
from ..recipe.filter_options import DinoScoreOptions
from . import NOT_JUDGED, Candidate, ClassSamples, Judgement, Redraw, Scratch
from .features import Features, Grid, Hog, Patches

TURNS = (180.0, -90.0, 90.0, -30.0, 30.0)  # degrees that are added to the azimuth
ALIKE = 0.97  # of two renders' similarity to their own: from here on they are one view
_PAD = 0.08  # of the object's side, around it
_MIRROR = np.diag([-1.0, 1.0, 1.0])

Drawn = tuple[NDArray[np.uint8], NDArray[np.bool_]]


class DinoScorer:
    """Gives `pose_contrast`; the margin before the nearest other view, and which view fits best, are in the details.

    Args:
        options: which features, and how sharp the softmax is.
    """

    name = "dino"
    scores = ("pose_contrast",)
    controls: tuple[str, ...] = ("mask",)

    def __init__(self, options: DinoScoreOptions) -> None:
        self.options = options
        self.redraw: Redraw | None = None
        self._features: Features | None = None

    @property
    def features(self) -> Features:
        """What pictures are compared by.

        Raises:
            WeightsError: the network cannot be had.
        """
        if self._features is None:
            options = self.options
            if options.model == "hog":
                self._features = Hog(options.patches)
            else:
                self._features = Patches(options.model, options.revision, options.patches, options.device)
        return self._features

    @property
    def revision(self) -> str:
        """Version of the method, and what pins the features."""
        return f"1-{self.features.revision}"

    def judge(
        self, samples: ClassSamples, scratch: Scratch, progress: Callable[[float], None] = lambda share: None
    ) -> Judgement:
        """Judge every picture by itself; models that cannot be drawn again leave theirs not judged."""
        count = len(samples)
        contrast, margin = np.full(count, NOT_JUDGED), np.zeros(count)
        reasons, best = [""] * count, [""] * count
        for number, sample in enumerate(samples):
            found = self._one(sample)
            if isinstance(found, str):
                reasons[number] = found
            else:
                contrast[number], margin[number], best[number] = found
            progress((number + 1) / count)
        details = {"pose_margin": margin, "pose_best": np.array(best)}
        return Judgement(scores={"pose_contrast": contrast}, reasons=reasons, details=details)

    def _one(self, sample: Candidate) -> tuple[float, float, str] | str:
        """Contrast, margin and the best view's name; or why there is none."""
        if self.redraw is None:
            return "the CAD models are not at hand"
        if not sample.controls["mask"].any():
            return "the mask is empty"
        cameras = views_of(sample.label)
        if len(cameras) < 2:
            return "the object looks the same from every side"
        try:
            drawn = self.redraw(sample.label, list(cameras.values()))
        except ModelRefused as error:
            return f"the CAD model cannot be drawn again: {error.detail}"
        if not drawn[0][1].any():
            return "the CAD model is not in the picture"
        likeness, apart = compare(self.features, sample.image, drawn)
        told = np.flatnonzero(apart > 0.0)
        if not len(told):
            return "the object looks the same from every side"
        evidence = (likeness[1:] - likeness[0])[told] / apart[told]
        best = int(evidence.argmax())
        share = float(np.exp(-np.logaddexp.reduce([0.0, *(evidence / self.options.temperature)])))
        name = list(cameras)[1 + int(told[best])] if evidence[best] > 0.0 else "label"
        return share, -float(evidence[best]), name


def views_of(label: Mapping[str, Any]) -> dict[str, Camera]:
    """The label's own camera, and those that a wrong picture may be drawn from; the label's alone for a round object.

    Turns that keep the object's shape are left out: colours are the generator's choice.
    """
    camera, order = camera_of_label(label), int(label["symmetry_shape"])
    found = {"label": camera}
    if order == 0:
        return found
    for turn in TURNS:
        if abs(np.remainder(turn * order / 360.0 + 0.5, 1.0) - 0.5) > 0.02:
            found[f"{turn:+.0f}"] = replace(camera, R=camera.R @ rotation_z(-turn))
    found["mirrored"] = replace(camera, R=_MIRROR @ camera.R @ _MIRROR, t=_MIRROR @ camera.t)
    return found


def compare(
    features: Features, image: NDArray[np.uint8], drawn: Sequence[Drawn]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How alike a picture is to each of some renders.

    Args:
        features: what to compare by.
        image: (H, W, 3).
        drawn: renders (H, W, 3) and masks (H, W), the first of them at the label.

    Returns:
        (V,) similarities, at most 1, and (V - 1,) how much less each other render is like the first than that is like
        itself; 0 where the two cannot be told apart.
    """
    square = _around(np.any([mask for _, mask in drawn], axis=0))
    pictures = [_cut(each, square, features.side) for each in (image, *(render for render, _ in drawn))]
    grids = features(pictures)
    size = grids.shape[1]
    areas = [_area(_cut(mask.astype(np.uint8) * 255, square, features.side), size) for _, mask in drawn]
    seen, renders = grids[0], grids[1:]
    likeness = [_likeness(seen, grid, areas[0], area) for grid, area in zip(renders, areas, strict=True)]
    own = _likeness(renders[0], renders[0], areas[0], areas[0])
    others = np.array(
        [_likeness(renders[0], grid, areas[0], area) for grid, area in zip(renders[1:], areas[1:], strict=True)]
    )
    return np.array(likeness), np.where(others < ALIKE * own, own - others, 0.0)


def _likeness(first: Grid, second: Grid, first_area: Grid, second_area: Grid) -> float:
    """Mean product of two grids (G, G, D) over the union of two areas (G, G)."""
    weight = np.maximum(first_area, second_area)
    return float(((first * second).sum(-1) * weight).sum() / max(float(weight.sum()), 1e-6))


def _around(mask: NDArray[np.bool_]) -> tuple[float, float, float]:
    """Middle x, y and side of a square around what a mask (H, W) shows, pixels."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    side = max(bottom - top, right - left) * (1.0 + 2.0 * _PAD) + 2.0
    return (left + right) / 2.0, (top + bottom) / 2.0, float(side)


def _cut(plane: NDArray[np.uint8], square: tuple[float, float, float], side: int) -> NDArray[np.uint8]:
    """The square of a picture, `side` pixels wide; beyond the picture's edge its last pixels go on."""
    x, y, width = square
    scale = side / width
    move = np.array([[scale, 0.0, side / 2.0 - scale * x], [0.0, scale, side / 2.0 - scale * y]])
    if scale < 0.5:  # the warp below reads four pixels: blur what would be passed over
        plane = np.asarray(cv2.GaussianBlur(plane, (0, 0), 0.4 / scale), np.uint8)
    cut = cv2.warpAffine(plane, move, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(cut, np.uint8)


def _area(mask: NDArray[np.uint8], size: int) -> Grid:
    """How much of each of the grid's places a mask covers, (size, size), 0..1, with a rim of one place."""
    reach = 2 * (mask.shape[0] // size // 2) + 1
    grown = cv2.dilate(mask, np.ones((reach, reach), np.uint8)).astype(np.float32)
    return np.asarray(cv2.resize(grown, (size, size), interpolation=cv2.INTER_AREA), np.float32) / np.float32(255.0)
