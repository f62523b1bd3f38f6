"""Desks; the sitter's side, with the drawers, faces -y."""

from __future__ import annotations

from ...nouns import Material
from .canvas import Canvas, Colour
from .kit import Dice, Facts, Family, Kit, clearance
from .paint import PAINTS, grain, plain, textured
from .solids import box
from .tables import TABLE_PAINTS, TIMBER, knobs, leg_of

_THINGS = ("monitor", "laptop", "books", "")
_DESK_KINDS = ("double pedestal", "single pedestal", "writing", "hutch")


def _desk_facts(d: Dice) -> Facts:
    finish = d.pick("desk paint", TABLE_PAINTS) if d.chance("painted", 0.3) else d.pick("timber", TIMBER)
    knob = d.pick("knob", ("brass", "chrome", "black"))
    kind = d.pick("kind", _DESK_KINDS)
    x, y, h = _desk_size(d)
    tall = h + (d.between("hutch", 0.35, 0.55) + 0.02 if kind == "hutch" else 0.0)
    things = d.pick("things", _THINGS)
    if kind != "hutch" and things:
        tall = h + {"monitor": 0.46, "laptop": 0.24, "books": 0.26}[things]
    words = (f"with {things}",) if kind != "hutch" and things else ()
    return Facts((finish, kind, f"{knob} knobs", "drawers", *words), 1, clearance(x, y + 0.03, tall))


def _desk_size(d: Dice) -> tuple[float, float, float]:
    return d.between("length", 1.15, 1.6), d.between("depth", 0.56, 0.72), d.between("height", 0.72, 0.77)


def _desk_build(d: Dice, kit: Kit) -> None:
    kind = d.pick("kind", _DESK_KINDS)
    timber = d.pick("timber", TIMBER)
    wood = grain(timber, d.number, 0.4)
    body = plain(d.pick("desk paint", TABLE_PAINTS), 0.45) if d.chance("painted", 0.3) else wood
    x, y, h = _desk_size(d)
    thick = d.between("thick", 0.024, 0.04)
    slab = wood if body is not wood and d.chance("wooden top", 0.6) else body
    kit.add(slab, box(x, y, thick, 0.006, 2, scale=0.7).moved(z=h - thick / 2))
    under, metal = h - thick, d.pick("knob", ("brass", "chrome", "black"))
    width = d.between("pedestal", 0.36, 0.44)
    if kind in ("double pedestal", "single pedestal", "hutch"):
        sides = (-1, 1) if kind == "double pedestal" else (1 if d.chance("right", 0.5) else -1,)
        for side in sides:
            _pedestal_box(d, kit, body, metal, side * (x / 2 - width / 2 - 0.02), width, y - 0.04, under)
        if len(sides) == 1:
            kit.add(
                body,
                box(0.03, y - 0.04, under, 0.004, grain="z", scale=0.7).moved(
                    -sides[0] * (x / 2 - 0.035), 0, under / 2
                ),
            )
        kit.add(body, box(x - 0.08, 0.02, under * 0.6, 0.003, scale=0.7).moved(0, y / 2 - 0.05, under * 0.7))
        room = x - len(sides) * width - 0.1 if kind == "double pedestal" else 0.0
        if room > 0.2:
            _drawers(kit, body, metal, 0.0, room, -y / 2 + 0.03, under - 0.09, 0.08, 1)
            kit.add(body, box(room, 0.3, 0.09, 0.003, scale=0.7).moved(0, -y / 2 + 0.19, under - 0.05))
    else:
        leg = leg_of(d, d.pick("desk legs", ("tapered", "straight", "turned")), under)
        for sx in (-1, 1):
            for sy in (-1, 1):
                kit.add(body, leg.moved(sx * (x / 2 - 0.06), sy * (y / 2 - 0.06)))
        kit.add(body, box(x - 0.1, y - 0.1, 0.12, 0.004, scale=0.7).moved(0, 0, under - 0.06))
        count = d.whole("front drawers", 2, 3)
        room = (x - 0.22) / count
        for k in range(count):
            _drawers(kit, body, metal, (k - (count - 1) / 2) * room, room - 0.02, -y / 2 + 0.05, under - 0.11, 0.1, 1)
    if kind == "hutch":
        _hutch(d, kit, body, metal, x, y, h)
    elif d.pick("things", _THINGS):
        _things(d, kit, d.pick("things", _THINGS), x, y, h)


def _screen(d: Dice, ground: Colour) -> Material:
    """What a display shows: windows and lines of text."""
    c = Canvas(128, 80, (1.6, 1.0), ground)
    c.rect(0.12, 0.15, 0.95, 0.88, (244, 244, 246), 0.03)
    c.rect(0.12, 0.80, 0.95, 0.88, (90, 120, 170), 0.02)
    for k in range(6):
        c.rect(0.18, 0.22 + 0.09 * k, 0.18 + 0.68 * d.between(f"line {k}", 0.4, 1.0), 0.25 + 0.09 * k, (120, 124, 130))
    c.rect(1.05, 0.35, 1.5, 0.75, (240, 190, 90), 0.03)
    return textured(c.image(), 0.2)


def _things(d: Dice, kit: Kit, things: str, x: float, y: float, h: float) -> None:
    """A computer or books on the desk, turned towards the sitter."""
    dark, ground = plain((32, 34, 38), 0.4), PAINTS[d.pick("screen", ("navy", "teal", "purple", "blue"))]
    at = d.between("thing place", -0.1, 0.1) * x
    screen = box(0.5, 0.006, 0.3).projected("xz", (-0.25, -0.15), (0.25, 0.15))
    if things == "monitor":
        kit.add(dark, box(0.54, 0.035, 0.34, 0.01, 2).moved(at, y * 0.18, h + 0.28))
        kit.add(_screen(d, ground), screen.moved(at, y * 0.18 - 0.0185, h + 0.28))
        kit.add(
            dark,
            box(0.05, 0.03, 0.2, 0.006).moved(at, y * 0.18 + 0.02, h + 0.11),
            box(0.22, 0.17, 0.014, 0.006).moved(at, y * 0.18, h + 0.008),
        )
        kit.add(dark, box(0.40, 0.13, 0.018, 0.006, 2).moved(at, -y * 0.2, h + 0.010))
        kit.add(
            plain((214, 216, 220), 0.6),
            *[box(0.36, 0.018, 0.006, 0.002).moved(at, -y * 0.2 - 0.045 + 0.03 * k, h + 0.021) for k in range(4)],
        )
    elif things == "laptop":
        shell_ = plain("silver", 0.35, 0.3)
        kit.add(shell_, box(0.34, 0.23, 0.016, 0.006, 2).moved(at, -y * 0.08, h + 0.009))
        kit.add(dark, box(0.29, 0.10, 0.004).moved(at, -y * 0.08 + 0.035, h + 0.0185))
        lid = box(0.34, 0.008, 0.22, 0.003)
        face = box(0.31, 0.004, 0.19).projected("xz", (-0.155, -0.095), (0.155, 0.095)).moved(y=-0.0055)
        for material, mesh in ((shell_, lid), (_screen(d, ground), face)):
            kit.add(material, mesh.moved(z=0.11).turned("x", -14).moved(at, -y * 0.08 + 0.115, h + 0.014))
    else:
        low = at - 0.12
        for k in range(5):
            thick, tall = d.between(f"book {k}", 0.025, 0.05), d.between(f"tall {k}", 0.18, 0.25)
            kit.add(
                plain(d.pick(f"cover {k}", ("red", "navy", "dark green", "yellow", "teal", "orange")), 0.7),
                box(thick * 0.95, 0.16, tall, 0.003).moved(low + thick / 2, y * 0.2, h + tall / 2 + 0.001),
            )
            low += thick
        kit.add(plain((244, 243, 238), 0.9), box(0.21, 0.29, 0.004).turned("z", 8).moved(at, -y * 0.18, h + 0.003))


def _pedestal_box(
    d: Dice, kit: Kit, body: Material, metal: str, x: float, width: float, depth: float, under: float
) -> None:
    kit.add(body, box(width, depth, under - 0.06, 0.004, grain="z", scale=0.7).moved(x, 0, under / 2 + 0.03))
    kit.add(plain((24, 22, 20), 0.9), box(width - 0.04, depth - 0.06, 0.06).moved(x, 0.01, 0.03))
    count = d.whole("drawers", 2, 4)
    _drawers(kit, body, metal, x, width - 0.04, -depth / 2, 0.09, under - 0.13, count)


def _drawers(
    kit: Kit, body: Material, metal: str, x: float, width: float, y: float, low: float, height: float, count: int
) -> None:
    """Drawer fronts that stand 1 cm proud of the plane y, with dark gaps about them."""
    each = height / count
    kit.add(plain((26, 22, 20), 0.9), box(width + 0.012, 0.006, height + 0.006).moved(x, y - 0.001, low + height / 2))
    pulls = []
    for k in range(count):
        z = low + (k + 0.5) * each
        kit.add(
            body,
            box(width, 0.016, each - 0.014, 0.004, scale=0.7).moved(x, y - 0.009, z).mapped(u=0.31 * k, v=0.17 * k),
        )
        pulls += (
            [(x - width * 0.22, y - 0.016, z), (x + width * 0.22, y - 0.016, z)]
            if width > 0.45
            else [(x, y - 0.016, z)]
        )
    knobs(kit, metal, pulls, 0.014)


def _hutch(d: Dice, kit: Kit, body: Material, metal: str, x: float, y: float, h: float) -> None:
    tall, deep = d.between("hutch", 0.35, 0.55), 0.24
    back = y / 2 - deep / 2
    kit.add(body, box(x, 0.016, tall, 0.003, scale=0.7).moved(0, y / 2 - 0.01, h + tall / 2))
    kit.add(body, box(x, deep, 0.022, 0.004, scale=0.7).moved(0, back, h + tall))
    kit.add(body, box(x - 0.03, deep - 0.02, 0.018, 0.003, scale=0.7).moved(0, back, h + tall * 0.52))
    for px in (-x / 2 + 0.012, -x / 6, x / 6, x / 2 - 0.012):
        kit.add(body, box(0.02, deep - 0.004, tall, 0.003, grain="z", scale=0.7).moved(px, back, h + tall / 2))
    _drawers(kit, body, metal, 0.0, x / 3 - 0.05, back - deep / 2 + 0.02, h + 0.02, tall * 0.42, 1)


DESK = Family("desk", _desk_facts, _desk_build, distance=1.8, sampling=4)
