"""What all guitars have: outlines, neck, head, strings."""

from __future__ import annotations

import numpy as np

from ...nouns import Material
from .canvas import Canvas, Colour
from .kit import Dice, Kit
from .mesh import Array, bent, curve
from .paint import Image, brass, chrome, mix, plain
from .solids import box, cylinder, prism
from .sweeps import loft, rod


def closed(points: list[tuple[float, float]], count: int) -> Array:
    """A smooth closed outline (count, 2) through points."""
    p = np.array([*points[-3:], *points, *points[:4]], dtype=float)
    step = np.sqrt((np.diff(p, axis=0) ** 2).sum(1))
    run = np.concatenate([[0], np.cumsum(step)])
    fine = curve(p, 1200)
    t = np.linspace(run[3], run[3 + len(points)], count, endpoint=False) / run[-1]
    k = np.round(t * 1199).astype(int)
    out: Array = fine[k]
    return out


def burst(inner: Colour, outer: Colour, outline: Array, size: int = 128) -> Image:
    """A finish that darkens from the middle of a body towards its edge."""
    c = Canvas(size, size, (1.0, 1.0), outer)
    lo, hi = outline.min(0), outline.max(0)
    shape = ((outline - lo) / (hi - lo))[::2]
    middle = shape.mean(0)
    for share in np.linspace(0.97, 0.35, 11):
        c.polygon(middle + (shape - middle) * share, mix(outer, inner, 1 - ((share - 0.35) / 0.62) ** 1.4), 0.6)
    return c.image()


def neck(d: Dice, kit: Kit, timber: Material, low: float, top: float, y: float, board: Colour) -> None:
    """Neck, fingerboard, frets and inlays from z = low to the nut at z = top; y is the fingerboard's surface."""
    width = np.array([0.058, 0.045])
    back = 0.022
    a = np.radians(np.linspace(0, -180, 9))
    ring = np.column_stack([np.cos(a), np.sin(a)])
    start = low if low > 0.15 else 0.15
    rings = []
    for z, w in ((start, width[0]), (top, width[1])):
        half = np.column_stack([w / 2 * ring[:, 0], y + 0.008 - back * ring[:, 1], np.full(9, z)])
        rings.append(half)
    kit.add(timber, loft(np.array(rings)).mapped(1.2, 0.3))
    face = prism(
        np.array([(-width[0] / 2, low), (width[0] / 2, low), (width[1] / 2, top), (-width[1] / 2, top)]),
        0.010,
        0.001,
        1,
    )
    kit.add(plain(board, 0.5), face.moved(0, y + 0.005, 0))
    metal, pearl = chrome(), plain((236, 232, 220), 0.3)
    scale = top + 0.165
    frets = []
    for k in range(1, 21):
        z = top - scale * (1 - 2 ** (-k / 12))
        if z < low + 0.01:
            break
        w = float(np.interp(z, [low, top], width))
        frets.append(z)
        kit.add(metal, box(w * 0.98, 0.003, 0.0024).moved(0, y - 0.0008, z))
    for k in (3, 5, 7, 9, 12, 15, 17):
        if k < len(frets):
            middle = (frets[k - 1] + frets[k - 2]) / 2
            spots = (-0.011, 0.011) if k == 12 else (0.0,)
            kit.add(
                pearl, *[cylinder(0.0042, 0.003, 0.0, 12).turned("x", 90).moved(x, y - 0.0012, middle) for x in spots]
            )
    kit.add(pearl, box(width[1], 0.010, 0.006, 0.001).moved(0, y - 0.001, top + 0.001))


def strings(kit: Kit, low: float, top: float, head: list[tuple[float, float]], y_low: float, y_top: float) -> None:
    """Six strings from the bridge at z = `low` over the nut at z = `top` to the posts in the head."""
    wire = plain((196, 180, 140), 0.3, 0.6)
    for k in range(6):
        s = (k - 2.5) / 2.5
        a, b = (s * 0.026, y_low, low), (s * 0.0175, y_top, top)
        kit.add(wire, rod(a, b, 0.0013, 5), rod(b, (head[k][0], y_top + 0.004, head[k][1]), 0.0013, 5))


def _head_plan(d: Dice, top: float, inline: bool) -> tuple[Array, list[tuple[float, float]], list[int]]:
    """A headstock's outline, the places of its six posts and the side to which each tuner points."""
    if inline:
        outline = closed(
            [
                (0.022, top),
                (0.036, top + 0.04),
                (0.048, top + 0.15),
                (0.02, top + 0.185),
                (-0.022, top + 0.175),
                (-0.038, top + 0.12),
                (-0.034, top + 0.03),
                (-0.022, top),
            ],
            48,
        )
        posts = [(-0.018 + 0.0035 * k, top + 0.035 + 0.022 * k) for k in range(6)]
        sides = [-1] * 6
    else:
        crown = d.pick("crown", (0.0, 0.012, -0.01))
        outline = bent(
            [
                (-0.023, top),
                (0.023, top),
                (0.036, top + 0.035),
                (0.042, top + 0.165),
                (0.0, top + 0.17 + crown),
                (-0.042, top + 0.165),
                (-0.036, top + 0.035),
            ],
            0.014,
            3,
            closed=True,
        )
        posts = [
            (-0.024, top + 0.05),
            (-0.025, top + 0.09),
            (-0.026, top + 0.13),
            (0.026, top + 0.13),
            (0.025, top + 0.09),
            (0.024, top + 0.05),
        ]
        sides = [-1, -1, -1, 1, 1, 1]
    return outline, posts, sides


def headstock(d: Dice, kit: Kit, face: Material, top: float, y: float, inline: bool) -> list[tuple[float, float]]:
    """Headstock with tuners; returns where the six strings end, from the bass side (-x) on."""
    metal = chrome() if d.chance("chrome tuners", 0.6) else brass()
    outline, posts, sides = _head_plan(d, top, inline)
    kit.add(face, prism(outline, 0.016, 0.002, 1).moved(0, y + 0.016, 0))
    peg = cylinder(0.0042, 0.018, 0.001, 12).turned("x", 90)
    for (x, z), side in zip(posts, sides, strict=True):
        kit.add(metal, peg.moved(x, y + 0.002, z))
        reach = float(np.abs(outline[:, 0]).max()) + 0.014 if not inline else 0.052
        kit.add(
            metal,
            rod((x, y + 0.019, z), (side * reach, y + 0.019, z), 0.0035, 8),
            box(0.016, 0.008, 0.014, 0.003, 2).moved(side * (reach + 0.006), y + 0.019, z),
        )
    return posts
