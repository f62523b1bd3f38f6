"""Airliners: two or four engines, low or T tail, liveries with cheat lines, windows, doors and an invented name."""

from __future__ import annotations

import math

import numpy as np

from ...nouns import Material
from .kit import Dice, Facts, Family, Kit
from .livery import choices, fin_image, livery_image
from .mesh import Array, Mesh, join
from .paint import PAINTS, chrome, mix, plain, rubber, textured
from .solids import cylinder, lathe
from .sweeps import circle, loft, rod, wing


def _facts(d: Dice) -> Facts:
    body, livery, _, layout, style = choices(d)
    engines = {"twin": "twin-engine", "four": "four-engine", "rear": "rear-engine"}[layout]
    extra = ("T-tail",) if layout == "rear" else ()
    gear = ("landing gear down",) if d.chance("gear", 0.45) else ()
    return Facts((body, engines, f"{livery} livery", style, *extra, *gear))


def _half_heights(t: Array, d: Dice, radius: float) -> tuple[Array, Array]:
    """Upper and lower edge of the fuselage (above its axis) at shares t of its length from the nose."""
    nose, tail = d.between("nose", 0.085, 0.115), d.between("tail", 0.30, 0.36)
    front = np.clip(t / nose, 0, 1)
    back = np.clip((t - (1 - tail)) / tail, 0, 1)
    top = np.sqrt(np.maximum(1 - (1 - front) ** 2.1, 0)) * 1.0
    low = np.sqrt(np.maximum(1 - (1 - front) ** 2.0, 0))
    droop = -0.30 * radius * (1 - front) ** 2
    top_edge = radius * top * (1 - 0.12 * back**2.2) + droop
    low_edge = -radius * low + droop + radius * 1.62 * back**1.75
    squeeze = np.clip((t - 0.985) / 0.015, 0, 1) ** 2
    middle = (top_edge + low_edge) / 2
    return top_edge + (middle - top_edge) * squeeze * 0.8, low_edge + (middle - low_edge) * squeeze * 0.8


def _fuselage(d: Dice, radius: float) -> Mesh:
    t = np.concatenate(
        [0.11 * np.linspace(0, 1, 13) ** 2, np.linspace(0.11, 0.66, 12)[1:], np.linspace(0.66, 1, 18)[1:]]
    )
    top, low = _half_heights(t, d, radius)
    half = (top - low) / 2
    back = np.clip((t - 0.66) / 0.34, 0, 1)
    width = np.minimum(half, radius) * (1 - 0.45 * back**2 * (1 - back)) * np.where(t > 0.66, 1 - 0.35 * back**2, 1)
    ring = circle(40, start=-90.0)  # from the belly, up the +x side
    rings = np.empty((len(t), 40, 3))
    rings[..., 0] = width[:, None] * ring[:, 0]
    rings[..., 1] = (t - 0.5)[:, None]
    rings[..., 2] = ((top + low) / 2)[:, None] + half[:, None] * ring[:, 1]
    return loft(rings, u=t[:, None])


def _fan(r: float, y: float) -> Mesh:
    """The blades behind an intake of radius r, twisted a little."""
    blades = []
    for k in range(18):
        a = 2 * math.pi * k / 18
        inner = np.array([math.cos(a) * r * 0.2, y, math.sin(a) * r * 0.2])
        tip = np.array([math.cos(a + 0.22) * r * 0.79, y, math.sin(a + 0.22) * r * 0.79])
        blades.append(rod(inner, tip, r * 0.03, 4, r * 0.07))
    return join(blades)


def _engine(d: Dice, x: float, y: float, z: float, radius: float) -> dict[str, Mesh]:
    """A nacelle about its axis along y, front at -y."""
    length = radius * d.between("nacelle", 3.0, 3.8)
    r, n = radius, length
    outer = [
        (0.0, -n / 2 + n * 0.14),
        (r * 0.80, -n / 2 + n * 0.14),
        (r * 0.82, -n / 2 + n * 0.05),
        (r * 0.9, -n / 2),
        (r * 0.97, -n / 2 + n * 0.03),
    ]
    outer += [
        (r * 1.0, -n * 0.30),
        (r * 0.99, 0.0),
        (r * 0.86, n * 0.28),
        (r * 0.78, n * 0.36),
        (r * 0.70, n * 0.36),
        (0.0, n * 0.36),
    ]
    core = [(0.0, 0.0)] + [
        (r * a, n * b) for a, b in ((0.55, 0.0), (0.52, 0.40), (0.40, 0.5), (0.16, 0.54), (0.0, 0.62))
    ]
    lip = [
        (r * 0.815, -n / 2 + n * 0.055),
        (r * 0.83, -n / 2 + 0.006 * n),
        (r * 0.905, -n / 2 - 0.012 * n),
        (r * 0.99, -n / 2 + n * 0.035),
        (r * 0.985, -n / 2 + n * 0.06),
    ]
    fan = [
        (0.0, -n / 2 + n * 0.04),
        (r * 0.10, -n / 2 + n * 0.065),
        (r * 0.22, -n / 2 + n * 0.13),
        (r * 0.22, -n * 0.2),
        (0.0, -n * 0.2),
    ]

    def place(profile: list[tuple[float, float]], limit: float = 38.0) -> Mesh:
        return lathe(profile, 28, limit=limit).turned("x", -90.0).moved(x, y, z)

    lip_mesh = place([*lip, lip[0]])
    return {
        "cowl": place(outer),
        "core": place(core),
        "lip": lip_mesh,
        "spinner": place(fan),
        "fan": _fan(r, -n / 2 + n * 0.12).moved(x, y, z),
    }


def _build(d: Dice, kit: Kit) -> None:
    body, livery, _, layout, _ = choices(d)
    radius = d.between("radius", 0.046, 0.058)
    kit.add(textured(livery_image(d), 0.32), _fuselage(d, radius))
    grey = plain(mix(PAINTS["silver"], PAINTS[body], 0.35), 0.4, 0.15)
    root_z = -radius * 0.62
    span = d.between("span", 0.43, 0.52)
    _wings(d, kit, grey, plain(livery, 0.35), radius, root_z, span, layout)
    _tail(d, kit, grey, radius, layout)
    _engines(d, kit, radius, root_z, span, layout)
    if d.chance("gear", 0.45):
        _gear(d, kit, radius)


def _wing_at(d: Dice, x: float, radius: float, root_z: float, span: float) -> tuple[float, float, float]:
    """Leading edge, chord and rise of the wing at x."""
    sweep, dihedral = d.between("sweep", 0.42, 0.60), d.between("dihedral", 0.07, 0.12)
    root_y = d.between("wing place", -0.14, -0.09)
    root, tip = d.between("root chord", 0.19, 0.23), d.between("tip chord", 0.045, 0.065)
    s = x / span
    kink = 0.36
    chord = np.interp(s, [0.0, kink, 1.0], [root * 1.06, root * 0.62, tip])
    return root_y + x * sweep, float(chord), root_z + (x - 0.5 * radius) * dihedral


def _wings(
    d: Dice, kit: Kit, grey: Material, paint: Material, radius: float, root_z: float, span: float, layout: str
) -> None:
    stations = []
    for s in (0.0, 0.12, 0.36, 0.7, 0.96, 1.0):
        lead, chord, rise = _wing_at(d, s * span, radius, root_z, span)
        shrink = 0.82 if s == 1.0 else 1.0
        stations.append((s * span, lead + chord * (1 - shrink) * 0.6, chord * shrink, rise))
    kit.add(grey, wing(stations, d.between("wing thickness", 0.10, 0.125), 9).both())
    lead, chord, rise = _wing_at(d, span, radius, root_z, span)
    if d.chance("winglet", 0.7):
        height = d.between("winglet height", 0.035, 0.06)
        fin = wing(
            [(-0.004, lead + 0.1 * chord, chord * 0.8, 0.0), (height, lead + 0.6 * chord, chord * 0.4, height * 0.32)],
            0.1,
            6,
            upright=True,
        )
        kit.add(paint, fin.moved(span, 0.0, rise).both())
    fairing = lathe([(0, -1.0), (0.5, -0.75), (0.9, -0.3), (1.0, 0.1), (0.7, 0.6), (0, 1.0)], 12, limit=90).turned(
        "x", -90.0
    )
    for x in (0.42, 0.62, 0.8):
        lead, chord, rise = _wing_at(d, x * span, radius, root_z, span)
        kit.add(grey, fairing.scaled(0.0055, 0.035, 0.0085).moved(x * span, lead + chord * 0.86, rise - 0.010).both())
    belly = lathe(
        [(0, -1.0), (0.55, -0.86), (0.9, -0.5), (1.0, 0.0), (0.9, 0.5), (0.5, 0.86), (0, 1.0)], 24, limit=90
    ).turned("x", -90.0)
    lead, chord, _ = _wing_at(d, 0.0, radius, root_z, span)
    kit.add(grey, belly.scaled(radius * 0.92, chord * 0.78, radius * 0.55).moved(0.0, lead + chord * 0.52, root_z))


def _tail(d: Dice, kit: Kit, grey: Material, radius: float, layout: str) -> None:
    height, chord = d.between("fin height", 0.135, 0.17), d.between("fin chord", 0.135, 0.165)
    lead = 0.485 - chord
    base = radius * 0.72
    rake = height * d.between("fin rake", 0.75, 0.95)
    stations = [
        (base - 0.015, lead - 0.015, chord * 1.02, 0.0),
        (base + 0.02, lead + 0.012, chord * 0.94, 0.0),
        (base + height, lead + rake, chord * 0.42, 0.0),
    ]
    kit.add(textured(fin_image(d), 0.35), wing(stations, 0.1, 9, upright=True))
    if layout == "rear":
        z, y, reach, root = base + height - 0.012, lead + rake, d.between("tail span", 0.14, 0.17), chord * 0.55
    else:
        z, y, reach, root = radius * 0.38, 0.475 - chord * 0.86, d.between("tail span", 0.15, 0.185), chord * 0.82
    stations = [
        (0.0, y, root, z),
        (reach * 0.5, y + reach * 0.33, root * 0.72, z + reach * 0.04),
        (reach, y + reach * 0.66, root * 0.42, z + reach * 0.08),
    ]
    kit.add(grey, wing(stations, 0.1, 8).both())


def _engines(d: Dice, kit: Kit, radius: float, root_z: float, span: float, layout: str) -> None:
    _, livery, _, _, _ = choices(d)
    size = radius * (d.between("fan", 0.50, 0.62) if layout == "twin" else d.between("fan", 0.42, 0.5))
    colour = d.pick("cowl", (PAINTS["white"], PAINTS[livery], PAINTS["silver"]))
    cowl, metal, dark = plain(colour, 0.35), chrome(), plain((44, 46, 52), 0.5, 0.4)
    places = []
    if layout == "rear":
        places.append((radius * 1.0 + size * 0.98, 0.27, radius * 0.42))
        kit.add(
            cowl,
            wing(
                [(radius * 0.5, 0.22, 0.12, radius * 0.42), (radius + size * 0.4, 0.225, 0.11, radius * 0.42)], 0.16, 6
            ).both(),
        )
    else:
        for share in (0.33,) if layout == "twin" else (0.32, 0.60):
            lead, _, rise = _wing_at(d, share * span, radius, root_z, span)
            x, y, z = share * span, lead - size * 0.7, rise - size * 1.12
            places.append((x, y, z))
            pylon = wing(
                [(z + size * 0.6, y - size * 0.9, size * 2.6, 0.0), (rise + 0.002, lead + 0.004, size * 2.4, 0.0)],
                0.09,
                6,
                upright=True,
            )
            kit.add(cowl, pylon.moved(x, 0.0, 0.0).both())
    for x, y, z in places:
        parts = _engine(d, x, y, z, size)
        kit.add(cowl, parts["cowl"].both())
        kit.add(metal, join([parts["lip"], parts["core"]]).both())
        kit.add(dark, join([parts["fan"], parts["spinner"]]).both())


def _gear(d: Dice, kit: Kit, radius: float) -> None:
    tyre, leg = rubber(), chrome()
    drop = -radius * 1.95
    wheel = cylinder(0.0135, 0.010, 0.003, 20).turned("y", 90.0)
    for x, y, pair in ((0.0, -0.385, 0.009), (radius * 1.15, 0.02, 0.011)):
        both = [wheel.moved(x - pair, y, drop), wheel.moved(x + pair, y, drop)]
        if x > 0:
            both += [m.moved(0, 0.032, 0) for m in both]
        legs = rod((x, y + (0.016 if x > 0 else 0), -radius * 0.5), (x, y + (0.016 if x > 0 else 0), drop), 0.0042, 10)
        axle = rod((x, y, drop), (x, y + (0.032 if x > 0 else 0.002), drop), 0.004, 8)
        mesh, metal = join(both), join([legs, axle])
        kit.add(tyre, mesh.both() if x > 0 else mesh)
        kit.add(leg, metal.both() if x > 0 else metal)


FAMILY = Family("airliner", _facts, _build, distance=1.34, sampling=1)
