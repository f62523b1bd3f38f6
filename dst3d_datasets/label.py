"""From the nouns of a shot to its label: the numbers that a user trusts."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import rle, schema
from .boxes import Box, leaves, mask_box, seen_corners
from .nouns import CadModel, Camera, Controls, ModelRef, Prompt, View
from .symmetry import symmetry_of


def make_label(
    *,
    key: str,
    model: CadModel,
    view: View,
    camera: Camera,
    controls: Controls,
    prompt: Prompt,
    seed: int,
    bbox: Box,
    visible_fraction: float,
) -> dict[str, Any]:
    """The label of one sample, complete but for `generator` and `generator_revision` (see `schema.LABEL`)."""
    return {
        "schema": schema.VERSION,
        "key": key,
        **_whose(model.ref),
        "view": view.index,
        "azimuth": float(view.azimuth),
        "elevation": float(view.elevation),
        "theta": float(view.theta),
        "distance": float(view.distance),
        "K": camera.K.tolist(),
        "R": camera.R.tolist(),
        "t": camera.t.tolist(),
        "width": camera.width,
        "height": camera.height,
        "size": [float(extent) for extent in model.size],
        **_where(model, camera, bbox, visible_fraction),
        **_mask(controls),
        **_symmetry(model),
        "depth_scale": float(controls.depth_scale),
        "depth_offset": float(controls.depth_offset),
        "prompt": prompt.text,
        "negative_prompt": prompt.negative,
        "seed": seed,
    }


def _where(model: CadModel, camera: Camera, bbox: Box, visible_fraction: float) -> dict[str, Any]:
    """Corners are kept to a millionth of the longest side and a thousandth of a pixel: a third of the digits."""
    corners, pixels = seen_corners(camera, model.size)
    return {
        "bbox": [float(edge) for edge in bbox],
        "truncated": leaves(bbox, camera.width, camera.height),
        "visible_fraction": float(visible_fraction),
        "corners_3d": (np.round(corners, 6) + 0.0).tolist(),  # + 0.0: no -0
        "corners_2d": (np.round(pixels, 3) + 0.0).tolist(),
    }


def _mask(controls: Controls) -> dict[str, Any]:
    mask = controls.mask
    return {"bbox_visible": list(mask_box(mask)), "area": int(np.count_nonzero(mask)), "mask_rle": rle.encode(mask)}


def _symmetry(model: CadModel) -> dict[str, Any]:
    symmetry = symmetry_of(model)
    return {
        "symmetry": symmetry.look,
        "symmetry_shape": symmetry.shape,
        "symmetry_axis": [round(value, 6) + 0.0 for value in symmetry.axis],
        "symmetry_source": symmetry.source,
    }


def _whose(ref: ModelRef) -> dict[str, Any]:
    return {
        "synset": ref.synset,
        "class_name": ref.class_name,
        "class_index": ref.class_index,
        "cad_source": ref.source,
        "cad_id": ref.model_id,
        "cad_title": ref.title,
        "cad_licence": ref.licence,
        "cad_author": ref.author,
        "cad_url": ref.url,
    }
