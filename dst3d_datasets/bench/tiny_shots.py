"""Shots that the tiny generator has never seen: held-out primitives, and real CAD models where there are any."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from ..camera import camera_of
from ..errors import ModelRefused
from ..nouns import ModelRef, Shot
from ..recipe import Recipe, load_recipe
from ..seeds import seed_of
from ..sources.catalogue import build_sources, resolve
from ..tools import Tools
from ..views import sample_views

SPHERE = "views.sampling={elevation: {sphere: [-90, 90]}}"


def held_out(per_class: int, overrides: Sequence[str] = ()) -> tuple[Recipe, list[Shot]]:
    """One view of each of `per_class` instances of every primitive class, from anywhere on the sphere.

    The instances (0 to 999 of a class) took no part in the training.
    """
    recipe = load_recipe("quickstart", ["catalogue.classes=[]", "views.per_model=1", SPHERE, *overrides])
    source = Tools(recipe).source("primitives")
    refs = [
        source.find(ref.synset, f"{ref.model_id.rsplit('-', 1)[0]}-{number:05d}")
        for number in range(500, 500 + per_class)
        for ref in source.models()
        if ref.model_id.endswith("-00000")
    ]
    return recipe, list(shots(recipe, [ref for ref in refs if ref is not None], 1))


def real(root: Path, per_model: int, most: int = 10**6) -> tuple[Recipe, list[Shot]]:
    """Views of the real CAD models that a catalogue, `models.csv`, names beside their trees, from all around."""
    kinds = [kind for kind in ("shapenet", "omniobject3d") if (root / kind).is_dir()]
    places = ", ".join(f"{{kind: {kind}, root: {root / kind}}}" for kind in kinds)
    given = [f"catalogue.file={root / 'models.csv'}", f"sources=[{places}]", f"views.per_model={per_model}", SPHERE]
    recipe = load_recipe("quickstart", ["catalogue.classes=[]", *given])
    refs, _ = resolve(recipe, build_sources(recipe))
    return recipe, list(shots(recipe, refs[:most], per_model))


def shots(recipe: Recipe, refs: Sequence[ModelRef], per_model: int) -> Iterator[Shot]:
    """The shots of some models, as `make_shard` would make them; models that cannot be used are left out."""
    tools, size = Tools(recipe), recipe.render.size
    for ref in refs:
        try:
            model = tools.source(ref.source).open(ref)
        except ModelRefused:
            continue
        for view in sample_views(recipe, ref, 0, per_model):
            camera = camera_of(view, size, size)
            seed = seed_of(recipe.seed, ref.uid, "sample", view.index)
            lights = tools.lighting.lights_of(seed_of(seed, "light"))
            buffers = next(iter(tools.renderer.render(model, [camera], [lights])))
            if buffers.mask.any():
                yield Shot(
                    key=ref.key(view.index), ref=ref, view=view, camera=camera, lights=lights, buffers=buffers,
                    controls=tools.make_controls(buffers, camera, recipe.controls),
                    prompt=tools.prompter.prompt(ref, seed), seed=seed, label={},
                )  # fmt: skip
