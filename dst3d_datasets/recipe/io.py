"""Recipes as YAML files: reading with clear errors, overriding single fields, writing, and the fingerprint."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from ..errors import RecipeError
from ..registry import table
from .base import HABITS, is_location, plain_without
from .explain import explain
from .fields import Recipe

NOT_IN_FINGERPRINT = ("name", "release", "scores", "keep", "limits", "publishable", "acknowledge")


class _UniqueKeyLoader(yaml.SafeLoader):  # type: ignore[misc]
    """YAML that refuses a key given twice, and reads `1e-3` as the number it is meant to be."""


def _mapping(loader: _UniqueKeyLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[Any] = set()
    for key_node, _ in node.value:
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, str):
            raise RecipeError(f"line {key_node.start_mark.line + 1}: the key {key!r} is not a text")
        if key in seen:
            raise RecipeError(f"line {key_node.start_mark.line + 1}: the key {key!r} is given twice")
        seen.add(key)
    plain: dict[Any, Any] = loader.construct_mapping(node, deep=True)
    return plain


_UniqueKeyLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def parse_yaml(text: str, origin: str) -> dict[str, Any]:
    """YAML text to plain data, one mapping at the top.

    Raises:
        RecipeError: not YAML, not a mapping, or a key given twice; the message starts with `origin`.
    """
    try:
        data = yaml.load(text, Loader=_UniqueKeyLoader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        raise RecipeError(f"{origin}: not valid YAML: {' '.join(str(error).split())}") from error
    except RecipeError as error:
        raise RecipeError(f"{origin}: {error}") from error
    if data is None:
        data = {}
    if not isinstance(data, dict):
        raise RecipeError(f"{origin}: a recipe is a mapping of fields, not a {type(data).__name__}")
    return data


def load_recipe(path: str | os.PathLike[str], overrides: Iterable[str] = ()) -> Recipe:
    """Read a recipe.

    Args:
        path: a YAML file, or the name of a built-in recipe such as `quickstart`.
        overrides: `field.path=value` texts, the value in YAML.

    Raises:
        RecipeError: with the path of every field that is wrong, and the choices.
    """
    text, origin, folder = _read(os.fspath(path))
    data = parse_yaml(text, origin)
    for override in overrides:
        _override(data, override)
    return validate(data, origin=origin, folder=folder)


def builtin_recipes() -> list[str]:
    """Names of the recipes that ship with the package."""
    files = resources.files("dst3d_datasets") / "recipe" / "builtin"
    return sorted(entry.name.removesuffix(".yaml") for entry in files.iterdir() if entry.name.endswith(".yaml"))


def builtin_text(name: str) -> str:
    """The commented YAML of a built-in recipe."""
    if name not in builtin_recipes():
        raise RecipeError(f"there is no built-in recipe {name!r}; known: {', '.join(builtin_recipes())}")
    return (resources.files("dst3d_datasets") / "recipe" / "builtin" / f"{name}.yaml").read_text(encoding="utf-8")


def _read(path: str) -> tuple[str, str, Path]:
    if path in builtin_recipes() and not Path(path).exists():
        return builtin_text(path), path, Path.cwd()
    try:
        return Path(path).read_text(encoding="utf-8"), path, Path(path).resolve().parent
    except FileNotFoundError:
        known = ", ".join(builtin_recipes())
        raise RecipeError(f"{path}: no such file, and no built-in recipe of that name (known: {known})") from None
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: cannot be read as text: {error}") from error


def _override(data: dict[str, Any], override: str) -> None:
    path, separator, value = override.partition("=")
    if not separator or not path:
        raise RecipeError(f"override {override!r}: write field.path=value, for example render.size=256")
    *parents, last = path.split(".")
    here: Any = data
    for name in parents:
        here = _step(here, name, override)
    try:
        parsed = yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise RecipeError(f"override {override!r}: the value is not valid YAML") from error
    if isinstance(here, list):
        here[_index(here, last, override)] = parsed
    else:
        here[last] = parsed


def _step(here: Any, name: str, override: str) -> Any:
    if isinstance(here, list):
        return here[_index(here, name, override)]
    child = here.setdefault(name, {})
    if child is None:
        child = here[name] = {}
    if not isinstance(child, (dict, list)):
        raise RecipeError(f"override {override!r}: {name} is a value, it has no fields")
    return child


def _index(here: list[Any], name: str, override: str) -> int:
    if not name.isdigit() or int(name) >= len(here):
        raise RecipeError(f"override {override!r}: {name!r} is not one of 0 to {len(here) - 1}")
    return int(name)


def validate(data: Mapping[str, Any], *, origin: str = "recipe", folder: Path | None = None) -> Recipe:
    """Check plain data against the recipe's types.

    Args:
        data: what YAML or JSON gave.
        origin: named first in messages.
        folder: relative places (roots, files) are taken from here; none: left as they are.
    """
    data = _with_whole_scorers(data, origin)
    try:
        recipe = Recipe.model_validate_json(json.dumps(data, default=str))
    except ValidationError as error:
        raise RecipeError(f"{origin}: " + "\n  ".join(explain(error, data))) from None
    return _with_absolute_places(recipe, folder) if folder else recipe


def _with_whole_scorers(data: Mapping[str, Any], origin: str) -> Mapping[str, Any]:
    """A scorer's bare name as its options.

    Raises:
        RecipeError: there is no scorer of that name.
    """
    scores = data.get("scores")
    if not isinstance(scores, (list, tuple)):
        return data
    whole = [{"kind": scorer} if isinstance(scorer, str) else scorer for scorer in scores]
    known = table("scores")
    for scorer in whole:
        if isinstance(scorer, Mapping) and scorer.get("kind") not in known:
            raise RecipeError(
                f"{origin}: scores: there is no scorer {scorer.get('kind', '')!r}; known: {', '.join(sorted(known))}"
            )
    return {**data, "scores": whole}


def _with_absolute_places(recipe: Recipe, folder: Path) -> Recipe:
    """Make the places of sources, catalogue, views and pictures absolute: the recipe then means the same anywhere."""

    def absolute(model: BaseModel) -> BaseModel:
        changes: dict[str, Any] = {}
        for name, field in type(model).model_fields.items():
            value = getattr(model, name)
            is_place = isinstance(value, str) and name not in HABITS
            if isinstance(value, BaseModel):
                changes[name] = absolute(value)
            elif is_location(field) and is_place and value and "://" not in value:
                changes[name] = str(folder / Path(os.path.expandvars(value)).expanduser())
        return model.model_copy(update=changes)

    return recipe.model_copy(
        update={
            "sources": tuple(absolute(source) for source in recipe.sources),
            "catalogue": absolute(recipe.catalogue),
            "views": absolute(recipe.views),
            "render": absolute(recipe.render),
            "prompts": absolute(recipe.prompts),
            "generator": absolute(recipe.generator),
            "scores": tuple(absolute(scorer) for scorer in recipe.scores),
        }
    )


def overridden(recipe: Recipe, overrides: Iterable[str], folder: Path | None = None) -> Recipe:
    """A recipe with single fields replaced; see `load_recipe`.

    Raises:
        RecipeError: with the path of every field that is wrong, and the choices.
    """
    data = dump(recipe)
    for override in overrides:
        _override(data, override)
    return validate(data, folder=folder)


def dump(recipe: Recipe) -> dict[str, Any]:
    """The recipe as plain data (JSON types), every field present."""
    plain: dict[str, Any] = recipe.model_dump(mode="json", by_alias=True)
    return plain


def to_yaml(recipe: Recipe) -> str:
    """The effective recipe as YAML, every field present; `load_recipe` reads it back to an equal recipe."""
    text: str = yaml.safe_dump(dump(recipe), sort_keys=False, allow_unicode=True, width=110)
    return text


def scene(recipe: Recipe) -> dict[str, Any]:
    """The part of a recipe that says which samples there are and what they look like: no names, places or releases."""
    plain = plain_without(recipe, "location")
    return {key: value for key, value in plain.items() if key not in NOT_IN_FINGERPRINT}


def fingerprint(recipe: Recipe) -> str:
    """16 hexadecimal digits over `scene`: recipes that differ in it make different data sets."""
    return _digest(scene(recipe))


def sample_fingerprint(recipe: Recipe) -> str:
    """16 hexadecimal digits over what can change one sample: `scene` less everything that says how many or which.

    Recipes that agree in it make the same sample for the same model and view, so finished shards can be kept when a
    recipe grows.
    """
    plain = plain_without(recipe, "location", "amount")
    return _digest({key: value for key, value in plain.items() if key not in (*NOT_IN_FINGERPRINT, "catalogue")})


def _digest(plain: dict[str, Any]) -> str:
    canonical = json.dumps(plain, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def difference(old: Recipe, new: Recipe) -> list[str]:
    """Fields in which the scenes of two recipes differ, as `path: old -> new`."""
    a, b = dict(_flat(scene(old))), dict(_flat(scene(new)))
    return [f"{path}: {a.get(path)!r} -> {b.get(path)!r}" for path in sorted({*a, *b}) if a.get(path) != b.get(path)]


def _flat(value: Any, path: str = "") -> Iterable[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, child in value.items():
            yield from _flat(child, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from _flat(child, f"{path}.{index}")
    else:
        yield path, value
