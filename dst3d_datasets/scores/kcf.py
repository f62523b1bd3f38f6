"""K-fold consistency over CAD models: does a network that never saw a shape see its pose as the label has it?

The filter of 3D-DST (Ma et al., ICLR 2024) trains K pose networks on all folds but one and distrusts the labels of that
one which they contradict. Here folds are of CAD models and not of pictures, so that near-duplicates give nothing away;
a symmetric object's turns are all right; the rounds after the first learn little from what the last one contradicted
(after co-teaching, Han et al., NeurIPS 2018, and small-loss selection); and the score is what a network gives to
the label's neighbourhood by what it gives to the neighbourhood that it likes best.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..recipe.score_options import KcfOptions
from . import NOT_JUDGED, ClassSamples, Judgement, Scratch
from .kcf_backbones import revision_of
from .kcf_folds import folds_of, poses_of, why_not
from .kcf_rounds import Rounds

_VERSION = "1"


class Kcf:
    """Judges the pose of every sample of a class by networks that learnt from other CAD models of the class.

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
        """The method's version, the backbone, and a digest of its weights if it has any."""
        return f"{_VERSION}-{revision_of(self._options)}"

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
        rounds = Rounds(options, samples, usable, taking_part, fold, scratch, progress)
        trust = rounds.run()
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
