"""What is fitted to a car body: cabin, cockpit, lamps, grille, plates, spoiler."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from ...nouns import Material
from .coach import Coach, glasshouse, pane
from .kit import Dice, Kit
from .mesh import Array, bent
from .paint import chrome, glass, plain
from .solids import box, cylinder, ellipsoid, torus
from .sweeps import rod, shell, tube
from .wheels import lens, number_plate

SEATS = ("tan", "black", "dark red", "cream", "brown")


def cabin(d: Dice, kit: Kit, c: Coach, paint: Material) -> None:
    """The glasshouse with its panes, mirrors, door handles and roof rails."""
    pillars = {"minivan": (0.245, 0.49, 0.705, 0.925), "cab": (0.315, 0.485, 0.665, 0.79)}.get(
        d.family, (0.365, 0.60, 0.615, 0.80)
    )
    gap = 0.008
    cuts = [*c.screen, *c.rear, *[p + s * gap for p in pillars for s in (-1, 1)]]
    house, rings, share = glasshouse(c, cuts)
    kit.add(paint, house)
    panes = [pane(rings, share, *c.screen, (10, 20)), pane(rings, share, *c.rear, (10, 20))]
    for a, b in pairwise(pillars):
        if b - a > 0.05:
            panes.append(pane(rings, share, a + gap, b - gap, (2, 7)).both())
    kit.add(glass(), *panes)
    mirror = ellipsoid(0.10, 0.06, 0.07, 16, 10).moved(
        c.width / 2 + 0.04, c.at(pillars[0] + 0.045), _belt(c, pillars[0]) + 0.06
    )
    kit.add(paint, mirror.both())
    handles = box(0.03, 0.15, 0.028, 0.012, 2)
    kit.add(
        chrome(),
        *[
            handles.moved(c.width / 2 * 0.985, c.at(p - 0.045), _belt(c, p) - 0.10).both()
            for p in pillars[1:3]
            if p != 0.615
        ],
    )
    if d.family == "minivan" and d.chance("rails", 0.6):
        z = c.roof[4][1] + 0.035
        rail = bent(
            [(0.62, c.at(0.46), z - 0.06), (0.62, c.at(0.48), z), (0.62, c.at(0.88), z), (0.62, c.at(0.9), z - 0.06)],
            0.06,
        )
        kit.add(chrome(), tube(rail, 0.018, 10).both())


def _belt(c: Coach, share: float) -> float:
    return float(np.interp(share, *np.array(c.deck).T))


def cockpit(d: Dice, kit: Kit, c: Coach, rings: Array, y: Array, paint: Material) -> None:
    """Everything in and over an open car: lining, seats, wheel, windscreen."""
    trim, leather = plain((34, 32, 32), 0.8), plain(d.pick("seats", SEATS), 0.55)
    rows = np.nonzero((y > c.at(c.tub[0])) & (y < c.at(c.tub[1])))[0]
    n = rings.shape[1]
    first = 1 + 2 + 9 + 4 + 2
    kit.add(trim, shell(rings[rows[0] : rows[-1] + 1, first : n - first + 1], 0.006, 0.003))
    floor = _belt(c, 0.5) - c.tub_depth
    for x in (-0.36, 0.36):
        seat_y = c.at(0.585)
        kit.add(leather, box(0.48, 0.48, 0.17, 0.06, 3).moved(x, seat_y, floor + 0.15))
        kit.add(leather, box(0.46, 0.15, 0.6, 0.065, 3).turned("x", -14).moved(x, seat_y + 0.30, floor + 0.42))
        kit.add(leather, box(0.24, 0.10, 0.17, 0.045, 3).turned("x", -14).moved(x, seat_y + 0.385, floor + 0.79))
    dash = c.at(c.tub[0]) + 0.14
    kit.add(trim, box(c.width * 0.78, 0.26, 0.2, 0.07, 3).moved(0, dash, _belt(c, c.tub[0]) - 0.05))
    wheel = torus(0.17, 0.016, 28, 8).turned("x", 68).moved(0.36, dash + 0.24, _belt(c, c.tub[0]) + 0.02)
    kit.add(
        plain("black", 0.5),
        wheel,
        rod((0.36, dash + 0.24, _belt(c, c.tub[0]) + 0.02), (0.36, dash, _belt(c, c.tub[0]) - 0.04), 0.025),
        rod((0.2, dash + 0.24, _belt(c, c.tub[0]) + 0.02), (0.52, dash + 0.24, _belt(c, c.tub[0]) + 0.02), 0.014),
    )
    kit.add(
        plain((28, 28, 30), 0.95),
        box(c.width * 0.76, 0.34, 0.12, 0.055, 3).moved(0, c.at(c.tub[1]) + 0.12, _belt(c, 0.75) + 0.05),
    )
    s, t = np.linspace(-1, 1, 17), np.linspace(0, 1, 7)
    a, b = np.meshgrid(s, t)
    tall, rake = d.between("screen", 0.33, 0.40), d.between("rake", 0.28, 0.42)
    half = c.width * (0.43 - 0.055 * b)
    base = _belt(c, c.tub[0])
    screen = np.stack(
        [a * half, c.at(c.tub[0]) - 0.14 + rake * b + 0.16 * a**2, base - 0.02 + tall * b + 0.03 * (1 - a**2)], -1
    )
    kit.add(plain((58, 70, 78), 0.08, 0.1), shell(screen, 0.006, -0.003))
    edge = np.concatenate([screen[:, 0], screen[-1, 1:], screen[-2::-1, -1]])
    kit.add(paint if d.chance("painted frame", 0.5) else chrome(), tube(edge, 0.019, 8))
    kit.add(
        paint, ellipsoid(0.10, 0.06, 0.07, 16, 10).moved(c.width / 2 + 0.02, c.at(c.tub[0]) + 0.16, base + 0.03).both()
    )
    kit.add(
        chrome(), box(0.03, 0.15, 0.028, 0.012, 2).moved(c.width / 2 * 0.985, c.at(0.62), _belt(c, 0.6) - 0.13).both()
    )


def face(d: Dice, kit: Kit, c: Coach, dark: Material) -> None:
    """Headlights, grille, lower intake and plate."""
    nose, z = -c.length / 2, c.clearance + (c.deck[1][1] - c.clearance) * 0.62
    lamp, round_ = lens("head"), d.chance("round lamps", 0.4)
    x = c.width * (0.355 if round_ else 0.345)
    yl = nose + c.nose * (0.20 if c.nose_width > 0.7 else 0.25)
    if round_:
        light = ellipsoid(0.115, 0.10, 0.115, 24, 14).moved(x, yl, z)
        kit.add(chrome(), torus(0.115, 0.014, 28, 8).turned("x", 90).moved(x, yl - 0.035, z).both())
    else:
        light = ellipsoid(0.17, 0.12, 0.065, 24, 12, 2.6).turned("z", 16).turned("y", -8).moved(x, yl, z)
        kit.add(chrome(), ellipsoid(0.06, 0.05, 0.05, 16, 10).moved(x - 0.03, yl - 0.085, z).both())
    kit.add(lamp, light.both())
    wide, tall = c.width * d.between("grille", 0.34, 0.46), d.between("grille tall", 0.09, 0.15)
    gz = z - 0.03
    kit.add(dark, box(wide, 0.12, tall, 0.03, 2).moved(0, nose + 0.045, gz))
    bars = d.whole("bars", 2, 4)
    trim = chrome()
    for k in range(bars):
        kit.add(
            trim,
            box(wide * 0.96, 0.02, 0.012, 0.004).moved(0, nose - 0.018, gz + (k - (bars - 1) / 2) * tall * 0.8 / bars),
        )
    kit.add(dark, box(c.width * 0.52, 0.16, 0.10, 0.03, 2).moved(0, nose + 0.055, c.clearance + 0.12))
    kit.add(
        lens("turn"),
        ellipsoid(0.055, 0.05, 0.03, 16, 8).moved(c.width * 0.34, nose + c.nose * 0.16, c.clearance + 0.17).both(),
    )
    number_plate(d, kit, nose - 0.035, c.clearance + 0.20, front=True)


def rear(d: Dice, kit: Kit, c: Coach, dark: Material, paint: Material) -> None:
    """Tail lamps, plate, bumper, exhausts and a spoiler."""
    tail, z = c.length / 2, c.clearance + (c.deck[-1][1] - c.clearance) * 0.72
    lamp = lens("tail")
    if d.family == "minivan":
        kit.add(lamp, box(0.13, 0.13, 0.42, 0.04, 2).moved(c.width * 0.40, tail - 0.05, z + 0.02).both())
    elif d.chance("round tails", 0.35):
        kit.add(
            lamp,
            *[ellipsoid(0.075, 0.06, 0.075, 20, 12).moved(c.width * k, tail - 0.005, z).both() for k in (0.34, 0.245)],
        )
    else:
        kit.add(
            lamp,
            box(0.36, 0.12, d.between("tail tall", 0.08, 0.14), 0.035, 2)
            .turned("z", 10)
            .moved(c.width * 0.315, tail - 0.03, z)
            .both(),
        )
    kit.add(dark, box(c.width * 0.62, 0.14, 0.12, 0.03, 2).moved(0, tail - 0.055, c.clearance + 0.10))
    number_plate(d, kit, tail + 0.018, z - 0.13 if d.family != "cab" else z - 0.02, front=False)
    pipe = cylinder(0.038, 0.16, 0.006, 16).turned("x", 90)
    kit.add(chrome(), pipe.moved(c.width * 0.3, tail - 0.07, c.clearance + 0.075).both())
    if d.family == "sports car" and d.chance("spoiler", 0.5):
        deck = _belt(c, 0.95)
        kit.add(paint, box(c.width * 0.84, 0.24, 0.028, 0.012, 2).turned("x", 6).moved(0, tail - 0.16, deck + 0.2))
        kit.add(paint, box(0.03, 0.16, 0.22, 0.01).moved(c.width * 0.33, tail - 0.17, deck + 0.1).both())
