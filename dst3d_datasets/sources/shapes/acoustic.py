"""Acoustic guitars, standing upright; the strings face -y."""

from __future__ import annotations

import numpy as np

from .canvas import Canvas
from .guitarparts import burst, closed, headstock, neck, strings
from .kit import Dice, Facts, Family, Kit
from .mesh import Array
from .paint import PAINTS, WOODS, Image, grain, plain, textured, wood
from .solids import box, prism

_BACKS = ("mahogany", "walnut", "cherry", "maple", "ebony")
_SHAPES = ("dreadnought", "classical", "jumbo", "cutaway")
_TOPS = ("pine", "maple", "cherry", "sunburst", "black", "teal")


def _acoustic_facts(d: Dice) -> Facts:
    top = d.pick("top", _TOPS)
    return Facts(
        (
            f"{top} top",
            f"{d.pick('back', _BACKS)} sides",
            d.pick("shape", _SHAPES),
            "six strings",
            *(("pickguard",) if d.chance("guard", 0.6) else ()),
        )
    )


def _acoustic_outline(d: Dice) -> Array:
    shape = d.pick("shape", _SHAPES)
    low, waist, up = {
        "dreadnought": (0.200, 0.140, 0.148),
        "classical": (0.185, 0.118, 0.140),
        "jumbo": (0.215, 0.125, 0.155),
        "cutaway": (0.195, 0.130, 0.145),
    }[shape]
    k = d.between("scale", 0.96, 1.04)
    right = [(0.0, -0.25), (low * 0.5, -0.243), (low * 0.86, -0.2), (low, -0.125), (low * 0.93, -0.05)]
    right += [
        (waist * 1.03, 0.02),
        (waist, 0.05),
        (up * 0.94, 0.11),
        (up, 0.155),
        (up * 0.86, 0.205),
        (up * 0.5, 0.235),
    ]
    left = [(-x, z) for x, z in right[:0:-1]]
    if shape == "cutaway":
        right = [*right[:7], (up * 0.96, 0.115), (up * 0.9, 0.16), (0.08, 0.135), (0.045, 0.185), (0.03, 0.235)]
    return closed([*right, (0.0, 0.24), *left], 84) * k


def _acoustic_top(d: Dice, outline: Array) -> Image:
    kind = d.pick("top", _TOPS)
    lo, hi = outline.min(0), outline.max(0)
    if kind == "sunburst":
        ground = burst((226, 150, 60), (60, 26, 14), outline).repeat(2, 0).repeat(2, 1)
    elif kind in PAINTS:
        ground = np.broadcast_to(np.array([*PAINTS[kind], 255], dtype=np.uint8), (256, 256, 4))
    else:
        ground = np.transpose(wood(kind, d.number), (1, 0, 2))  # the grain runs along the strings
    w, h = float(hi[0] - lo[0]), float(hi[1] - lo[1])
    c = Canvas(256, 256, (w, h), ground)
    edge = outline - lo
    c.line(np.concatenate([edge, edge[:1]]), 0.012, (238, 226, 196) if d.chance("pale binding", 0.6) else (40, 26, 20))
    x, y = -float(lo[0]), 0.075 - float(lo[1])
    if d.chance("guard", 0.6):
        c.polygon(
            closed(
                [
                    (x + 0.045, y - 0.045),
                    (x + 0.075, y + 0.01),
                    (x + 0.066, y + 0.03),
                    (x + 0.105, y - 0.03),
                    (x + 0.12, y - 0.1),
                    (x + 0.07, y - 0.12),
                ],
                40,
            ),
            (48, 28, 20),
        )
    for radius, colour in (
        (0.066, (50, 34, 26)),
        (0.061, (232, 218, 180)),
        (0.057, (60, 40, 30)),
        (0.0525, (226, 206, 160)),
    ):
        c.disc(x, y, radius, colour)
    c.disc(x, y, 0.049, (14, 10, 8))
    return c.image()


def _acoustic_build(d: Dice, kit: Kit) -> None:
    outline, deep = _acoustic_outline(d), d.between("deep", 0.095, 0.12)
    sides = grain(d.pick("back", _BACKS), d.number, 0.3)
    kit.add(sides, prism(outline, deep, 0.006, 2))
    y = -deep / 2
    kit.add(
        textured(_acoustic_top(d, outline), 0.22),
        prism(outline * 0.996, 0.006, 0.0015, 1).projected("xz", outline.min(0), outline.max(0)).moved(0, y - 0.002, 0),
    )
    board = d.pick("board", (WOODS["ebony"][0], WOODS["walnut"][0]))
    top = 0.56
    surface = y - 0.014
    neck(d, kit, grain(d.pick("neck", ("mahogany", "maple")), d.number, 0.4), 0.128, top, surface, board)
    kit.add(plain(board, 0.5), box(0.15, 0.012, 0.032, 0.004, 2).moved(0, y - 0.008, -0.115))
    kit.add(plain((238, 234, 222), 0.4), box(0.085, 0.008, 0.005, 0.001).moved(0, y - 0.016, -0.108))
    face = plain(WOODS[d.pick("head", ("ebony", "mahogany", "maple"))][0], 0.35)
    posts = headstock(d, kit, face, top, surface, inline=False)
    strings(kit, -0.112, top, posts, surface - 0.010, surface - 0.006)


ACOUSTIC = Family("acoustic guitar", _acoustic_facts, _acoustic_build, distance=1.28, sampling=3)
