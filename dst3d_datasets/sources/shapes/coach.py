"""Car bodies: a lower body lofted along y with wheel arches cut into it, a glasshouse on top, panes and panels on both.

Lengths in metres, the floor at z = 0, the nose at y = -length / 2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .mesh import Array, Mesh, join
from .solids import box
from .sweeps import loft, shell


@dataclass(frozen=True, slots=True, kw_only=True)
class Coach:
    """The lines of one car. Points (share of the length from the nose, height in metres)."""

    length: float
    width: float
    clearance: float
    deck: tuple[tuple[float, float], ...]  # top of the lower body: bonnet, belt, boot
    roof: tuple[tuple[float, float], ...]  # top of the glasshouse from the cowl to the tail; empty for none
    axles: tuple[float, float]  # shares of the length
    wheel: float  # radius
    tumble: float = 0.32  # how far the glasshouse leans in, metres a metre
    nose: float = 0.30  # length over which the nose rounds off
    tail: float = 0.22
    nose_width: float = 0.74  # width of the blunt ends over the full width
    tail_width: float = 0.80
    screen: tuple[float, float] = (0.0, 0.0)  # shares that the windscreen spans
    rear: tuple[float, float] = (0.0, 0.0)  # shares that the rear window spans
    tub: tuple[float, float] = (0.0, 0.0)  # shares between which the body is open from above
    tub_depth: float = 0.42

    def at(self, share: float) -> float:
        """y of a share of the length."""
        return (share - 0.5) * self.length


def eased(y: Array, points: Sequence[tuple[float, float]], reach: float) -> Array:
    """A line through points with its corners rounded over +-reach; it never overshoots."""
    x, z = np.array(points, dtype=float).T
    offsets = np.linspace(-reach, reach, 13)
    weights = 1 - np.abs(offsets) / (reach * 1.0001)
    lines = np.interp(y[:, None] + offsets[None], x, z)
    out: Array = (lines * weights).sum(1) / weights.sum()
    return out


def _ends(y: Array, c: Coach) -> tuple[Array, Array, Array]:
    """How far each station has rounded off: shares of height, and of width at the nose and the tail."""
    nose = np.clip((y + c.length / 2) / c.nose, 0, 1)
    tail = np.clip((c.length / 2 - y) / c.tail, 0, 1)

    def swell(s: Array, least: float) -> Array:
        return least + (1 - least) * np.sqrt(np.maximum(1 - (1 - s) ** 2, 0))

    return swell(nose, 0.45) * swell(tail, 0.55), swell(nose**0.8, c.nose_width), swell(tail, c.tail_width)


def _stations(c: Coach, arch: float) -> Array:
    ends = np.array([0, 0.02, 0.07, 0.15, 0.27, 0.42, 0.6, 0.8, 1.0])
    marks = [
        -c.length / 2 + c.nose * ends,
        c.length / 2 - c.tail * ends,
        np.linspace(-c.length / 2 + c.nose, c.length / 2 - c.tail, 26),
    ]
    for share in c.axles:
        a = np.linspace(0, math.pi, 13)
        marks.append(c.at(share) + arch * np.cos(a))
        marks.append(c.at(share) + arch * np.array([-1.004, 1.004]))
    if c.tub[1] > c.tub[0]:
        for share in c.tub:
            marks.append(c.at(share) + np.array([-0.012, 0.012]))
    y = np.unique(np.round(np.concatenate(marks), 5))
    out: Array = y[np.concatenate([[True], np.diff(y) > 0.0007])]
    return out


_SIDE = np.array([0.0, 0.03, 0.10, 0.2, 0.32, 0.45, 0.58, 0.7, 0.8])
_TOP = np.array([0.90, 0.86, 0.82, 0.65, 0.45, 0.22])


def lower_body(c: Coach) -> tuple[Mesh, Array, Array]:
    """The painted body, its grid of points (stations, ring) and its stations; texture u runs from nose to tail.

    v: 0.1-0.4 up the +x side from sill to belt, 0.4-0.6 across the top, 0.6-0.9 down the other side.
    """
    arch = c.wheel * 1.16
    y = _stations(c, arch)
    share = y / c.length + 0.5
    full, wide_nose, wide_tail = _ends(y, c)
    top = eased(share, c.deck, 0.035)
    floor = np.full_like(y, c.clearance)
    waist = c.clearance + (top - c.clearance) * 0.48
    top_r, floor_r = waist + (top - waist) * full, waist - (waist - floor) * np.minimum(full * 1.12, 1)
    for axle in c.axles:
        off = np.abs(y - c.at(axle))
        inside = off <= arch * 1.0001
        floor_r = np.where(inside, np.maximum(floor_r, c.wheel + np.sqrt(np.maximum(arch**2 - off**2, 0))), floor_r)
    floor_r = np.minimum(floor_r, top_r - 0.04)
    half = c.width / 2 * wide_nose * wide_tail
    rings, v = _rings(c, y, share, floor_r, top_r, half)
    n = rings.shape[1]
    mesh = loft(rings, u=share[:, None], v=v, crease_columns=[2, n - 2])
    return mesh, rings, y


def _rings(c: Coach, y: Array, share: Array, floor: Array, top: Array, half: Array) -> tuple[Array, Array]:
    """Half a ring from the middle of the floor over +x to the middle of the top, then its mirror image."""
    high = float(max(z for _, z in c.deck))
    height = (top - floor)[:, None]
    z_side = floor[:, None] + height * _SIDE[None]
    level = np.clip((z_side - c.clearance) / (high - c.clearance), 0, 1)
    x_side = half[:, None] * (1 - 0.16 * (level - 0.55) ** 2 - 0.05 * np.clip(0.16 - level, 0, 1) / 0.16)
    a = np.radians([25, 50, 72, 90])[None]
    drop, inset = 0.2 * height, 0.10 * half[:, None]
    x_edge = x_side[:, -1:]
    x_shoulder, z_shoulder = x_edge - inset * (1 - np.cos(a)), top[:, None] - drop + drop * np.sin(a)
    x_top = x_edge * _TOP[None] * 0.98
    x_top = np.minimum(x_top, x_shoulder[:, -1:] - 0.004 * half[:, None] * np.arange(1, len(_TOP) + 1))
    crown = 0.03 * (1 - (x_top / x_edge) ** 2)
    z_top = top[:, None] + crown
    if c.tub[1] > c.tub[0]:
        inside = (share > c.tub[0]) & (share < c.tub[1])
        z_top[:, 2:] -= np.where(inside[:, None], c.tub_depth, 0.0)
    x_floor, z_floor = half[:, None] * np.array([0.5, 0.88]), np.broadcast_to(floor[:, None], (len(y), 2))
    x = np.concatenate([x_floor, x_side, x_shoulder, x_top], axis=1)
    z = np.concatenate([z_floor, z_side, z_shoulder, z_top], axis=1)
    middle_low, middle_high = np.stack([0 * y, y, floor], -1)[:, None], np.stack([0 * y, y, z[:, -1]], -1)[:, None]
    right = np.stack([x, np.broadcast_to(y[:, None], x.shape), z], -1)
    left = right[:, ::-1] * [-1, 1, 1]
    rings = np.concatenate([middle_low, right, middle_high, left], axis=1)
    v_side = 0.1 + 0.3 * (z_side - c.clearance) / (high - c.clearance)
    one = np.concatenate(
        [
            np.broadcast_to([0.03, 0.08], (len(y), 2)),
            v_side,
            np.maximum(v_side[:, -1:], np.broadcast_to([0.385, 0.39, 0.395, 0.4], (len(y), 4))),
            np.broadcast_to(np.linspace(0.41, 0.48, 6), (len(y), 6)),
        ],
        axis=1,
    )
    zero = np.zeros((len(y), 1))
    v = np.concatenate([zero, one, zero + 0.5, 1 - one[:, ::-1], zero + 1.0], axis=1)
    return rings, v


def glasshouse(c: Coach, cuts: Sequence[float]) -> tuple[Mesh, Array, Array]:
    """The cabin above the belt: mesh, grid of points and the shares of its stations, which include `cuts`."""
    first, last = c.roof[0][0], c.roof[-1][0]
    share = np.unique(np.round(np.concatenate([np.linspace(first, last, 26), np.clip(cuts, first, last)]), 5))
    y = (share - 0.5) * c.length
    low = eased(share, c.deck, 0.035) - 0.07
    high = np.maximum(eased(share, c.roof, 0.028), low + 0.02)
    _, wide_nose, wide_tail = _ends(y, c)
    half = c.width / 2 * wide_nose * wide_tail * 0.915
    height = (high - low)[:, None]
    t = np.array([0.0, 0.1, 0.2, 0.4, 0.6, 0.74, 0.84])[None]
    x_side = half[:, None] - c.tumble * height * t
    z_side = low[:, None] + height * t
    a = np.radians([30, 60, 90])[None]
    x_edge, z_edge = x_side[:, -1:], z_side[:, -1:]
    inset = 0.13 * half[:, None]
    x_bend = x_edge - inset * (1 - np.cos(a)) - c.tumble * height * 0.1 * np.sin(a)
    z_bend = z_edge + height * 0.16 * np.sin(a)
    x_top = x_bend[:, -1:] * np.array([0.93, 0.7, 0.45, 0.2])
    z_top = high[:, None] + 0.025 * (1 - (x_top / x_edge) ** 2)
    x = np.concatenate([x_side, x_bend, x_top], axis=1)
    z = np.concatenate([z_side, z_bend, z_top], axis=1)
    # The windscreen and the rear window bow outward in plan.
    bow = (
        0.14
        * (x / half[:, None]) ** 2
        * (np.clip((0.5 * (first + last) - share) / (last - first) * 2, 0, 1) ** 1.5)[:, None]
    )
    right = np.stack([x, y[:, None] + bow, z], -1)
    middle = np.stack([0 * y, y, z[:, -1] + 0.002], -1)[:, None]
    floor = np.stack([0 * y, y, low], -1)[:, None]
    rings = np.concatenate([floor, right, middle, right[:, ::-1] * [-1, 1, 1]], axis=1)
    return loft(rings, u=share[:, None], crease_columns=[1, rings.shape[1] - 1]), rings, share


def pane(rings: Array, share: Array, start: float, end: float, columns: tuple[int, int], lift: float = 0.004) -> Mesh:
    """A plate over part of a cabin or body: between two shares of the length and two columns of the ring."""
    rows = np.nonzero((share >= start - 1e-4) & (share <= end + 1e-4))[0]
    patch = rings[rows[0] : rows[-1] + 1, columns[0] : columns[1] + 1]
    return shell(patch, 0.004, lift)


def liners(c: Coach) -> Mesh:
    """Dark walls inside the wheel arches and under the floor."""
    pieces = []
    a = np.linspace(math.radians(-12), math.radians(192), 17)
    x = np.array([-0.44, 0.44]) * c.width
    for axle in c.axles:
        r = c.wheel * 1.15
        arc = np.stack(
            [
                np.broadcast_to(x[None], (17, 2)),
                (c.at(axle) + r * np.cos(a))[:, None] + 0 * x,
                (c.wheel + r * np.sin(a))[:, None] + 0 * x,
            ],
            -1,
        )
        pieces.append(shell(arc, 0.008))
        pieces.append(box(c.width * 0.5, 2.2 * c.wheel, 1.2 * c.wheel).moved(0, c.at(axle), c.wheel * 1.1))
    return join(pieces)
