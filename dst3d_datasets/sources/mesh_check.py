"""What every loaded model must pass: finite, neither huge nor collapsed, faces with an area; and the tidying up."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelRefused, Reason
from .mesh_types import Floats, Integers, RawModel, RawPart
from .normals import creased, sane

_HUGE = 1e15  # file units; the square of a float32 overflows at 1.8e19
_TINY = 1e-30  # file units
_STEPS = 1000  # the longest side must have this many steps of the file's number format


def checked(parts: list[RawPart], warnings: list[str]) -> RawModel:
    """Drop what has no area, refuse what cannot be normalised, compute normals, and merge parts that share a material.

    Raises:
        ModelRefused: NO_FACES, NON_FINITE, HUGE_COORDINATES, ZERO_EXTENT or FAR_FROM_ORIGIN.
    """
    parts = [part for part in parts if len(part.faces)]
    if not parts:
        raise ModelRefused(Reason.NO_FACES, "there is not one triangle in it (points, lines or nothing at all)")
    low, high = _box(parts)
    side = float((high - low).max())
    if side <= _TINY:
        raise ModelRefused(Reason.ZERO_EXTENT, "all its vertices lie on one point")
    _refuse_far(parts, side)
    before = sum(len(part.faces) for part in parts)
    parts = [kept for part in parts if (kept := _with_area(part, side)) is not None]
    dropped = before - sum(len(part.faces) for part in parts)
    if not parts:
        raise ModelRefused(Reason.ZERO_EXTENT, f"none of its {before} faces has an area")
    if dropped:
        warnings = [*warnings, f"{dropped} of {before} faces have no area and were dropped"]
    low, high = _box(parts)
    _refuse_far(parts, float((high - low).max()))
    warnings = list(warnings)
    merged = [_merged(group) for group in _groups(parts)]
    return RawModel(parts=tuple(_with_normals(part, warnings) for part in merged), warnings=tuple(warnings))


def _refuse_far(parts: list[RawPart], side: float) -> None:
    """Refuse a model whose longest side (file unit) has too few steps of the numbers it was written in."""
    step = max(part.step for part in parts)
    if step * _STEPS > side:
        raise ModelRefused(
            Reason.FAR_FROM_ORIGIN,
            f"its numbers are {step:g} apart where it lies and it is {side:g} wide: float32 has destroyed the shape",
        )


def _box(parts: list[RawPart]) -> tuple[Floats, Floats]:
    """Corners of the box of all vertices that a face uses, (3,) each, file frame."""
    lows, highs = [], []
    for part in parts:
        used = part.vertices[_used(part.faces, len(part.vertices))]
        lows.append(used.min(axis=0))
        highs.append(used.max(axis=0))
    low, high = np.min(lows, axis=0), np.max(highs, axis=0)
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        raise ModelRefused(Reason.NON_FINITE, "a vertex is NaN or infinite")
    if max(float(np.abs(low).max()), float(np.abs(high).max())) > _HUGE:
        raise ModelRefused(Reason.HUGE_COORDINATES, f"coordinates up to {max(np.abs(low).max(), np.abs(high).max()):g}")
    return low, high


def _with_area(part: RawPart, side: float) -> RawPart | None:
    """The part less faces without an area and vertices without a face; None when nothing is left."""
    corners = part.vertices[part.faces] / side
    double = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    keep = (double * double).sum(axis=1) > 1e-28  # a sliver of 1e-14 of the box's square is nowhere seen
    if not keep.any():
        return None
    used = _used(part.faces[keep], len(part.vertices))
    if keep.all() and used.all():
        return part
    return _taken(part, np.flatnonzero(used), (np.cumsum(used) - 1)[part.faces[keep]])


def _used(faces: Integers, count: int) -> NDArray[np.bool_]:
    """Which of `count` vertices some face uses, (count,)."""
    used = np.zeros(count, dtype=np.bool_)
    used[faces.reshape(-1)] = True
    return used


def _taken(part: RawPart, rows: Integers, faces: Integers) -> RawPart:
    """The part with vertices `rows` (V',) and `faces` (F', 3) into them."""
    return replace(
        part,
        vertices=part.vertices[rows],
        faces=faces.astype(np.int64),
        normals=None if part.normals is None else part.normals[rows],
        uv=None if part.uv is None else part.uv[rows],
        colours=None if part.colours is None else part.colours[rows],
    )


def _groups(parts: list[RawPart]) -> list[list[RawPart]]:
    """Parts by material and by which attributes they have, in the order of their first part."""
    groups: dict[tuple[object, ...], list[RawPart]] = {}
    for part in parts:
        material = part.material
        look = tuple(getattr(material, name) for name in material.__slots__ if name != "texture")
        key = (look, id(material.texture), part.uv is None, part.colours is None, part.normals is None)
        groups.setdefault(key, []).append(part)
    return list(groups.values())


def _merged(group: list[RawPart]) -> RawPart:
    """Parts of one material as one."""
    first = group[0]
    if len(group) == 1:
        return first
    starts = np.cumsum([0, *(len(part.vertices) for part in group[:-1])])

    def joined(name: str) -> Floats | None:
        return None if getattr(first, name) is None else np.concatenate([getattr(part, name) for part in group])

    return replace(
        first,
        vertices=np.concatenate([part.vertices for part in group]),
        faces=np.concatenate([part.faces + start for part, start in zip(group, starts, strict=True)]),
        normals=joined("normals"),
        uv=joined("uv"),
        colours=joined("colours"),
    )


def _with_normals(part: RawPart, warnings: list[str]) -> RawPart:
    """The part with unit normals: the file's where they make sense, else computed with hard edges kept."""
    if part.uv is not None and not np.isfinite(part.uv).all():
        warnings.append("texture coordinates that are NaN or infinite were set to 0")
        part = replace(part, uv=np.nan_to_num(part.uv, nan=0.0, posinf=0.0, neginf=0.0))
    if part.normals is not None:
        normals = sane(part.vertices, part.faces, part.normals)
        if normals is not None:
            return replace(part, normals=normals)
        warnings.append("the file's normals contradict its faces; they were computed anew")
    rows, faces, normals = creased(part.vertices, part.faces)
    return replace(_taken(replace(part, normals=None), rows, faces), normals=normals)
