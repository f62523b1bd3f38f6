"""From the nouns of a shot to its label: the numbers that a user trusts."""

from __future__ import annotations

from typing import Any

from . import schema
from .nouns import CadModel, Camera, Controls, ModelRef, Prompt, View


def make_label(
    *,
    key: str,
    model: CadModel,
    view: View,
    camera: Camera,
    controls: Controls,
    prompt: Prompt,
    seed: int,
    bbox: tuple[float, float, float, float],
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
        "bbox": [float(edge) for edge in bbox],
        "visible_fraction": float(visible_fraction),
        "symmetry": model.ref.symmetry,
        "depth_scale": float(controls.depth_scale),
        "depth_offset": float(controls.depth_offset),
        "prompt": prompt.text,
        "negative_prompt": prompt.negative,
        "seed": seed,
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
