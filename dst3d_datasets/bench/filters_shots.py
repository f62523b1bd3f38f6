"""Shots of given views of a model, as `make_shard` would make them, with their labels: what `bench filters` spoils."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..camera import camera_of
from ..label import make_label
from ..nouns import CadModel, ModelRef, Shot, View
from ..recipe import Recipe
from ..seeds import seed_of
from ..symmetry import with_symmetry
from ..symmetry_surface import sample
from ..tools import Tools

SURFACE_POINTS = 5_000  # of a model, for the shadow it throws on small pictures


@dataclass(frozen=True, slots=True)
class Subject:
    """A loaded model and points on its surface."""

    model: CadModel
    surface: NDArray[np.float32] | None  # (N, 3), canonical frame


def subject_of(tools: Tools, ref: ModelRef) -> Subject:
    """Open a model and find its symmetry.

    Raises:
        ModelRefused: it cannot be used.
    """
    model = with_symmetry(tools.source(ref.source).open(ref))
    found = sample(model, SURFACE_POINTS)
    return Subject(model, None if found is None else found.points)


def shots_of(
    recipe: Recipe, tools: Tools, subject: Subject, views: Sequence[View], seeds: Sequence[int]
) -> list[Shot | None]:
    """The shots of some views, drawn together; None where not one pixel of the object is seen.

    Args:
        recipe: size, controls and words.
        tools: those of the recipe.
        subject: the model.
        views: where it is seen from.
        seeds: of each view; lights, words, background and noise come from it.
    """
    model, size = subject.model, recipe.render.size
    cameras = [camera_of(view, size, size) for view in views]
    lights = [tools.lighting.lights_of(seed_of(seed, "light")) for seed in seeds]
    shots: list[Shot | None] = []
    for view, camera, light, seed, drawn in zip(
        views, cameras, lights, seeds, tools.drawn(model, cameras, lights), strict=True
    ):
        buffers = drawn.buffers
        if not buffers.mask.any():
            shots.append(None)
            continue
        controls = drawn.controls or tools.make_controls(buffers, camera, recipe.controls)
        box, visible = tools.box_and_visible(model, camera, tools.renderer, drawn.box)
        prompt = tools.prompt(model, buffers, seed_of(seed, "prompt"))
        key = model.ref.key(view.index)
        label = make_label(
            key=key, model=model, view=view, camera=camera, controls=controls, prompt=prompt, seed=seed, bbox=box,
            visible_fraction=visible,
        )  # fmt: skip
        shots.append(
            Shot(
                key=key, ref=model.ref, view=view, camera=camera, lights=light, buffers=buffers, controls=controls,
                prompt=prompt, seed=seed, label=label, surface=subject.surface,
            )
        )  # fmt: skip
    return shots


def emptied(shot: Shot) -> Shot:
    """The same shot with nothing in it: no coverage, no shadow, no edges, no words."""
    blank = np.zeros_like(shot.controls.edge)
    return replace(
        shot,
        buffers=replace(shot.buffers, alpha=np.zeros_like(shot.buffers.alpha), mask=np.zeros_like(shot.buffers.mask)),
        controls=replace(shot.controls, edge=blank, line=blank, mask=blank),
        prompt=replace(shot.prompt, text=""),
        surface=None,
    )
