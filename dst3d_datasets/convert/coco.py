"""COCO: boxes and masks of an annotation.

Source: the "Data format" page of COCO and `pycocotools.mask`: a box is x, y, width, height in pixels from the top left
corner of the image, so that the box of a mask's columns 3 to 5 is x = 3, width = 3: edges, as ours are. A segmentation
is `{"size": [height, width], "counts": text}`, run lengths down the columns (see `rle`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..rle import decode, encode


def to_coco_box(box: Sequence[float]) -> list[float]:
    """Our box x0 y0 x1 y1 as COCO's x y width height."""
    x0, y0, x1, y1 = (float(edge) for edge in box)
    return [x0, y0, x1 - x0, y1 - y0]


def from_coco_box(box: Sequence[float]) -> list[float]:
    """COCO's box x y width height as ours, x0 y0 x1 y1."""
    x, y, width, height = (float(value) for value in box)
    return [x, y, x + width, y + height]


def to_coco_segmentation(mask: NDArray[np.bool_]) -> dict[str, Any]:
    """A mask (H, W) as COCO's compressed segmentation."""
    return {"size": list(mask.shape), "counts": encode(mask)}


def from_coco_segmentation(segmentation: Mapping[str, Any]) -> NDArray[np.bool_]:
    """COCO's compressed segmentation as a mask (H, W).

    Raises:
        ValueError: the counts are not compressed text, or do not fill the size.
    """
    height, width = segmentation["size"]
    counts = segmentation["counts"]
    if isinstance(counts, list):
        raise ValueError("counts is a list: not the compressed form; pycocotools.mask.frPyObjects makes one of it")
    return decode(counts.decode() if isinstance(counts, bytes) else counts, int(height), int(width))
