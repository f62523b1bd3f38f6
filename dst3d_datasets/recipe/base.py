"""What every part of a recipe shares: strictness, and fields that name places rather than content."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo

Colour = tuple[
    Annotated[int, Field(ge=0, le=255)], Annotated[int, Field(ge=0, le=255)], Annotated[int, Field(ge=0, le=255)]
]
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]


class Strict(BaseModel):
    """A frozen pydantic model that refuses unknown keys and takes no type for another (but an int for a float)."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, populate_by_name=True)


def location(default: Any = ..., **kwargs: Any) -> Any:
    """A field that says where something lies (a root folder, a device): it is left out of every fingerprint.

    The same recipe on another machine has other roots and still makes the same data.
    """
    return Field(default, json_schema_extra={"mark": "location"}, **kwargs)


def amount(default: Any = ..., **kwargs: Any) -> Any:
    """A field that says how many or which samples there are, and changes none of them."""
    return Field(default, json_schema_extra={"mark": "amount"}, **kwargs)


def later(default: Any, **kwargs: Any) -> Any:
    """A field that is younger than data sets on disk: at its default it is left out of every fingerprint.

    Finished shards then stay valid: what they were made without is what the default stands for.
    """
    return Field(default, json_schema_extra={"mark": "later"}, **kwargs)


HABITS = ("device", "downloader", "compile")  # fields declared by `location` that say how this machine works


def is_location(field: FieldInfo) -> bool:
    """Whether a field was declared by `location`."""
    return bool(_mark(field) == "location")


def names_a_place(model: BaseModel) -> bool:
    """Whether a location field is filled in that is a file or folder, whose content counts, and not the machine's."""
    fields = type(model).model_fields.items()
    return any(is_location(field) and name not in HABITS and bool(getattr(model, name)) for name, field in fields)


def _mark(field: FieldInfo) -> Any:
    extra = field.json_schema_extra
    return extra.get("mark") if isinstance(extra, dict) else None


def plain_without(model: BaseModel, *marks: str) -> dict[str, Any]:
    """A model as plain data less the fields declared by `location` or `amount`, nested models included.

    Fields declared by `later` are there only where they differ from their default.
    """
    plain: dict[str, Any] = {}
    for name, field in type(model).model_fields.items():
        value, mark = getattr(model, name), _mark(field)
        if mark not in marks and not (mark == "later" and value == field.default):
            plain[name] = _plain(value, marks)
    plain.update(model.model_extra or {})
    return plain


def _plain(value: Any, marks: tuple[str, ...]) -> Any:
    if isinstance(value, BaseModel):
        return plain_without(value, *marks)
    if isinstance(value, (list, tuple)):
        return [_plain(item, marks) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item, marks) for key, item in value.items()}
    return value
