"""Draws the CAD models of a run again, for scorers that compare a picture with other views of its model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelRefused, Reason
from ..nouns import CadModel, Camera, ModelRef
from ..recipe import Recipe
from ..seeds import sample_seed, seed_of
from ..sources.catalogue import build_sources, resolve
from ..tools import tools_for


class RunRedraw:
    """`scores.Redraw` for the samples of a run; the last model stays loaded, and samples come sorted by model.

    Args:
        recipe: of the run.
    """

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._kept: tuple[tuple[str, str, str], CadModel] | None = None

    @cached_property
    def _refs(self) -> dict[tuple[str, str, str], ModelRef]:
        refs, _ = resolve(self._recipe, build_sources(self._recipe))
        return {(ref.source, ref.synset or ref.class_name, ref.model_id): ref for ref in refs}

    def _model(self, label: Mapping[str, Any]) -> CadModel:
        name = (label["cad_source"], label["synset"] or label["class_name"], label["cad_id"])
        if self._kept is None or self._kept[0] != name:
            ref = self._refs.get(name)
            if ref is None:
                raise ModelRefused(Reason.MISSING, f"{label['cad_id']} is not in the catalogue any more")
            tools = tools_for(self._recipe)
            fetch = tools.fetcher(ref.source)
            if fetch is not None:
                fetch(ref)
            self._kept = name, tools.source(ref.source).open(ref)
        return self._kept[1]

    def __call__(
        self, label: Mapping[str, Any], cameras: Sequence[Camera]
    ) -> list[tuple[NDArray[np.uint8], NDArray[np.bool_]]]:
        """See `scores.Redraw`."""
        from ..render.controls import render_control

        model, tools = self._model(label), tools_for(self._recipe)
        seed = sample_seed(
            self._recipe.seed, model.ref.uid, label["view"]
        )  # of the first attempt: a retry has its light
        lights = tools.lighting.lights_of(seed_of(seed, "light"))
        background = self._recipe.controls.background
        buffers = tools.renderer.render(model, cameras, [lights] * len(cameras))
        return [(render_control(each, background), each.mask) for each in buffers]
