"""Traffic lights and mailboxes; lenses and doors face -y."""

from __future__ import annotations

import numpy as np

from ...nouns import Material
from .canvas import Canvas
from .glyphs import name_of
from .kit import Dice, Facts, Family, Kit
from .mesh import Array, Mesh, bent
from .paint import PAINTS, chrome, grain, mix, plain, readable, textured
from .solids import box, cylinder, ellipsoid, lathe, plank, prism
from .sweeps import rod, shell

_HOUSINGS = ("black", "yellow", "dark green", "charcoal")
_LIT = ("red", "amber", "green")
_GLOW = {
    "red": ((255, 46, 36), (88, 14, 14)),
    "amber": ((255, 190, 40), (92, 62, 14)),
    "green": ((60, 236, 130), (12, 66, 42)),
}


def _light_facts(d: Dice) -> Facts:
    layout = d.pick("layout", ("vertical", "vertical", "vertical", "horizontal"))
    mount = d.pick("mount", ("pole", "pole", "hanging"))
    plate = ("backplate",) if d.chance("plate", 0.45) else ()
    return Facts(
        (
            f"{d.pick('housing', _HOUSINGS)} housing",
            f"{d.pick('lit', _LIT)} light on",
            layout,
            f"{mount} mounted",
            *plate,
        )
    )


def _visor(r: float, long_: float) -> Mesh:
    """A hood over a lens that faces -y, open below."""
    a = np.radians(np.linspace(-52, 232, 26))
    s = np.linspace(0, 1, 5)
    reach = long_ * (0.45 + 0.55 * np.clip((np.sin(a) + 0.5) / 1.5, 0, 1))
    p = np.stack([r * np.cos(a)[:, None] + 0 * s, -reach[:, None] * s[None], r * np.sin(a)[:, None] + 0 * s], -1)
    return shell(p, 0.006)


def _light_build(d: Dice, kit: Kit) -> None:
    layout, mount = (
        d.pick("layout", ("vertical", "vertical", "vertical", "horizontal")),
        d.pick("mount", ("pole", "pole", "hanging")),
    )
    body = plain(d.pick("housing", _HOUSINGS), 0.45)
    dark, lit = plain((20, 20, 22), 0.6), d.pick("lit", _LIT)
    pitch, r, deep = 0.33, d.between("lens", 0.112, 0.125), d.between("deep", 0.2, 0.26)
    head: list[tuple[Material, Mesh]] = []
    for k, name in enumerate(_LIT):
        x, z = ((k - 1) * pitch, 0.0) if layout == "horizontal" else (0.0, (1 - k) * pitch)
        head.append((body, box(0.33, deep, pitch - 0.012, 0.035, 3).moved(x, 0, z)))
        head.append(
            (
                body,
                lathe([(r, 0), (r + 0.022, 0), (r + 0.018, 0.03), (r, 0.03), (r, 0)], 36)
                .turned("x", 90)
                .moved(x, -deep / 2 + 0.002, z),
            )
        )
        colour = _GLOW[name][0 if name == lit else 1]
        glow = (
            plain(colour, 0.15)
            if name != lit
            else Material(base_colour=plain(colour).base_colour, roughness=0.15, unlit=True)
        )
        head.append((glow, ellipsoid(r, 0.035, r, 36, 14).moved(x, -deep / 2 - 0.004, z)))
        head.append(
            (
                dark if d.chance("dark visors", 0.6) else body,
                _visor(r + 0.014, d.between("visor", 0.16, 0.24)).moved(x, -deep / 2, z),
            )
        )
    turn = 90.0 if layout == "horizontal" else 0.0
    head.append((body, box(0.2, deep * 0.7, 3 * pitch, 0.02).moved(0, 0.01, 0).turned("y", turn)))
    if d.chance("plate", 0.45):
        outline = bent(np.array([(-0.27, -0.62), (0.27, -0.62), (0.27, 0.62), (-0.27, 0.62)]), 0.07, 5, closed=True)
        head.append((dark, prism(outline, 0.012, 0.003).moved(0, deep * 0.2, 0).turned("y", turn)))
        if d.chance("border", 0.5):
            inner = prism(outline * 0.985, 0.006)
            c = Canvas(128, 256, (0.54, 1.24), (22, 22, 24))
            c.frame(0.005, 0.005, 0.535, 1.235, 0.035, (240, 200, 40), 0.07)
            head.append((textured(c.image(), 0.5), inner.moved(0, deep * 0.2 - 0.0095, 0).turned("y", turn)))
    for material, mesh in head:
        kit.add(material, mesh)
    _light_mount(d, kit, mount, layout, deep)


def _light_mount(d: Dice, kit: Kit, mount: str, layout: str, deep: float) -> None:
    metal = plain(d.pick("pole", ("grey", "dark green", "charcoal")), 0.5, 0.2)
    half = 0.5 if layout == "vertical" else 0.165
    if mount == "hanging":
        kit.add(
            metal,
            cylinder(0.028, 0.2, 0.0, 16).moved(0, 0, half + 0.09),
            cylinder(0.06, 0.03, 0.006, 24).moved(0, 0, half + 0.005),
        )
        kit.add(metal, rod((-0.5, 0, half + 0.2), (0.5, 0, half + 0.2), 0.034, 18))
        return
    low = -half - d.between("tall", 0.55, 0.95)
    y = deep / 2 + 0.12
    kit.add(
        metal,
        cylinder(0.05, half + 0.2 - low, 0.01, 28).moved(0, y, (half + 0.2 + low) / 2),
        ellipsoid(0.06, 0.06, 0.04, 20, 10).moved(0, y, half + 0.2),
    )
    kit.add(
        metal, lathe([(0, 0), (0.13, 0), (0.13, 0.03), (0.075, 0.06), (0.06, 0.22), (0, 0.22)], 28).moved(0, y, low)
    )
    for z in (-half * 0.7, half * 0.7):
        kit.add(metal, rod((0, deep / 2 - 0.03, z), (0, y, z), 0.02, 12), cylinder(0.06, 0.05, 0.01, 24).moved(0, y, z))
    if d.chance("button", 0.6):
        kit.add(plain("yellow", 0.4), box(0.09, 0.07, 0.16, 0.015, 2).moved(0, y - 0.08, low + 0.6))
        kit.add(chrome(), cylinder(0.022, 0.03, 0.006, 20).turned("x", 90).moved(0, y - 0.118, low + 0.6))


TRAFFIC_LIGHT = Family("traffic light", _light_facts, _light_build, distance=1.61, sampling=2)

_BOX_PAINTS = ("black", "white", "silver", "red", "navy", "dark green", "teal", "cream")
_BOX_KINDS = ("rural", "rural", "pillar", "collection")


def _box_facts(d: Dice) -> Facts:
    kind = d.pick("kind", _BOX_KINDS)
    if kind == "rural":
        return Facts(
            (
                d.pick("paint", _BOX_PAINTS),
                "metal",
                "signal flag",
                f"{d.pick('post', ('oak', 'pine', 'weathered'))} post",
                "house number",
            )
        )
    if kind == "pillar":
        return Facts(
            (
                "red" if d.chance("red", 0.7) else d.pick("pillar", ("navy", "dark green", "yellow")),
                "cast iron",
                "pillar box",
            )
        )
    return Facts((d.pick("collection", ("navy", "blue", "dark green", "red")), "painted metal", "domed collection box"))


def _rural(d: Dice, kit: Kit) -> None:
    paint = PAINTS[d.pick("paint", _BOX_PAINTS)]
    body, post = plain(paint, 0.35, 0.1), grain(d.pick("post", ("oak", "pine", "weathered")), d.number, 0.8)
    w, tall, deep, z = (
        d.between("wide", 0.17, 0.21),
        d.between("high", 0.20, 0.25),
        d.between("deep", 0.45, 0.52),
        d.between("post tall", 0.75, 1.05),
    )
    kit.add(post, box(0.09, 0.09, z, 0.01, grain="z", scale=0.5).moved(0, 0.02, z / 2))
    kit.add(post, box(w * 0.9, deep * 0.8, 0.03, 0.006, grain="y", scale=0.5).moved(0, 0, z + 0.01))
    if d.chance("brace", 0.5):
        kit.add(post, plank((0, 0.03, z * 0.68), (0, -deep * 0.34, z), 0.06, 0.05, 0.006, (0, 1, 0), 0.5))
    arc = np.radians(np.linspace(0, 180, 19))
    outline = np.concatenate(
        [[(-w / 2, 0.0), (w / 2, 0.0)], np.column_stack([w / 2 * np.cos(arc), tall - w / 2 + w / 2 * np.sin(arc)])]
    )
    kit.add(body, prism(outline, deep, 0.006).moved(0, 0, z + 0.026))
    c = Canvas(128, 192, (w, tall), paint)
    ink = readable(paint)
    c.text(str(d.whole("number", 10, 999)), w / 2, tall * 0.52, w * 0.7, tall * 0.26, ink, 0.19)
    c.text(name_of(d.share("name a"), d.share("name b")), w / 2, tall * 0.24, w * 0.72, tall * 0.1, ink, 0.17)
    lid = outline * 1.04
    kit.add(
        textured(c.image(), 0.35),
        prism(lid, 0.016, 0.005).projected("xz", outline.min(0), outline.max(0)).moved(0, -deep / 2 - 0.010, z + 0.022),
    )
    kit.add(chrome(), box(0.03, 0.02, 0.045, 0.006, 2).moved(0, -deep / 2 - 0.024, z + tall * 0.86))
    flag, raised = plain("red", 0.4) if paint != PAINTS["red"] else plain("yellow", 0.4), d.chance("raised", 0.6)
    arm = box(0.008, 0.022, 0.2, 0.003).moved(0, 0, 0.1)
    sign = box(0.009, 0.085, 0.055, 0.003).moved(0, 0.04, 0.175)
    for mesh in (arm, sign):
        mesh = mesh if raised else mesh.turned("x", -88)
        kit.add(flag, mesh.moved(w / 2 + 0.007, -deep * 0.18, z + 0.026 + tall * 0.42))


def _pillar(d: Dice, kit: Kit) -> None:
    colour = PAINTS["red" if d.chance("red", 0.7) else d.pick("pillar", ("navy", "dark green", "yellow"))]
    iron, black = plain(colour, 0.25), plain("black", 0.4)
    r, h = d.between("radius", 0.22, 0.26), d.between("pillar tall", 1.35, 1.6)
    kit.add(black, lathe([(0, 0), (r * 1.12, 0), (r * 1.12, 0.10), (r * 1.04, 0.14), (0, 0.14)], 48))
    cap = [
        (r, h - 0.14),
        (r * 1.16, h - 0.12),
        (r * 1.2, h - 0.07),
        (r * 1.12, h - 0.03),
        (r * 0.7, h + 0.02),
        (0, h + 0.06),
    ]
    kit.add(iron, lathe([(0, 0.13), (r * 1.02, 0.13), (r, 0.17), *cap], 56, limit=30))
    z = h - 0.33
    kit.add(iron, box(r * 1.2, 0.1, 0.12, 0.02, 2).moved(0, -r + 0.02, z))
    kit.add(plain((12, 12, 12), 0.9), box(r * 1.0, 0.02, 0.045, 0.006).moved(0, -r - 0.028, z))
    c = Canvas(128, 96, (4.0, 3.0), (240, 240, 232))
    for k in range(5):
        c.rect(0.4, 0.4 + 0.42 * k, 3.6 - (k * 7 % 3) * 0.4, 0.56 + 0.42 * k, (60, 60, 66))
    c.text("POST", 2.0, 2.62, 2.0, 0.4, (150, 20, 24), 0.2)
    a = np.radians(np.linspace(-28, 28, 15))

    def patch(low: float, high: float, lift: float, share: float = 1.0) -> Array:
        zz = np.linspace(low, high, 6)
        ring = np.stack([(r + lift) * np.sin(a * share), -(r + lift) * np.cos(a * share)], -1)
        return np.concatenate(
            [np.broadcast_to(ring[None], (6, 15, 2)), np.broadcast_to(zz[:, None, None], (6, 15, 1))], -1
        )[:, ::-1]

    kit.add(textured(c.image(), 0.6), shell(patch(z - 0.32, z - 0.14, 0.010), 0.004, u=np.linspace(1, 0, 15)[None]))
    kit.add(iron, shell(patch(0.3, z - 0.1, -0.004, 1.25), 0.011))
    kit.add(chrome(), ellipsoid(0.016, 0.014, 0.022, 16, 8).moved(r * 0.42, -r * 0.93, z - 0.42))


def _collection(d: Dice, kit: Kit) -> None:
    colour = PAINTS[d.pick("collection", ("navy", "blue", "dark green", "red"))]
    paint, ink = plain(colour, 0.35, 0.1), readable(colour)
    w, deep, h = d.between("cw", 0.5, 0.58), d.between("cd", 0.5, 0.58), d.between("ch", 1.15, 1.35)
    arc = np.radians(np.linspace(0, 180, 21))
    outline = np.concatenate(
        [
            [(-deep / 2, 0.14), (deep / 2, 0.14)],
            np.column_stack([deep / 2 * np.cos(arc), h - deep / 2 + deep / 2 * np.sin(arc)]),
        ]
    )
    kit.add(paint, prism(outline, w, 0.012).turned("z", 90))
    for x in (-1, 1):
        for y in (-1, 1):
            kit.add(paint, box(0.06, 0.06, 0.16, 0.008).moved(x * (w / 2 - 0.05), y * (deep / 2 - 0.05), 0.08))
    chute = h - deep * 0.5 + 0.04
    kit.add(
        plain(mix(colour, (0, 0, 0), 0.25), 0.35),
        box(w * 0.82, 0.05, 0.2, 0.015, 2).turned("x", -16).moved(0, -deep * 0.48, chute),
    )
    kit.add(chrome(), box(w * 0.5, 0.03, 0.025, 0.01, 2).moved(0, -deep * 0.48 - 0.055, chute - 0.03))
    c = Canvas(256, 160, (1.6, 1.0), colour)
    c.text("MAIL", 0.8, 0.66, 1.3, 0.36, ink, 0.2)
    c.rect(0.15, 0.36, 1.45, 0.41, ink)
    c.text(name_of(d.share("name a"), d.share("name b")), 0.8, 0.2, 1.1, 0.16, ink, 0.18)
    board = box(w * 0.8, 0.012, w * 0.5, 0.003).projected("xz", (-w * 0.4, -w * 0.25), (w * 0.4, w * 0.25))
    kit.add(textured(c.image(), 0.4), board.moved(0, -deep / 2 - 0.006, chute - 0.36))
    kit.add(plain((236, 236, 230), 0.6), box(w * 0.34, 0.012, 0.14, 0.003).moved(w * 0.2, -deep / 2 - 0.006, 0.3))


def _box_build(d: Dice, kit: Kit) -> None:
    {"rural": _rural, "pillar": _pillar, "collection": _collection}[d.pick("kind", _BOX_KINDS)](d, kit)


MAILBOX = Family("mailbox", _box_facts, _box_build, distance=1.49, sampling=3)
