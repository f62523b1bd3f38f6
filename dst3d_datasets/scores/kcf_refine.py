"""Networks trained on what the screening trusts, one a fold, each asked about the fold that it never saw."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ..seeds import seed_of
from .kcf_angles import targets_of
from .kcf_backbones import fits_side_by_side, network_of
from .kcf_case import Case, Floats
from .kcf_networks import side_by_side
from .kcf_screen import Screened
from .kcf_train import Data, Plan, ask, fit, in_pieces, plan_of

_FLOOR = 0.02  # what a sample counts at least, however little it is trusted


class Networks:
    """K networks of one class, trained side by side on a GPU, or one after the other.

    Args:
        case: the class.
        screened: what the screening says of it.
        together: how many are trained at once; None: all on a GPU where the backbone allows, else one.
    """

    def __init__(self, case: Case, screened: Screened, together: int | None = None) -> None:
        self._case, self._screened = case, screened
        side = case.device.type == "cuda" and fits_side_by_side(case.options)
        self._together = together or (case.folds if side else 1)

    def trust(self) -> Floats:
        """How far each label is trusted by the networks and the screening together, (n,) in [0, 1].

        A fold is kept in the scratch, so that a killed one costs no more than itself.
        """
        case, screened = self._case, self._screened
        plain, turned = np.zeros_like(screened.plain), np.zeros_like(screened.turned)
        kept = {fold: case.scratch.load(self._name(fold)) for fold in range(case.folds)}
        missing = [fold for fold, answers in kept.items() if answers is None]
        for begin in range(0, len(missing), self._together):
            group = missing[begin : begin + self._together]
            for fold, (own_plain, own_turned) in zip(group, self._train(group), strict=True):
                kept[fold] = {"plain": own_plain, "turned": own_turned}
                case.scratch.save(self._name(fold), kept[fold] or {})
        for fold, answers in kept.items():
            if answers is not None:
                plain[case.fold == fold], turned[case.fold == fold] = answers["plain"], answers["turned"]
        return case.trust((plain + screened.plain) / 2.0, (turned + screened.turned) / 2.0, screened.mirror)

    def _name(self, fold: int) -> str:
        return f"fold{fold}of{self._case.folds}"

    def _train(self, group: Sequence[int]) -> list[tuple[Floats, Floats]]:
        """Train the networks of some folds and ask each about its own."""
        case, options = self._case, self._case.options
        weights = np.maximum(np.nan_to_num(self._screened.trust, nan=1.0), _FLOOR).astype(np.float32)
        data = Data(
            pictures=case.pictures,
            targets=torch.from_numpy(targets_of(case.heads, case.poses, options.width)).to(case.device),
            weights=torch.from_numpy(weights).to(case.device),
            heads=case.heads,
            reversal=torch.from_numpy(case.reversal).to(case.device),
            mirror=self._screened.mirror,
        )
        plans = self._plans(group)

        def told(share: float) -> None:
            done = (group[0] + len(group) * share) / case.folds
            case.progress(case.screened_at + (1.0 - case.screened_at) * done)

        def work(pieces: int) -> list[tuple[Floats, Floats]]:
            network = self._network(group)
            fit(
                network, data, plans, rate=options.learning_rate, decay=options.weight_decay, pieces=pieces,
                progress=told,
            )  # fmt: skip
            return ask(network, data, [self._members(fold, held=True) for fold in group], pieces=pieces)

        return in_pieces(work, options.batch_size)

    def _network(self, group: Sequence[int]) -> nn.Module:
        case = self._case
        made = [network_of(case.options, case.outputs, seed_of("kcf", case.class_id, fold)) for fold in group]
        network = (made[0] if len(made) == 1 else side_by_side(made)).to(case.device)
        whole: nn.Module = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return whole

    def _members(self, fold: int, held: bool) -> NDArray[np.int64]:
        return np.flatnonzero((self._case.fold == fold) == held)

    def _plans(self, group: Sequence[int]) -> list[Plan]:
        """Equally long for all folds, whichever of them are trained together."""
        case, options = self._case, self._case.options
        fewest = min(len(self._members(fold, held=False)) for fold in range(case.folds))
        batch = min(options.batch_size, fewest)
        steps = max(options.least_steps, round(options.epochs * fewest / batch))
        return [plan_of(self._members(f, held=False), batch, steps, "kcf", case.class_id, f) for f in group]
