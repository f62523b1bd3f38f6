"""What a family of shapes is made with: dice thrown by name, and a kit that collects parts into a model."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from ...nouns import REFERENCE_FOCAL, CadModel, Material, ModelRef, Part
from ...seeds import uniform
from .mesh import Array, Mesh, join

T = TypeVar("T")


class Dice:
    """Random parameters of one instance, each thrown by its own name: the same name always falls the same way."""

    __slots__ = ("family", "number")

    def __init__(self, family: str, number: int) -> None:
        self.family = family
        self.number = number

    def share(self, name: str) -> float:
        """A number in (0, 1)."""
        return uniform("primitives", self.family, self.number, name)

    def between(self, name: str, low: float, high: float) -> float:
        """A number in (low, high)."""
        return low + (high - low) * self.share(name)

    def whole(self, name: str, low: int, high: int) -> int:
        """An integer, both ends included."""
        return low + int(self.share(name) * (high - low + 1))

    def pick(self, name: str, options: Sequence[T]) -> T:
        """One of the options."""
        return options[int(self.share(name) * len(options))]

    def chance(self, name: str, probability: float) -> bool:
        """True with the given probability."""
        return self.share(name) < probability


def clearance(x: float, y: float, z: float) -> float:
    """Camera distance, in longest sides, at which a box's bounding sphere fits the reference lens with 3% to spare."""
    half_view = math.atan(0.5 / REFERENCE_FOCAL)
    return round(1.03 * math.sqrt(x * x + y * y + z * z) / 2 / max(x, y, z) / math.sin(half_view), 3)


class Kit:
    """Collects meshes by material; parts come out in the order in which their materials were first used."""

    def __init__(self) -> None:
        self._parts: dict[int, tuple[Material, list[Mesh]]] = {}

    def add(self, material: Material, *meshes: Mesh) -> None:
        """Put meshes of one material into the model."""
        self._parts.setdefault(id(material), (material, []))[1].extend(meshes)

    def model(self, ref: ModelRef, turn: Array | None = None) -> CadModel:
        """The model in the canonical frame: turned by `turn` (3, 3), box centre at the origin, longest side 1."""
        pieces = [(material, join(meshes)) for material, meshes in self._parts.values()]
        if turn is not None:
            pieces = [(m, Mesh(p.vertices @ turn.T, p.faces, p.normals @ turn.T, p.uv)) for m, p in pieces]
        low = np.min([piece.vertices.min(0) for _, piece in pieces], axis=0)
        high = np.max([piece.vertices.max(0) for _, piece in pieces], axis=0)
        longest = float((high - low).max())
        parts = [_part(material, piece, (low + high) / 2, longest) for material, piece in pieces]
        size = (high - low) / longest
        return CadModel(ref=ref, parts=tuple(parts), size=(float(size[0]), float(size[1]), float(size[2])))


def _part(material: Material, mesh: Mesh, centre: Array, longest: float) -> Part:
    where = ((mesh.vertices - centre) / longest).astype(np.float32)
    a, b, c = (where[mesh.faces[:, k]].astype(np.float64) for k in range(3))
    doubled = np.sqrt((np.cross(b - a, c - a) ** 2).sum(1))
    faces = mesh.faces[doubled > 1e-10]  # poles and seams of the grids make faces without area
    used = np.zeros(len(where), dtype=bool)
    used[faces] = True
    place = np.cumsum(used) - 1
    return Part(
        vertices=where[used],
        faces=place[faces].astype(np.int32),
        normals=mesh.normals[used].astype(np.float32),
        uv=mesh.uv[used].astype(np.float32),
        material=material,
    )


@dataclass(frozen=True, slots=True)
class Facts:
    """What a reference says about one instance; found without building it."""

    keywords: tuple[str, ...]  # colours, materials, structure; all true
    symmetry: int = 1  # order of rotation symmetry about z that keeps the look; 0 body of revolution
    distance: float = 0.0  # where the family's own is too coarse; 0 keeps that


@dataclass(frozen=True, slots=True)
class Family:
    """One class of shapes with unbounded instances."""

    name: str  # how ImageNet calls the class
    facts: Callable[[Dice], Facts]
    build: Callable[[Dice, Kit], None]
    distance: float  # in units of the longest side; every instance's bounding sphere fits the reference lens
    sampling: int = 3  # the reference's view sampling strategy, 1-5
