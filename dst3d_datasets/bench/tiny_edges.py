"""How well a picture's edges are the ones that were asked for: precision and recall within two pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

TOLERANCE = 2.0  # pixels, Euclidean
Bits = NDArray[np.bool_]


def grown(edge: Bits, radius: float = TOLERANCE) -> Bits:
    """Pixels (H, W) within `radius` of an edge pixel."""
    height, width = edge.shape
    reach = int(radius)
    padded = np.pad(edge, reach)
    out = np.zeros_like(edge)
    for down in range(-reach, reach + 1):
        for right in range(-reach, reach + 1):
            if down * down + right * right <= radius * radius:
                y, x = reach + down, reach + right
                out |= padded[y : y + height, x : x + width]
    return out


def agreement(found: Bits, wanted: Bits) -> tuple[float, float, float]:
    """Precision, recall and F1 of found edges (H, W) against wanted ones.

    A picture without any edge has precision 1 and recall 0; where none are wanted recall is 1.
    """
    precision = float(grown(wanted)[found].mean()) if found.any() else 1.0
    recall = float(grown(found)[wanted].mean()) if wanted.any() else 1.0
    total = precision + recall
    return precision, recall, 2 * precision * recall / total if total else 0.0
