"""Table lamps: shaded lamps, and desk lamps whose arm reaches to -y."""

from __future__ import annotations

import numpy as np

from ...nouns import Material
from .canvas import Canvas, Colour, star
from .kit import Dice, Facts, Family, Kit
from .mesh import curve
from .paint import PAINTS, Image, brass, chrome, mix, plain, stripes, textured
from .solids import box, cylinder, ellipsoid, lathe
from .sweeps import rod, shell, tube

_KINDS = ("shaded", "shaded", "shaded", "arm", "banker")
_BASES = ("vase", "column", "gourd", "candlestick", "stack")
_SHADES = ("drum", "cone", "bell", "empire")
_GLAZES = ("white", "navy", "teal", "red", "sky blue", "cream", "black", "green", "orange", "grey", "pink")
_CLOTHS = ("cream", "white", "tan", "grey", "navy", "dark red", "yellow", "turquoise")
_METALS = ("brass", "chrome", "black")


def _facts(d: Dice) -> Facts:
    kind = d.pick("kind", _KINDS)
    if kind == "arm":
        return Facts((d.pick("arm paint", _GLAZES), "metal", "adjustable arm", "desk lamp"))
    if kind == "banker":
        return Facts((f"{d.pick('banker', ('green', 'blue', 'red'))} glass shade", "brass", "banker lamp"))
    words = [
        f"{d.pick('glaze', _GLAZES)} {d.pick('base', _BASES)} base",
        f"{d.pick('cloth', _CLOTHS)} {d.pick('shade', _SHADES)} shade",
    ]
    if d.chance("chain", 0.5):
        return Facts((*words, "pull chain", f"{d.pick('figure', ('leaf', 'star', 'rings', 'bloom'))} motif"), 1)
    return Facts((*words, f"{d.pick('metal', _METALS)} fittings"), 0)


def _metal(name: str) -> Material:
    return {"brass": brass, "chrome": chrome}.get(name, lambda: plain("black", 0.4))()


_WALLS: dict[str, list[tuple[float, float]]] = {  # (radius, height), of 1 each
    "vase": [(0.6, 0.0), (0.9, 0.28), (1.0, 0.55), (0.72, 0.82), (0.35, 0.95), (0.3, 1.0)],
    "column": [(0.5, 0.0), (0.48, 0.3), (0.46, 0.6), (0.45, 0.85), (0.42, 1.0)],
    "gourd": [(0.7, 0.0), (1.0, 0.22), (0.8, 0.48), (0.52, 0.6), (0.66, 0.76), (0.5, 0.93), (0.25, 1.0)],
    "candlestick": [
        (0.8, 0.0),
        (0.35, 0.08),
        (0.22, 0.2),
        (0.36, 0.34),
        (0.2, 0.45),
        (0.18, 0.75),
        (0.34, 0.88),
        (0.2, 1.0),
    ],
}


def _shaded(d: Dice, kit: Kit) -> None:
    glaze, tall, r = (
        plain(d.pick("glaze", _GLAZES), d.pick("gloss", (0.15, 0.3, 0.6))),
        d.between("tall", 0.24, 0.34),
        d.between("girth", 0.07, 0.11),
    )
    metal = _metal(d.pick("metal", _METALS))
    base = d.pick("base", _BASES)
    kit.add(metal, cylinder(r * (0.98 if base != "column" else 1.05), 0.018, 0.006, 48).moved(z=0.009))
    if base == "stack":
        count = d.whole("balls", 2, 4)
        size = tall / count / 2
        for k in range(count):
            kit.add(glaze, ellipsoid(size * 1.05, size * 1.05, size * 1.02, 48, 18).moved(z=0.018 + size * (2 * k + 1)))
    else:
        wall = curve(_WALLS[base], 36) * [r, tall] + [0, 0.016]
        kit.add(glaze, lathe(np.concatenate([[[0, wall[0, 1]]], wall, [[0, wall[-1, 1]]]]), 48, limit=60))
    z = tall + 0.018
    kit.add(
        metal, cylinder(0.008, 0.09, 0.0, 16).moved(z=z + 0.04), cylinder(0.018, 0.05, 0.004, 24).moved(z=z + 0.055)
    )
    low, high = z + d.between("gap", 0.03, 0.05), z + d.between("shade tall", 0.20, 0.27)
    _shade(d, kit, low, high)
    kit.add(plain((255, 244, 214), 0.5), ellipsoid(0.03, 0.03, 0.042, 24, 12).moved(z=z + 0.115))
    kit.add(
        metal,
        cylinder(0.004, high - z, 0.0, 10).moved(z=(high + z) / 2),
        lathe([(0, 0), (0.012, 0), (0.005, 0.01), (0.012, 0.022), (0, 0.034)], 20).moved(z=high),
    )
    if d.chance("chain", 0.5):
        reach = 0.055
        kit.add(
            metal,
            rod((0, 0, z + 0.06), (0, -reach, z + 0.06), 0.004, 8),
            rod((0, -reach, z + 0.06), (0, -reach, low - 0.09), 0.0025, 8),
        )
        kit.add(metal, ellipsoid(0.011, 0.011, 0.017, 16, 10).moved(0, -reach, low - 0.095))


def _shade(d: Dice, kit: Kit, low: float, high: float) -> None:
    cloth = PAINTS[d.pick("cloth", _CLOTHS)]
    wide = d.between("wide", 0.15, 0.20)
    top = {"drum": 0.9, "cone": 0.45, "bell": 0.45, "empire": 0.62}[d.pick("shade", _SHADES)]
    t = np.linspace(0, 1, 14)
    r = wide * (1 + (top - 1) * (t if d.pick("shade", _SHADES) != "bell" else t**0.55))
    outer = np.column_stack([r, low + (high - low) * t])
    profile = np.concatenate([outer, (outer - [0.003, 0])[::-1], outer[:1]])
    other = mix(cloth, (60, 50, 40), 0.4)
    if d.chance("chain", 0.5):
        skin = textured(_motif(d, cloth, other), 0.95)
    elif d.chance("banded", 0.4):
        skin = textured(stripes((cloth, cloth, cloth, cloth, other), 2, 128, upright=False), 0.95)
    else:
        skin = plain(cloth, 0.95)
    shade = lathe(profile, 56, v_by="z", limit=60)
    kit.add(skin, shade)
    trim = plain(mix(cloth, (40, 34, 30), 0.35), 0.9)
    for ring in (outer[0], outer[-1]):
        edge = [
            (ring[0] - 0.004, ring[1] - 0.005),
            (ring[0] + 0.003, ring[1] - 0.005),
            (ring[0] + 0.003, ring[1] + 0.005),
            (ring[0] - 0.004, ring[1] + 0.005),
        ]
        kit.add(trim, lathe([*edge, edge[0]], 56))
    # A disc closes the shade: the spokes of a real one would make the lamp look turned.
    kit.add(
        plain(mix(cloth, (255, 255, 255), 0.4), 0.9),
        cylinder(float(outer[-1, 0]) - 0.004, 0.003, 0.0, 56).moved(z=high - 0.02),
    )


def _motif(d: Dice, cloth: Colour, other: Colour) -> Image:
    """A shade with a figure on its front: u round, 0.5 the front; v up."""
    c = Canvas(512, 128, (4.6, 1.0), cloth)
    if d.chance("banded", 0.4):
        c.rect(-1, 0.08, 5, 0.16, other)
        c.rect(-1, 0.84, 5, 0.92, other)
    ink = PAINTS[
        d.pick(
            "ink",
            ("red", "teal", "orange", "purple", "green")
            if sum(cloth) > 300
            else ("yellow", "white", "orange", "turquoise"),
        )
    ]
    figure = d.pick("figure", ("leaf", "star", "rings", "bloom"))
    if figure == "leaf":
        t = np.linspace(0, np.pi, 20)
        side = np.column_stack([0.15 * np.sin(t) ** 1.5, 0.2 + 0.6 * t / np.pi])
        c.polygon(np.add(np.concatenate([side, (side * [-1, 1])[::-1]]), [2.3, 0]), ink)
        c.line([(2.3, 0.14), (2.3, 0.72)], 0.02, cloth)
    elif figure == "star":
        c.polygon(star(2.3, 0.5, 0.3, d.whole("points", 5, 9), 0.5), ink)
    elif figure == "rings":
        for radius in (0.3, 0.2, 0.1):
            c.disc(2.3, 0.5, radius, ink, radius - 0.05)
    else:
        for k in range(6):
            c.disc(2.3 + 0.17 * np.cos(k * np.pi / 3), 0.5 + 0.17 * np.sin(k * np.pi / 3), 0.11, ink)
        c.disc(2.3, 0.5, 0.09, (250, 220, 110))
    return c.image()


def _arm(d: Dice, kit: Kit) -> None:
    paint, metal = plain(d.pick("arm paint", _GLAZES), 0.3), chrome()
    base = d.between("foot", 0.085, 0.11)
    kit.add(
        paint, lathe([(0, 0), (base, 0), (base, 0.012), (base * 0.92, 0.024), (0.03, 0.034), (0, 0.036)], 48, limit=50)
    )
    low, back, front = 0.04, d.between("back", 0.10, 0.17), -d.between("front", 0.12, 0.2)
    elbow, head = (0.0, back, d.between("elbow", 0.26, 0.32)), (0.0, front, d.between("head", 0.42, 0.5))
    for x in (-0.012, 0.012):
        kit.add(
            metal,
            rod((x, 0.02, low), (x, elbow[1], elbow[2]), 0.005, 10),
            rod((x, elbow[1], elbow[2]), (x, head[1], head[2]), 0.005, 10),
        )
    joint = cylinder(0.017, 0.045, 0.004, 24).turned("y", 90)
    kit.add(paint, *[joint.moved(*p) for p in ((0, 0.02, low), elbow, head)])
    kit.add(
        plain("black", 0.5),
        tube(
            curve(
                [
                    (0, 0.024, low + 0.02),
                    (0, elbow[1] + 0.03, elbow[2] - 0.1),
                    (0, elbow[1] + 0.02, elbow[2] + 0.03),
                    (0, (elbow[1] + head[1]) / 2, (elbow[2] + head[2]) / 2 - 0.03),
                    (0, head[1] + 0.01, head[2] - 0.01),
                ],
                30,
            ),
            0.0035,
            8,
        ),
    )
    cone = [(0.0, 0.055), (0.026, 0.05), (0.032, 0.0), (0.045, -0.03), (0.085, -0.10), (0.09, -0.125)]
    wall = np.array(cone)
    inner = (wall[1:] - [0.004, 0.002])[::-1]
    outer = lathe(np.concatenate([wall, inner[:-1], [[0.0, inner[-1, 1]]]])[::-1], 40, limit=50)
    tilt = -d.between("tilt", 18, 38)
    kit.add(paint, outer.turned("x", tilt).moved(0, front - 0.02, head[2] - 0.005))
    bulb = ellipsoid(0.034, 0.034, 0.045, 24, 12).moved(z=-0.065)
    kit.add(plain((255, 246, 220), 0.4), bulb.turned("x", tilt).moved(0, front - 0.02, head[2] - 0.005))
    kit.add(plain("black", 0.4), cylinder(0.011, 0.012, 0.003, 20).moved(0, -base * 0.62, 0.034))


def _banker(d: Dice, kit: Kit) -> None:
    metal = brass()
    glass = plain(
        {"green": (16, 104, 58), "blue": (24, 66, 150), "red": (150, 24, 28)}[
            d.pick("banker", ("green", "blue", "red"))
        ],
        0.08,
    )
    kit.add(metal, box(0.2, 0.14, 0.025, 0.01, 3).moved(z=0.0125), box(0.17, 0.115, 0.018, 0.008, 3).moved(z=0.032))
    h = d.between("banker tall", 0.30, 0.36)
    kit.add(
        metal,
        lathe(
            [
                (0, 0.04),
                (0.026, 0.04),
                (0.012, 0.06),
                (0.009, 0.1),
                (0.017, 0.14),
                (0.009, 0.18),
                (0.009, h - 0.03),
                (0.016, h - 0.015),
                (0, h),
            ],
            24,
            limit=55,
        ).moved(0, 0.03),
    )
    kit.add(metal, tube(curve([(0, 0.03, h - 0.02), (0, 0.03, h + 0.035), (0, -0.02, h + 0.06)], 14), 0.007, 10))
    w, r = d.between("shade long", 0.26, 0.32), 0.075
    a = np.linspace(np.radians(-8), np.radians(200), 20)
    x = np.array([-1, -0.98, -0.94, -0.85, 0, 0.85, 0.94, 0.98, 1.0]) * w / 2
    squash = np.array([0.5, 0.72, 0.9, 1, 1, 1, 0.9, 0.72, 0.5])
    p = np.stack(
        [
            np.broadcast_to(x[None], (20, 9)),
            -r * 1.05 * np.cos(a)[:, None] * squash[None],
            r * 0.8 * np.sin(a)[:, None] * squash[None],
        ],
        -1,
    )
    kit.add(glass, shell(p[::-1], 0.004).turned("x", 14).moved(0, -0.035, h - 0.012))
    kit.add(plain((255, 246, 220), 0.4), rod((-w * 0.3, -0.035, h + 0.005), (w * 0.3, -0.035, h + 0.005), 0.018, 16))
    kit.add(
        metal,
        rod((0.04, -0.035, h + 0.01), (0.04, -0.06, h - 0.13), 0.0022, 8),
        ellipsoid(0.008, 0.008, 0.013, 14, 8).moved(0.04, -0.06, h - 0.135),
    )


def _build(d: Dice, kit: Kit) -> None:
    {"shaded": _shaded, "arm": _arm, "banker": _banker}[d.pick("kind", _KINDS)](d, kit)


TABLE_LAMP = Family("table lamp", _facts, _build, distance=1.6)
