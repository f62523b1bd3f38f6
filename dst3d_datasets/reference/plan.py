"""Which samples an import makes: the pictures of a tree whose CAD models a recipe's sources have."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from typing import overload

from PIL import Image

from ..errors import ModelRefused, Reason, UsageError
from ..nouns import Missing, ModelRef
from ..plan import ModelViews, Plan, ShardSpec
from ..recipe import Recipe, sample_fingerprint
from ..recipe.options import ImportedGeneratorOptions
from ..sources import Source
from ..sources.catalogue import build_sources, resolve
from .annotation import columns
from .pickled import MOST_BYTES, read_annotation
from .tree import ANNOTATION, DEPTH, MOST_SAMPLES, RENDER, Tree, TreeModel, views_of

MOST_PICTURE_BYTES = 2**26


class TreePlan(Plan):
    """The shards of an import; sample numbers are those of the tree's files, with gaps where it has some."""

    def __init__(self, recipe: Recipe, specs: list[ShardSpec], models: dict[str, TreeModel]) -> None:
        self.recipe, self.limit, self.fingerprint = recipe, None, sample_fingerprint(recipe)
        self.models = models  # by uid
        self._specs = specs

    def __len__(self) -> int:
        return len(self._specs)

    @overload
    def __getitem__(self, index: int) -> ShardSpec: ...
    @overload
    def __getitem__(self, index: slice) -> list[ShardSpec]: ...
    def __getitem__(self, index: int | slice) -> ShardSpec | list[ShardSpec]:
        return self._specs[index]

    @property
    def num_samples(self) -> int:
        """Samples of the whole plan."""
        return sum(spec.num_samples for spec in self._specs)

    @property
    def num_models(self) -> int:
        """Models that take part."""
        return len(self.models)

    @property
    def class_ids(self) -> list[str]:
        """Ids of the classes, sorted."""
        return sorted({spec.class_id for spec in self._specs})


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of a tree is imported."""

    split: str  # as the tree calls it
    name: str  # as the release will
    pictures: str  # name of the folders of generated pictures
    many: bool  # whether a view may have more than one picture
    size: int  # pixels
    unproven: bool  # whether views are taken whose pose nothing proves


def wanted(tree: Tree, split: str | None, pictures: str | None, unproven: bool = False) -> Wanted:
    """Choose split and pictures: what is asked for, or what alone is there.

    Raises:
        UsageError: there is no such thing, or a choice of several; the message lists them.
    """
    own = _one(tree.splits, split if split in tree.splits or tree.splits != [""] else "", "split", "--split")
    kind = _one(tree.pictures, pictures, "folder of generated pictures", "--pictures")
    models = [model for model in tree.of_split(own) if kind in model.kinds]
    if not models:
        raise UsageError(f"{tree.path}: the split {own or '(none)'} has no {kind}; see --dry-run")
    name = own or split or "train"
    if not name.replace("_", "a").isalnum():
        raise UsageError(f"the split {name!r} cannot be a release's: letters, digits and _ only")
    many = any(number % MOST_SAMPLES for model in models for number in model.numbers(kind))
    return Wanted(own, name, kind, many, _first_size(tree, models, kind), unproven)


def _one(there: list[str], asked: str | None, what: str, flag: str) -> str:
    known = ", ".join(name or "(none)" for name in there) or "none"
    if asked is not None and asked not in there:
        raise UsageError(f"{flag}: there is no {what} {asked!r}; the tree has: {known}")
    if asked is None and len(there) != 1:
        raise UsageError(f"the tree has more than one {what}, or none: {known}; choose with {flag}")
    return there[0] if asked is None else asked


def _first_size(tree: Tree, models: list[TreeModel], kind: str) -> int:
    """The side of the first picture that tells it."""
    why = "none can be read"
    for model in models:
        for view, sample in views_of(model, kind):
            place, name = model.find(kind, view, sample) or (0, "")
            try:
                with Image.open(io.BytesIO(tree.places[place].read(name, MOST_PICTURE_BYTES))) as image:
                    width, height = image.size
            except (ModelRefused, OSError, SyntaxError, ValueError, Image.DecompressionBombError):
                continue
            if width == height and 32 <= width <= 4096:
                return width
            why = f"{name} is {width} x {height}; square ones of 32 to 4096 pixels are imported"
    raise UsageError(f"{tree.path}: no picture to begin with: {why}")


def gaps(tree: Tree, want: Wanted) -> dict[str, int]:
    """Pictures that are there, and how many of them lack what else an import needs."""
    found = {"pictures": 0, "without_annotation": 0, "without_render_and_depth": 0, "without_prompts_json": 0}
    for model in tree.of_split(want.split):
        views = [view for view, _ in views_of(model, want.pictures)]
        there = {
            kind: {number // MOST_SAMPLES for number in model.numbers(kind)} for kind in (ANNOTATION, RENDER, DEPTH)
        }
        found["pictures"] += len(views)
        found["without_annotation"] += sum(view not in there[ANNOTATION] for view in views)
        found["without_render_and_depth"] += sum(view not in there[RENDER] | there[DEPTH] for view in views)
        found["without_prompts_json"] += len(views) * ((model.split, model.synset) not in tree.words)
    return found


def import_recipe(recipe: Recipe, tree: Tree, want: Wanted) -> Recipe:
    """The recipe of an import: the sources and the release of `recipe`, the pictures of the tree."""
    options = ImportedGeneratorOptions(
        kind="imported", pictures=want.pictures, tree=tree.digest, unproven=want.unproven
    )
    return recipe.model_copy(
        update={
            "generator": options,
            "render": recipe.render.model_copy(update={"size": want.size}),
            "release": recipe.release.model_copy(update={"splits": {want.name: 1.0}}),
        }
    )


def plan_import(recipe: Recipe, tree: Tree, want: Wanted) -> tuple[TreePlan, list[Missing]]:
    """The shards of an import, and the tree's models that no source has.

    Args:
        recipe: from `import_recipe`.
        tree: the tree.
        want: what of it.
    """
    sources = build_sources(recipe)
    listed: dict[str, ModelRef] | None = None
    if recipe.catalogue.file:
        listed = {ref.uid: ref for ref in resolve(recipe, sources)[0]}
    missing, by_class = list[Missing](), dict[str, list[tuple[ModelRef, TreeModel]]]()
    for model in tree.of_split(want.split):
        if want.pictures not in model.kinds:
            continue
        ref = _ref(model, sources, listed, tree)
        if isinstance(ref, str):
            reason = Reason.MISSING.value
            missing.append(Missing(synset=model.synset, model_id=model.model_id, reason=reason, detail=ref))
        else:
            by_class.setdefault(ref.class_id, []).append((ref, model))
    specs, found = list[ShardSpec](), dict[str, TreeModel]()
    fingerprint = sample_fingerprint(recipe)
    for class_id, pairs in sorted(by_class.items()):
        jobs: list[ModelViews] = []
        for ref, model in sorted(pairs, key=lambda pair: pair[0].uid):
            if found.setdefault(ref.uid, model) is not model:
                raise UsageError(
                    f"{tree.path}: {found[ref.uid].model_id} and {model.model_id} are one model, {ref.uid}"
                )
            jobs += _runs(ref, _numbers(model, want), recipe.shards.samples)
        for number, part in enumerate(_shards(jobs, recipe.shards.samples)):
            specs.append(ShardSpec(f"{class_id}-{number:05d}", class_id, tuple(part), fingerprint))
    return TreePlan(recipe, specs, found), missing


def _ref(
    model: TreeModel, sources: Mapping[str, Source], listed: dict[str, ModelRef] | None, tree: Tree
) -> ModelRef | str:
    """The CAD model, aligned as the catalogue says, or else as the annotations do; or why there is none."""
    for source in sources.values():
        ref = source.find(model.synset, model.model_id)
        if ref is None:
            continue
        ref = replace(ref, synset=model.synset)
        if listed is not None:
            if ref.uid in listed:
                return listed[ref.uid]
            continue
        azimuth, elevation = _columns(model, tree)
        return replace(ref, azimuth=azimuth, elevation=elevation, alignment=(), exact=elevation == 0.0)
    if listed is not None:
        return "the catalogue does not list it, or no source has it: without the CAD model no label can be true"
    return f"not in {', '.join(sources)}: without the CAD model no label can be true"


def _columns(model: TreeModel, tree: Tree) -> tuple[float, float]:
    """What the first readable annotation says of the catalogue's columns."""
    for number in model.numbers(ANNOTATION):
        place, name = model.find(ANNOTATION, number // MOST_SAMPLES) or (0, "")
        try:
            return columns(read_annotation(tree.places[place].read(name, MOST_BYTES), name))
        except ModelRefused:
            continue
    return 0.0, 0.0


def _numbers(model: TreeModel, want: Wanted) -> list[int]:
    """The samples' numbers within the model: the view's, or 100 times that and the picture's."""
    return [view * MOST_SAMPLES + sample if want.many else view for view, sample in views_of(model, want.pictures)]


def _runs(ref: ModelRef, numbers: list[int], most: int) -> list[ModelViews]:
    """Consecutive numbers, at most so many in one."""
    found = []
    for _, group in groupby(enumerate(numbers), key=lambda pair: (pair[1] - pair[0], pair[0] // most)):
        run = [number for _, number in group]
        found.append(ModelViews(ref, run[0], len(run)))
    return found


def _shards(jobs: list[ModelViews], most: int) -> list[list[ModelViews]]:
    """Jobs in their order, in parts of at most `most` samples."""
    parts: list[list[ModelViews]] = []
    held = 0
    for job in jobs:
        if not parts or held + job.count > most:
            parts.append([])
            held = 0
        parts[-1].append(job)
        held += job.count
    return parts
