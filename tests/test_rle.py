"""COCO's run lengths: both ways, bit for bit as pycocotools, and what is no such code is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from dst3d_datasets import rle

masks = arrays.arrays(np.bool_, st.tuples(st.integers(1, 24), st.integers(1, 24)))


def blobs(seed: int, height: int, width: int) -> NDArray[np.bool_]:
    """Some discs: long runs, as a real mask has them."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    mask = np.zeros((height, width), np.bool_)
    for _ in range(rng.integers(1, 8)):
        centre, radius = rng.uniform(0, [height, width]), rng.uniform(0.4, max(height, width) / 3 + 1)
        mask ^= np.hypot(y - centre[0], x - centre[1]) < radius
    return mask


def samples() -> list[NDArray[np.bool_]]:
    shapes = [(1, 1), (1, 7), (7, 1), (64, 48), (512, 512), (512, 384), (3, 4096), (2048, 2048)]
    smooth = [blobs(seed, *shape) for seed, shape in enumerate(shapes)]
    noise = [np.random.default_rng(seed).random((90, 70)) < share for seed, share in enumerate((0.01, 0.5, 0.99))]
    return [*smooth, *noise, np.zeros((512, 512), np.bool_), np.ones((512, 512), np.bool_)]


def test_by_hand() -> None:
    """Runs go down the columns, background first: (2, 3) with the object at (0, 1) and (1, 1) is 2, 2, 2."""
    mask = np.array([[0, 1, 0], [0, 1, 0]], np.uint8)
    assert rle.runs(mask).tolist() == [2, 2, 2]
    assert rle.encode(mask) == "222"
    assert rle.runs(~mask.astype(bool)).tolist() == [0, 2, 2, 2]
    assert rle.encode(~mask.astype(bool)) == "0220"  # the fourth is the difference to the second
    assert rle.encode(np.zeros((4, 5), np.bool_)) == "d0"  # 20 = 10100b: two groups, for bit 16 would be a sign


@given(masks)
def test_both_ways(mask: NDArray[np.bool_]) -> None:
    text = rle.encode(mask)
    np.testing.assert_array_equal(rle.decode(text, *mask.shape), mask)
    assert rle.area(text) == mask.sum()


def test_the_same_as_pycocotools() -> None:
    """Our text is theirs, they read ours, and we read theirs."""
    coco = pytest.importorskip("pycocotools.mask")
    for mask in samples():
        theirs = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
        ours = rle.encode(mask)
        assert ours == theirs["counts"].decode()
        assert rle.encode(mask.astype(np.uint8) * 255) == ours
        np.testing.assert_array_equal(coco.decode({"size": list(mask.shape), "counts": ours}), mask)
        np.testing.assert_array_equal(rle.decode(theirs["counts"].decode(), *mask.shape), mask)
        assert rle.area(ours) == coco.area(theirs)


@given(st.lists(st.integers(0, 2**31 - 1), min_size=1, max_size=12))
def test_runs_of_any_length(lengths: list[int]) -> None:
    assert rle.from_text(rle.to_text(np.array(lengths, np.int64))).tolist() == lengths


@pytest.mark.parametrize("text", ["", "2 2", "22\x00", "2p", "Å", "22\u20ac", "2P", "P" * 12 + "0"])
def test_what_is_no_code_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="RLE"):
        rle.from_text(text)


def test_a_code_of_another_image_is_refused() -> None:
    text = rle.encode(blobs(3, 40, 30))
    with pytest.raises(ValueError, match="do not fill 40 x 31"):
        rle.decode(text, 40, 31)
    with pytest.raises(ValueError, match="shape"):
        rle.encode(np.zeros((2, 3, 4), np.bool_))


@given(st.text(alphabet=[chr(code) for code in range(48, 112)], max_size=30))
def test_any_text_is_a_mask_or_refused(text: str) -> None:
    """Nothing but ValueError, and no memory beyond the image's."""
    try:
        mask = rle.decode(text, 6, 5)
    except ValueError:
        return
    assert mask.shape == (6, 5)
