"""Polygons to triangles: fans where they are convex, ears cut off where they are not."""

from __future__ import annotations

import numpy as np

from .mesh_types import Floats, Integers

_MOST_EARS = 256  # corners of one concave polygon; larger ones are fanned, as cutting ears is cubic
_MOST_WORK = 300_000  # sum of squared corners over the concave polygons of a file; the rest are fanned


def triangulate(corners: Integers, sizes: Integers, points: Floats) -> tuple[Integers, Integers]:
    """Cut polygons into triangles.

    Args:
        corners: (C,) indices into `points`, polygon after polygon.
        sizes: (P,) corners of each polygon; those with fewer than 3 vanish.
        points: (V, 3).

    Returns:
        triangles (T, 3), indices into `corners`, in the order of the polygons, and the polygon (T,) of each.
    """
    starts = np.cumsum(sizes) - sizes
    counts = np.maximum(sizes - 2, 0)
    owner = np.repeat(np.arange(len(sizes)), counts)
    step = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    first = starts[owner]
    triangles = np.stack([first, first + step + 1, first + step + 2], axis=1)
    work = 0
    for size, polygons in _concave(corners, sizes, starts, points):
        begins = np.searchsorted(owner, polygons)
        if size == 4:  # the other diagonal
            triangles[begins] = starts[polygons][:, None] + [1, 2, 3]
            triangles[begins + 1] = starts[polygons][:, None] + [1, 3, 0]
            continue
        for polygon, begin in zip(polygons, begins, strict=True):
            work += size * size
            if size > _MOST_EARS or work > _MOST_WORK:
                break
            local = points[corners[starts[polygon] : starts[polygon] + size]]
            triangles[begin : begin + size - 2] = _ears(local) + starts[polygon]
    return triangles, owner


def _concave(corners: Integers, sizes: Integers, starts: Integers, points: Floats) -> list[tuple[int, Integers]]:
    """By size, the polygons whose fan would fold over: some fan triangle faces away from the polygon's own normal."""
    found: list[tuple[int, Integers]] = []
    for size in np.unique(sizes[sizes > 3]):
        rows = np.flatnonzero(sizes == size)
        shape = points[corners[starts[rows][:, None] + np.arange(size)]]
        with np.errstate(invalid="ignore", over="ignore"):  # what is not finite is refused later
            fans = np.cross(shape[:, 1:-1] - shape[:, :1], shape[:, 2:] - shape[:, :1])
            normal = fans.sum(axis=1, keepdims=True)
            folded = ((fans * normal).sum(axis=2) < 0).any(axis=1)
        if folded.any():
            found.append((int(size), rows[folded]))
    return found


def _ears(polygon: Floats) -> Integers:
    """Ear clipping (Meisters 1975) of one polygon (n, 3) in its mean plane: (n - 2, 3) local indices."""
    following = np.roll(polygon, -1, axis=0)
    normal = np.cross(polygon - polygon[0], following - polygon[0]).sum(axis=0)
    axis = int(np.argmax(np.abs(normal)))
    flat = np.delete(polygon, axis, axis=1)
    # Leaving out y mirrors the plane; the sign makes the outline counter-clockwise again.
    sign = float(np.sign(normal[axis])) * (-1.0 if axis == 1 else 1.0)
    left = list(range(len(polygon)))
    triangles: list[tuple[int, int, int]] = []
    while len(left) > 3:
        for position in range(len(left)):
            a, b, c = left[position - 1], left[position], left[(position + 1) % len(left)]
            if _is_ear(flat, left, (a, b, c), sign):
                break
        else:
            position, a, b, c = 1, left[0], left[1], left[2]  # a self-crossing outline: cut anywhere
        triangles.append((a, b, c))
        del left[position]
    return np.array([*triangles, tuple(left)], dtype=np.int64)


def _is_ear(flat: Floats, left: list[int], corner: tuple[int, int, int], sign: float) -> bool:
    a, b, c = flat[list(corner)]
    if sign * _turn(a, b, c) <= 0:
        return False
    others = flat[[index for index in left if index not in corner]]
    inside = np.ones(len(others), dtype=bool)
    for start, end in ((a, b), (b, c), (c, a)):
        edge, away = end - start, others - start
        inside &= sign * (edge[0] * away[:, 1] - edge[1] * away[:, 0]) > 0
    return not bool(inside.any())


def _turn(a: Floats, b: Floats, c: Floats) -> float:
    return float((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]))
