"""Triangle meshes and the curved grid that all the solids are made of.

Frames: whatever unit and place a family likes; `kit.Kit` brings the whole into the canonical frame at the end.
Winding is outward (counter-clockwise seen from outside) and normals point outward.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Mesh:
    """Triangles with a normal and a texture coordinate at each vertex; split vertices make hard edges."""

    vertices: Array  # (V, 3)
    faces: NDArray[np.int64]  # (F, 3)
    normals: Array  # (V, 3), unit
    uv: Array  # (V, 2), (0, 0) is the bottom left of the texture

    def moved(self, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> Mesh:
        """The same mesh shifted."""
        return Mesh(self.vertices + np.array([x, y, z]), self.faces, self.normals, self.uv)

    def turned(self, axis: str, degrees: float) -> Mesh:
        """The same mesh turned about the axis "x", "y" or "z" through the origin, right-handed."""
        c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        i, j = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
        turn = np.eye(3)
        turn[i, i], turn[i, j], turn[j, i], turn[j, j] = c, -s, s, c
        return Mesh(self.vertices @ turn.T, self.faces, self.normals @ turn.T, self.uv)

    def scaled(self, x: float = 1.0, y: float = 1.0, z: float = 1.0) -> Mesh:
        """The same mesh stretched by positive factors."""
        factors = np.array([x, y, z])
        return Mesh(self.vertices * factors, self.faces, unit(self.normals / factors), self.uv)

    def mirrored(self) -> Mesh:
        """The mirror image in the plane x = 0, winding kept outward."""
        flip = np.array([-1.0, 1.0, 1.0])
        return Mesh(self.vertices * flip, self.faces[:, ::-1], self.normals * flip, self.uv)

    def both(self) -> Mesh:
        """The mesh together with its mirror image in the plane x = 0."""
        return join([self, self.mirrored()])

    def mapped(self, scale_u: float = 1.0, scale_v: float = 1.0, u: float = 0.0, v: float = 0.0) -> Mesh:
        """The same mesh with texture coordinates scaled, then shifted."""
        return Mesh(self.vertices, self.faces, self.normals, self.uv * [scale_u, scale_v] + [u, v])

    def projected(self, axes: str, lo: Sequence[float], hi: Sequence[float]) -> Mesh:
        """The same mesh with texture coordinates by projection along the axis not named.

        Args:
            axes: two of "xyz": which coordinates become u and v.
            lo, hi: the values of both that become 0 and 1.
        """
        picked = self.vertices[:, ["xyz".index(axis) for axis in axes]]
        low = np.asarray(lo, dtype=float)
        return Mesh(self.vertices, self.faces, self.normals, (picked - low) / (np.asarray(hi, dtype=float) - low))


def unit(vectors: ArrayLike) -> Array:
    """Vectors (..., 3) brought to length 1; zero vectors become +z."""
    v = np.asarray(vectors, dtype=np.float64)
    length = np.sqrt((v * v).sum(-1, keepdims=True))
    return np.where(length > 1e-300, v / np.maximum(length, 1e-300), np.array([0.0, 0.0, 1.0]))


def join(meshes: Iterable[Mesh]) -> Mesh:
    """Several meshes as one; at least one is needed."""
    meshes = list(meshes)
    starts = np.cumsum([0] + [len(mesh.vertices) for mesh in meshes[:-1]])
    return Mesh(
        np.concatenate([mesh.vertices for mesh in meshes]),
        np.concatenate([mesh.faces + start for mesh, start in zip(meshes, starts, strict=True)]),
        np.concatenate([mesh.normals for mesh in meshes]),
        np.concatenate([mesh.uv for mesh in meshes]),
    )


def volume(mesh: Mesh) -> float:
    """Signed volume; positive for a closed mesh wound outward."""
    a, b, c = (mesh.vertices[mesh.faces[:, k]] for k in range(3))
    return float((np.cross(a, b) * c).sum() / 6.0)


def outward(mesh: Mesh) -> Mesh:
    """A closed mesh with its winding and normals turned outward."""
    if volume(mesh) >= 0.0:
        return mesh
    return Mesh(mesh.vertices, mesh.faces[:, ::-1], -mesh.normals, mesh.uv)


def grid_faces(m: int, n: int) -> NDArray[np.int64]:
    """Triangles (2 (m-1) (n-1), 3) of an m by n grid of vertices, normals along d(row) x d(column)."""
    a = (np.arange(m - 1)[:, None] * n + np.arange(n - 1)).ravel()
    b, c, d = a + n, a + n + 1, a + 1
    return np.stack([a, b, c, a, c, d], axis=1).reshape(-1, 3)


def grid_normals(points: Array, wrap_rows: bool = False, wrap_columns: bool = False) -> Array:
    """Smooth normals (m, n, 3) of a grid (m, n, 3); wrapped directions repeat their first line as their last."""
    quad = np.cross(points[1:, :-1] - points[:-1, 1:], points[1:, 1:] - points[:-1, :-1])
    total = np.zeros_like(points)
    total[:-1, :-1] += quad
    total[1:, :-1] += quad
    total[:-1, 1:] += quad
    total[1:, 1:] += quad
    if wrap_rows:
        total[0] = total[-1] = total[0] + total[-1]
    if wrap_columns:
        total[:, 0] = total[:, -1] = total[:, 0] + total[:, -1]
    size = np.ptp(points.reshape(-1, 3), axis=0).max()
    for row in (0, -1):  # a pole: the whole row is one point
        if np.ptp(points[row], axis=0).max() < 1e-9 * size:
            total[row] = total[row, :-1].sum(0)
    for column in (0, -1):
        if np.ptp(points[:, column], axis=0).max() < 1e-9 * size:
            total[:, column] = total[:-1, column].sum(0)
    return unit(total)


def grid(
    points: ArrayLike,
    *,
    u: ArrayLike | None = None,
    v: ArrayLike | None = None,
    wrap_rows: bool = False,
    wrap_columns: bool = False,
    crease_rows: Iterable[int] = (),
    crease_columns: Iterable[int] = (),
) -> Mesh:
    """A surface through a grid of points.

    Args:
        points: (m, n, 3); normals along d(row) x d(column).
        u, v: texture coordinates, (m, n) or anything that broadcasts to it; by default u follows columns, v rows.
        wrap_rows, wrap_columns: the last row (column) repeats the first one.
        crease_rows, crease_columns: lines at which the surface has a hard edge.
    """
    p = np.asarray(points, dtype=np.float64)
    m, n = p.shape[:2]
    uu = np.broadcast_to(np.linspace(0, 1, n)[None, :] if u is None else np.asarray(u, dtype=float), (m, n))
    vv = np.broadcast_to(np.linspace(0, 1, m)[:, None] if v is None else np.asarray(v, dtype=float), (m, n))
    rows = [0, *sorted({r for r in crease_rows if 0 < r < m - 1}), m - 1]
    columns = [0, *sorted({c for c in crease_columns if 0 < c < n - 1}), n - 1]
    patches = []
    for r0, r1 in pairwise(rows):
        for c0, c1 in pairwise(columns):
            block = p[r0 : r1 + 1, c0 : c1 + 1]
            normals = grid_normals(block, wrap_rows and len(rows) == 2, wrap_columns and len(columns) == 2)
            uv = np.stack([uu[r0 : r1 + 1, c0 : c1 + 1], vv[r0 : r1 + 1, c0 : c1 + 1]], axis=-1)
            patches.append(
                Mesh(block.reshape(-1, 3), grid_faces(*block.shape[:2]), normals.reshape(-1, 3), uv.reshape(-1, 2))
            )
    return patches[0] if len(patches) == 1 else join(patches)


def curve(points: ArrayLike, count: int) -> Array:
    """A smooth curve (count, k) through points (m, k): Catmull-Rom, evenly spread."""
    p = np.asarray(points, dtype=np.float64)
    chord = np.sqrt(((p[1:] - p[:-1]) ** 2).sum(1))
    knots = np.concatenate([[0.0], np.cumsum(np.maximum(chord, 1e-12))])
    slope = np.gradient(p, knots, axis=0, edge_order=2 if len(p) > 2 else 1)
    t = np.linspace(0.0, knots[-1], count)
    k = np.clip(np.searchsorted(knots, t, side="right") - 1, 0, len(p) - 2)
    h = (knots[k + 1] - knots[k])[:, None]
    s = (t - knots[k])[:, None] / h
    out: Array = (
        (1 + 2 * s) * (1 - s) ** 2 * p[k]
        + s * (1 - s) ** 2 * h * slope[k]
        + s * s * (3 - 2 * s) * p[k + 1]
        + s * s * (s - 1) * h * slope[k + 1]
    )
    return out


def bent(points: ArrayLike, radius: float, steps: int = 6, closed: bool = False) -> Array:
    """A polyline (m, k) with its corners rounded by arcs that start `radius` before each corner."""
    p = np.asarray(points, dtype=np.float64)
    out = [] if closed else [p[:1]]
    for i in range(len(p)) if closed else range(1, len(p) - 1):
        before, here, after = p[i - 1], p[i], p[(i + 1) % len(p)]
        a, b = before - here, after - here
        la, lb = float(np.sqrt((a * a).sum())), float(np.sqrt((b * b).sum()))
        r = min(radius, 0.49 * la, 0.49 * lb)
        start, end = here + a / la * r, here + b / lb * r
        t = np.linspace(0, 1, steps + 1)[:, None]
        out.append((1 - t) ** 2 * start + 2 * t * (1 - t) * here + t * t * end)
    if closed:
        return np.concatenate(out)
    return np.concatenate([*out, p[-1:]])
