"""What mesh readers hand on: parts in the file's own frame, in float64, and the bounds they were read under."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..nouns import Material

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class Bounds(Protocol):
    """How much of one model is read at most; every source's options have these fields."""

    @property
    def max_faces(self) -> int:
        """Triangles, instances counted each time."""
        ...

    @property
    def max_texture_pixels(self) -> int:
        """Pixels of one texture, looked at before it is decoded."""
        ...

    @property
    def max_bytes(self) -> int:
        """Bytes of the model's file, and of each file it names."""
        ...


@dataclass(frozen=True, slots=True)
class DefaultBounds:
    """The bounds where no source's options give any."""

    max_faces: int = 2_000_000
    max_texture_pixels: int = 64_000_000
    max_bytes: int = 2**30


@dataclass(frozen=True, slots=True, kw_only=True)
class RawPart:
    """A triangle mesh with one material, in the file's frame and unit."""

    vertices: Floats  # (V, 3), file frame and unit; instances and mirrored nodes are baked in
    faces: Integers  # (F, 3), indices into vertices
    normals: Floats | None = None  # (V, 3), file frame, any length; None: to be computed
    uv: Floats | None = None  # (V, 2), OBJ convention: (0, 0) is the bottom left of the texture
    colours: Floats | None = None  # (V, 4), linear RGBA, 0-1
    material: Material = field(default_factory=Material)
    step: float = 0.0  # smallest distance that the file's number format can tell apart here, file unit


@dataclass(frozen=True, slots=True, kw_only=True)
class RawModel:
    """A loaded file: every part is checked, has normals, and holds only faces with an area."""

    parts: tuple[RawPart, ...]
    warnings: tuple[str, ...] = ()


def linear_of_srgb(value: Floats) -> Floats:
    """sRGB-encoded values (any shape, 0-1) to linear ones (IEC 61966-2-1)."""
    value = np.clip(np.asarray(value, dtype=np.float64), 0.0, 1.0)
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def turned(points: Floats, matrix: Floats) -> Floats:
    """`points` (N, 3) times `matrix` (3, 3) as `matrix @ p`, in an order of additions no BLAS can change."""
    x, y, z = points[:, 0], points[:, 1], points[:, 2]
    with np.errstate(invalid="ignore", over="ignore"):  # NaN and infinity are looked for later, and refused
        return np.stack([row[0] * x + row[1] * y + row[2] * z for row in np.asarray(matrix, dtype=np.float64)], axis=1)
