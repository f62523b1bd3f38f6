"""Rendered pictures of a few primitives, right ones and wrong ones, as scorers see them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import numpy as np

from dst3d_datasets.camera import camera_of
from dst3d_datasets.label import make_label
from dst3d_datasets.nouns import CadModel, Camera, Shot, View
from dst3d_datasets.recipe import load_recipe
from dst3d_datasets.render.controls import render_control
from dst3d_datasets.scores import Candidate
from dst3d_datasets.seeds import seed_of
from dst3d_datasets.symmetry import with_symmetry
from dst3d_datasets.tools import Tools

SIZE = 96
NAMES = ("airliner", "folding chair", "sports car")
VIEWS = ((30.0, 15.0), (250.0, 25.0))  # azimuth, elevation


@dataclass
class Listed:
    """Candidates in memory, as `ClassSamples`."""

    rows: Sequence[Candidate]
    class_id: str = "n0"

    @property
    def labels(self) -> list[Mapping[str, Any]]:
        return [row.label for row in self.rows]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Candidate]:
        return iter(self.rows)


@dataclass
class Kept:
    """A `Scratch` in memory."""

    things: dict[str, Any] = field(default_factory=dict)

    def load(self, name: str) -> Any:
        return self.things.get(name)

    def save(self, name: str, arrays: Mapping[str, Any]) -> None:
        self.things[name] = dict(arrays)


class World:
    """Models, and shots of them from anywhere."""

    def __init__(self) -> None:
        self.recipe = load_recipe("render", ["catalogue.classes=[]", f"render.size={SIZE}"])
        self.tools = Tools(self.recipe)
        self.drawn: dict[Any, tuple[np.ndarray, np.ndarray]] = {}
        source = self.tools.source("primitives")
        refs = {ref.class_name: ref for ref in source.models() if ref.class_name in NAMES}
        self.models = [with_symmetry(source.open(refs[name])) for name in NAMES]

    def shot(self, model: CadModel, azimuth: float, elevation: float, distance: float = 1.6, index: int = 0) -> Shot:
        view = View(index=index, azimuth=azimuth % 360.0, elevation=elevation, theta=0.0, distance=distance)
        camera = camera_of(view, SIZE, SIZE)
        seed = seed_of(0, model.ref.uid, index)
        lights = self.tools.lighting.lights_of(seed)
        drawn = self.tools.drawn(model, [camera], [lights])[0]
        controls = drawn.controls or self.tools.make_controls(drawn.buffers, camera, self.recipe.controls)
        bbox, visible = self.tools.box_and_visible(model, camera, self.tools.renderer, drawn.box)
        prompt = self.tools.prompt(model, drawn.buffers, seed)
        key = model.ref.key(index)
        label = make_label(
            key=key, model=model, view=view, camera=camera, controls=controls, prompt=prompt, seed=seed, bbox=bbox,
            visible_fraction=visible,
        )  # fmt: skip
        return Shot(
            key=key, ref=model.ref, view=view, camera=camera, lights=lights, buffers=drawn.buffers, controls=controls,
            prompt=prompt, seed=seed, label=label,
        )  # fmt: skip

    def picture(self, shot: Shot) -> np.ndarray:
        return self.tools.generator.generate([shot])[0]

    def redraw(self, label: Mapping[str, Any], cameras: Sequence[Camera]) -> list[tuple[np.ndarray, np.ndarray]]:
        """`scores.Redraw`, each view once."""
        names = [(label["key"], camera.R.tobytes()) for camera in cameras]
        if not all(name in self.drawn for name in names):
            self.drawn.update(zip(names, self._draw(label, cameras), strict=True))
        return [self.drawn[name] for name in names]

    def _draw(self, label: Mapping[str, Any], cameras: Sequence[Camera]) -> list[tuple[np.ndarray, np.ndarray]]:
        model = next(model for model in self.models if model.ref.model_id == label["cad_id"])
        lights = [self.tools.lighting.lights_of(label["seed"])] * len(cameras)
        drawn = self.tools.renderer.render(model, cameras, lights)
        return [(render_control(buffers, "contrast"), buffers.mask) for buffers in drawn]


def candidate(shot: Shot, image: np.ndarray) -> Candidate:
    """A sample whose label and controls are the shot's, whatever the picture is."""
    controls = shot.controls
    return Candidate(
        key=shot.key,
        label=shot.label,
        image=image,
        controls={
            "edge": controls.edge > 0,
            "line": controls.line > 0,
            "mask": controls.mask > 0,
            "render": controls.render,
        },
    )


@cache
def world() -> World:
    """One for all tests of a process."""
    return World()


@cache
def planted() -> dict[str, tuple[Candidate, ...]]:
    """Kind of failure -> one candidate a model and view, in the same order; `good` are those without any."""
    found: dict[str, list[Candidate]] = {}
    here = world()
    for number, model in enumerate(here.models):
        for index, (azimuth, elevation) in enumerate(VIEWS):
            shot = here.shot(model, azimuth, elevation, index=index)
            alpha = np.zeros_like(shot.buffers.alpha)
            other = here.models[(number + 1) % len(here.models)]
            wrong = {
                "good": shot,
                "mirror": here.shot(model, -azimuth, elevation, index=index),
                "flip": here.shot(model, azimuth + 180.0, elevation, index=index),
                "off30": here.shot(model, azimuth + 30.0, elevation, index=index),
                "off90": here.shot(model, azimuth - 90.0, elevation, index=index),
                "scale": here.shot(model, azimuth, elevation, 2.4, index=index),
                "class": here.shot(other, azimuth, elevation, index=index),
                "missing": replace(shot, buffers=replace(shot.buffers, alpha=alpha, mask=alpha > 0)),
            }
            for kind, drawn in wrong.items():
                image = here.picture(replace(drawn, seed=shot.seed))
                found.setdefault(kind, []).append(candidate(shot, image))
    return {kind: tuple(rows) for kind, rows in found.items()}
