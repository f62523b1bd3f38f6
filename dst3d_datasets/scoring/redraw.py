"""CAD models drawn again from other views, for filters that compare a picture with what other poses would look like."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..camera import camera_of
from ..nouns import CadModel, ModelRef, View
from ..recipe import Recipe
from ..seeds import sample_seed, seed_of
from ..sources.catalogue import build_sources, resolve
from ..tools import tools_for

_KEPT = 4  # models, in the memory of a worker


class Redrawer:
    """Draws the model of a sample from any view, in the sample's own light.

    A scorer that has an attribute `redraw` is given one before it judges.

    Args:
        recipe: of the run; its sources and its catalogue are opened when something is first drawn.
    """

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._models: OrderedDict[str, CadModel] = OrderedDict()

    def __call__(self, label: Mapping[str, Any], view: View) -> NDArray[np.uint8]:
        """The `render` control (H, W, 3), sRGB, as it would be from `view`; H and W are the label's.

        Raises:
            KeyError: the recipe has no such model any more.
            ModelRefused: the model cannot be loaded.
        """
        ref = self._refs[label["key"].rpartition("-")[0]]
        model, tools = self._model(ref), tools_for(self._recipe)
        camera = camera_of(view, label["width"], label["height"])
        seed = sample_seed(self._recipe.seed, ref.uid, label["view"])
        drawn = tools.drawn(model, [camera], [tools.lighting.lights_of(seed_of(seed, "light"))])[0]
        controls = drawn.controls or tools.make_controls(drawn.buffers, camera, self._recipe.controls)
        render: NDArray[np.uint8] = controls.render
        return render

    @cached_property
    def _refs(self) -> dict[str, ModelRef]:
        """The models, by what the keys of their samples begin with."""
        refs, _ = resolve(self._recipe, build_sources(self._recipe))
        return {ref.key(0).rpartition("-")[0]: ref for ref in refs}

    def _model(self, ref: ModelRef) -> CadModel:
        if ref.uid not in self._models:
            if len(self._models) >= _KEPT:
                self._models.popitem(last=False)
            self._models[ref.uid] = tools_for(self._recipe).source(ref.source).open(ref)
        self._models.move_to_end(ref.uid)
        return self._models[ref.uid]
