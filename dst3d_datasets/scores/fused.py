"""`fused`: the other scores in one, by what `dst3d fuse` has learnt from rated samples."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import UsageError
from ..recipe.filter_options import FusedScoreOptions
from . import NOT_JUDGED, Judgement
from .logistic import Weights, probability, weights_of


class FusedScorer:
    """Gives `fused`, the probability that a person would call the sample good, good and bad ones being as frequent.

    It runs after the others (it has `fuse` and no `judge`) and looks at no picture.

    Args:
        options: where the weights lie.
    """

    name = "fused"
    scores = ("fused",)
    controls: tuple[str, ...] = ()

    def __init__(self, options: FusedScoreOptions) -> None:
        self.options = options

    @property
    def needs_scores(self) -> tuple[str, ...]:
        """Names of the scores that its weights were fitted to.

        Raises:
            UsageError: the weights are not there, or are none.
        """
        return self._weights.scores

    @property
    def revision(self) -> str:
        """Version of the method, and a digest of the weights.

        Raises:
            UsageError: the weights are not there.
        """
        return f"1-{hashlib.sha256(self._data).hexdigest()[:16]}"

    @cached_property
    def _data(self) -> bytes:
        try:
            return Path(self.options.weights).expanduser().read_bytes()
        except OSError as error:
            raise UsageError(
                f"scores.fused.weights: {self.options.weights} cannot be read ({error.strerror or error}); "
                "`dst3d fuse RUN -o FILE` makes it of rated samples"
            ) from error

    @cached_property
    def _weights(self) -> Weights:
        return weights_of(self._data, f"scores.fused.weights: {self.options.weights}")

    def fuse(self, table: Mapping[str, NDArray[np.float64]]) -> Judgement:
        """Judge the samples of a class by what other scorers said of them.

        Args:
            table: name of a score -> (N,), `NOT_JUDGED` where it is not.

        Raises:
            UsageError: the run has none of the scores that the weights are of.
        """
        there = [name for name in self._weights.scores if name in table]
        if not there:
            raise UsageError(
                f"scores.fused: its weights are of {', '.join(self._weights.scores)}, and the run has none of them"
            )
        count = len(table[there[0]])
        values, known = probability(self._weights, table, count)
        judged = known > 0
        return Judgement(
            scores={"fused": np.where(judged, values, NOT_JUDGED)},
            reasons=["" if one else "none of the scores it is made of is judged" for one in judged.tolist()],
            details={"fused_known": known},
        )
