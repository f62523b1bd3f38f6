"""A recipe as strangers may see it: no paths of the machine it ran on, and still a recipe that loads."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

from pydantic import BaseModel

from .recipe import Recipe
from .recipe.base import HABITS, is_location

# Places that are nothing to a reader: another machine has its own.
_OF_THE_MACHINE = (*HABITS, "cache", "cache_bytes")


def public_recipe(recipe: Recipe) -> dict[str, Any]:
    """A recipe as plain data in which every place that was given is a variable, such as `${SHAPENET_ROOT}`.

    Set the variable in the environment and the recipe is read as it was. Other absolute paths (the folder of a
    pipeline) keep their last part.
    """
    return _public(recipe, ())


def _public(model: BaseModel, path: tuple[str, ...]) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        if is_location(field) and value != field.default:
            value = (
                field.default
                if name in _OF_THE_MACHINE
                else f"${{{'_'.join([*path, name]).upper().replace('-', '_')}}}"
            )
        plain[field.alias or name] = _value(value, (*path, name))
    plain.update({name: _value(value, (*path, name)) for name, value in (model.model_extra or {}).items()})
    return plain


def _value(value: Any, path: tuple[str, ...]) -> Any:
    if isinstance(value, BaseModel):
        name = getattr(value, "name", "") or getattr(value, "kind", "")
        return _public(value, (name,) if path[-1] in ("sources", "scores") else path)
    if isinstance(value, (list, tuple)):
        return [_value(item, path) for item in value]
    if isinstance(value, dict):
        return {key: _value(item, (*path, key)) for key, item in value.items()}
    if isinstance(value, str) and (value.startswith(("/", "~")) or PurePath(value).is_absolute()):
        return PurePath(value).name
    return value
