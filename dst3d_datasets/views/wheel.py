"""Shares that are kept in number: a wheel of slots, dealt as evenly as can be, on which each model starts elsewhere."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ..seeds import seed_of
from .columns import Span

FREE = -1  # a slot that belongs to no share


@dataclass(frozen=True, slots=True)
class Wheel:
    """Slots dealt out in a fixed round, entered at `start`: view i of a model has slot start + i.

    What is guaranteed, for shares of P-ths in lowest terms (P <= 10,000: shares have at most four decimals):

    * Of any n consecutive views of a model, the number in a share s differs from n s by less than 1 where there is one
      share (it is n s rounded down or up), and by less than 2 where there are several; by 0 where P divides n.
    * `start` is drawn evenly by the model's uid, so the expected number is n s exactly, for one view as for many. The
      total over the m models of a class differs from its own n s by less than m (2 m), typically by the root of m / 4.
    * A view's slot depends on the recipe's seed, the uid and the view's number alone.
    """

    round: NDArray[np.int64]  # (P,): index of the share that a slot belongs to, or FREE
    start: int

    def at(self, number: NDArray[np.int64]) -> NDArray[np.int64]:
        """The shares (N,) that views with these numbers (N,) belong to."""
        taken: NDArray[np.int64] = self.round[(self.start + number) % len(self.round)]
        return taken

    def seen(self, share: int, before: int) -> int:
        """How many of a model's first `before` views belong to a share."""
        turns, rest = divmod(before, len(self.round))
        slots = self.round[(self.start + np.arange(rest)) % len(self.round)]
        return turns * int((self.round == share).sum()) + int((slots == share).sum())


def turn(span: Span, shares: tuple[float, ...], purpose: str) -> Wheel:
    """The wheel of some shares, as a model enters it for one purpose."""
    slots = deal(shares)
    return Wheel(slots, seed_of(*span.name, "wheel", purpose) % len(slots))


@lru_cache(maxsize=64)
def deal(shares: tuple[float, ...]) -> NDArray[np.int64]:
    """One round (P,) of slots, in which every share has its exact number and no beginning is off by 1.

    R. Tijdeman's answer to the chairman assignment problem (Discrete Mathematics 32, 1980): after any t slots each of
    k shares has had between t s - 1 + 1 / (2k - 2) and t s + 1 - 1 / (2k - 2) of them. All in whole numbers.

    Args:
        shares: each above 0 with at most four decimals; they add up to at most 1, and FREE takes the rest.
    """
    exact = [Fraction(str(share)) for share in shares]
    rest = 1 - sum(exact)
    rates = [*enumerate(exact), *([(FREE, rest)] if rest else [])]
    if len(rates) == 1:
        return np.array([rates[0][0]], np.int64)
    length = math.lcm(*(rate.denominator for _, rate in rates))
    per_round = [int(rate * length) for _, rate in rates]
    slack = 2 * len(rates) - 2
    had = [0] * len(rates)
    slots = np.empty(length, np.int64)
    for step in range(1, length + 1):
        # `owed` is slack * length * (step * rate - had); a share may be served once that reaches `length`
        owed = [slack * (step * rate - length * count) for rate, count in zip(per_round, had, strict=True)]
        able = [index for index in range(len(rates)) if owed[index] >= length]
        chosen = min(able, key=lambda index: (Fraction((slack - 1) * length - owed[index], per_round[index]), index))
        had[chosen] += 1
        slots[step - 1] = rates[chosen][0]
    slots.setflags(write=False)
    return slots
