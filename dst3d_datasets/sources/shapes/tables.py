"""Dining tables, and the legs and drawers that desks share with them."""

from __future__ import annotations

import numpy as np

from ...nouns import Material
from .kit import Dice, Facts, Family, Kit, clearance
from .mesh import Mesh, bent, curve, join
from .paint import PAINTS, brass, checks, chrome, grain, plain, spun, stripes, textured
from .solids import box, cylinder, ellipsoid, lathe, plank
from .sweeps import loft, tube

TIMBER = ("oak", "walnut", "pine", "cherry", "teak", "mahogany", "maple", "weathered")
TABLE_PAINTS = ("white", "cream", "black", "teal", "navy", "dark green", "grey")
_TOPS = ("rectangular", "rectangular", "rectangular", "round", "oval", "square")
_LEGS = ("straight", "tapered", "turned", "trestle")


def _table(d: Dice) -> tuple[str, str, str, str, str]:
    """Shape of the top, legs, finish of the top, finish of the legs, what marks the front."""
    top = d.pick("top", _TOPS)
    if top in ("round", "oval"):
        legs = d.pick("round legs", ("pedestal", "tapered", "turned"))
    else:
        legs = d.pick("legs", _LEGS if top == "rectangular" else _LEGS[:3])
    timber = d.pick("timber", TIMBER)
    finish = d.pick("leg finish", (timber, timber, "paint"))
    marks = (
        ("drawer", "drawer", "place setting", "")
        if top in ("rectangular", "square")
        else ("place setting", "place setting", "")
    )
    return top, legs, timber, finish, d.pick("mark", marks)


def _table_facts(d: Dice) -> Facts:
    top, legs, timber, finish, mark = _table(d)
    words = [timber, top, f"{legs} legs" if legs not in ("pedestal", "trestle") else legs]
    if finish == "paint":
        words.append(
            f"{d.pick('paint', TABLE_PAINTS)} legs" if legs != "pedestal" else f"{d.pick('paint', TABLE_PAINTS)} base"
        )
    if mark:
        words.append(f"with {mark}")
    return Facts(tuple(words), 1 if mark else 2, clearance(*_table_size(d, top)))


def _table_size(d: Dice, top: str) -> tuple[float, float, float]:
    long_ = top in ("rectangular", "oval")
    x = d.between("length", 1.4, 2.1) if long_ else d.between("side", 0.95, 1.25)
    y = d.between("width", 0.8, 1.0) if long_ else x
    return x, y, d.between("height", 0.72, 0.77)


def _table_build(d: Dice, kit: Kit) -> None:
    top, legs, timber, finish, mark = _table(d)
    thick = d.between("thick", 0.028, 0.05)
    x, y, height = _table_size(d, top)
    wood = grain(timber, d.number, 0.4, point=True)
    base = wood if finish != "paint" else plain(d.pick("paint", TABLE_PAINTS), 0.5)
    if top in ("round", "oval"):
        slab = cylinder(0.5, 1.0, 0.2, 64).scaled(x, y, thick)
        kit.add(wood, slab.moved(z=height - thick / 2).projected("xy", (0, 0), (0.7, 0.7)))
    else:
        kit.add(wood, box(x, y, thick, thick * d.between("edge", 0.15, 0.48), 2, scale=0.7).moved(z=height - thick / 2))
    under = height - thick
    if legs == "pedestal":
        _pedestal(d, kit, base, min(x, y), under)
    elif legs == "trestle":
        _trestle(d, kit, base, x, y, under)
    else:
        _four_legs(d, kit, base, top, legs, x, y, under)
    if mark == "drawer":
        _front_drawer(
            kit, base, d.pick("knob", ("brass", "chrome", "black")), x * 0.3, 0.085, -y / 2 + 0.052, under - 0.052
        )
    elif mark == "place setting":
        _setting(d, kit, y, height)


def leg_of(d: Dice, style: str, height: float) -> Mesh:
    """One leg about the z axis, from the floor up."""
    s = d.between("leg", 0.055, 0.085)
    if style == "turned":
        p = [
            (0, 0),
            (0.36, 0),
            (0.42, 0.02),
            (0.36, 0.06),
            (0.30, 0.10),
            (0.46, 0.30),
            (0.60, 0.48),
            (0.50, 0.60),
            (0.34, 0.66),
            (0.52, 0.69),
        ]
        p += [(0.52, 0.72), (0.36, 0.745), (0.36, 0.76), (0, 0.76)]
        low = lathe([(r * s * 1.1, z * height) for r, z in p], 20, limit=60)
        return join([low, box(s, s, 0.25 * height, 0.006, grain="z", scale=0.7).moved(z=height * 0.875)])
    if style == "tapered":
        ring = bent(np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * 0.5, 0.12, 2, closed=True)
        rings = np.array(
            [
                np.column_stack([ring * k, np.full(len(ring), z)])
                for k, z in ((s * 0.5, 0.0), (s, height * 0.82), (s, height))
            ]
        )
        return loft(rings).projected("zx", (0, 0), (0.7, 0.7))
    return box(s, s, height, s * 0.12, grain="z", scale=0.7).moved(z=height / 2)


def _four_legs(d: Dice, kit: Kit, base: Material, top: str, style: str, x: float, y: float, under: float) -> None:
    leg = leg_of(d, style, under)
    share = 0.31 if top in ("round", "oval") else 0.5
    px, py = (x * share - 0.06, y * share - 0.06) if top not in ("round", "oval") else (x * share, y * share)
    kit.add(base, spun(leg.moved(px, py), 2), spun(leg.moved(px, -py), 2))
    rail = d.between("rail", 0.08, 0.11)
    kit.add(base, spun(box(2 * px, 0.022, rail, 0.003, scale=0.7).moved(0, py, under - rail / 2), 2))
    kit.add(base, spun(box(0.022, 2 * py, rail, 0.003, grain="y", scale=0.7).moved(px, 0, under - rail / 2), 2))


def _pedestal(d: Dice, kit: Kit, base: Material, width: float, under: float) -> None:
    r = d.between("stem", 0.05, 0.075)
    profile = [
        (0, 0.12),
        (r * 1.5, 0.12),
        (r * 1.5, 0.2),
        (r * 0.9, 0.26),
        (r * 0.8, 0.4),
        (r * 1.25, 0.52),
        (r * 0.9, 0.58),
        (r * 1.1, under - 0.06),
        (r * 2.6, under),
        (0, under),
    ]
    kit.add(base, lathe(profile, 40, limit=55))
    foot = tube(
        curve([(r * 0.6, 0, 0.22), (width * 0.2, 0, 0.14), (width * 0.34, 0, 0.035), (width * 0.38, 0, 0.03)], 14),
        np.linspace(0.036, 0.026, 14),
        12,
        flat=0.8,
        rounded=True,
    )
    kit.add(base, spun(foot.turned("z", 45.0), 4))


def _trestle(d: Dice, kit: Kit, base: Material, x: float, y: float, under: float) -> None:
    at = x * d.between("trestle", 0.30, 0.36)
    foot = box(0.08, y * 0.72, 0.07, 0.015, grain="y", scale=0.7).moved(at, 0, 0.035)
    head = box(0.08, y * 0.8, 0.06, 0.012, grain="y", scale=0.7).moved(at, 0, under - 0.03)
    if d.chance("cross", 0.5):
        post = join(
            [
                plank((at, -y * 0.3, 0.05), (at, y * 0.3, under - 0.05), 0.07, 0.05, 0.008, (1, 0, 0), 0.7),
                plank(
                    (at - 0.004, y * 0.3, 0.05), (at - 0.004, -y * 0.3, under - 0.05), 0.07, 0.05, 0.008, (1, 0, 0), 0.7
                ),
            ]
        )
    else:
        post = box(0.06, 0.2, under - 0.1, 0.012, grain="z", scale=0.7).moved(at, 0, under / 2)
    kit.add(base, spun(join([foot, head, post]), 2))
    half = plank((0, 0, under * 0.45), (at, 0, under * 0.45), 0.04, 0.1, 0.008, scale=0.7)
    kit.add(base, spun(half, 2))


def knobs(kit: Kit, metal: str, places: list[tuple[float, float, float]], radius: float = 0.013) -> None:
    """Round pulls on fronts that face -y; places are the middles of their feet."""
    material = {"brass": brass, "chrome": chrome}.get(metal, lambda: plain("black", 0.4))()
    pull = lathe([(0, 0), (0.5, 0), (0.45, 0.9), (1.0, 1.3), (0.9, 1.9), (0, 2.1)], 16, limit=60).turned("x", 90.0)
    kit.add(material, *[pull.scaled(radius, radius, radius).moved(*place) for place in places])


def _front_drawer(kit: Kit, base: Material, metal: str, width: float, height: float, y: float, z: float) -> None:
    gap = plain((20, 18, 16), 0.9)
    kit.add(gap, box(width + 0.014, 0.012, height + 0.012).moved(0, y - 0.010, z))
    kit.add(base, box(width, 0.02, height, 0.004, scale=0.7).moved(0.0, y - 0.016, z))
    knobs(kit, metal, [(-width * 0.25, y - 0.025, z), (width * 0.25, y - 0.025, z)], 0.014)


def _setting(d: Dice, kit: Kit, y: float, height: float) -> None:
    """A place mat, a plate, a glass and cutlery before the front edge."""
    a, b = PAINTS[d.pick("mat", ("red", "blue", "green", "orange", "purple"))], PAINTS["cream"]
    mat = textured(stripes((a, a, b), 3) if d.chance("striped mat", 0.5) else checks(a, b, 5), 0.9)
    front = -y / 2 + 0.22
    kit.add(mat, box(0.46, 0.33, 0.006, 0.002, scale=0.46).moved(0, front, height + 0.004))
    dish = lathe([(0, 0), (0.07, 0), (0.13, 0.018), (0.128, 0.022), (0.07, 0.007), (0, 0.007)], 40, limit=60)
    kit.add(plain("white", 0.15), dish.moved(0, front, height + 0.008))
    tumbler = lathe([(0, 0), (0.03, 0), (0.036, 0.11), (0.033, 0.11), (0.027, 0.01), (0, 0.01)], 28, limit=60)
    kit.add(plain((150, 190, 200), 0.08), tumbler.moved(0.17, front + 0.1, height + 0.008))
    for x, w in ((-0.17, 0.012), (0.17, 0.009)):
        kit.add(chrome(), box(w, 0.19, 0.005, 0.002).moved(x, front - 0.02, height + 0.0105))
    kit.add(chrome(), ellipsoid(0.014, 0.028, 0.004, 14, 8).moved(-0.17, front + 0.08, height + 0.011))


DINING_TABLE = Family("dining table", _table_facts, _table_build, distance=1.75, sampling=3)
