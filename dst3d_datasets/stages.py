"""The stages of a shard: load -> render -> generate -> encode, each an iterator over the one before.

`shard` runs them side by side through bounded queues. In each of load, render and generate one shard of the process is
at work at a time (`turns`), but what a stage starts with is fetched before its turn has come.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import images, schema
from .camera import camera_of
from .errors import ModelRefused, Reason
from .label import make_label
from .nouns import CadModel, Sample, Shot, View
from .plan import ModelViews
from .receipt import Skipped
from .recipe import Recipe
from .seeds import sample_seed, seed_of
from .stream import Clock, ahead, batched, begun, ordered_map
from .symmetry import with_symmetry
from .symmetry_surface import sample as sample_surface
from .tools import Tools
from .turns import Turn, Turns
from .views import sample_views

FETCHERS = 4  # models that are downloaded at once
FETCHED_AHEAD = 12  # models that are on their way or in the cache, not yet loaded
ENCODERS = 2 if (os.cpu_count() or 1) < 8 else 6  # threads; a GPU in fast mode draws more than two can compress
SURFACE_POINTS = 20_000  # of a model, for the shadow it throws


@dataclass
class Work:
    """What the stages of one shard share."""

    recipe: Recipe
    tools: Tools
    attempt: int = 0  # see `plan.ShardSpec`
    clock: Clock = field(default_factory=Clock)
    skipped: list[Skipped] = field(default_factory=list)
    turn: Turn = field(default_factory=lambda: Turns().begin())
    expected: int | None = None  # how many samples the process is going to make
    counts: Counter[str] = field(default_factory=Counter)  # for the receipt

    def skip(self, job: ModelViews, views: int, error: ModelRefused) -> None:
        """Note a model that is left out, wholly or in part."""
        self.skipped.append(Skipped(uid=job.ref.uid, reason=error.reason.value, detail=error.detail, num_views=views))

    def count(self, *roles: Any) -> None:
        """Take what some tools have counted since they were last asked: that of this shard, while it has its turn."""
        for role in roles:
            self.counts.update(getattr(role, "counts", dict)())


def load_models(work: Work, jobs: Iterable[ModelViews]) -> Iterator[tuple[ModelViews, CadModel]]:
    """Loaded models, one after the other, while the next ones are being downloaded."""

    def fetch(job: ModelViews) -> tuple[ModelViews, ModelRefused | None]:
        try:
            fetcher = work.tools.fetcher(job.ref.source)
            if fetcher is not None:
                with work.clock("fetch"):
                    fetcher(job.ref)
        except ModelRefused as error:
            return job, error
        return job, None

    with work.turn("load"):
        for job, refusal in ordered_map(fetch, jobs, FETCHERS, FETCHED_AHEAD):
            try:
                if refusal is not None:
                    raise refusal
                with work.clock("load"):
                    model = with_symmetry(work.tools.source(job.ref.source).open(job.ref))
            except ModelRefused as error:
                work.skip(job, job.count, error)
                continue
            yield job, model


def render_shots(work: Work, models: Iterable[tuple[ModelViews, CadModel]]) -> Iterator[Shot]:
    """Shots of the models' views, but of those in which nothing is seen."""
    loaded = begun(models)
    with work.turn("render"):
        for job, model in loaded:
            yield from _shots_of(work, job, model)
        work.count(work.tools.prompter, work.tools.lighting)


def _shots_of(work: Work, job: ModelViews, model: CadModel) -> Iterator[Shot]:
    views = sample_views(work.recipe, job.ref, job.first, job.count)
    surface = sample_surface(model, SURFACE_POINTS)
    points = None if surface is None else surface.points
    unseen = 0
    for first in range(0, len(views), 8):  # a few views at once: enough for a batched engine, little to hold
        for shot in _render(work, model, points, views[first : first + 8]):
            if shot is None:
                unseen += 1
            else:
                yield shot
    if unseen:
        error = ModelRefused(Reason.INVISIBLE, f"{unseen} of {job.count} views show not one pixel of it")
        work.skip(job, unseen, error)


def _render(work: Work, model: CadModel, surface: NDArray[np.float32] | None, views: list[View]) -> list[Shot | None]:
    """Shots of some views; None where nothing of the model is in the picture."""
    options, tools = work.recipe.render, work.tools
    who = work.recipe.seed, model.ref.uid
    seeds = [sample_seed(*who, view.index, work.attempt) for view in views]
    with work.clock("render"):
        views = [tools.truncated(model, view, options.size, options.size, tools.renderer) for view in views]
        cameras = [camera_of(view, options.size, options.size) for view in views]
        # The light is the first attempt's: what is drawn again has the same controls.
        lights = [tools.lighting.lights_of(seed_of(sample_seed(*who, view.index), "light")) for view in views]
        all_drawn = tools.drawn(model, cameras, lights)
    shots: list[Shot | None] = []
    for view, camera, light, seed, drawn in zip(views, cameras, lights, seeds, all_drawn, strict=True):
        buffers = drawn.buffers
        if not buffers.mask.any():
            shots.append(None)
            continue
        with work.clock("controls"):
            controls = drawn.controls or tools.make_controls(buffers, camera, work.recipe.controls)
            bbox, visible = tools.box_and_visible(model, camera, tools.renderer, drawn.box)
        key, prompt = model.ref.key(view.index), tools.prompt(model, buffers, seed_of(seed, "prompt"))
        label = make_label(
            key=key,
            model=model,
            view=view,
            camera=camera,
            controls=controls,
            prompt=prompt,
            seed=seed,
            bbox=bbox,
            visible_fraction=visible,
        )
        shots.append(
            Shot(
                key=key,
                ref=model.ref,
                view=view,
                camera=camera,
                lights=light,
                buffers=buffers,
                controls=controls,
                prompt=prompt,
                seed=seed,
                label=label,
                surface=surface,
            )
        )
    return shots


def draw_pictures(work: Work, shots: Iterable[Shot]) -> Iterator[tuple[Shot, NDArray[np.uint8]]]:
    """Shots with their pictures, (H, W, 3) each."""
    generator: Any = work.tools.generator
    batches = begun(batched(shots, generator.batch_size))
    if work.expected is not None and hasattr(generator, "expect"):
        generator.expect(work.expected)
    if hasattr(generator, "stream"):  # one that begins a batch before the last one is there
        # In a thread of its own: the next batch is begun in time, however long a reader takes with the last one.
        for batch, pictures, seconds in ahead(generator.stream(batches, _drawing(work)), 1, "draw"):
            work.clock.add("generate", seconds)
            yield from zip(batch, pictures, strict=True)
        return
    with _drawing(work):
        for batch in batches:
            with work.clock("generate"):
                pictures = generator.generate(batch)
            yield from zip(batch, pictures, strict=True)


@contextmanager
def _drawing(work: Work) -> Iterator[None]:
    with work.turn("generate"):
        yield
        work.count(work.tools.generator)


def encode_samples(work: Work, pictures: Iterable[tuple[Shot, NDArray[np.uint8]]]) -> Iterator[Sample]:
    """Samples, on as many threads as suit the machine."""

    def encode(item: tuple[Shot, NDArray[np.uint8]]) -> Sample:
        with work.clock("encode"):
            return encode_sample(work, *item)

    return ordered_map(encode, pictures, ENCODERS, 4 * ENCODERS)


def encode_sample(work: Work, shot: Shot, picture: NDArray[np.uint8]) -> Sample:
    """One shot and its picture (H, W, 3) as the members of a tar record."""
    quality, generator = work.recipe.shards.jpeg_quality, work.tools.generator
    label: dict[str, Any] = {
        **shot.label,
        "generator": generator.name,
        "generator_revision": generator.revision,
    }
    members = [
        *images.encode_controls(shot.controls, quality),
        ("jpg", images.encode_jpg(picture, quality)),
        ("json", schema.encode(label)),
        ("cls", str(shot.ref.class_index).encode()),
        ("txt", shot.prompt.text.encode()),
    ]
    return Sample(key=shot.key, members=tuple(sorted(members)))
