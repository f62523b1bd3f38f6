"""A model's surface as points spread evenly over its area, each with its normal and what it looks like.

Even in area, and so blind to how the surface is cut into triangles. No dice are thrown: the points follow a rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .nouns import CadModel, Material, Part

Floats = NDArray[np.float32]
Indices = NDArray[np.int64]

_R2 = (0.7548776662466927, 0.5698402909980532)  # 1 / p and 1 / p^2 with p^3 = p + 1: Roberts' R2 sequence
_GAMMA = 2.2


@dataclass(frozen=True, slots=True)
class Surface:
    """N points of a surface, in the canonical frame."""

    points: Floats  # (N, 3)
    normals: Floats  # (N, 3), unit, of the triangles; either sign
    look: Floats | None  # (N, 5): red, green, blue (sRGB-encoded, 0-1), opacity, metallic; None if it is all one
    spacing: float  # side of the square that each point stands for
    centre: tuple[float, float]  # x, y of the surface's centre of area


def sample(model: CadModel, count: int) -> Surface | None:
    """`count` points of all parts together, less those where the material is cut out; None if nothing has an area."""
    if not model.parts:
        return None
    corners = [[part.vertices[part.faces[:, k]] for k in range(3)] for part in model.parts]
    a, b, c = (np.concatenate([corner[k] for corner in corners]) for k in range(3))
    one, two = b - a, c - a
    normals = _cross(one, two)
    doubled = np.sqrt((normals.astype(np.float64) ** 2).sum(1))
    ends = np.cumsum(doubled)
    if not len(ends) or not ends[-1] > 0.0:
        return None
    marks = np.floor(ends * (count / ends[-1]) + 0.5).astype(np.int64)
    marks[-1] = count
    face = np.repeat(np.arange(len(ends)), np.diff(marks, prepend=0))
    number = np.arange(count)
    u, v = ((0.5 + number * step) % 1.0 for step in _R2)
    outside = u + v > 1.0
    u, v = (np.where(outside, 1.0 - share, share).astype(np.float32)[:, None] for share in (u, v))
    points = a[face] + u * one[face] + v * two[face]
    unit = normals[face] / np.maximum(doubled[face], 1e-30).astype(np.float32)[:, None]
    middle = ((a + b + c)[:, :2].astype(np.float64) * doubled[:, None]).sum(0) / (3.0 * ends[-1])
    look, kept = _look(model.parts, face, u, v)
    if not kept.all():
        points, unit, look = points[kept], unit[kept], None if look is None else look[kept]
    if not len(points):
        return None
    return Surface(points, unit, look, float(np.sqrt(ends[-1] / 2.0 / count)), (float(middle[0]), float(middle[1])))


def _cross(a: Floats, b: Floats) -> Floats:
    """Row by row; `np.cross` takes three times as long."""
    x, y, z = a.T
    i, j, k = b.T
    return np.stack([y * k - z * j, z * i - x * k, x * j - y * i], 1)


def _look(parts: Sequence[Part], face: Indices, u: Floats, v: Floats) -> tuple[Floats | None, NDArray[np.bool_]]:
    """(N, 5) as in `Surface.look`, and which of the points (N,) are not cut out."""
    plain = {_plain(part.material) for part in parts}
    if len(plain) == 1 and all(part.material.texture is None and part.colours is None for part in parts):
        return None, np.ones(len(face), np.bool_)
    look, kept = np.empty((len(face), 5), np.float32), np.ones(len(face), np.bool_)
    starts = np.searchsorted(face, np.cumsum([0] + [len(part.faces) for part in parts]))
    first = 0
    for part, start, end in zip(parts, starts[:-1], starts[1:], strict=True):
        rgba = _colour(part, face[start:end] - first, u[start:end], v[start:end])
        first += len(part.faces)
        material = part.material
        look[start:end, :3] = np.maximum(rgba[:, :3], 0.0) ** (1.0 / _GAMMA)
        look[start:end, 3] = rgba[:, 3] if material.alpha_mode == "blend" else 1.0
        look[start:end, 4] = material.metallic
        if material.alpha_mode != "opaque":
            kept[start:end] = rgba[:, 3] >= (material.alpha_cutoff if material.alpha_mode == "mask" else 0.02)
    return look, kept


def _plain(material: Material) -> tuple[object, ...]:
    return material.base_colour, material.metallic, material.alpha_mode


def _colour(part: Part, face: Indices, u: Floats, v: Floats) -> Floats:
    """Linear RGBA (N, 4) of points u, v of the part's faces."""
    material = part.material
    colour = np.broadcast_to(np.array(material.base_colour, np.float32), (len(face), 4))
    if part.colours is not None:
        colour = colour * _between(part.colours, part.faces[face], u, v)
    if material.texture is not None and part.uv is not None:
        height, width = material.texture.shape[:2]
        place = _between(part.uv, part.faces[face], u, v).astype(np.float64)
        column = _texel(place[:, 0], width, material.wrap)
        row = _texel(1.0 - place[:, 1], height, material.wrap)
        texel = material.texture[row, column].astype(np.float32) / 255.0
        texel[:, :3] **= _GAMMA
        colour = colour * texel
    return np.asarray(colour, np.float32)


def _between(values: Floats, corners: NDArray[np.int32], u: Floats, v: Floats) -> Floats:
    a, b, c = (values[corners[:, k]] for k in range(3))
    return a + u * (b - a) + v * (c - a)


def _texel(t: NDArray[np.float64], size: int, wrap: str) -> Indices:
    """The nearest of `size` texels to coordinate t (N,)."""
    if wrap == "mirror":
        t = 1.0 - np.abs(t % 2.0 - 1.0)
    elif wrap == "repeat":
        t = t % 1.0
    return np.clip(np.floor(t * size), 0, size - 1).astype(np.int64)
