"""Samples that a person has rated, and the score from which on enough of them are good."""

from __future__ import annotations

import csv
import io
import math

import numpy as np
from numpy.typing import NDArray

from ..errors import UsageError
from ..store import Store

FILE = "ratings.tsv"
Z = 1.2815515655446004  # a bound that holds nine times out of ten, on one side


def read_ratings(store: Store) -> dict[str, float]:
    """Key -> share of its ratings that say good, from `ratings.tsv` in the run's folder; empty without the file.

    The file has a line a rating with the columns `key` and `good` (0, 1, or empty where nobody could say); others are
    passed over. Ratings are of the first attempt at a sample.

    Raises:
        UsageError: the file is not of that form.
    """
    data = store.read(FILE)
    if data is None:
        return {}
    said: dict[str, list[float]] = {}
    reader = csv.DictReader(io.StringIO(data.decode("utf-8", "replace")), delimiter="\t")
    if not {"key", "good"} <= set(reader.fieldnames or ()):
        raise UsageError(f"{store.url}/{FILE}: the first line must name the columns key and good, with tabs between")
    for number, row in enumerate(reader, 2):
        if not row["good"]:
            continue  # `dst3d rate`: the person could not say
        if row["good"] not in ("0", "1"):
            raise UsageError(f"{store.url}/{FILE}: line {number}: good is {row['good']!r}; write 0 or 1")
        said.setdefault(row["key"], []).append(float(row["good"]))
    return {key: sum(ratings) / len(ratings) for key, ratings in said.items()}


def wilson(good: float, count: int) -> float:
    """The lower end of Wilson's interval of a share (Wilson, JASA 1927), one-sided at 90 %."""
    if not count:
        return 0.0
    share = good / count
    middle = share + Z * Z / (2 * count)
    spread = Z * math.sqrt(share * (1 - share) / count + Z * Z / (4 * count * count))
    return (middle - spread) / (1 + Z * Z / count)


def threshold_for(precision: float, scores: NDArray[np.float64], good: NDArray[np.float64]) -> float:
    """The lowest score from which on at least this share is good.

    The share is that of rated samples with at least that score; what must reach `precision` is its lower bound
    (`wilson`), so a few lucky samples at the top do not count as proof.

    Args:
        precision: what is asked for.
        scores: (N,) of rated samples.
        good: (N,) 0 to 1.

    Raises:
        UsageError: no score reaches it; the message says what can be had.
    """
    if not len(scores):
        raise UsageError("keep: precision needs rated samples: make some with `dst3d rate`")
    order = np.argsort(-scores, kind="stable")
    ordered, so_far = scores[order], np.cumsum(good[order])
    ends = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))  # the last of each run of equal scores
    bounds = np.array([wilson(float(so_far[end]), int(end) + 1) for end in ends])
    reached = ends[bounds >= precision]
    if not len(reached):
        best = int(bounds.argmax())
        raise UsageError(
            f"keep: a precision of {precision:g} cannot be shown with {len(scores):,} rated samples: the best lower "
            f"bound is {bounds[best]:.3f}, at a score of {ordered[ends[best]]:.3f}. Rate more, or ask for less"
        )
    return float(ordered[reached[-1]])
