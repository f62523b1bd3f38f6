"""The rounds of K-fold consistency: learn from all folds but one, ask about that one, trust less what it denies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from ..recipe.score_options import KcfOptions
from ..seeds import seed_of
from . import ClassSamples, Scratch
from .kcf_angles import Head, agreement, heads_of, mirrored, outputs, targets_of
from .kcf_backbones import fits_side_by_side, network_of
from .kcf_folds import Poses, judged_heads
from .kcf_networks import side_by_side
from .kcf_pixels import load
from .kcf_train import Data, Plan, ask, device_of, fit, in_pieces, plan_of

Floats = NDArray[np.float64]
_LOADING = 0.1  # share of the progress
_FLOOR = 0.02  # what a sample counts at least, however much it is distrusted
_SURE = 30.0  # degrees within which a network's answer counts as a hit
_AS_GOOD = 0.85  # hits on mirror images, by hits on the pictures, from which on the class is its own mirror image


@dataclass(frozen=True, slots=True)
class Asked:
    """What the networks say of N samples, each by the network that did not learn from it."""

    plain: Floats  # (N, outputs), each head a distribution
    turned: Floats  # (N, outputs), of the mirror images, turned back


class Rounds:
    """The training of one class. Nothing is decoded or loaded while the scratch has all that is asked for.

    Args:
        options: of the scorer.
        samples: of the class.
        usable: (n,), the samples that take part.
        poses: of those.
        fold: (n,), of those.
        scratch: where finished folds are kept.
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
        self.options, self.samples, self.usable, self.poses, self.fold = options, samples, usable, poses, fold
        self.scratch, self.progress = scratch, progress
        self.heads: tuple[Head, ...] = heads_of(judged_heads(poses))
        self.folds = int(fold.max()) + 1
        self.device = device_of(options.device)
        side = self.device.type == "cuda" and fits_side_by_side(options)
        self.together = self.folds if side else 1  # networks that are trained side by side
        self._done = 0.0

    def run(self) -> Floats:
        """All rounds: how far each sample is trusted in the end, (n,) in [0, 1]."""
        options = self.options
        trust, mirror = np.ones(len(self.poses)), options.mirror == "yes"
        for number in range(options.rounds):
            asked = self._round(number, trust, mirror)
            if options.mirror == "auto" and number == 0:
                mirror = own_mirror_image(self.heads, asked, self.poses)
            trust = self._trust(asked, mirror)
        return trust

    def _trust(self, asked: Asked, mirror: bool) -> Floats:
        chance = (asked.plain + asked.turned) / 2.0 if mirror else asked.plain
        return agreement(self.heads, chance, self.poses, self.options.tolerance)

    def _round(self, number: int, trust: Floats, mirror: bool) -> Asked:
        found = Asked(*(np.zeros((len(self.poses), outputs(self.heads))) for _ in range(2)))
        missing = []
        for fold in range(self.folds):
            kept = self.scratch.load(self._name(number, fold))
            if kept is None:
                missing.append(fold)
            else:
                found.plain[self.fold == fold], found.turned[self.fold == fold] = kept["plain"], kept["turned"]
        for begin in range(0, len(missing), self.together):
            group = missing[begin : begin + self.together]
            for fold, (plain, turned) in zip(group, self._folds(number, group, trust, mirror), strict=True):
                answers = {"plain": plain.astype(np.float32), "turned": turned.astype(np.float32)}
                self.scratch.save(self._name(number, fold), answers)
                own = self.fold == fold
                found.plain[own], found.turned[own] = answers["plain"], answers["turned"]
        self._done = (number + 1) / self.options.rounds
        return found

    def _name(self, number: int, fold: int) -> str:
        return f"round{number}-fold{fold}of{self.folds}"

    @cached_property
    def _pictures(self) -> torch.Tensor:
        everything = load(self.samples, self.options.size, self.device, lambda share: self.progress(_LOADING * share))
        return everything[torch.from_numpy(self.usable).to(self.device)]

    def _folds(self, number: int, group: Sequence[int], trust: Floats, mirror: bool) -> list[tuple[Floats, Floats]]:
        """Train the networks of some folds and ask each about its own."""
        options, heads = self.options, self.heads
        plans = self._plans(number, group)
        targets = targets_of(heads, self.poses, options.width)
        data = Data(
            pictures=self._pictures,
            targets=torch.from_numpy(targets).to(self.device),
            weights=torch.from_numpy(np.nan_to_num(np.maximum(trust, _FLOOR), nan=1.0).astype(np.float32)).to(
                self.device
            ),
            heads=heads,
            reversal=torch.from_numpy(mirrored(heads)).to(self.device),
            mirror=mirror,
        )

        def told(share: float) -> None:
            done = self._done + (group[0] + len(group) * share) / self.folds / options.rounds
            self.progress(_LOADING + (1.0 - _LOADING) * done)

        def work(pieces: int) -> list[tuple[Floats, Floats]]:
            made = [network_of(options, outputs(heads), self._seed(number, fold)) for fold in group]
            network = (made[0] if len(made) == 1 else side_by_side(made)).to(self.device)
            network = network.to(memory_format=torch.channels_last)
            fit(
                network, data, plans, rate=options.learning_rate, decay=options.weight_decay, pieces=pieces,
                progress=told,
            )  # fmt: skip
            return ask(network, data, [np.flatnonzero(self.fold == fold) for fold in group], pieces=pieces)

        return in_pieces(work, options.batch_size)

    def _plans(self, number: int, group: Sequence[int]) -> list[Plan]:
        options = self.options
        fewest = min(int((self.fold != fold).sum()) for fold in range(self.folds))
        batch = min(options.batch_size, fewest)
        steps = max(options.least_steps, round(options.epochs * fewest / batch))
        name = ("kcf", self.samples.class_id, number)
        return [plan_of(np.flatnonzero(self.fold != fold), batch, steps, *name, fold) for fold in group]

    def _seed(self, number: int, fold: int) -> int:
        return seed_of("kcf", self.samples.class_id, number, fold, "network")


def own_mirror_image(heads: tuple[Head, ...], asked: Asked, poses: Poses) -> bool:
    """Whether networks that never saw a mirror image take it for the class, seen from the mirrored angle.

    So it is with cars and chairs, and not with mugs whose handle is always on the right.
    """
    hits = [float((agreement_at(heads, chance, poses) > 0.0).mean()) for chance in (asked.plain, asked.turned)]
    return hits[1] >= _AS_GOOD * hits[0]


def agreement_at(heads: tuple[Head, ...], chance: Floats, poses: Poses) -> Floats:
    """1 where the likeliest bin of every head lies within `_SURE` degrees of the label, else 0; (N,)."""
    sharp = np.zeros_like(chance)
    for head in heads:
        sharp[np.arange(len(sharp)), head.begin + chance[:, head.span].argmax(1)] = 1.0
    value = agreement(heads, sharp, poses, _SURE)
    return np.asarray((value > np.exp(-0.5 * len(heads))).astype(np.float64))
