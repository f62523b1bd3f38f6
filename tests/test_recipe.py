"""Recipes: what is refused and how it is said, and what the fingerprint depends on."""

from __future__ import annotations

from pathlib import Path

import pytest

from dst3d_datasets.errors import RecipeError
from dst3d_datasets.recipe import (
    builtin_recipes,
    difference,
    dump,
    fingerprint,
    load_recipe,
    sample_fingerprint,
    to_yaml,
    validate,
)


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("views.per_modl=3", ["views.per_modl", "did you mean 'per_model'", "per_class"]),
        ("views.per_model=-1", ["views.per_model", "greater than or equal to 1", "-1"]),
        ("views.per_class=3", ["views", "exactly one of per_class and per_model"]),
        ("render.size=abc", ["render.size", "integer", "'abc'"]),
        ("render.size=3", ["render.size", "32"]),
        ("sources=[]", ["sources", "at least 1"]),
        ("sources.0.kind=foo", ["sources.0", "needs `kind`, one of", "shapenet", "primitives"]),
        ("sources.0.models_per_clas=2", ["sources.0.models_per_clas", "did you mean 'models_per_class'"]),
        ("sources=[{kind: shapenet}]", ["sources.0.root", "required"]),
        ("sources=[{kind: primitives}, {kind: primitives}]", ["two are called 'primitives'"]),
        ("views.sampling=7", ["views.sampling", "7"]),
        ("views.sampling={azimuth: {uniform: [2, 1]}}", ["views.sampling.azimuth", "low 2 must be below high 1"]),
        ("views.sampling={azimuth: {uniform: [0, 1], fixed: 2}}", ["views.sampling.azimuth", "exactly one of"]),
        ("views.distance={fixed: 0.3}", ["views: distance: 0.3", "inside the object"]),
        ("views.distance={fixed: .inf}", ["views.distance.fixed"]),
        ("controls.edges={low: 300, high: 200}", ["controls.edges", "low 300"]),
        ("controls.background=[1, 2, 300]", ["controls.background.2", "255"]),
        ("generator={kind: nope}", ["generator", "one of", "controlnet", "render"]),
        ("generator.background=images", ["generator", "folder"]),
        ("generator={kind: controlnet, scales: [1.0, 2.0]}", ["generator", "give pairs"]),
        ("release.splits={a: 0.5}", ["release.splits", "add up to 1"]),
        ("release.splits={'a-b': 1.0}", ["release.splits", "a-b"]),
        ("seed='3'", ["seed", "integer"]),
        ("seed=-1", ["seed"]),
        ("scores=[kfc]", ["scores", "no scorer 'kfc'", "known:"]),
        ("nope=1", ["nope", "unknown field", "generator"]),
        ("schema=dst3d-recipe/9", ["schema", "dst3d-recipe/1"]),
        ("render=5", ["render"]),
        ("render.size.x=5", ["size is a value"]),
        ("sources.7.kind=folder", ["'7' is not one of 0 to 0"]),
        ("oops", ["field.path=value"]),
    ],
)
def test_refusals_name_the_field_and_the_choices(override: str, words: list[str]) -> None:
    with pytest.raises(RecipeError) as caught:
        load_recipe("render", [override])
    for word in words:
        assert word in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("seed: 1\nseed: 2\n", ["line 2", "'seed'", "twice"]),
        ("views: {per_model: 1\n", ["not valid YAML"]),
        ("- 1\n- 2\n", ["mapping", "list"]),
        ("1: 2\n", ["1", "not a text"]),
        ("a: !!python/object/apply:os.system ['true']\n", ["not valid YAML"]),
    ],
)
def test_bad_files(tmp_path: Path, text: str, words: list[str]) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(RecipeError) as caught:
        load_recipe(path)
    for word in ("bad.yaml", *words):
        assert word in str(caught.value)


def test_missing_and_binary_files(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"no such file.*quickstart"):
        load_recipe(tmp_path / "none.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(RecipeError, match="cannot be read as text"):
        load_recipe(tmp_path / "binary.yaml")


@pytest.mark.parametrize("name", builtin_recipes())
def test_built_in_recipes_are_valid_and_survive_writing(name: str, tmp_path: Path) -> None:
    recipe = load_recipe(name)
    path = tmp_path / "recipe.yaml"
    path.write_text(to_yaml(recipe))
    again = load_recipe(path)
    assert again == recipe
    assert fingerprint(again) == fingerprint(recipe)
    assert validate(dump(recipe)) == recipe


def test_places_are_relative_to_the_file_and_outside_the_fingerprint(tmp_path: Path) -> None:
    prints = set()
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        path = tmp_path / folder / "recipe.yaml"
        path.write_text("sources: [{kind: folder, root: models}]\ncatalogue: {file: models.csv}\n")
        recipe = load_recipe(path)
        assert recipe.sources[0].root == str(tmp_path / folder / "models")
        assert recipe.catalogue.file == str(tmp_path / folder / "models.csv")
        prints.add(fingerprint(recipe))
    assert len(prints) == 1


@pytest.mark.parametrize(
    ("override", "whole", "sample"),
    [
        ("seed=1", True, True),
        ("render.size=128", True, True),
        ("controls.edges.low=50", True, True),
        ("views.sampling=5", True, True),
        ("generator.background=plain", True, True),
        ("shards.jpeg_quality=90", True, True),
        ("prompts.text='{class_name}'", True, True),
        ("views.per_model=4", True, False),
        ("sources.0.models_per_class=9", True, False),
        ("shards.samples=5", True, False),
        ("catalogue.classes=[teapot]", True, False),
        ("name=other", False, False),
        ("release.shard_bytes=99999", False, False),
        ("render.device=cpu", False, False),
    ],
)
def test_what_fingerprints_depend_on(override: str, whole: bool, sample: bool) -> None:
    plain, changed = load_recipe("render"), load_recipe("render", [override])
    assert (fingerprint(plain) != fingerprint(changed)) == whole
    assert (sample_fingerprint(plain) != sample_fingerprint(changed)) == sample
    assert bool(difference(plain, changed)) == whole


def test_fingerprint_is_pinned() -> None:
    """A change here means that every finished run would be made anew: it must be meant."""
    assert fingerprint(validate({})) == PINNED


PINNED = "5606d6c6199b6c92"
