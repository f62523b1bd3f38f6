"""The screening of a class: poses read from fixed features by regressions in closed form, in seconds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .kcf_angles import targets_of
from .kcf_case import Case, Floats
from .kcf_features import features_of
from .kcf_ridge import held_out
from .kcf_train import in_pieces

_FLOOR = 0.02  # what a sample counts at least, however little it is trusted
_POWER = 3.0  # of trust: what is half trusted counts an eighth
_LEAST = 1e-4  # what an answer gives to a bin at least, before it is made a distribution
_FEATURES = 0.8  # share of the screening at which the features are known


@dataclass(frozen=True, slots=True)
class Screened:
    """What came of it, for n samples."""

    plain: Floats  # (n, outputs): what each picture is said to show, each head a distribution
    turned: Floats  # the same of the mirror images, turned back
    trust: Floats  # (n,) in [0, 1]
    mirror: bool  # whether the class is its own mirror image


def screen(case: Case) -> Screened:
    """All rounds: in the first every label counts alike, in each other as far as the last one trusts it.

    A round is kept in the scratch, so that a killed one costs no more than itself.
    """
    trust, mirror = np.ones(len(case.poses)), case.options.mirror == "yes"
    work: list[_Regression] = []
    for number in range(case.options.rounds):
        name = f"round{number}"
        kept = case.scratch.load(name)
        if kept is None:
            work = work or [_Regression(case)]
            plain, turned = work[0].round(trust, mirror)
            if case.options.mirror == "auto" and number == 0:
                mirror = case.is_own_mirror_image(plain, turned)
            kept = {"plain": plain, "turned": turned, "mirror": np.array(mirror)}
            case.scratch.save(name, kept)
        plain, turned, mirror = kept["plain"], kept["turned"], bool(kept["mirror"])
        trust = case.trust(plain, turned, mirror)
    return Screened(plain, turned, trust, mirror)


class _Regression:
    """The features and targets of a class and of its mirror images: 2 n rows."""

    def __init__(self, case: Case) -> None:
        pictures, device = case.pictures, case.device
        kinds = case.options.features
        rows = in_pieces(lambda pieces: features_of(pictures, kinds, pieces), len(pictures))
        case.progress(_FEATURES * case.screened_at)
        targets = torch.from_numpy(targets_of(case.heads, case.poses, case.options.width)).to(device)
        self._case, self._rows = case, rows
        self._targets = torch.cat([targets, targets[:, torch.from_numpy(case.reversal).to(device)]]).double()
        self._fold = torch.from_numpy(np.tile(case.fold, 2)).to(device)

    def round(self, trust: Floats, mirror: bool) -> tuple[Floats, Floats]:
        """What is said of the held-out pictures, and of their mirror images, turned back."""
        count = len(trust)
        weights = np.nan_to_num(np.maximum(trust**_POWER, _FLOOR), nan=1.0)
        both = torch.from_numpy(np.concatenate([weights, weights * mirror])).to(self._rows.device)
        asked = torch.ones(2 * count, dtype=torch.bool, device=both.device)
        answers = held_out(self._rows, self._targets, both, self._fold, asked, self._case.options.ridge)
        found = self._distributions(answers).cpu().numpy()
        return found[:count], found[count:][:, self._case.reversal]

    def _distributions(self, answers: Tensor) -> Tensor:
        chance = answers.clamp(min=0.0) + _LEAST
        return torch.cat([chance[:, h.span] / chance[:, h.span].sum(1, keepdim=True) for h in self._case.heads], 1)
