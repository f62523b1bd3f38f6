"""The label's schema: one table from which the label is checked, typed features are written and the card is drawn.

Every key is always present, never null, no list is empty and floats are always floats: `datasets` infers one type a
column from the first rows, and a null or an int among floats breaks readers that have no types at hand.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any, Literal

VERSION = "dst3d/1"

Kind = Literal["string", "int64", "float64", "bool"]


@dataclass(frozen=True, slots=True)
class Field:
    """One label field: a scalar, or an array of floats of fixed shape."""

    name: str
    kind: Kind
    doc: str
    shape: tuple[int, ...] = ()


LABEL: tuple[Field, ...] = (
    Field("schema", "string", f"version of this table: {VERSION}"),
    Field("key", "string", "the sample's key, unique over the data set"),
    Field("synset", "string", "WordNet id of the class; empty outside WordNet"),
    Field("class_name", "string", "name of the class"),
    Field("class_index", "int64", "index in ImageNet-1k's order; -1 outside it"),
    Field("cad_source", "string", "collection the shape comes from"),
    Field("cad_id", "string", "id of the shape in that collection"),
    Field("cad_title", "string", "title of the shape, as attribution needs it; empty if it has none"),
    Field("cad_licence", "string", "licence of the shape, SPDX where one exists"),
    Field("cad_author", "string", "author of the shape"),
    Field("cad_url", "string", "where the shape was published; empty if unknown"),
    Field("view", "int64", "number of the view within the model"),
    Field("azimuth", "float64", "degrees in [0, 360); PASCAL3D+: 0 looks at the front"),
    Field("elevation", "float64", "degrees in [-90, 90]; PASCAL3D+: positive looks from above"),
    Field("theta", "float64", "degrees in [-180, 180); PASCAL3D+: in-plane rotation"),
    Field("distance", "float64", "camera centre to object centre, in units of the longest box side"),
    Field("K", "float64", "intrinsics in pixels; pixel centres at +0.5", (3, 3)),
    Field("R", "float64", "rotation, canonical object frame to OpenCV camera axes", (3, 3)),
    Field("t", "float64", "translation, camera frame, units of the longest box side", (3,)),
    Field("width", "int64", "image width in pixels"),
    Field("height", "int64", "image height in pixels"),
    Field(
        "size", "float64", "extents of the object's box along x, y, z of the canonical frame; the longest is 1", (3,)
    ),
    Field("bbox", "float64", "x0 y0 x1 y1 of the whole projected object in pixels (amodal); may leave the image", (4,)),
    Field("bbox_visible", "float64", "x0 y0 x1 y1 of the mask's pixels; pixel i spans [i, i + 1]", (4,)),
    Field("truncated", "bool", "whether `bbox` leaves the image"),
    Field(
        "visible_fraction",
        "float64",
        "share of the object's silhouette that lies inside the image, 0-1 (BOP's visib_fract); no other hides it",
    ),
    Field("area", "int64", "pixels of the mask"),
    Field(
        "mask_rle", "string", "the mask as COCO's compressed `counts`, column by column; its `size` is height, width"
    ),
    Field(
        "corners_3d",
        "float64",
        "corners of the box in the camera frame; a number's bits are the sides along x y z of the canonical frame: "
        "0 is - - -, 1 is - - +, 7 is + + +",
        (8, 3),
    ),
    Field("corners_2d", "float64", "their pixels; those of a corner with z below 0.01 are as if z were 0.01", (8, 2)),
    Field(
        "symmetry",
        "int64",
        "order of rotation symmetry about a vertical axis that keeps the look: 1 none, 2, 3, ..., 0 body of revolution",
    ),
    Field("symmetry_shape", "int64", "the same for the shape alone, colours aside; 0 or a multiple of `symmetry`"),
    Field("symmetry_axis", "float64", "x y of that axis in the canonical frame; 0 0 but for odd orders", (2,)),
    Field("symmetry_source", "string", "who says `symmetry`: the catalogue, the source, or estimated from the mesh"),
    Field("depth_scale", "float64", "z-depth = depth_offset + depth_scale * value for depth values > 0"),
    Field("depth_offset", "float64", "see depth_scale; both in units of the longest box side"),
    Field("prompt", "string", "the words the generator was given"),
    Field("negative_prompt", "string", "the words it was told to avoid"),
    Field("seed", "int64", "seed of this sample's picture"),
    Field("generator", "string", "what drew the picture"),
    Field("generator_revision", "string", "what pins it: version, commit or digest of the weights"),
)

FIELDS = {field.name: field for field in LABEL}


def check(label: dict[str, Any]) -> None:
    """Raise ValueError unless a label has exactly the schema's keys, types and shapes, all numbers finite."""
    missing, extra = FIELDS.keys() - label.keys(), label.keys() - FIELDS.keys()
    if missing or extra:
        raise ValueError(f"label: missing {sorted(missing)}, not in the schema {sorted(extra)}")
    for field in LABEL:
        _check_value(field, label[field.name], field.shape)


def _check_value(field: Field, value: Any, shape: tuple[int, ...]) -> None:
    if shape:
        if not isinstance(value, list) or len(value) != shape[0]:
            raise ValueError(f"label: {field.name} must have shape {field.shape}")
        for item in value:
            _check_value(field, item, shape[1:])
        return
    expected = {"string": str, "int64": int, "float64": float, "bool": bool}[field.kind]
    if type(value) is not expected:
        raise ValueError(f"label: {field.name} must be {field.kind}, not {type(value).__name__}")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"label: {field.name} is {value}")


def encode(label: dict[str, Any]) -> bytes:
    """A label as the bytes of its JSON member: fields in the schema's order, shortest round-trip floats, no NaN."""
    check(label)
    ordered = {name: label[name] for name in FIELDS}
    return json.dumps(ordered, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
