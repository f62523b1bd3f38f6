"""Turns pydantic's findings about a recipe into one line a field: its path, what is wrong, and the choices."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from .fields import Recipe


def explain(error: ValidationError, data: Mapping[str, Any]) -> list[str]:
    """One line for every wrong field of `data`, in the order of the recipe."""
    by_path: dict[tuple[str | int, ...], list[Any]] = {}
    for problem in error.errors():
        by_path.setdefault(_real_path(problem["loc"], data), []).append(problem)
    lines = []
    for path, problems in by_path.items():
        below = any(other != path and other[: len(path)] == path for other in by_path)
        if below and all(problem["type"] in _UNION_NOISE for problem in problems):
            continue  # the field below says it better
        lines.append(f"{'.'.join(str(part) for part in path) or 'recipe'}: {_message(path, problems, data)}")
    return lines


# What pydantic says of a container, or of the other members of a union, when the true fault lies deeper.
_UNION_NOISE = ("too_short", "int_type", "literal_error", "model_type", "dict_type", "tuple_type")


def _real_path(loc: tuple[Any, ...], data: Mapping[str, Any]) -> tuple[str | int, ...]:
    """The path in the user's file: pydantic's own marks for union members are left out."""
    path: list[str | int] = []
    here: Any = data
    for index, part in enumerate(loc):
        if isinstance(here, Mapping):
            is_last = index == len(loc) - 1
            if part in here or (is_last and part in _field_names(_model_at(path, data))):
                path.append(part)
                here = here.get(part)
        elif isinstance(here, (list, tuple)) and isinstance(part, int) and part < len(here):
            path.append(part)
            here = here[part]
    return tuple(path)


def _message(path: tuple[str | int, ...], problems: list[Any], data: Mapping[str, Any]) -> str:
    if problems[0]["type"] == "extra_forbidden":
        known = _field_names(_model_at(list(path[:-1]), data))
        near = difflib.get_close_matches(str(path[-1]), known, n=1)
        return "unknown field; " + (f"did you mean {near[0]!r}? " if near else "") + f"known: {', '.join(known)}"
    said = [problem["msg"].removeprefix("Value error, ") for problem in problems]
    given = problems[0].get("input")
    plain = not isinstance(given, (dict, list, tuple)) and problems[0]["type"] != "missing"
    return "; or ".join(dict.fromkeys(said)) + (f" (got {given!r})" if plain else "")


def _model_at(path: list[str | int], data: Mapping[str, Any]) -> type[BaseModel] | None:
    """The class that stands at a path; where a `kind` decides, the class of the kind that the data names."""
    model: type[BaseModel] | None = Recipe
    here: Any = data
    for part in path:
        here = _item(here, part)
        if isinstance(part, int):
            continue
        if model is None:
            return None
        field = next((f for name, f in model.model_fields.items() if part in (name, f.alias)), None)
        if field is None:
            return None
        candidates = list(_models(field.annotation)) + [m for meta in field.metadata for m in _models(meta)]
        model = candidates[0] if candidates else None
        kinds = {kind: m for m in candidates if (kind := _kind(m))}
        if kinds:
            inner = _item(here, path[path.index(part) + 1]) if _next_is_index(path, part) else here
            model = kinds.get(_item(inner, "kind"))
    return model


def _next_is_index(path: list[str | int], part: str | int) -> bool:
    position = path.index(part) + 1
    return position < len(path) and isinstance(path[position], int)


def _item(value: Any, part: str | int) -> Any:
    try:
        return value[part]
    except (KeyError, IndexError, TypeError):
        return None


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """All model classes inside an annotation: unions, tuples and `Annotated` are looked into."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in (Union, UnionType, tuple, list):
        for inner in get_args(annotation):
            yield from _models(inner)
    elif get_origin(annotation) is Annotated:
        yield from _models(get_args(annotation)[0])


def _kind(model: type[BaseModel]) -> str | None:
    field = model.model_fields.get("kind")
    values = get_args(field.annotation) if field is not None else ()
    return values[0] if values else None


def _field_names(model: type[BaseModel] | None) -> list[str]:
    if model is None:
        return []
    return [field.alias or name for name, field in model.model_fields.items()]
