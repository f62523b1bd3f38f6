"""`import_tree`: what the reference code made, as an ordinary run folder with labels in our frame."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from typing import Any

from ..build import BuildReport
from ..errors import ModelRefused
from ..machine import one_thread_an_operator, versions
from ..nouns import Sample
from ..plan import ModelViews, ShardSpec
from ..receipt import Receipt, Skipped
from ..recipe import Recipe
from ..run import claim, lock, settled
from ..store import Store
from ..symmetry import with_symmetry
from ..tar import TarWriter
from ..tools import tools_for
from .frame import raw_box
from .plan import TreePlan, import_recipe, plan_import, wanted
from .samples import Importer
from .tree import open_tree

Event = Callable[..., None]


def _no_event(kind: str, **data: Any) -> None:
    """The default listener."""


def import_tree(
    path: str | os.PathLike[str],
    out: str | os.PathLike[str],
    recipe: Recipe,
    *,
    split: str | None = None,
    pictures: str | None = None,
    unproven: bool = False,
    part: int = 0,
    parts: int = 1,
    on_event: Event = _no_event,
) -> BuildReport:
    """Put the pictures of a reference tree into the shards of a run, each with a label that has been checked.

    Every view is drawn anew from its CAD model at the pose that its annotation gives, and compared with the reference's
    render or depth. What cannot be proven, and what cannot be read, is left out and counted, never guessed.

    Args:
        path: the tree: a folder, an archive, or a folder of archives.
        out: the run's folder (or fsspec address); finished shards are kept, and the same call goes on.
        recipe: names the sources and the catalogue that have the CAD models, and says how controls, shards and release
            are made; its views, prompts and generator are not used.
        split: which split of the tree; none: the only one.
        pictures: name of the folders of generated pictures; none: the only one.
        unproven: take views whose pose nothing in the tree proves; the receipts count them.
        part: which slice of the shards this call makes, 0 <= part < parts.
        parts: how many slices there are.
        on_event: see `build.build`.

    Raises:
        UsageError: there is nothing to import at `path`, a choice is missing, or `out` holds another run.
        ModelRefused: an archive of the tree cannot be read.
        StoreError: the folder cannot be written.
    """
    store = Store(out)
    tree = open_tree(path)
    want = wanted(tree, split, pictures, unproven)
    recipe = settled(import_recipe(recipe, tree, want), store)
    plan, missing = plan_import(recipe, tree, want)
    indices = plan.slice(part, parts)
    with lock(store, f"build-{part}-of-{parts}"):
        run = claim(store, recipe, plan, missing, extend=False)
        specs = [plan[index] for index in indices]
        todo = [spec for spec in specs if not _is_made(store, run.is_done, spec)]
        report = BuildReport(num_shards=len(specs), num_done_before=len(specs) - len(todo))
        total, left = sum(spec.num_samples for spec in specs), sum(spec.num_samples for spec in todo)
        on_event("plan", total_samples=total, done_samples=total - left, shards=len(specs))
        importer = Importer(recipe, tree, want, tools_for(recipe))
        for spec in todo:
            receipt = _shard(importer, plan, spec, store, on_event)
            report.num_made += 1
            report.num_samples += receipt.num_samples
            report.skipped.extend(receipt.skipped)
            on_event("shard", receipt=receipt)
    return report


def _is_made(store: Store, is_done: Callable[[Receipt | None], bool], spec: ShardSpec) -> bool:
    receipt = store.receipt(spec.shard_id)
    return receipt is not None and is_done(receipt) and store.has_all(receipt)


def _shard(importer: Importer, plan: TreePlan, spec: ShardSpec, store: Store, on_event: Event) -> Receipt:
    """Make and commit one shard."""
    start, skipped = time.perf_counter(), list[Skipped]()
    generator = importer.tools.generator
    importer.counts.clear()

    def fill(writer: TarWriter) -> Receipt:
        count = 0
        for sample in _samples(importer, plan, spec, skipped):
            if sample is not None:
                writer.write(sample)
                count += 1
            on_event("samples", n=1)
        return Receipt(
            shard_id=spec.shard_id,
            class_id=spec.class_id,
            digest=spec.digest,
            fingerprint=spec.fingerprint,
            path="",
            sha256="",
            num_bytes=0,
            num_samples=count,
            skipped=tuple(_merged(skipped)),
            counts=dict(importer.counts),
            seconds={"wall": round(time.perf_counter() - start, 4)},
            generator=generator.name,
            generator_revision=generator.revision,
            versions=versions(),
        )

    with one_thread_an_operator():
        return store.commit(spec.shard_id, spec.class_id, fill)


def _samples(importer: Importer, plan: TreePlan, spec: ShardSpec, skipped: list[Skipped]) -> Iterator[Sample | None]:
    """The samples of a shard in order; None for each that is left out."""
    uid, model, box = "", None, None
    refusal: ModelRefused | None = None
    for job in spec.jobs:
        if job.ref.uid != uid:
            uid, model, refusal = job.ref.uid, None, None
            try:
                model = with_symmetry(importer.tools.source(job.ref.source).open(job.ref))
                box = raw_box(model)
            except ModelRefused as error:
                refusal = error
        for number in range(job.first, job.first + job.count):
            try:
                if refusal is not None:
                    raise refusal
                assert model is not None
                assert box is not None
                yield importer.sample(model, box, plan.models[uid], number)
            except ModelRefused as error:
                skipped.append(_skipped(job, error))
                yield None


def _skipped(job: ModelViews, error: ModelRefused) -> Skipped:
    return Skipped(uid=job.ref.uid, reason=error.reason.value, detail=error.detail, num_views=1)


def _merged(skipped: list[Skipped]) -> list[Skipped]:
    """One entry a model and reason, with the first detail."""
    found: dict[tuple[str, str], Skipped] = {}
    for row in skipped:
        first = found.get((row.uid, row.reason), row)
        views = row.num_views + (first.num_views if first is not row else 0)
        found[row.uid, row.reason] = Skipped(uid=row.uid, reason=row.reason, detail=first.detail, num_views=views)
    return list(found.values())
