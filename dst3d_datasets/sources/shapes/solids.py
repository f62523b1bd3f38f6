"""Closed solids: boxes with rounded edges, bodies of revolution, ellipsoids, prisms of any outline."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .mesh import Array, Mesh, grid, grid_faces, join, outward, unit

CREASE = 38.0  # degrees; sharper corners of a profile become hard edges


@lru_cache(maxsize=128)
def box(x: float, y: float, z: float, bevel: float = 0.0, steps: int = 1, grain: str = "x", scale: float = 1.0) -> Mesh:
    """A box of the given extents about the origin with rounded edges.

    Texture coordinates are lengths from the centre divided by `scale`, u along the `grain` axis where a side has it; a
    half turn about z carries the sides into one another.

    Args:
        bevel: radius of the edges; `steps` rows of faces round each of them.
    """
    half = np.array([x, y, z]) / 2.0
    r = float(min(bevel, half.min() * 0.999))
    sides = []
    for axis in range(3):
        for sign in (-1.0, 1.0):
            i, j = (axis + 1) % 3, (axis + 2) % 3
            a, b = _ticks(half[i], r, steps), _ticks(half[j], r, steps)
            p = np.zeros((len(a), len(b), 3))
            p[..., axis] = sign * half[axis]
            p[..., i], p[..., j] = (a[:, None], b[None, :]) if sign > 0 else (a[::-1, None], b[None, :])
            sides.append(_box_side(p, half, r, axis, sign, grain, scale))
    return join(sides)


def _ticks(half: float, r: float, steps: int) -> Array:
    if r <= 0.0:
        return np.array([-half, half])
    band = (half - r) + r * np.tan(np.linspace(0.0, math.pi / 4, steps + 1))
    return np.concatenate([-band[::-1], band])


def _box_side(p: Array, half: Array, r: float, axis: int, sign: float, grain: str, scale: float) -> Mesh:
    normal = np.zeros(3)
    normal[axis] = sign
    if r > 0.0:
        inner = np.clip(p, -(half - r), half - r)
        normals = unit(p - inner)
        where = inner + r * normals
    else:
        normals, where = np.broadcast_to(normal, p.shape), p
    others = [k for k in (0, 1, 2) if k != axis]
    main = "xyz".index(grain)
    first = main if main in others else others[0]
    second = others[1] if first == others[0] else others[0]
    flat = where.copy()
    if axis < 2:  # seen from outside, the horizontal coordinate of every upright side runs to the right
        flat[..., 1 - axis] *= sign if axis == 0 else -sign
    uv = flat[..., [first, second]] / scale
    if main not in others:
        uv = uv * [0.05, 1.0]  # end grain: no long streaks
    return Mesh(where.reshape(-1, 3), grid_faces(*p.shape[:2]), normals.reshape(-1, 3).copy(), uv.reshape(-1, 2))


def plank(
    a: ArrayLike,
    b: ArrayLike,
    width: float,
    thickness: float,
    bevel: float = 0.0,
    roll: ArrayLike = (0, 0, 1),
    scale: float = 1.0,
) -> Mesh:
    """A bar from point a to point b, (3,): `width` across, `thickness` along the direction nearest to `roll`."""
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    length = float(np.sqrt(((b - a) ** 2).sum()))
    along = (b - a) / length
    up = np.asarray(roll, dtype=float)
    up = up - along * (up * along).sum()
    if (up * up).sum() < 1e-9:
        up = np.array([0.0, 1.0, 0.0]) - along * along[1]
    up = unit(up)
    frame = np.stack([along, np.cross(up, along), up])
    bar = box(length, width, thickness, bevel, scale=scale)
    return Mesh(bar.vertices @ frame + (a + b) / 2, bar.faces, bar.normals @ frame, bar.uv)


def creases(profile: Array, limit: float = CREASE) -> list[int]:
    """Indices of an open polyline (m, 2) at which it turns by more than `limit` degrees."""
    step = np.diff(profile, axis=0)
    angle = np.degrees(np.arctan2(step[:, 1], step[:, 0]))
    turn = np.abs((np.diff(angle) + 180.0) % 360.0 - 180.0)
    return [int(i) + 1 for i in np.nonzero(turn > limit)[0]]


def lathe(
    profile: Sequence[Sequence[float]] | Array, segments: int = 48, v_by: str = "length", limit: float = CREASE
) -> Mesh:
    """A body of revolution about z.

    Args:
        profile: (m, 2) of (radius, z) from the bottom of the axis, outside, to its top; radius 0 at both
            ends closes it. Corners sharper than `limit` degrees are hard edges.
        v_by: "length": v is the share of the profile's length; "z": the share of its height.

    u runs once round: 0 at the back (+y), 0.5 at the front (-y), rising to the right as seen from the front.
    """
    p = np.asarray(profile, dtype=np.float64)
    u = np.linspace(0.0, 1.0, segments + 1)
    phi = 2 * math.pi * u
    ring = np.stack([-np.sin(phi), np.cos(phi)], axis=1)
    ring[-1] = ring[0]
    points = np.empty((len(p), segments + 1, 3))
    points[..., :2] = p[:, None, :1] * ring
    points[..., 2] = p[:, 1:2]
    if v_by == "z":
        v = (p[:, 1] - p[:, 1].min()) / np.ptp(p[:, 1])
    else:
        v = np.concatenate([[0.0], np.cumsum(np.sqrt((np.diff(p, axis=0) ** 2).sum(1)))])
        v = v / v[-1]
    # d(row) x d(column) points inward for this direction of u, so the rows are taken from the top.
    body = grid(
        points[::-1],
        u=u[None],
        v=v[::-1, None],
        wrap_columns=True,
        crease_rows=[len(p) - 1 - i for i in creases(p, limit)],
    )
    return outward(body)


def cylinder(radius: float, height: float, bevel: float = 0.0, segments: int = 32, top: float | None = None) -> Mesh:
    """An upright cylinder (or cone: `top` is the upper radius) about the origin."""
    h, t = height / 2, radius if top is None else top
    b = min(bevel, h * 0.9, radius * 0.9)
    if b > 0 and t > b:
        c = b * (1 - math.sqrt(0.5))
        profile = [
            (0, -h),
            (radius - b, -h),
            (radius - c, -h + c),
            (radius, -h + b),
            (t, h - b),
            (t - c, h - c),
            (t - b, h),
            (0, h),
        ]
        return lathe(profile, segments, limit=50.0)
    return lathe([(0, -h), (radius, -h), (t, h), (0, h)], segments)


def ellipsoid(x: float, y: float, z: float, segments: int = 32, rows: int = 16, power: float = 2.0) -> Mesh:
    """A (super)ellipsoid with the given half axes; power above 2 makes it boxier."""
    a = np.linspace(-math.pi / 2, math.pi / 2, rows + 1)
    e = 2.0 / power
    r, h = np.abs(np.cos(a)) ** e, np.sign(np.sin(a)) * np.abs(np.sin(a)) ** e
    r[0] = r[-1] = 0.0
    return lathe(np.stack([r, h], axis=1), segments, limit=80.0).scaled(x, y, z)


def torus(radius: float, thickness: float, segments: int = 36, rows: int = 12) -> Mesh:
    """A ring about z: `radius` to the middle of the round section of half width `thickness`."""
    u, a = np.linspace(0, 2 * math.pi, segments + 1), np.linspace(0, 2 * math.pi, rows + 1)
    r = radius + thickness * np.cos(a)
    p = np.stack(
        [np.outer(np.cos(u), r), np.outer(np.sin(u), r), np.broadcast_to(thickness * np.sin(a), (len(u), len(a)))], -1
    )
    p[-1], p[:, -1] = p[0], p[:, 0]
    return outward(grid(p, wrap_rows=True, wrap_columns=True))


def ears(outline: Array) -> NDArray[np.int64]:
    """Triangles (n - 2, 3) of a simple counter-clockwise polygon (n, 2), by cutting ears."""
    points: list[tuple[float, float]] = [(float(x), float(y)) for x, y in outline]
    index = list(range(len(points)))
    # Only a corner that turns inward can lie in an ear, and cutting ears makes no new ones.
    inward = {i for i in index if _turn(points[i - 1], points[i], points[(i + 1) % len(points)]) <= 0.0}
    triangles = []
    start = 0
    while len(index) > 3:
        n = len(index)
        for step in range(n):
            k = (start + step) % n
            a, b, c = index[k - 1], index[k], index[(k + 1) % n]
            if _is_ear(points, a, b, c, inward):
                break
        triangles.append((a, b, c))
        inward.discard(b)
        del index[k]
        start = (k + 1) % len(index)  # go on elsewhere: fans of slivers would shade badly
    triangles.append((index[0], index[1], index[2]))
    return np.array(triangles, dtype=np.int64)


def _turn(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1])


def _is_ear(points: list[tuple[float, float]], a: int, b: int, c: int, inward: set[int]) -> bool:
    pa, pb, pc = points[a], points[b], points[c]
    if _turn(pa, pb, pc) <= 0.0:
        return False
    for i in inward:
        p = points[i]
        if i not in (a, b, c) and _turn(pa, pb, p) >= 0 and _turn(pb, pc, p) >= 0 and _turn(pc, pa, p) >= 0:
            return False
    return True


def inset(outline: Array, distance: float) -> Array:
    """A closed counter-clockwise outline (n, 2) moved inward by `distance` along its mitres (limited to twice that)."""
    edge = np.roll(outline, -1, axis=0) - outline
    normal = np.stack([-edge[:, 1], edge[:, 0]], axis=1)
    normal /= np.maximum(np.sqrt((normal**2).sum(1, keepdims=True)), 1e-12)
    mitre = normal + np.roll(normal, 1, axis=0)
    out: Array = outline + distance * mitre / np.maximum((mitre**2).sum(1, keepdims=True) / 2, 0.5)
    return out


def prism(outline: ArrayLike, depth: float, bevel: float = 0.0, steps: int = 2, limit: float = CREASE) -> Mesh:
    """An outline in the (x, z) plane, given depth along y: the front face lies at y = -depth / 2.

    Args:
        outline: (n, 2), simple, counter-clockwise as seen from the front (x right, z up).
        bevel: radius of the rounded front and back edges.

    Texture coordinates are (x, z) over the outline's box.
    """
    ring = np.asarray(outline, dtype=np.float64)
    corners = [i - 1 for i in creases(np.concatenate([ring[-1:], ring, ring[:1]]), limit)]
    if corners:  # the seam goes where there is a hard edge anyway
        ring = np.roll(ring, -corners[0], axis=0)
        corners = [i - corners[0] for i in corners]
    h = depth / 2
    b = min(bevel, h * 0.95)
    angle = np.linspace(0, math.pi / 2, steps + 1) if b > 0 else np.array([0.0])
    levels = [(b * (1 - math.sin(a)), -(h - b) - b * math.cos(a)) for a in angle]
    levels += [(d, -y) for d, y in reversed(levels)]
    rings = []
    for distance, y in levels:
        flat = inset(ring, distance) if distance > 1e-12 else ring
        rings.append(np.stack([flat[:, 0], np.full(len(flat), y), flat[:, 1]], axis=1))
    side = np.stack(rings)
    side = np.concatenate([side, side[:, :1]], axis=1)
    wall = grid(
        side,
        wrap_columns=True,
        crease_columns=corners,
        crease_rows=() if b > 0 else range(len(levels)),
    )
    triangles = ears(rings[0][:, [0, 2]])
    up = np.zeros((len(ring), 3))
    up[:, 1] = -1.0
    zero = np.zeros((len(ring), 2))
    front = Mesh(rings[0], triangles, up, zero)
    back = Mesh(rings[-1], triangles[:, ::-1], -up, zero)
    return join([wall, front, back]).projected("xz", ring.min(0), ring.max(0))
