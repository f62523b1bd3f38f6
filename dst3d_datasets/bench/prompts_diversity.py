"""How different captions are from each other: pure functions of texts."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray


def words_of(text: str) -> list[str]:
    """The words of a text, lower case."""
    return re.findall(r"[a-z0-9]+(?:['-][a-z]+)*", text.lower())


def distinct_2(texts: Sequence[str]) -> float:
    """Different pairs of neighbouring words per pair, over all texts together (Li et al., 2016); 1 is most diverse."""
    pairs = [pair for text in texts for pair in pairwise(words_of(text))]
    return len(set(pairs)) / max(1, len(pairs))


def self_bleu(texts: Sequence[str], most: int = 40) -> float:
    """Mean BLEU-4 of each of the first `most` texts against the others (Zhu et al., 2018), with add-one smoothing of
    n > 1; 1 is least diverse."""
    split = [words_of(text) for text in texts[:most]]
    scores = [_bleu(split[i], split[:i] + split[i + 1 :]) for i in range(len(split))]
    return sum(scores) / max(1, len(scores))


def mean_distance(vectors: NDArray[np.float32]) -> float:
    """Mean cosine distance of all pairs of unit vectors (n, d); 0 when all are the same."""
    n = len(vectors)
    total = float(np.square(vectors.sum(axis=0, dtype=np.float64)).sum())
    return max(0.0, 1.0 - (total - n) / (n * (n - 1))) if n > 1 else 0.0


def _bleu(words: Sequence[str], others: Sequence[Sequence[str]]) -> float:
    if not words or not others:
        return 0.0
    logs = 0.0
    for n in range(1, 5):
        own = Counter(zip(*(words[i:] for i in range(n)), strict=False))
        bound: Counter[tuple[str, ...]] = Counter()
        for other in others:
            bound |= Counter(zip(*(other[i:] for i in range(n)), strict=False))
        matched, total = sum((own & bound).values()), sum(own.values())
        extra = 0 if n == 1 else 1
        if matched + extra == 0:
            return 0.0
        logs += math.log((matched + extra) / (total + extra))
    nearest = min((abs(len(other) - len(words)), len(other)) for other in others)[1]
    return math.exp(logs / 4 + min(0.0, 1.0 - nearest / len(words)))
