"""View bins: where a camera stands, coarsely, so that no viewpoint is lost to a filter unseen.

Eight bins of azimuth, the first about the front, times three of elevation: from below, level, and from above. The
azimuth of an object with rotation symmetry is folded: views that look the same share a bin.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

AZIMUTHS = 8
ELEVATIONS = ("below", "level", "above")
EDGES = (0.0, 30.0)  # degrees of elevation between them
_SIDES = ("front", "front-left", "left", "rear-left", "rear", "rear-right", "right", "front-right")  # azimuth 90: left


def azimuth_bins(symmetry: int) -> int:
    """How many bins of azimuth an object has whose look repeats `symmetry` times a turn (0: a body of revolution)."""
    return 1 if symmetry == 0 else max(1, round(AZIMUTHS / symmetry))


def bins_of(
    azimuth: NDArray[np.float64], elevation: NDArray[np.float64], symmetry: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The view bin of each label: 3 * azimuth bin + elevation bin.

    Args:
        azimuth: (N,) degrees.
        elevation: (N,) degrees.
        symmetry: (N,) the label's order of rotation symmetry: 1 none, n, 0 a body of revolution.

    Returns:
        (N,) numbers from 0 to 23. The azimuth bins of an object of order n are the first ones, of 360 / n together.
    """
    count = np.array([azimuth_bins(order) for order in range(int(symmetry.max(initial=1)) + 1)])[symmetry]
    width = 360.0 / (np.maximum(symmetry, 1) * count)
    around = np.floor((azimuth + width / 2) / width).astype(np.int64) % count
    bins: NDArray[np.int64] = len(ELEVATIONS) * around + np.digitize(elevation, EDGES)
    return bins


def name_of(view_bin: int) -> str:
    """A view bin in words, of an object without symmetry.

    >>> name_of(0), name_of(8)
    ('front below', 'left above')
    """
    around, height = divmod(view_bin, len(ELEVATIONS))
    return f"{_SIDES[around]} {ELEVATIONS[height]}"
