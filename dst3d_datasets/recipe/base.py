"""What every part of a recipe shares: strictness, and fields that name places rather than content."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Strict(BaseModel):
    """A frozen pydantic model that refuses unknown keys and takes no type for another (but an int where a float goes)."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, populate_by_name=True)


def location(default: Any = ..., **kwargs: Any) -> Any:
    """A field that says where something lies (a root folder, a device): it is left out of the fingerprint.

    The same recipe on another machine has other roots and still makes the same data.
    """
    return Field(default, json_schema_extra={"location": True}, **kwargs)


def without_locations(model: BaseModel) -> dict[str, Any]:
    """A model as plain data less its location fields, nested models included."""
    plain: dict[str, Any] = {}
    for name, field in type(model).model_fields.items():
        extra = field.json_schema_extra
        if isinstance(extra, dict) and extra.get("location"):
            continue
        plain[name] = _plain(getattr(model, name))
    plain.update(model.model_extra or {})
    return plain


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return without_locations(value)
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value
