"""What a label says of boxes, mask, corners and symmetry, against its own mask and the mesh, by other formulas."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dst3d_datasets import rle, schema
from dst3d_datasets.nouns import CadModel

# Corner by corner, as the schema words it: - - -, - - +, - + -, ...
SIGNS = ["---", "--+", "-+-", "-++", "+--", "+-+", "++-", "+++"]


def check_fields(label: dict[str, Any], mask: NDArray[np.bool_], model: CadModel) -> None:
    """Raise AssertionError unless every field fits `mask` (H, W), the mask that lies beside the label, and the mesh."""
    schema.check(label)
    assert mask.shape == (label["height"], label["width"])
    check_mask(label, mask)
    check_corners(label, model)
    check_truncation(label)
    check_symmetry(label)


def check_mask(label: dict[str, Any], mask: NDArray[np.bool_]) -> None:
    rows, columns = np.nonzero(mask)
    assert label["area"] == len(rows)
    assert label["bbox_visible"] == [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    np.testing.assert_array_equal(rle.decode(label["mask_rle"], *mask.shape), mask)
    x0, y0, x1, y1 = label["bbox"]
    assert x0 <= columns.min() + 0.51  # a pixel is drawn if its centre is hit
    assert y0 <= rows.min() + 0.51
    assert x1 >= columns.max() + 0.49
    assert y1 >= rows.max() + 0.49


def check_corners(label: dict[str, Any], model: CadModel) -> None:
    vertices = np.concatenate([part.vertices for part in model.parts]).astype(np.float64)
    sides = {"-": vertices.min(0), "+": vertices.max(0)}
    (fx, skew, cx), (_, fy, cy), _ = label["K"]
    for sign, corner, pixel in zip(SIGNS, label["corners_3d"], label["corners_2d"], strict=True):
        point = [sides[side][axis] for axis, side in enumerate(sign)]
        x, y, z = (
            sum(a * b for a, b in zip(row, point, strict=True)) + t
            for row, t in zip(label["R"], label["t"], strict=True)
        )
        np.testing.assert_allclose(corner, [x, y, z], atol=1e-5)
        z = max(corner[2], 0.01)
        expected = [(fx * corner[0] + skew * corner[1]) / z + cx, fy * corner[1] / z + cy]
        np.testing.assert_allclose(pixel, expected, rtol=1e-4, atol=0.02 / z)  # of corners kept to a millionth


def check_truncation(label: dict[str, Any]) -> None:
    x0, y0, x1, y1 = label["bbox"]
    corners = np.array(label["corners_2d"])
    if min(corner[2] for corner in label["corners_3d"]) > 0.01:  # the object lies within its box
        assert (corners.min(0) <= [x0 + 0.01, y0 + 0.01]).all()
        assert (corners.max(0) >= [x1 - 0.01, y1 - 0.01]).all()
    assert label["truncated"] == (min(x0, y0) < 0 or x1 > label["width"] or y1 > label["height"])
    assert 0.0 < label["visible_fraction"] <= 1.0
    assert label["truncated"] or label["visible_fraction"] == 1.0


def check_symmetry(label: dict[str, Any]) -> None:
    look, shape = label["symmetry"], label["symmetry_shape"]
    assert shape == 0 or (look > 0 and shape % look == 0)
    assert label["symmetry_source"] in ("catalogue", "source", "estimated")
    assert shape % 2 == 1 or label["symmetry_axis"] == [0.0, 0.0]
