"""Vertex normals where a file has none: smooth over shallow edges, split at hard ones."""

from __future__ import annotations

import math

import numpy as np

from .mesh_types import Floats, Integers

CREASE = 40.0  # degrees between two faces from which their edge is hard
_SHARE = 0.5  # of the faces must agree with the file's normals, or those are not believed


def face_normals(vertices: Floats, faces: Integers) -> Floats:
    """Cross products (F, 3), twice the area long; unit of `vertices` squared."""
    a, b, c = (vertices[faces[:, corner]] for corner in range(3))
    return np.cross(b - a, c - a).astype(np.float64)


def sane(vertices: Floats, faces: Integers, normals: Floats) -> Floats | None:
    """The file's normals (V, 3) made unit; None if they are not finite, or zero, or cross to most of the faces.

    A few zero normals are replaced by that of a face they belong to. The sign is not judged: both sides are drawn.
    """
    if not np.isfinite(normals).all():
        return None
    lengths = np.sqrt((normals * normals).sum(axis=1))
    bad = lengths < 1e-12
    if bad.mean() > 1.0 - _SHARE:
        return None
    unit = normals / np.where(bad, 1.0, lengths)[:, None]
    flat: Floats = _unit(face_normals(vertices, faces))
    if bad.any():
        for corner in range(3):
            unit[faces[:, corner][bad[faces[:, corner]]]] = flat[bad[faces[:, corner]]]
    mean = (unit[faces[:, 0]] + unit[faces[:, 1]] + unit[faces[:, 2]]) / 3.0
    along = np.abs((mean * flat).sum(axis=1))
    return unit if float((along > 0.3).mean()) >= _SHARE else None


def creased(vertices: Floats, faces: Integers, crease: float = CREASE) -> tuple[Integers, Integers, Floats]:
    """Normals that are smooth within a crease angle.

    Two faces that share an edge (by position, so that texture seams do not matter) are smooth across it if their
    normals differ by less than `crease` degrees; a vertex gets one normal for each group of faces around it that hang
    together.

    Args:
        vertices: (V, 3).
        faces: (F, 3) without degenerate ones.
        crease: degrees.

    Returns:
        rows (V',), the old vertex of each new one; faces (F, 3) into the new ones; unit normals (V', 3).
    """
    cross: Floats = face_normals(vertices, faces)
    points = _welded(vertices)[faces]
    label = _stars(points, _unit(cross), math.cos(math.radians(crease)))
    weighted = np.repeat(_unit(cross), 3, axis=0) * _angles(vertices, faces)[:, None]
    sums = [np.bincount(label, weighted[:, axis], minlength=len(label)).astype(np.float64) for axis in range(3)]
    total: Floats = np.stack(sums, axis=1)
    corner_normals = _unit(total)[label]
    lost = (corner_normals * corner_normals).sum(axis=1) < 0.5
    corner_normals[lost] = np.repeat(_unit(cross), 3, axis=0)[lost]
    key = faces.reshape(-1) * np.int64(len(label)) + label
    _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    return faces.reshape(-1)[first], inverse.reshape(-1, 3).astype(np.int64), corner_normals[first]


def _angles(vertices: Floats, faces: Integers) -> Floats:
    """The angle of each corner (3F,), radians: a weight that knows nothing of how polygons were cut into triangles."""
    points = vertices[faces]
    sides = np.asarray(points[:, [1, 2, 0]] - points, dtype=np.float64)
    along = _unit(sides.reshape(-1, 3)).reshape(-1, 3, 3)
    cosine = -(along * along[:, [2, 0, 1]]).sum(axis=2)
    return np.asarray(np.arccos(np.clip(cosine, -1.0, 1.0)).reshape(-1))


def _unit(vectors: Floats) -> Floats:
    lengths = np.sqrt((vectors * vectors).sum(axis=1, keepdims=True))
    unit: Floats = vectors / np.where(lengths > 0, lengths, 1.0)
    return unit


def _welded(vertices: Floats) -> Integers:
    """For each vertex the number of its position, (V,): equal positions, equal numbers."""
    bits = (vertices + 0.0).view(np.uint64)  # + 0.0: -0 and 0 are one position
    with np.errstate(over="ignore"):
        mixed = bits[:, 0] * np.uint64(0x9E3779B97F4A7C15) + bits[:, 1] * np.uint64(0xC2B2AE3D27D4EB4F)
        mixed = (mixed ^ (mixed >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9) + bits[:, 2] * np.uint64(
            0x165667B19E3779F9
        )
    order = np.argsort(mixed, kind="stable")  # equal positions come together; two that collide stay two
    ordered = vertices[order]
    new = np.concatenate([[False], (ordered[1:] != ordered[:-1]).any(axis=1)])
    numbers = np.empty(len(vertices), dtype=np.int64)
    numbers[order] = np.cumsum(new)
    return numbers


def _stars(points: Integers, unit: Floats, least: float) -> Integers:
    """For each corner (3F,) the group of corners it shares a normal with, as its smallest corner number."""
    start, end = points.reshape(-1), points[:, [1, 2, 0]].reshape(-1)
    low, high = np.minimum(start, end), np.maximum(start, end)
    edge = low * np.int64(points.max() + 1) + high
    order = np.argsort(edge, kind="stable")
    ordered = edge[order]
    pairs = []
    for apart in (1, 2, 3):  # an edge of two doubled faces has four sides
        here = np.flatnonzero(ordered[apart:] == ordered[:-apart])
        one, other = order[here], order[here + apart]
        smooth = (unit[one // 3] * unit[other // 3]).sum(axis=1) > least
        # Neighbours of one winding run along their edge in opposite directions.
        smooth &= start[one] == end[other]
        pairs.append((one[smooth], other[smooth]))
    one, other = (np.concatenate([pair[side] for pair in pairs]) for side in range(2))
    a = np.concatenate([one, _following(one)])
    b = np.concatenate([_following(other), other])
    return _components(len(start), a, b)


def _following(side: Integers) -> Integers:
    """The corner after each corner, within its face."""
    return side - side % 3 + (side + 1) % 3


def _components(count: int, a: Integers, b: Integers) -> Integers:
    """Connected components of `count` nodes with edges a-b: for each node the smallest of its component."""
    label = np.arange(count, dtype=np.int64)
    while len(a):
        least = np.minimum(label[a], label[b])
        before = label.copy()
        # Hook the roots (not only the nodes), then jump: few rounds even for long strips of triangles.
        np.minimum.at(label, before[a], least)
        np.minimum.at(label, before[b], least)
        while True:
            jumped = label[label]
            if (jumped == label).all():
                break
            label = jumped
        open_ = label[a] != label[b]
        a, b = a[open_], b[open_]
    return label
