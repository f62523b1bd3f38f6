"""COCO: images and annotations, with our pose beside COCO's own keys.

Source: the "Data format" page of COCO and `pycocotools.mask`: a box is x, y, width, height in pixels from the top left
corner of the image, so that the box of a mask's columns 3 to 5 is x = 3, width = 3: edges, as ours are. A segmentation
is `{"size": [height, width], "counts": text}`, run lengths down the columns (see `rle`). COCO has no pose: `K` of an
image, and `pose`, `amodal_bbox` and `visible_fraction` of an annotation, are ours, and other readers pass over them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..rle import decode, encode

_POSE = ("R", "t", "azimuth", "elevation", "theta", "distance", "size", "symmetry", "symmetry_axis")


def to_coco(
    label: Mapping[str, Any], *, number: int, category: int, file_name: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    """A label as COCO's image and annotation.

    Args:
        label: see `schema.LABEL`.
        number: id of the image, of the annotation too: there is one object an image.
        category: id of its category.
        file_name: of the picture.
    """
    size = [label["height"], label["width"]]
    image = {"id": number, "file_name": file_name, "width": size[1], "height": size[0], "key": label["key"]}
    annotation = {
        "id": number,
        "image_id": number,
        "category_id": category,
        "bbox": to_coco_box(label["bbox_visible"]),
        "area": label["area"],
        "iscrowd": 0,
        "segmentation": {"size": size, "counts": label["mask_rle"]},
        "amodal_bbox": to_coco_box(label["bbox"]),
        "visible_fraction": label["visible_fraction"],
        "pose": {name: label[name] for name in _POSE},
    }
    return {**image, "K": label["K"]}, annotation


def from_coco(image: Mapping[str, Any], annotation: Mapping[str, Any]) -> dict[str, Any]:
    """The label's fields that an image and an annotation of `to_coco` hold, under the names of `schema.LABEL`.

    Of other people's annotations: the fields that there are (boxes, area and mask, and no pose).
    """
    fields: dict[str, Any] = {name: image[name] for name in ("width", "height", "K", "key") if name in image}
    fields |= annotation.get("pose", {})
    fields |= {"bbox_visible": from_coco_box(annotation["bbox"]), "area": int(annotation["area"])}
    if "amodal_bbox" in annotation:
        fields["bbox"] = from_coco_box(annotation["amodal_bbox"])
    if "visible_fraction" in annotation:
        fields["visible_fraction"] = annotation["visible_fraction"]
    counts = annotation["segmentation"]["counts"]
    return fields | {"mask_rle": counts.decode() if isinstance(counts, bytes) else counts}


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
