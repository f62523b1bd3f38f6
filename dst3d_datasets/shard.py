"""`make_shard`: THE unit of work. One process, one device, streaming inside, one atomic commit at the end.

Load -> render -> generate -> encode -> write run side by side through bounded queues, so memory does not grow with the
shard and the generator never waits for a picture to be compressed. Every engine only maps this function.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import images, schema
from .camera import camera_of
from .errors import ModelRefused, Reason
from .label import make_label
from .machine import one_thread_an_operator, short_turns, versions
from .nouns import CadModel, Sample, Shot, View
from .plan import ModelViews, ShardSpec
from .receipt import Receipt, Skipped
from .recipe import Recipe
from .seeds import sample_seed, seed_of
from .store import Store
from .stream import Clock, ahead, batched, ordered_map
from .symmetry import with_symmetry
from .symmetry_surface import sample as sample_surface
from .tar import TarWriter
from .tools import Tools, tools_for
from .views import sample_views

MODELS_AHEAD = 2
FETCHERS = 4  # models that are downloaded at once
FETCHED_AHEAD = 12  # models that are on their way or in the cache, not yet loaded
PICTURES_AHEAD = 8  # that are drawn while the last ones are encoded and written
ENCODERS = 2 if (os.cpu_count() or 1) < 8 else 6  # threads; a GPU in fast mode draws more than two can compress
SURFACE_POINTS = 20_000  # of a model, for the shadow it throws


@dataclass
class _Work:
    """What the stages of one shard share."""

    recipe: Recipe
    tools: Tools
    attempt: int = 0  # see `plan.ShardSpec`
    clock: Clock = field(default_factory=Clock)
    skipped: list[Skipped] = field(default_factory=list)

    def skip(self, job: ModelViews, views: int, error: ModelRefused) -> None:
        """Note a model that is left out, wholly or in part."""
        self.skipped.append(Skipped(uid=job.ref.uid, reason=error.reason.value, detail=error.detail, num_views=views))


def make_shard(
    recipe: Recipe,
    spec: ShardSpec,
    store: Store,
    progress: Callable[[int], None] = lambda done: None,
    expected: int | None = None,
) -> Receipt:
    """Make one shard and commit it.

    Args:
        recipe: the recipe the spec was planned from.
        spec: what to make.
        store: where to put it.
        progress: told how many more samples are finished (written or skipped).
        expected: how many samples this process is going to make in all, about; None: those of this shard. It decides
            whether a generator compiles its networks, and nothing else.

    Returns:
        The receipt, which is already in the store. Models that cannot be used are in `receipt.skipped`.

    Raises:
        StoreError: the store cannot be written; nothing of this shard is kept.
        Dst3dError: the generator or renderer cannot be used at all.
    """
    start = time.perf_counter()
    work = _Work(recipe, tools_for(recipe), spec.attempt)
    work.tools.ready()
    if hasattr(work.tools.generator, "expect"):
        work.tools.generator.expect(spec.num_samples if expected is None else expected)

    def fill(writer: TarWriter) -> Receipt:
        count = 0
        for sample in _samples(work, spec):
            with work.clock("write"):
                writer.write(sample)
            count += 1
            progress(1)
        progress(spec.num_samples - count)
        return _receipt(work, spec, count, time.perf_counter() - start)

    with one_thread_an_operator(), short_turns():
        return store.commit(spec.shard_id, spec.class_id, fill)


def iter_samples(recipe: Recipe, jobs: Iterable[ModelViews], skipped: list[Skipped] | None = None) -> Iterator[Sample]:
    """The samples of some views, without a store (for previews).

    Models that cannot be used are left out, and noted in `skipped` if that is given.
    """
    work = _Work(recipe, tools_for(recipe), skipped=[] if skipped is None else skipped)
    yield from _encoded(work, _pictures(work, _shots(work, _models(work, jobs))))


def _samples(work: _Work, spec: ShardSpec) -> Iterator[Sample]:
    models = ahead(_models(work, spec.jobs), MODELS_AHEAD, "load")
    shots = ahead(_shots(work, models), 2 * work.tools.generator.batch_size, "render")
    return _encoded(work, ahead(_pictures(work, shots), PICTURES_AHEAD, "generate"))


def _models(work: _Work, jobs: Iterable[ModelViews]) -> Iterator[tuple[ModelViews, CadModel]]:
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


def _shots(work: _Work, models: Iterable[tuple[ModelViews, CadModel]]) -> Iterator[Shot]:
    for job, model in models:
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


def _render(work: _Work, model: CadModel, surface: NDArray[np.float32] | None, views: list[View]) -> list[Shot | None]:
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


def _pictures(work: _Work, shots: Iterable[Shot]) -> Iterator[tuple[Shot, NDArray[np.uint8]]]:
    generator: Any = work.tools.generator
    batches = batched(shots, generator.batch_size)
    if hasattr(generator, "stream"):  # one that begins a batch before the last one is there
        for batch, pictures, seconds in generator.stream(batches):
            work.clock.add("generate", seconds)
            yield from zip(batch, pictures, strict=True)
        return
    for batch in batches:
        with work.clock("generate"):
            pictures = generator.generate(batch)
        yield from zip(batch, pictures, strict=True)


def _encoded(work: _Work, pictures: Iterable[tuple[Shot, NDArray[np.uint8]]]) -> Iterator[Sample]:
    def encode(item: tuple[Shot, NDArray[np.uint8]]) -> Sample:
        with work.clock("encode"):
            return encode_sample(work, *item)

    return ordered_map(encode, pictures, ENCODERS, 4 * ENCODERS)


def encode_sample(work: _Work, shot: Shot, picture: NDArray[np.uint8]) -> Sample:
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


def _receipt(work: _Work, spec: ShardSpec, count: int, wall: float) -> Receipt:
    tools = work.tools
    counts = Counter(tools.prompter.counts())
    for role in (tools.lighting, tools.generator):
        counts.update(getattr(role, "counts", dict)())
    return Receipt(
        shard_id=spec.shard_id,
        class_id=spec.class_id,
        digest=spec.digest,
        fingerprint=spec.fingerprint,
        path="",
        sha256="",
        num_bytes=0,
        num_samples=count,
        skipped=tuple(work.skipped),
        counts=dict(counts),
        seconds={stage: round(seconds, 4) for stage, seconds in sorted(work.clock.seconds.items())}
        | {"wall": round(wall, 4)},
        generator=tools.generator.name,
        generator_revision=tools.generator.revision,
        untrained=tools.generator.untrained,
        versions=versions() | getattr(tools.renderer, "versions", {}),
    )
