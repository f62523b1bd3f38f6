"""From a row of a release to arrays, for training loops; numpy and Pillow only.

A row may come from `datasets` (streaming or not) or from `webdataset`; there leave the pictures as bytes, because its
own decoders make 8 bits of the depth.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from . import rle
from .columns import CONTROL_MEMBERS

_ARRAYS = ("K", "R", "t", "size", "bbox", "bbox_visible", "corners_3d", "corners_2d", "symmetry_axis")
_FLOATS = ("azimuth", "elevation", "theta", "distance", "visible_fraction")
_INTEGERS = ("class_index", "symmetry", "symmetry_shape", "area", "view", "seed")
_TEXTS = ("key", "synset", "class_name", "prompt")

Decoded = dict[str, Any]


def decode_sample(row: Mapping[str, Any], controls: Sequence[str] | None = None) -> Decoded:
    """One row as numpy arrays.

    Args:
        row: a row of a release: `jpg`, `json` and the controls it carries.
        controls: which controls to decode; None for those that are there. `mask` is always there if it is asked for:
            the label has it too.

    Returns:
        `image` (H, W, 3) uint8 sRGB; `K` (3, 3), `R` (3, 3), `t` (3,), `size` (3,), `bbox` (4,), `bbox_visible` (4,),
        `corners_3d` (8, 3), `corners_2d` (8, 2), `symmetry_axis` (2,) float64; `azimuth`, `elevation`, `theta`,
        `distance`, `visible_fraction`, `class_index`, `symmetry`, `symmetry_shape`, `area`, `view`, `seed`; `key`,
        `synset`, `class_name`, `prompt`, `truncated`, `keep`; and of the controls `mask` (H, W) bool, `depth` (H, W)
        float32 z-depth in units of the longest box side with 0 outside the object, `normal` (H, W, 3) float32 unit
        vectors with axes (right, up, towards the camera) and 0 outside it, `edge` and `line` (H, W) bool, `part` (H, W)
        int64, 1 + the index of the CAD part with 0 outside the object, `render` (H, W, 3) uint8.

    Raises:
        KeyError: the row has no picture, no label, or not a control that was asked for.
    """
    label = _label(row["json"])
    sample: Decoded = {"image": _pixels(row["jpg"])}
    sample |= {name: np.asarray(label[name], dtype=np.float64) for name in _ARRAYS}
    sample |= {name: float(label[name]) for name in _FLOATS}
    sample |= {name: int(label[name]) for name in _INTEGERS}
    sample |= {name: label[name] for name in _TEXTS}
    sample["truncated"], sample["keep"] = bool(label["truncated"]), bool(label.get("keep", True))
    there = [name for name, member in CONTROL_MEMBERS.items() if row.get(member) is not None]
    for name in there if controls is None else controls:
        if name == "mask" and row.get("mask.png") is None:
            sample[name] = rle.decode(label["mask_rle"], label["height"], label["width"])
        else:
            sample[name] = _control(name, _pixels(row[CONTROL_MEMBERS[name]]), label)
    return sample


def _label(value: Any) -> Mapping[str, Any]:
    if isinstance(value, (bytes, bytearray, str)):
        plain: Mapping[str, Any] = json.loads(value)
        return plain
    return value  # type: ignore[no-any-return]


def _pixels(value: Any) -> NDArray[Any]:
    """A picture as it came: bytes, `{"bytes": ...}`, PIL image or array."""
    if isinstance(value, Mapping):
        value = value["bytes"]
    if isinstance(value, (bytes, bytearray)):
        with Image.open(io.BytesIO(value)) as image:
            return np.array(image)
    return np.array(value)


def _control(name: str, pixels: NDArray[Any], label: Mapping[str, Any]) -> NDArray[Any]:
    if name == "depth":
        depth = label["depth_offset"] + label["depth_scale"] * pixels.astype(np.float64)
        return np.where(pixels > 0, depth, 0.0).astype(np.float32)
    if name == "normal":
        seen = pixels.any(axis=-1, keepdims=True)
        normal = pixels.astype(np.float32) / 127.5 - 1.0
        length = np.linalg.norm(normal, axis=-1, keepdims=True)
        return np.where(seen, normal / np.maximum(length, 1e-6), 0.0).astype(np.float32)
    if name == "part":
        return pixels.astype(np.int64)
    if name in ("mask", "edge", "line"):
        return np.asarray(pixels > 127)
    return pixels


def collate(rows: Sequence[Mapping[str, Any]], *, tensors: bool = False) -> Decoded:
    """Rows to one batch: arrays stacked along a new first axis B, texts as lists. Made to be a `collate_fn`.

    Args:
        rows: as `decode_sample` takes them, or what it gave; all pictures of one size.
        tensors: torch tensors (that share memory with the arrays) in place of arrays.

    Returns:
        The fields of `decode_sample`: `image` (B, H, W, 3), `K` (B, 3, 3), `azimuth` (B,), `key` a list of str, ...
    """
    samples = [dict(row) if "image" in row else decode_sample(row) for row in rows]
    batch: Decoded = {}
    for name, first in samples[0].items():
        values = [sample[name] for sample in samples]
        batch[name] = values if isinstance(first, str) else np.stack(values)
    if tensors:
        import torch

        batch = {name: value if isinstance(value, list) else torch.from_numpy(value) for name, value in batch.items()}
    return batch
