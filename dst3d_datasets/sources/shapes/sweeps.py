"""Surfaces made by moving a section: tubes along a path, lofts through rings, plates that follow a surface, wings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .mesh import Array, Mesh, grid, grid_faces, grid_normals, join, outward, unit
from .solids import creases


def circle(count: int, x: float = 1.0, y: float = 1.0, power: float = 2.0, start: float = 0.0) -> Array:
    """A closed (super)ellipse (count, 2), counter-clockwise from `start` degrees, not repeated."""
    a = np.linspace(0, 2 * math.pi, count, endpoint=False) + math.radians(start)
    e = 2.0 / power
    c, s = np.cos(a), np.sin(a)
    return np.stack([x * np.sign(c) * np.abs(c) ** e, y * np.sign(s) * np.abs(s) ** e], axis=1)


def loft(
    rings: ArrayLike,
    caps: bool = True,
    crease_rows: Sequence[int] = (),
    crease_columns: Sequence[int] = (),
    u: ArrayLike | None = None,
    v: ArrayLike | None = None,
) -> Mesh:
    """A closed skin through rings (m, n, 3), each a closed loop without its first point repeated.

    By default the texture's u runs along the rows (0 first ring, 1 last) and v round the ring. Flat caps close both
    ends unless the end ring is one point.
    """
    p = np.asarray(rings, dtype=np.float64)
    p = np.concatenate([p, p[:, :1]], axis=1)
    m, n = p.shape[:2]
    uu = np.linspace(0, 1, m)[:, None] if u is None else np.asarray(u, dtype=float)
    vv = np.linspace(0, 1, n)[None] if v is None else np.asarray(v, dtype=float)
    skin = grid(p, u=uu, v=vv, wrap_columns=True, crease_rows=crease_rows, crease_columns=crease_columns)
    pieces = [skin]
    if caps:
        full_u, full_v = np.broadcast_to(uu, (m, n)), np.broadcast_to(vv, (m, n))
        for row, reverse in ((0, False), (m - 1, True)):
            if np.ptp(p[row], axis=0).max() > 1e-9:
                uv = np.stack([full_u[row], full_v[row]], axis=1)[:-1]
                pieces.append(fan(p[row, :-1], uv, reverse))
    return outward(join(pieces))


def fan(ring: Array, uv: Array | None = None, reverse: bool = False) -> Mesh:
    """A flat cap (star-shaped about its mean) over a closed ring (n, 3)."""
    n = len(ring)
    middle = ring.mean(0)
    normal = unit(np.cross(ring - middle, np.roll(ring, -1, axis=0) - middle).sum(0))
    uv = np.zeros((n, 2)) if uv is None else uv
    i = np.arange(n)
    faces = np.stack([np.full(n, n), i, (i + 1) % n], axis=1)
    cap = Mesh(
        np.concatenate([ring, middle[None]]),
        faces,
        np.broadcast_to(normal, (n + 1, 3)).copy(),
        np.concatenate([uv, uv.mean(0, keepdims=True)]),
    )
    return Mesh(cap.vertices, faces[:, ::-1], -cap.normals, cap.uv) if reverse else cap


def frames(path: Array, closed: bool = False, hint: ArrayLike | None = None) -> tuple[Array, Array]:
    """Two unit vectors across the path at each of its points, (m, 3) each, that twist as little as possible."""
    tangent = np.empty_like(path)
    tangent[1:-1] = unit(path[2:] - path[:-2])
    tangent[0], tangent[-1] = unit(path[1] - path[0]), unit(path[-1] - path[-2])
    if closed:
        tangent[0] = tangent[-1] = unit(path[1] - path[-2])
    if hint is None:
        hint = np.eye(3)[int(np.argmin(np.abs(tangent).sum(0)))]
    side = np.asarray(hint, dtype=float)
    across = np.empty_like(path)
    for i, t in enumerate(tangent):
        side = side - t * float((side * t).sum())
        side = side / math.sqrt(float((side * side).sum()))
        across[i] = side
    return across, np.cross(tangent, across)


def tube(
    path: ArrayLike,
    radius: ArrayLike,
    segments: int = 12,
    closed: bool = False,
    flat: float = 1.0,
    hint: ArrayLike | None = None,
    section: Array | None = None,
    rounded: bool = False,
) -> Mesh:
    """A tube along a path (m, 3).

    Args:
        radius: one number or one a point.
        closed: the path's last point repeats its first.
        flat: height of the section over its width; its width lies along `hint`.
        section: (n, 2), another cross-section of unit size instead of a circle, counter-clockwise.
        rounded: half-round ends instead of flat ones.
    """
    p = np.asarray(path, dtype=np.float64)
    r = np.broadcast_to(np.asarray(radius, dtype=float), (len(p),))
    if rounded and not closed:
        p, r = _round_ends(p, r)
    a, b = frames(p, closed, hint)
    shape = circle(segments) if section is None else section
    rings = p[:, None] + r[:, None, None] * (shape[None, :, :1] * a[:, None] + flat * shape[None, :, 1:] * b[:, None])
    length = np.concatenate([[0.0], np.cumsum(np.sqrt((np.diff(p, axis=0) ** 2).sum(1)))])
    sharp = [] if section is None else [i for i in creases(np.concatenate([shape, shape[:2]])) if i < len(shape)]
    if not closed:
        return loft(rings, u=length[:, None], crease_columns=sharp)
    rings = np.concatenate([rings, rings[:, :1]], axis=1)
    return outward(
        grid(
            rings,
            u=length[:, None],
            v=np.linspace(0, 1, rings.shape[1])[None],
            wrap_rows=True,
            wrap_columns=True,
            crease_columns=sharp,
        )
    )


def _round_ends(p: Array, r: Array) -> tuple[Array, Array]:
    angle = np.linspace(0, math.pi / 2, 4)[1:]
    head, tail = unit(p[0] - p[1]), unit(p[-1] - p[-2])
    before = p[0] + np.sin(angle)[::-1, None] * r[0] * head
    after = p[-1] + np.sin(angle)[:, None] * r[-1] * tail
    rim = np.maximum(np.cos(angle), 0.02)
    return np.concatenate([before, p, after]), np.concatenate([rim[::-1] * r[0], r, rim * r[-1]])


def rod(a: ArrayLike, b: ArrayLike, radius: float, segments: int = 12, end: float | None = None) -> Mesh:
    """A straight round bar from a to b, (3,); `end` is the radius at b. u runs along it, in lengths."""
    start, stop = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    along = stop - start
    length = math.sqrt(float((along * along).sum()))
    along = along / length
    hint = np.eye(3)[int(np.argmin(np.abs(along)))]
    across = unit(hint - along * (hint * along).sum())
    frame = np.stack([across, np.cross(along, across)])
    ring, faces = _rod_plan(segments)
    last = radius if end is None else end
    side = ring @ frame
    slope = unit(side + along * ((radius - last) / length))
    low, high = start + radius * side, stop + last * side
    n = segments + 1
    uv = np.zeros((4 * n, 2))
    uv[:, 1] = np.tile(np.linspace(0, 1, n), 4)
    uv[n : 3 * n, 0] = length
    uv[3 * n :, 0] = 0.0
    down = np.broadcast_to(-along, (n, 3))
    return Mesh(np.concatenate([low, high, high, low]), faces, np.concatenate([slope, slope, -down, down]), uv)


@lru_cache(maxsize=32)
def _rod_plan(segments: int) -> tuple[Array, NDArray[np.int64]]:
    """Unit directions (segments + 1, 2) round a rod; faces over its rings: wall low and high, cap high and low."""
    angle = np.linspace(0, 2 * math.pi, segments + 1)
    angle[-1] = 0.0
    n = segments + 1
    i = np.arange(segments)
    wall = np.stack([i, i + 1, n + i + 1, i, n + i + 1, n + i], axis=1).reshape(-1, 3)
    k = np.arange(1, segments - 1)
    high = 2 * n + np.stack([0 * k, k, k + 1], axis=1)
    low = 3 * n + np.stack([0 * k, k + 1, k], axis=1)
    return np.column_stack([np.cos(angle), np.sin(angle)]), np.concatenate([wall, high, low])


def shell(
    points: ArrayLike, thickness: float, lift: float = 0.0, u: ArrayLike | None = None, v: ArrayLike | None = None
) -> Mesh:
    """A closed plate that follows a patch (m, n, 3) of a surface.

    The outer side lies `lift + thickness` off the patch along its normals, d(row) x d(column); the inner one `lift`.
    The edge is hard. u and v as in `grid`.
    """
    p = np.asarray(points, dtype=np.float64)
    m, n = p.shape[:2]
    normals = grid_normals(p)
    outer, inner = p + normals * (lift + thickness), p + normals * lift
    uu = np.broadcast_to(np.linspace(0, 1, n)[None] if u is None else np.asarray(u, dtype=float), (m, n))
    vv = np.broadcast_to(np.linspace(0, 1, m)[:, None] if v is None else np.asarray(v, dtype=float), (m, n))
    uv = np.stack([uu, vv], -1).reshape(-1, 2)
    flat = grid_faces(m, n)
    top = Mesh(outer.reshape(-1, 3), flat, normals.reshape(-1, 3), uv)
    bottom = Mesh(inner.reshape(-1, 3), flat[:, ::-1], -normals.reshape(-1, 3), uv)
    index = np.arange(m * n).reshape(m, n)
    rim = np.concatenate([index[:, 0], index[-1, 1:], index[-2::-1, -1], index[0, -2::-1]])
    corner = [m - 1, m + n - 2, 2 * m + n - 3]
    wall = np.stack([inner.reshape(-1, 3)[rim], outer.reshape(-1, 3)[rim]])
    edge = grid(
        wall[:, ::-1],
        u=uv[rim][::-1, 0][None],
        v=uv[rim][::-1, 1][None],
        crease_columns=[len(rim) - 1 - c for c in corner],
    )
    both = join([top, bottom])
    middle = (outer + inner).reshape(-1, 3).mean(0) / 2
    side = edge.vertices - middle
    if (side * edge.normals).sum() < 0:
        edge = Mesh(edge.vertices, edge.faces[:, ::-1], -edge.normals, edge.uv)
    return join([both, edge])


def aerofoil(count: int, thickness: float) -> Array:
    """A closed symmetric NACA section (2 count, 2), chord 1 from the leading edge at x = 0; counter-clockwise."""
    x = 0.5 * (1 - np.cos(np.linspace(0, math.pi, count + 1)))
    y = 5 * thickness * (0.2969 * np.sqrt(x) - 0.126 * x - 0.3516 * x**2 + 0.2843 * x**3 - 0.1036 * x**4)
    upper = np.stack([x[::-1], y[::-1]], axis=1)[:-1]
    lower = np.stack([x, -y], axis=1)[:-1]
    return np.concatenate([upper, lower])


def wing(stations: Sequence[Sequence[float]], thickness: float = 0.12, count: int = 10, upright: bool = False) -> Mesh:
    """A wing through stations (span, leading edge, chord, rise): to +x, leading edges at -y, or upright (a fin).

    u is the share of the span, v 0 at the leading edge and 1 at the trailing edge.
    """
    section = aerofoil(count, thickness)
    rings = []
    for span, lead, chord, rise in stations:
        along, off = lead + chord * section[:, 0], chord * section[:, 1]
        if upright:
            rings.append(np.stack([off + rise, along, np.full(len(section), span)], axis=1))
        else:
            rings.append(np.stack([np.full(len(section), span), along, off + rise], axis=1))
    s = np.array([station[0] for station in stations])
    u = ((s - s[0]) / (s[-1] - s[0]))[:, None]
    v = np.append(section[:, 0], section[0, 0])[None]
    return loft(rings, u=u, v=v, crease_columns=[])
