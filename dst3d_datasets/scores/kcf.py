"""K-fold consistency over CAD models: does who never saw a shape see its pose as the label has it?

The filter of 3D-DST (Ma et al., ICLR 2024) trains K pose networks on all folds but one and distrusts the labels of that
one which they contradict. Here:

* folds are of CAD models and not of pictures, so that near-duplicates give nothing away;
* a symmetric object's turns are all right, and a round one's azimuth is not judged;
* poses are first read from fixed features by ridge regressions in closed form (`kcf_screen`): exact, the same on every
  machine, and seconds a class on a CPU; in each round but the first a label counts as far as the last round trusts it
  (small-loss selection, as in co-teaching, Han et al., NeurIPS 2018);
* networks may be trained after that (`backbone`), on what the screening trusts, and vote with it (`kcf_refine`);
* a label is trusted by what is given to its neighbourhood against what is given to the one that is liked best, so that
  a hard view does not count less in the next round; the score is the geometric mean of that and of what is
  given to the label outright, so that a picture that shows no pose, or another class, scores low.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..recipe.score_options import KcfOptions
from . import NOT_JUDGED, ClassSamples, Judgement, Scratch
from .kcf_backbones import revision_of
from .kcf_case import Case
from .kcf_features import FROZEN
from .kcf_folds import folds_of, poses_of, why_not
from .kcf_refine import Networks
from .kcf_screen import screen

_VERSION = "2"


class Kcf:
    """Judges the pose of every sample of a class by what other CAD models of the class teach.

    Args:
        options: of training and of scoring.
    """

    name = "kcf"
    scores = ("kcf",)
    controls: tuple[str, ...] = ()

    def __init__(self, options: KcfOptions) -> None:
        self._options = options

    @property
    def revision(self) -> str:
        """The method's version, and the weights it starts from if there are any, by their digest."""
        parts = [_VERSION]
        if "lite0" in self._options.features:
            parts.append(revision_of(FROZEN))
        if self._options.backbone != "none":
            parts.append(revision_of(self._options))
        return "-".join(parts)

    def judge(
        self, samples: ClassSamples, scratch: Scratch, progress: Callable[[float], None] = lambda share: None
    ) -> Judgement:
        """See `scores.Scorer`; details: `kcf_loss`, `kcf_fold` and `kcf_folds` (fewer where the class has few models).

        Raises:
            UsageError: the backbone or its weights are not there.
            MissingDependency: the same, where they come with a package.
        """
        options = self._options
        poses = poses_of(samples.labels)
        usable = np.flatnonzero(poses.finite)
        taking_part = poses.take(usable)
        reason = why_not(taking_part, options.by, options.min_samples)
        if reason:
            return unjudged("kcf", len(poses), reason)
        fold = folds_of(taking_part, options.folds, options.by, samples.class_id)
        case = Case(options, samples, usable, taking_part, fold, scratch, progress)
        screened = screen(case)
        trust = screened.trust if options.backbone == "none" else Networks(case, screened).trust()
        trust = case.score(trust, screened.plain)
        progress(1.0)
        return judgement("kcf", len(poses), usable, trust, -np.log(np.maximum(trust, 1e-12)), fold)


def unjudged(name: str, count: int, reason: str) -> Judgement:
    """No sample of a class is judged, and why."""
    return Judgement(
        scores={name: np.full(count, NOT_JUDGED)},
        reasons=[reason] * count,
        details={
            f"{name}_loss": np.full(count, np.nan),
            f"{name}_fold": np.full(count, -1, np.int64),
            f"{name}_folds": np.zeros(count, np.int64),
        },
    )


def judgement(
    name: str,
    count: int,
    usable: NDArray[np.int64],
    trust: NDArray[np.float64],
    loss: NDArray[np.float64],
    fold: NDArray[np.int64],
) -> Judgement:
    """The verdict on a class whose usable samples have been scored.

    Args:
        name: of the score.
        count: samples of the class, N.
        usable: (n,), those that took part.
        trust: (n,) in [0, 1]; a number that is none means that training did not converge.
        loss: (n,), what the score was made of.
        fold: (n,).
    """
    made = unjudged(name, count, "the label's angles are no numbers")
    score, reasons = made.scores[name], list(made.reasons)
    good = np.isfinite(trust)
    score[usable[good]] = np.clip(trust[good], 0.0, 1.0)
    for i, fine in zip(usable.tolist(), good.tolist(), strict=True):
        reasons[i] = "" if fine else "training did not converge: the network's answer is no number"
    made.details[f"{name}_loss"][usable] = loss
    made.details[f"{name}_fold"][usable] = fold
    made.details[f"{name}_folds"][:] = fold.max() + 1
    return Judgement(scores=made.scores, reasons=reasons, details=made.details)
