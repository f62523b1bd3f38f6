"""Plans: complete, lazy, stable when a recipe grows, and fast."""

from __future__ import annotations

import dataclasses
import random
import subprocess
import sys

import pytest

from dst3d_datasets.errors import RecipeError, UsageError
from dst3d_datasets.nouns import ModelRef
from dst3d_datasets.plan import Plan
from dst3d_datasets.recipe import Recipe, validate
from dst3d_datasets.seeds import seed_of
from dst3d_datasets.views import sample_views


def refs_of(classes: int, models: int) -> list[ModelRef]:
    return [
        ModelRef(source="toy", model_id=f"m{m}", class_name=f"class {c}", synset=f"n{c:08d}")
        for c in range(classes)
        for m in range(models)
    ]


def recipe_of(**sections: object) -> Recipe:
    return validate({"shards": {"samples": 7}, **sections})


def samples(recipe: Recipe, refs: list[ModelRef], limit: int | None = None) -> dict[str, tuple]:
    """Everything that is decided for a sample before anything is opened, by key."""
    found = {}
    for spec in Plan(recipe, refs, limit):
        for job in spec.jobs:
            for view in sample_views(recipe, job.ref, job.first, job.count):
                seed = seed_of(recipe.seed, job.ref.uid, "sample", view.index)
                key = job.ref.key(view.index)
                assert key not in found
                found[key] = (view, seed)
    return found


@pytest.mark.parametrize(("models", "per_class"), [(1, 1), (3, 10), (4, 2), (30, 2500), (7, 7)])
def test_every_class_gets_its_images_split_evenly(models: int, per_class: int) -> None:
    plan = Plan(recipe_of(views={"per_class": per_class}), refs_of(2, models))
    counts: dict[str, int] = {}
    for spec in plan:
        assert 0 < spec.num_samples <= 7
        assert len(list(spec.keys())) == spec.num_samples
        for job in spec.jobs:
            counts[job.ref.uid] = counts.get(job.ref.uid, 0) + job.count
    assert sum(counts.values()) == plan.num_samples == 2 * per_class
    assert max(counts.values()) - min(counts.values()) <= 1 or models > per_class


def test_plan_does_not_depend_on_the_order_of_models() -> None:
    refs = refs_of(5, 4)
    shuffled = list(refs)
    random.Random(3).shuffle(shuffled)
    recipe = recipe_of(views={"per_model": 3})
    assert list(Plan(recipe, refs)) == list(Plan(recipe, shuffled))
    assert Plan(recipe, refs).digest == Plan(recipe, shuffled).digest


def test_adding_views_and_models_changes_no_other_sample() -> None:
    small = samples(recipe_of(views={"per_model": 3}), refs_of(3, 4))
    more_views = samples(recipe_of(views={"per_model": 5}), refs_of(3, 4))
    more_models = samples(recipe_of(views={"per_model": 3}), refs_of(4, 6))
    other_shards = samples(recipe_of(views={"per_model": 3}, shards={"samples": 2}), refs_of(3, 4))
    assert len(more_views) == 60
    assert len(more_models) == 72
    for larger in (more_views, more_models, other_shards):
        assert {key: larger[key] for key in small} == small


def test_another_seed_changes_every_sample() -> None:
    first = samples(recipe_of(views={"per_model": 3}), refs_of(2, 2))
    second = samples(recipe_of(views={"per_model": 3}, seed=1), refs_of(2, 2))
    assert first.keys() == second.keys()
    assert all(first[key] != second[key] for key in first)


def test_slices_cover_the_plan_once() -> None:
    plan = Plan(recipe_of(views={"per_model": 5}), refs_of(3, 4))
    parts = [plan.slice(part, 4) for part in range(4)]
    assert sorted(index for part in parts for index in part) == list(range(len(plan)))
    for part, parts_ in ((4, 4), (-1, 4), (0, 0)):
        with pytest.raises(UsageError, match="0 <= i < n"):
            plan.slice(part, parts_)


@pytest.mark.parametrize("limit", [1, 5, 9, 40, 60, 1000])
def test_limit_spreads_over_classes_and_keeps_samples(limit: int) -> None:
    recipe = recipe_of(views={"per_model": 5})
    whole, limited = samples(recipe, refs_of(3, 4)), samples(recipe, refs_of(3, 4), limit)
    assert len(limited) == min(limit, 60)
    assert all(whole[key] == limited[key] for key in limited)
    per_class = [sum(key.startswith(f"n{c:08d}") for key in limited) for c in range(3)]
    assert max(per_class) - min(per_class) <= 1
    trial = Plan(recipe, refs_of(3, 4), limit)
    assert not {spec.shard_id for spec in trial} & {spec.shard_id for spec in Plan(recipe, refs_of(3, 4))}


def test_limit_must_be_positive() -> None:
    with pytest.raises(UsageError, match="limit 0"):
        Plan(recipe_of(), refs_of(1, 1), 0)


def test_doubles_and_emptiness_are_refused() -> None:
    with pytest.raises(RecipeError, match="listed twice"):
        Plan(recipe_of(), refs_of(1, 1) * 2)
    with pytest.raises(RecipeError, match="no model"):
        Plan(recipe_of(), [])


def test_digest_tells_content_and_catalogue_changes() -> None:
    refs = refs_of(1, 2)
    base = Plan(recipe_of(), refs)
    for change in ({"azimuth": 90.0}, {"content": "abc"}, {"distance": 2.0}, {"symmetry": 2}):
        changed = Plan(recipe_of(), [refs[0], dataclasses.replace(refs[1], **change)])
        assert changed.digest != base.digest
        assert changed[0].digest != base[0].digest or changed[-1].digest != base[-1].digest


def test_indexing_behaves_like_a_sequence() -> None:
    plan = Plan(recipe_of(views={"per_model": 5}), refs_of(3, 4))
    assert plan[-1] == plan[len(plan) - 1] == list(plan)[-1]
    assert plan[2:4] == [plan[2], plan[3]]
    with pytest.raises(IndexError):
        plan[len(plan)]


def test_keys_fit_a_plain_tar_header() -> None:
    ref = ModelRef(source="s" * 16, model_id="Some/Very long (id)" * 9, class_name="A class, of objects" * 5)
    key = ref.key(9_999_999)
    assert len(f"{key}.normal.png") <= 100
    assert "." not in key


_BIG = """
import re
from pathlib import Path
from dst3d_datasets.nouns import ModelRef
from dst3d_datasets.plan import Plan
from dst3d_datasets.recipe import validate
ids = [(c, m) for c in range(1000) for m in range(30)]
refs = [ModelRef(source="s", model_id=f"{c}-{m}", class_name="c", synset=f"n{c:08d}") for c, m in ids]
plan = Plan(validate({"views": {"per_class": 2500}}), refs)
samples = sum(spec.num_samples for spec in plan)
digits = len(plan.digest)
# not ru_maxrss, which begins with the peak of the process that started this one
peak = re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]
print(len(plan), samples, digits, peak)
"""


def test_two_and_a_half_million_samples_stay_small() -> None:
    """The time is `dst3d bench plan`'s business; the memory is a promise that can be tested."""
    run = subprocess.run([sys.executable, "-c", _BIG], capture_output=True, text=True, check=True, timeout=120)
    shards, count, digits, peak_kib = map(int, run.stdout.split())
    assert (shards, count, digits) == (10_000, 2_500_000, 32)
    assert peak_kib < 1024 * 1024
