"""A class of rendered pictures with planted wrong labels, for benches of scorers that learn poses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..camera import camera_of, wrap_360
from ..generate.backgrounds import background_of
from ..generate.colour import composite
from ..nouns import ModelRef, Prompt, Shot
from ..recipe import Recipe, load_recipe
from ..recipe.options import RenderGeneratorOptions
from ..recipe.rendering import ControlOptions
from ..render.controls import make_controls
from ..scores import Candidate, logistic
from ..seeds import seed_of, uniforms
from ..symmetry import symmetry_of
from ..tools import Tools
from ..views import sample_views

Planted = NDArray[np.str_]  # (N,): what is wrong with a label; empty where nothing is
KINDS = ("flip", "random")  # azimuth off by 180 degrees, and a random azimuth


@dataclass(slots=True, kw_only=True)
class Pictures:
    """Samples of one class in memory, as a scorer takes them (see `scores.ClassSamples`)."""

    class_id: str
    labels: Sequence[Mapping[str, Any]]
    images: NDArray[np.uint8]  # (N, S, S, 3), sRGB
    planted: Planted = field(default_factory=lambda: np.array([], "U8"))

    def __len__(self) -> int:
        """How many samples."""
        return len(self.labels)

    def __iter__(self) -> Iterator[Candidate]:
        """The samples, in the order of their keys."""
        for label, image in zip(self.labels, self.images, strict=True):
            yield Candidate(key=label["key"], label=label, image=image, controls={})


def rendered(class_name: str, models: int, views: int, size: int, device: str = "auto") -> Pictures:
    """Renders of primitives on procedural backgrounds, every label right.

    Args:
        class_name: a class of the `primitives` source.
        models: how many of its models.
        views: of each model.
        size: side of the pictures, pixels.
        device: what renders: cpu, cuda or auto.
    """
    changes = [
        f"catalogue.classes=[{class_name}]",
        f"sources=[{{kind: primitives, models_per_class: {models}}}]",
        f"render.size={size}",
        f"render.device={device}",
        f"views.per_model={views}",
    ]
    recipe = load_recipe("render", changes)
    tools = Tools(recipe)
    refs = [ref for ref in tools.source("primitives").models() if ref.class_name == class_name]
    made = [pair for ref in refs for pair in _of_model(recipe, tools, ref, views)]
    made.sort(key=lambda pair: str(pair[0]["key"]))
    labels, images = [label for label, _ in made], np.stack([image for _, image in made])
    return Pictures(
        class_id=refs[0].class_id, labels=labels, images=images, planted=np.full(len(labels), "", dtype="U8")
    )


def _of_model(
    recipe: Recipe, tools: Tools, ref: ModelRef, views: int
) -> Iterator[tuple[dict[str, Any], NDArray[np.uint8]]]:
    model, size = tools.source(ref.source).open(ref), recipe.render.size
    behind = background_of(RenderGeneratorOptions(background="procedural"))
    symmetry = symmetry_of(model).look
    drawn = sample_views(recipe, ref, 0, views)
    cameras = [camera_of(view, size, size) for view in drawn]
    seeds = [seed_of(recipe.seed, ref.uid, "sample", view.index) for view in drawn]
    lights = [tools.lighting.lights_of(seed_of(seed, "light")) for seed in seeds]
    for view, camera, light, seed, seen in zip(
        drawn, cameras, lights, seeds, tools.drawn(model, cameras, lights), strict=True
    ):
        buffers = seen.buffers
        label = {
            "key": ref.key(view.index), "cad_source": ref.source, "cad_id": ref.model_id,
            "azimuth": float(view.azimuth), "elevation": float(view.elevation), "theta": float(view.theta),
            "symmetry": symmetry, "size": [float(extent) for extent in model.size],
        }  # fmt: skip
        shot = Shot(
            key=str(label["key"]), ref=ref, view=view, camera=camera, lights=light, buffers=buffers,
            controls=seen.controls or make_controls(buffers, camera, ControlOptions()),
            prompt=Prompt(text=""), seed=seed, label=label,
        )  # fmt: skip
        yield label, composite(buffers.colour, buffers.alpha, behind.draw(shot))


def plant(pictures: Pictures, share: float, kinds: Sequence[str] = KINDS) -> Pictures:
    """The same pictures with a share of wrong labels, the kinds in equal parts; which ones depends on their keys alone.

    Args:
        pictures: with right labels.
        share: of the samples, 0 to 1.
        kinds: of `KINDS`.
    """
    labels, planted = [], []
    for label in pictures.labels:
        wrong, which, turn = uniforms("plant", str(label["key"]), count=3).tolist()
        kind = kinds[int(which * len(kinds))] if wrong < share else ""
        off = {"": 0.0, "flip": 180.0, "random": 40.0 + 280.0 * turn}[kind]
        labels.append({**label, "azimuth": wrap_360(label["azimuth"] + off)})
        planted.append(kind)
    return replace(pictures, labels=labels, planted=np.array(planted, dtype="U8"))


def auroc(score: NDArray[np.float64], bad: NDArray[np.bool_]) -> float:
    """The chance that a wrong sample has a lower score than a right one, ties counted half (Mann and Whitney's U).

    Args:
        score: (N,), more is better.
        bad: (N,), True for wrong samples; both kinds must be there.

    Raises:
        ValueError: all samples are of one kind.
    """
    if bad.all() or not bad.any():
        raise ValueError("an AUROC needs both right and wrong samples")
    return logistic.auroc(score[~bad], score[bad])
