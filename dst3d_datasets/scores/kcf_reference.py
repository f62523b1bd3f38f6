"""K-fold consistency as it was published with 3D-DST (Ma et al., ICLR 2024), with its defects mended.

As published: five folds of pictures, a ResNet-50 with three heads of 41 bins, plain SGD for 150 epochs at 256 px, and
the sum of the three cross-entropies of a held-out sample. Mended: labels are in the canonical frame (the code's were in
each CAD model's own), losses are read in evaluation mode without gradients (its batch statistics leaked from sample to
sample, and held-out data into the network). Training mirrors nothing, as published; the published flip, which is off by
180 degrees, took part in a logged error only.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from ..recipe.score_options import KcfReferenceOptions
from ..seeds import seed_of, uniforms
from . import ClassSamples, Judgement, Scratch
from .kcf import judgement, unjudged
from .kcf_backbones import network_of, revision_of
from .kcf_folds import Poses, folds_of, poses_of, why_not
from .kcf_pixels import load, normalised
from .kcf_train import device_of, in_pieces

_VERSION = "1"
_LOADING = 0.05  # share of the progress
_HEADS = 3
_ASKED = 64  # pictures that a network is asked about at once


class KcfReference:
    """Judges the pose of every sample of a class by the published procedure; the score is exp(-sum of losses / 3).

    Args:
        options: of training; the defaults are the published numbers.
    """

    name = "kcf_reference"
    scores = ("kcf_reference",)
    controls: tuple[str, ...] = ()

    def __init__(self, options: KcfReferenceOptions) -> None:
        self._options = options

    @property
    def revision(self) -> str:
        """The method's version, the backbone, and a digest of its weights if it has any."""
        return f"{_VERSION}-{revision_of(self._options)}"

    def judge(
        self, samples: ClassSamples, scratch: Scratch, progress: Callable[[float], None] = lambda share: None
    ) -> Judgement:
        """See `scores.Scorer`; details: `kcf_reference_loss` (the sum of three cross-entropies), `..._fold` and
        `..._folds`.

        Raises:
            UsageError: the backbone or its weights are not there.
            MissingDependency: the same, where they come with a package.
        """
        options = self._options
        poses = poses_of(samples.labels)
        usable = np.flatnonzero(poses.finite)
        own = poses.take(usable)
        if reason := why_not(own, options.by, options.min_samples):
            return unjudged(self.name, len(poses), reason)
        fold = folds_of(own, options.folds, options.by, options.seed)
        loss, pictures = np.full(len(own), np.nan), None
        folds = int(fold.max()) + 1
        for number in range(folds):
            name = f"fold{number}of{folds}"
            if (kept := scratch.load(name)) is None:
                if pictures is None:
                    pictures = self._load(samples, usable, progress)
                kept = {"loss": self._fold(pictures, own, fold, number, _share(progress, number, folds))}
                scratch.save(name, kept)
            loss[fold == number] = kept["loss"]
        progress(1.0)
        return judgement(self.name, len(poses), usable, np.exp(-loss / _HEADS), loss, fold)

    def _load(self, samples: ClassSamples, usable: NDArray[np.int64], progress: Callable[[float], None]) -> Tensor:
        device = device_of(self._options.device)
        everything = load(samples, self._options.size, device, lambda share: progress(_LOADING * share))
        return everything[torch.from_numpy(usable).to(device)]

    def _fold(
        self, pictures: Tensor, poses: Poses, fold: NDArray[np.int64], number: int, told: Callable[[float], None]
    ) -> NDArray[np.float64]:
        """The losses of one fold by a network that learnt from the others."""
        options = self._options
        wanted = torch.from_numpy(bins_of(poses, options.bins)).to(pictures.device)
        learn, held = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        seed = seed_of("kcf_reference", options.seed, number)

        def work(pieces: int) -> NDArray[np.float64]:
            network = network_of(options, _HEADS * options.bins, seed).to(pictures.device)
            self._train(network, pictures, wanted, learn, seed, pieces, told)
            return losses_of(network, pictures, wanted, held, pieces)

        return in_pieces(work, options.batch_size)

    def _train(
        self,
        network: nn.Module,
        pictures: Tensor,
        wanted: Tensor,
        learn: NDArray[np.int64],
        seed: int,
        pieces: int,
        told: Callable[[float], None],
    ) -> None:
        options = self._options
        optimiser = torch.optim.SGD(
            network.parameters(), options.learning_rate, options.momentum, weight_decay=options.weight_decay
        )
        network.train()
        for epoch in range(options.epochs):
            for group in optimiser.param_groups:
                group["lr"] = options.learning_rate * options.gamma ** (epoch // options.step)
            order = learn[np.argsort(uniforms("kcf_reference", seed, epoch, count=len(learn)))]
            batches = np.array_split(order, max(1, -(-len(order) // options.batch_size)))
            for batch in batches:
                for part in np.array_split(batch, min(pieces, len(batch))):
                    index = torch.from_numpy(part).to(pictures.device)
                    loss = _losses(network(normalised(pictures[index])), wanted[index]).mean() / _HEADS
                    (loss * (len(part) / len(batch))).backward()  # type: ignore[no-untyped-call]
                optimiser.step()
                optimiser.zero_grad(set_to_none=True)
            told((epoch + 1) / options.epochs)


def bins_of(poses: Poses, bins: int) -> NDArray[np.int64]:
    """The published bins of azimuth, elevation and theta, (N, 3): each covers 360 degrees; elevation and theta begin at
    -180 and their bins hold their upper ends."""
    azimuth, elevation, theta = poses.angles.T
    found = np.stack(
        [
            np.floor(azimuth % 360.0 / 360.0 * bins),
            np.ceil(elevation / 360.0 * bins + bins / 2.0 - 1.0),
            np.ceil(((theta + 180.0) % 360.0 - 180.0) / 360.0 * bins + bins / 2.0 - 1.0),
        ],
        1,
    )
    return np.asarray(np.clip(found, 0, bins - 1).astype(np.int64))


def _losses(logits: Tensor, wanted: Tensor) -> Tensor:
    """The sum of the three cross-entropies, (B,), of logits (B, 3 bins) and bins (B, 3)."""
    each = functional.cross_entropy(logits.view(wanted.numel(), -1).float(), wanted.flatten(), reduction="none")
    return each.view(wanted.shape).sum(1)


@torch.no_grad()
def losses_of(
    network: nn.Module, pictures: Tensor, wanted: Tensor, held: NDArray[np.int64], pieces: int = 1
) -> NDArray[np.float64]:
    """The summed losses of held-out samples (n,), in evaluation mode."""
    network.eval()
    found = []
    for index in torch.split(torch.from_numpy(held).to(pictures.device), max(1, _ASKED // pieces)):
        found.append(_losses(network(normalised(pictures[index])), wanted[index]))
    return np.asarray(torch.cat(found).double().cpu().numpy())


def _share(progress: Callable[[float], None], number: int, folds: int) -> Callable[[float], None]:
    return lambda share: progress(_LOADING + (1.0 - _LOADING) * (number + share) / folds)
