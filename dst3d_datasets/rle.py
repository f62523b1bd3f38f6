"""COCO's compressed run lengths: a mask as a short text, bit for bit as `pycocotools.mask` writes and reads it.

The mask is read column by column, and the lengths of its runs alternate between background and object, background
first (so a mask that begins with the object has a first run of 0). From the fourth on, a length is kept as its
difference to the one two before; each number is cut into groups of 5 bits, least first, and a group becomes the
character 48 + bits + 32 where more groups follow; the last group's bit 16 is the sign.

An object for `pycocotools` is `{"size": [height, width], "counts": text}`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Runs = NDArray[np.int64]
_GROUPS = 7  # of 5 bits: runs below 2**34


def encode(mask: NDArray[np.bool_] | NDArray[np.uint8]) -> str:
    """A mask (H, W), anything but 0 is the object, as COCO's `counts`."""
    return to_text(runs(mask))


def decode(counts: str, height: int, width: int) -> NDArray[np.bool_]:
    """The mask (height, width) that `counts` stands for.

    Raises:
        ValueError: the text is no such code, or its runs do not fill the image.
    """
    lengths, pixels = from_text(counts), height * width
    if lengths.min() < 0 or lengths.max() > pixels or int(lengths.sum()) != pixels:
        raise ValueError(f"RLE: the runs do not fill {height} x {width} pixels (size is height, then width)")
    turns = np.arange(len(lengths)) % 2 == 1
    return np.repeat(turns, lengths).reshape(width, height).T


def area(counts: str) -> int:
    """Pixels of the object.

    >>> area(encode(np.eye(3, dtype=bool)))
    3
    """
    return int(from_text(counts)[1::2].sum())


def runs(mask: NDArray[np.bool_] | NDArray[np.uint8]) -> Runs:
    """Lengths of the runs of a mask (H, W), column by column, background first; they add up to H * W."""
    if mask.ndim != 2:
        raise ValueError(f"RLE: a mask has shape (H, W), not {mask.shape}")
    flat = np.ascontiguousarray((mask != 0).T).reshape(-1)
    ends = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    empty = np.zeros(int(flat[:1].sum()), np.int64)  # a first run of 0 where the mask begins with the object
    return np.diff(np.concatenate([empty, ends, [flat.size]]), prepend=0)


def to_text(lengths: Runs) -> str:
    """Lengths of runs as COCO's text."""
    numbers = lengths.astype(np.int64)
    numbers[3:] -= lengths[1:-2]
    bound = 16 * 32 ** np.arange(_GROUPS - 1, dtype=np.int64)  # what k + 1 groups hold: -bound[k] <= number < bound[k]
    groups = 1 + ((numbers[:, None] >= bound) | (numbers[:, None] < -bound)).sum(1)
    place = np.arange(int(groups.max()))
    bits = (numbers[:, None] >> (5 * place)) & 31
    bits += np.where(place < groups[:, None] - 1, 48 + 32, 48)
    characters: bytes = bits[place < groups[:, None]].astype(np.uint8).tobytes()
    return characters.decode("ascii")


def from_text(counts: str) -> Runs:
    """COCO's text as lengths of runs.

    Raises:
        ValueError: the text is no such code.
    """
    codes = np.frombuffer(counts.encode(), np.uint8).astype(np.int64) - 48
    if not len(codes) or codes.min() < 0 or codes.max() > 63 or codes[-1] & 32:
        raise ValueError(f"RLE: {counts[:40]!r} is not COCO's compressed text")
    ends = np.flatnonzero(codes & 32 == 0)
    starts = np.concatenate([[0], ends[:-1] + 1])
    groups = ends - starts + 1
    if groups.max() > _GROUPS:
        raise ValueError(f"RLE: a number of {groups.max()} groups in {counts[:40]!r}")
    place = np.arange(len(codes)) - np.repeat(starts, groups)
    numbers = np.add.reduceat((codes & 31) << (5 * place), starts)
    numbers -= np.where(codes[ends] & 16, np.int64(1) << (5 * groups), 0)
    numbers[1::2] = np.cumsum(numbers[1::2])
    numbers[2::2] = np.cumsum(numbers[2::2])
    return numbers
