"""One class under K-fold consistency: its pictures, labels and folds, and what its folds have said so far."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..recipe.score_options import KcfOptions
from . import ClassSamples, Scratch
from .kcf_angles import Head, agreement, heads_of, mass, mirrored, outputs
from .kcf_folds import Poses, judged_heads
from .kcf_pixels import load
from .kcf_train import device_of

Floats = NDArray[np.float64]
_LOADING, _SCREENED = 0.3, 0.4  # shares of the progress at which pictures are decoded, and screened before training
_SURE = 30.0  # degrees within which an answer is a hit
_AS_GOOD = 0.85  # hits on mirror images, by hits on the pictures, from which on a class is its own mirror image


class Case:
    """The usable samples of a class (n of them). Nothing is decoded before the pictures are asked for.

    Args:
        options: of the scorer.
        samples: of the class.
        usable: (n,), which samples take part.
        poses: of those.
        fold: (n,), of those.
        scratch: where what is finished is kept.
        progress: told the share of all the work that is done.
    """

    def __init__(
        self,
        options: KcfOptions,
        samples: ClassSamples,
        usable: NDArray[np.int64],
        poses: Poses,
        fold: NDArray[np.int64],
        scratch: Scratch,
        progress: Callable[[float], None],
    ) -> None:
        self.options, self.usable, self.poses, self.fold = options, usable, poses, fold
        self.scratch, self.progress = scratch, progress
        self.class_id, self._samples = samples.class_id, samples
        self.heads: tuple[Head, ...] = heads_of(judged_heads(poses))
        self.outputs = outputs(self.heads)
        self.reversal = mirrored(self.heads)
        self.folds = int(fold.max()) + 1
        self.device = device_of(options.device)

    @cached_property
    def pictures(self) -> Tensor:
        """(n, 3, S, S) uint8 on the device."""
        size, device = self.options.size, self.device
        loaded = _LOADING * self.screened_at
        everything = load(self._samples, size, device, lambda share: self.progress(loaded * share))
        return everything[torch.from_numpy(self.usable).to(device)]

    @property
    def screened_at(self) -> float:
        """The share of the progress at which the screening is done."""
        return 1.0 if self.options.backbone == "none" else _SCREENED

    def trust(self, plain: Floats, turned: Floats, mirror: bool) -> Floats:
        """How far each label is trusted, (n,) in [0, 1].

        Args:
            plain: (n, outputs), what held-out pictures are said to show, each head a distribution.
            turned: the same of their mirror images, turned back.
            mirror: whether mirror images count.
        """
        chance = (plain + turned) / 2.0 if mirror else plain
        return agreement(self.heads, chance, self.poses, self.options.tolerance)

    def score(self, trust: Floats, plain: Floats) -> Floats:
        """The score, (n,) in [0, 1]: the geometric mean of the trust and of what is given to the label outright.

        Args:
            trust: (n,), of the last round.
            plain: (n, outputs), what held-out pictures are said to show.
        """
        return np.asarray(np.sqrt(trust * mass(self.heads, plain, self.poses, self.options.tolerance)))

    def is_own_mirror_image(self, plain: Floats, turned: Floats) -> bool:
        """Whether those who never saw a mirror image take it for the class, seen from the mirrored angle.

        So it is with cars and chairs, and not with mugs whose handle is always on the right.
        """
        hits = [float(self._hit(chance).mean()) for chance in (plain, turned)]
        return hits[1] >= _AS_GOOD * hits[0]

    def _hit(self, chance: Floats) -> NDArray[np.bool_]:
        """(n,): whether the likeliest bin of every head lies near the label."""
        sharp = np.zeros_like(chance)
        for head in self.heads:
            sharp[np.arange(len(sharp)), head.begin + chance[:, head.span].argmax(1)] = 1.0
        return np.asarray(agreement(self.heads, sharp, self.poses, _SURE) > np.exp(-0.5 * len(self.heads)))
