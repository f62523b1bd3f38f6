"""Conversions of what is no camera: labels, boxes, masks, depth and symmetries."""

from __future__ import annotations

import math

import numpy as np
import pytest
from _cameras import assert_same_camera, cameras
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from dst3d_datasets.boxes import mask_box
from dst3d_datasets.camera import camera_of
from dst3d_datasets.convert import (
    camera_of_label,
    from_bop_depth,
    from_bop_symmetries,
    from_coco_box,
    from_coco_segmentation,
    from_voc_box,
    pose_fields,
    to_bop_depth,
    to_bop_symmetries,
    to_coco_box,
    to_coco_segmentation,
    to_voc_box,
)
from dst3d_datasets.nouns import View
from dst3d_datasets.schema import FIELDS

MASKS = arrays.arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12)))


@settings(max_examples=60, deadline=None)
@given(cameras())
def test_a_camera_and_a_labels_fields_say_the_same(camera):
    fields = pose_fields(camera)
    assert fields.keys() <= FIELDS.keys()
    assert_same_camera(camera_of_label(fields), camera)
    again = camera_of(
        View(index=0, **{name: fields[name] for name in ("azimuth", "elevation", "theta", "distance")}), 64, 64
    )
    np.testing.assert_allclose(again.R, camera.R, atol=1e-9)
    np.testing.assert_allclose(again.t, camera.t, atol=1e-9 * fields["distance"])


@given(MASKS)
def test_boxes_of_a_mask(mask):
    """The mask is what lies inside the box, in each system's own words."""
    x0, y0, x1, y1 = box = tuple(int(edge) for edge in mask_box(mask))
    inside = np.zeros_like(mask)
    inside[y0:y1, x0:x1] = True
    assert not (mask & ~inside).any()
    if not mask.any():
        assert box == (0, 0, 0, 0)
        return
    assert all(mask[y0:y1, x0:x1].any(axis=axis)[[0, -1]].all() for axis in (0, 1))
    x, y, width, height = to_coco_box(box)
    assert (mask[int(y) :, int(x) :].sum(), width, height) == (mask.sum(), x1 - x0, y1 - y0)
    xmin, ymin, xmax, ymax = (int(edge) for edge in to_voc_box(box))
    rows, columns = mask.nonzero()
    assert (columns.min() + 1, rows.min() + 1, columns.max() + 1, rows.max() + 1) == (xmin, ymin, xmax, ymax)


@given(st.tuples(*[st.floats(-1e4, 1e4)] * 4))
def test_boxes_there_and_back(box):
    np.testing.assert_allclose(from_coco_box(to_coco_box(box)), box, atol=1e-9)
    np.testing.assert_allclose(from_voc_box(to_voc_box(box)), box, atol=1e-9)


@given(MASKS)
def test_masks_are_what_pycocotools_reads(mask):
    coco = pytest.importorskip("pycocotools.mask")
    segmentation = to_coco_segmentation(mask)
    assert np.array_equal(coco.decode(segmentation), mask)
    assert coco.area(segmentation) == mask.sum()
    assert coco.toBbox(segmentation).tolist() == to_coco_box(mask_box(mask))
    assert np.array_equal(from_coco_segmentation(coco.encode(np.asfortranarray(mask, np.uint8))), mask)


def test_uncompressed_counts_are_refused_with_the_way_out():
    with pytest.raises(ValueError, match="frPyObjects"):
        from_coco_segmentation({"size": [2, 2], "counts": [1, 2, 1]})


@given(arrays.arrays(np.float32, (5, 7), elements=st.floats(0.0, 20.0, width=32)), st.sampled_from([1000.0, 90.0]))
def test_depth_in_16_bits(z, millimetres):
    values, scale = to_bop_depth(z, millimetres)
    assert values.dtype == np.uint16
    assert np.array_equal(values > 0, z > 0)
    farthest = float(z.max())
    np.testing.assert_allclose(values * scale, z * millimetres, atol=farthest * millimetres / 65535 * 1.0001 + 1e-9)
    np.testing.assert_allclose(from_bop_depth(values, scale, millimetres), z, atol=farthest / 65535 * 1.0001 + 1e-9)


@pytest.mark.parametrize("order", [0, 1, 2, 3, 4, 6, 12])
@pytest.mark.parametrize("axis", [(0.0, 0.0), (0.03, -0.08)])
def test_symmetries_there_and_back(order, axis):
    found, point = from_bop_symmetries(to_bop_symmetries(order, axis, 250.0), 250.0)
    assert found == order
    np.testing.assert_allclose(point, axis if order != 1 else (0.0, 0.0), atol=1e-12)


@pytest.mark.parametrize("order", [2, 3, 4, 8])
def test_discrete_symmetries_map_a_solid_of_that_order_to_itself(order):
    """As bop_toolkit uses them: R of each entry, on the vertices of a regular prism."""
    angles = 2.0 * np.pi * np.arange(order) / order + 0.3
    prism = np.stack([50 + 100 * np.cos(angles), 100 * np.sin(angles) - 20, 20 * np.ones(order)], axis=1)  # mm
    seen = set()
    for entry in to_bop_symmetries(order, (0.5, -0.2), 100.0)["symmetries_discrete"]:
        matrix = np.reshape(entry, (4, 4))
        turned = prism @ matrix[:3, :3].T + matrix[:3, 3]
        distances = np.linalg.norm(turned[:, None] - prism[None], axis=2)
        assert distances.min(axis=1).max() < 1e-9
        seen.add(int(distances[0].argmin()))
    assert seen == set(range(1, order))  # every turn but the identity, once


@pytest.mark.parametrize(
    "info",
    [
        {"symmetries_continuous": [{"axis": [1, 0, 0], "offset": [0, 0, 0]}]},
        {"symmetries_continuous": [{"axis": [0, 0, 1], "offset": [x, 0, 0]} for x in (0, 4)]},
        {"symmetries_discrete": [np.diag([1.0, -1, -1, 1]).reshape(-1).tolist()]},  # half a turn about x
        {"symmetries_discrete": [[1, 0, 0, 5, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]]},  # a shift
    ],
)
def test_symmetries_that_our_label_cannot_state_are_refused(info):
    with pytest.raises(ValueError, match="vertical axis"):
        from_bop_symmetries(info)


def test_turns_of_no_single_order_are_refused():
    turns = [to_bop_symmetries(2)["symmetries_discrete"][0], to_bop_symmetries(3)["symmetries_discrete"][0]]
    with pytest.raises(ValueError, match="one order"):
        from_bop_symmetries({"symmetries_discrete": turns})
    assert math.isclose(turns[0][0], -1.0)
