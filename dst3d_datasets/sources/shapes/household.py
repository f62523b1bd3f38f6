"""Bookcases and umbrellas."""

from __future__ import annotations

import numpy as np

from ...nouns import Material
from .canvas import Canvas, Colour, star
from .glyphs import name_of
from .kit import Dice, Facts, Family, Kit, clearance
from .mesh import Mesh
from .paint import PAINTS, Image, chrome, grain, mix, plain, readable, textured
from .solids import box, cylinder, ellipsoid, lathe
from .sweeps import rod, shell, tube

_TIMBER = ("oak", "walnut", "pine", "cherry", "mahogany", "maple", "weathered")
_PAINTS = ("white", "black", "cream", "grey", "navy", "teal")
_SPINES = (
    "red",
    "navy",
    "dark green",
    "orange",
    "cream",
    "black",
    "teal",
    "dark red",
    "yellow",
    "purple",
    "brown",
    "sky blue",
    "grey",
    "pink",
    "green",
    "white",
)


def _case_facts(d: Dice) -> Facts:
    finish = d.pick("paint", _PAINTS) if d.chance("painted", 0.35) else d.pick("timber", _TIMBER)
    base = ("cupboard",) if d.chance("cupboard", 0.3) else ()
    x, y, z = _case_size(d)
    return Facts((finish, f"{d.whole('shelves', 3, 6)} shelves", "full of books", *base), 1, clearance(x + 0.06, y, z))


def _case_size(d: Dice) -> tuple[float, float, float]:
    """Width, depth and height without the cornice."""
    foot = d.between("plinth", 0.06, 0.1) + (0.42 if d.chance("cupboard", 0.3) else 0.0)
    tall = foot + d.whole("shelves", 3, 6) * d.between("pitch", 0.29, 0.35) + d.between("thick", 0.02, 0.032)
    return d.between("wide", 0.7, 1.15), d.between("deep", 0.27, 0.33), tall


def _case_build(d: Dice, kit: Kit) -> None:
    painted = d.chance("painted", 0.35)
    body = plain(d.pick("paint", _PAINTS), 0.5) if painted else grain(d.pick("timber", _TIMBER), d.number, 0.5)
    shelves = d.whole("shelves", 3, 6)
    (w, deep, tall), thick = _case_size(d), d.between("thick", 0.02, 0.032)
    pitch = d.between("pitch", 0.29, 0.35)
    foot = d.between("plinth", 0.06, 0.1) + (0.42 if d.chance("cupboard", 0.3) else 0.0)
    for s in (-1, 1):
        kit.add(
            body,
            box(thick, deep, tall, 0.003, grain="z", scale=0.7)
            .moved(s * (w - thick) / 2, 0, tall / 2)
            .mapped(u=0.3 * s),
        )
    kit.add(body, box(w - thick, 0.012, tall - 0.02, grain="z", scale=0.7).moved(0, deep / 2 - 0.008, tall / 2))
    for k in range(shelves + 1):
        kit.add(
            body,
            box(w - 2 * thick + 0.002, deep - 0.012, thick, 0.003, scale=0.7)
            .moved(0, 0, foot + k * pitch)
            .mapped(u=0.21 * k, v=0.37 * k),
        )
    if d.chance("cornice", 0.5):
        kit.add(body, box(w + 0.06, deep + 0.04, 0.035, 0.012, 2, scale=0.7).moved(0, -0.005, tall + 0.012))
    kit.add(
        body,
        box(w - 2 * thick, 0.02, foot if foot < 0.2 else 0.08, 0.002, scale=0.7).moved(
            0, -deep / 2 + 0.04, (foot if foot < 0.2 else 0.08) / 2
        ),
    )
    if d.chance("cupboard", 0.3):
        for s in (-1, 1):
            door = box(w / 2 - thick - 0.004, 0.018, foot - 0.1, 0.004, grain="z", scale=0.7)
            kit.add(body, door.moved(s * (w / 4 - thick / 2), -deep / 2 + 0.002, foot / 2 + 0.035))
            kit.add(
                chrome(), ellipsoid(0.013, 0.013, 0.013, 14, 8).moved(s * 0.035, -deep / 2 - 0.016, foot / 2 + 0.06)
            )
    books = textured(_spines(d), 0.75)
    unit = box(1, 1, 1).projected("xz", (-0.5, -0.5), (0.5, 0.5))
    for k in range(shelves):
        _row(d, kit, books, unit, k, w - 2 * thick - 0.01, deep, foot + k * pitch + thick / 2, pitch - thick)


def _spines(d: Dice) -> Image:
    c = Canvas(512, 128, (16.0, 4.0))
    for k, name in enumerate(_SPINES):
        colour = PAINTS[name]
        ink = readable(colour)
        c.rect(k, 0, k + 1, 4, colour)
        band = mix(colour, ink, 0.6)
        c.rect(k, 3.5, k + 1, 3.62, band)
        c.rect(k, 0.4, k + 1, 0.52, band)
        c.rect(k + 0.3, 1.3 + (k % 3) * 0.2, k + 0.7, 3.1 - (k % 4) * 0.2, ink, 0.05, 0.85)
    return c.image()


def _row(
    d: Dice, kit: Kit, books: Material, unit: Mesh, shelf: int, room: float, deep: float, floor: float, space: float
) -> None:
    x, k = -room / 2, 0
    end = room / 2 - d.between(f"free {shelf}", 0.0, 0.3) * room
    meshes = []
    while k < 48:
        thick, tall = d.between(f"thick {shelf} {k}", 0.020, 0.052), space * d.between(f"tall {shelf} {k}", 0.66, 0.93)
        if x + thick > end:
            break
        design, depth = d.whole(f"design {shelf} {k}", 0, 15), deep * d.between(f"depth {shelf} {k}", 0.62, 0.76)
        book = unit.mapped(0.94 / 16, 0.98, (design + 0.03) / 16, 0.01).scaled(thick * 0.97, depth, tall)
        meshes.append(book.moved(x + thick / 2, -deep / 2 + 0.03 + depth / 2, floor + tall / 2))
        x += thick
        k += 1
    if meshes:
        kit.add(books, *meshes)
    gap = room / 2 - x
    if gap > 0.12 and d.chance(f"vase {shelf}", 0.6):
        tall = space * 0.62
        pot = lathe(
            [
                (0, 0),
                (0.03, 0),
                (0.048, tall * 0.35),
                (0.03, tall * 0.75),
                (0.036, tall),
                (0.03, tall),
                (0, tall * 0.8),
            ],
            24,
            limit=70,
        )
        kit.add(
            plain(d.pick(f"pot {shelf}", ("teal", "red", "white", "navy", "yellow")), 0.25),
            pot.moved(x + gap / 2, -0.02, floor),
        )


BOOKCASE = Family("bookcase", _case_facts, _case_build, distance=1.6, sampling=4)

_CLOTHS = ("red", "navy", "black", "yellow", "teal", "green", "purple", "pink", "orange", "sky blue")
_SECOND = ("white", "cream", "sky blue", "yellow", "red", "black")
_PATTERNS = ("plain", "alternating", "alternating", "rim band", "dotted")
_HANDLES = ("curved", "curved", "straight")


def _brolly(d: Dice) -> tuple[str, str, str, int]:
    cloth = d.pick("cloth", _CLOTHS)
    return (
        cloth,
        d.pick("second", [c for c in _SECOND if c != cloth]),
        d.pick("pattern", _PATTERNS),
        d.pick("gores", (8, 8, 8, 10, 6)),
    )


def _brolly_facts(d: Dice) -> Facts:
    cloth, second, pattern, gores = _brolly(d)
    words = f"{cloth} and {second}" if pattern != "plain" else cloth
    return Facts(
        (
            words,
            pattern,
            f"{gores} panels",
            f"{d.pick('handle', _HANDLES)} handle",
            "open",
            "front emblem",
            "contrasting rear panel",
        )
    )


def _rear_panel(cloth: str, second: str) -> Colour:
    taken = (PAINTS[cloth], PAINTS[second])
    options = (PAINTS["silver"], PAINTS["charcoal"], PAINTS["lime"], PAINTS["brown"])
    return max(options, key=lambda c: min(sum(abs(a - b) for a, b in zip(c, t, strict=True)) for t in taken))


def _brolly_image(d: Dice) -> Image:
    """u round (0.5 the front), v from the rim to the tip."""
    cloth, second, pattern, gores = _brolly(d)
    c = Canvas(512, 256, (float(gores), 2.0), PAINTS[cloth])
    other = PAINTS[second]
    if pattern == "alternating":
        for k in range(0, gores, 2):
            c.rect(k - 0.5 + gores / 2 + 1 - gores, -1, k + 0.5 + gores / 2 + 1 - gores, 3, other)
            c.rect(k - 0.5 + gores / 2 + 1, -1, k + 0.5 + gores / 2 + 1, 3, other)
    elif pattern == "rim band":
        c.rect(-1, 0.12, gores + 1, 0.42, other)
    elif pattern == "dotted":
        for k in range(gores * 2 + 1):
            for j in range(3):
                c.disc(k / 2 + 0.25 * (j % 2), 0.3 + 0.5 * j, 0.09, other)
    # One panel at the back has a colour of its own, so that the pose shows from behind as well.
    for u in (0.0, float(gores)):
        c.rect(u - 0.5, -1, u + 0.5, 3, _rear_panel(cloth, second))
    for k in range(gores + 1):
        c.line([(k - 0.5, 0), (k - 0.5, 2)], 0.02, mix(PAINTS[cloth], (0, 0, 0), 0.35))
    x, ground = gores / 2, PAINTS[cloth]
    c.disc(x, 0.62, 0.34, (248, 248, 244))
    ink = ground if sum(ground) < 560 else (30, 40, 90)
    emblem = d.pick("emblem", ("star", "drop", "letter"))
    if emblem == "star":
        c.polygon(star(x, 0.62, 0.27), ink)
    elif emblem == "drop":
        c.disc(x, 0.54, 0.15, ink)
        c.polygon([(x - 0.14, 0.6), (x + 0.14, 0.6), (x, 0.88)], ink)
    else:
        c.text(name_of(d.share("name a"), d.share("name b"))[:1], x, 0.62, 0.36, 0.36, ink, 0.2)
    return c.image()


def _brolly_build(d: Dice, kit: Kit) -> None:
    gores = _brolly(d)[3]
    radius, dome = d.between("radius", 0.48, 0.54), d.between("dome", 0.20, 0.30)
    per = 6
    n = gores * per
    u = np.linspace(0, 1, n + 1)
    # Ribs stand at whole numbers of `rib`; the front (u = 0.5) lies in the middle of a gore.
    rib = (u - 0.5) * gores + 0.5
    slack = np.sin(np.pi * (rib % 1)) ** 2
    s = np.linspace(0.02, 1, 12)[:, None]
    r = radius * s * (1 - 0.07 * slack[None] * s**2)
    z = dome * (1 - s**2.1) - 0.035 * (1 - slack[None]) * s**6
    phi = 2 * np.pi * u[None]
    points = np.stack([-r * np.sin(phi), r * np.cos(phi), z], -1)
    kit.add(textured(_brolly_image(d), 0.7), shell(points, 0.003, u=u[None], v=1 - s))
    metal, black = chrome(), plain("black", 0.4)
    low = dome - d.between("shaft", 0.78, 0.88)
    kit.add(metal, rod((0, 0, low), (0, 0, dome + 0.02), 0.007, 14))
    kit.add(
        black,
        lathe([(0, 0), (0.016, 0), (0.012, 0.02), (0.006, 0.03), (0.005, 0.085), (0, 0.088)], 18, limit=50).moved(
            z=dome - 0.004
        ),
    )
    hub = dome - 0.30
    kit.add(black, cylinder(0.014, 0.035, 0.004, 18).moved(z=hub))
    for k in range(gores):
        phi_k = 2 * np.pi * ((k + 0.5) / gores + (0.5 if gores % 2 == 0 else 0.0))
        side = np.array([-np.sin(phi_k), np.cos(phi_k)])
        t = np.linspace(0.03, 0.995, 9)
        path = np.column_stack([np.outer(radius * t, side), dome * (1 - t**2.1) - 0.035 * t**6 - 0.005])
        kit.add(metal, tube(path, 0.0028, 5))
        tip = path[4]
        kit.add(metal, rod((0, 0, hub), tip, 0.0024, 5), ellipsoid(0.006, 0.006, 0.006, 10, 6).moved(*path[-1]))
    _grip(d, kit, low)


def _grip(d: Dice, kit: Kit, low: float) -> None:
    wooden = d.chance("wooden grip", 0.6)
    grip = grain(d.pick("grip", _TIMBER), d.number, 0.35) if wooden else plain("black", 0.5)
    if d.pick("handle", _HANDLES) == "curved":
        a = np.radians(np.linspace(0, 185, 16))
        hook = np.column_stack([np.zeros(16), -0.05 + 0.05 * np.cos(a), low - 0.05 - 0.055 * np.sin(a)])
        path = np.concatenate([[[0, 0, low + 0.06], [0, 0, low]], hook, [[0, -0.1, low - 0.02]]])
        kit.add(grip, tube(path, 0.0145, 14, hint=(1, 0, 0), rounded=True).mapped(1.5, 0.2))
    else:
        kit.add(
            grip,
            lathe(
                [(0, -0.12), (0.014, -0.118), (0.018, -0.1), (0.014, -0.04), (0.017, 0.0), (0.012, 0.03), (0, 0.032)],
                20,
                limit=60,
            ).moved(z=low),
        )


UMBRELLA = Family("umbrella", _brolly_facts, _brolly_build, distance=1.37, sampling=1)
