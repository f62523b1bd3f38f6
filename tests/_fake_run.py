"""A finished run without a renderer: true plan, labels, tars and receipts around small made-up pictures."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path
from typing import Any

import numpy as np

from dst3d_datasets import images, schema
from dst3d_datasets.camera import camera_of
from dst3d_datasets.cost import FILE as COST
from dst3d_datasets.label import make_label
from dst3d_datasets.nouns import CadModel, Controls, ModelRef, Prompt, Sample
from dst3d_datasets.plan import Plan, ShardSpec
from dst3d_datasets.receipt import Receipt, Skipped
from dst3d_datasets.recipe import Recipe, validate
from dst3d_datasets.run import claim
from dst3d_datasets.seeds import seed_of
from dst3d_datasets.store import Store
from dst3d_datasets.tar import TarWriter
from dst3d_datasets.views import sample_views

SIZE = 32
CLASSES = [("n02690373", "airliner", 404), ("n03063599", "coffee mug", 504), ("", "space | station", -1)]


def fake_recipe(**changes: Any) -> Recipe:
    """A small recipe; keyword arguments replace its parts."""
    data: dict[str, Any] = {
        "name": "fake",
        "sources": [{"kind": "primitives", "models_per_class": 2}],
        "views": {"per_model": 4},
        "render": {"size": SIZE},
        "shards": {"samples": 5},
        "release": {"shard_bytes": 60_000},
    }
    return validate({**data, **changes})


def fake_refs(models: int = 3) -> list[ModelRef]:
    """Models of three classes, one of them outside ImageNet."""
    return [
        ModelRef(
            source="primitives",
            model_id=f"m{number}",
            class_name=name,
            synset=synset,
            class_index=index,
            licence="CC-BY-4.0",
            author="Zoë | <b>Émile</b>",
            url=f"https://example.org/{name.split()[0]}/{number}",
            title=f"{name} {number}",
        )
        for synset, name, index in CLASSES
        for number in range(models)
    ]


def fake_sample(recipe: Recipe, ref: ModelRef, number: int) -> Sample:
    """One view of one model, pictures by its seed."""
    view = sample_views(recipe, ref, number, 1)[0]
    seed = seed_of(recipe.seed, ref.uid, "sample", number)
    pixels = np.random.default_rng(seed)
    disc = np.hypot(*np.mgrid[-1 : 1 : SIZE * 1j, -1 : 1 : SIZE * 1j]) < 0.7
    mask = disc.astype(np.uint8) * 255
    colour = pixels.integers(0, 255, (SIZE, SIZE, 3), np.uint8)
    controls = Controls(
        render=colour,
        edge=mask,
        line=mask,
        mask=mask,
        part=disc.astype(np.uint16),
        depth=np.where(disc, 1 + pixels.integers(0, 60000, (SIZE, SIZE)), 0).astype(np.uint16),
        normal=colour * disc[..., None],
        depth_scale=1e-5,
        depth_offset=0.75,
    )
    label = make_label(
        key=ref.key(number),
        model=CadModel(ref=ref, parts=(), size=(1.0, 0.5, 0.25)),
        view=view,
        camera=camera_of(view, SIZE, SIZE),
        controls=controls,
        prompt=Prompt(text=f"An image of {ref.class_name}", negative="blurred"),
        seed=seed,
        bbox=(4.0, 4.5, 28.0, 27.5),
        visible_fraction=1.0,
    )
    members = [
        *images.encode_controls(controls),
        ("jpg", images.encode_jpg(colour)),
        ("json", schema.encode({**label, "generator": "fake", "generator_revision": "1"})),
        ("cls", str(ref.class_index).encode()),
        ("txt", label["prompt"].encode()),
    ]
    return Sample(key=ref.key(number), members=tuple(sorted(members)))


def fake_shard(recipe: Recipe, spec: ShardSpec, store: Store, untrained: str = "", skip: str = "") -> Receipt:
    """What `make_shard` does, but for the rendering; models whose id is `skip` are skipped."""

    def fill(writer: TarWriter) -> Receipt:
        skipped, count = [], 0
        for job in spec.jobs:
            if job.ref.model_id == skip:
                skipped.append(Skipped(uid=job.ref.uid, reason="no_faces", detail="empty", num_views=job.count))
                continue
            for number in range(job.first, job.first + job.count):
                writer.write(fake_sample(recipe, job.ref, number))
                count += 1
        return Receipt(
            shard_id=spec.shard_id,
            class_id=spec.class_id,
            digest=spec.digest,
            fingerprint=spec.fingerprint,
            path="",
            sha256="",
            num_bytes=0,
            num_samples=count,
            skipped=tuple(skipped),
            seconds={"wall": random.random()},
            generator="fake",
            generator_revision="1",
            untrained=untrained,
            versions={"numpy": "2.0"},
        )

    return store.commit(spec.shard_id, spec.class_id, fill)


def fake_run(
    folder: Path,
    *,
    models: int = 3,
    order: int = 0,
    leave_out: int = 0,
    skip: str = "",
    untrained: str = "",
    **changes: Any,
) -> Store:
    """A run folder with every shard made but the last `leave_out`; `order` shuffles who comes first."""
    recipe, store = fake_recipe(**changes), Store(folder)
    refs = fake_refs(models)
    random.Random(order).shuffle(refs)
    plan = Plan(recipe, refs)
    claim(store, recipe, plan, [], extend=False)
    indices = list(range(len(plan) - leave_out))
    random.Random(order).shuffle(indices)
    for index in indices:
        fake_shard(recipe, plan[index], store, untrained, skip)
    return store


def tree(folder: Path) -> dict[str, str]:
    """Every file of a folder with its sha256, but for what was measured on the way."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != COST
    }
