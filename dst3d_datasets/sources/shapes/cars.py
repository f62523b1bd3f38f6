"""Cars: sports cars, convertibles, minivans and cabs; the bonnet points to -y."""

from __future__ import annotations

from ...nouns import Material
from .canvas import Canvas
from .carparts import SEATS, cabin, cockpit, face, rear
from .coach import Coach, liners, lower_body
from .kit import Dice, Facts, Family, Kit
from .mesh import join
from .paint import PAINTS, linear, mix, plain, textured
from .solids import box
from .wheels import RIMS, Wheels

_PAINTS = (
    "red",
    "navy",
    "silver",
    "black",
    "white",
    "yellow",
    "dark green",
    "orange",
    "sky blue",
    "grey",
    "dark red",
    "blue",
    "teal",
    "lime",
)
_CABS = ("yellow", "yellow", "yellow", "black", "white", "green")


def _colour(d: Dice) -> str:
    return d.pick("cab paint", _CABS) if d.family == "cab" else d.pick("paint", _PAINTS)


def _facts(d: Dice) -> Facts:
    words = [
        _colour(d),
        {"sports car": "two-door", "convertible": "open-top", "minivan": "five-door", "cab": "four-door"}[d.family],
    ]
    words.append(f"{d.pick('rims', RIMS)} wheels")
    if d.family in ("sports car", "convertible") and d.chance("stripes", 0.3):
        words.append("racing stripes")
    if d.family == "sports car" and d.chance("spoiler", 0.5):
        words.append("rear spoiler")
    if d.family == "convertible":
        words.append(f"{d.pick('seats', SEATS)} seats")
    if d.family == "cab":
        words += ["roof sign", "checker stripe"]
    if d.family == "minivan" and d.chance("rails", 0.6):
        words.append("roof rails")
    return Facts(tuple(words))


def _common(d: Dice) -> tuple[float, float, float, float]:
    """Wheel radius, shift of the pillars, ground clearance, change of height."""
    r, j = d.between("wheel", 0.315, 0.345), d.between("jitter", -0.012, 0.012)
    return r, j, d.between("clearance", 0.19, 0.23), d.between("height", -0.03, 0.04)


def _minivan(d: Dice) -> Coach:
    r, j, low, h = _common(d)
    deck = ((0, 0.80), (0.06, 0.92), (0.2 + j, 1.03), (0.27, 1.08), (0.95, 1.12), (1.0, 1.02))
    roof = (
        (0.19 + j, 1.06),
        (0.235 + j, 1.12),
        (0.40 + j, 1.62 + h),
        (0.46, 1.70 + h),
        (0.7, 1.74 + h),
        (0.93, 1.66 + h),
        (0.985, 1.12),
    )
    return Coach(
        length=d.between("length", 4.6, 5.0),
        width=1.9,
        clearance=low,
        deck=deck,
        roof=roof,
        axles=(0.185, 0.80),
        wheel=r + 0.015,
        tumble=0.20,
        nose=0.34,
        screen=(0.245 + j, 0.40 + j),
        rear=(0.945, 0.975),
        tail=0.12,
        tail_width=0.9,
    )


def _cab(d: Dice) -> Coach:
    r, j, low, h = _common(d)
    deck = ((0, 0.70), (0.05, 0.82), (0.25 + j, 0.95), (0.3, 0.98), (0.8, 1.02), (0.96, 0.98), (1.0, 0.92))
    roof = (
        (0.265 + j, 0.96),
        (0.30 + j, 1.01),
        (0.425 + j, 1.40 + h),
        (0.50, 1.45 + h),
        (0.62, 1.45 + h),
        (0.70, 1.39 + h),
        (0.83, 1.04),
        (0.86, 0.98),
    )
    return Coach(
        length=d.between("length", 4.7, 5.1),
        width=1.85,
        clearance=low,
        deck=deck,
        roof=roof,
        axles=(0.18, 0.785),
        wheel=r + 0.01,
        tumble=0.30,
        screen=(0.31 + j, 0.425 + j),
        rear=(0.715, 0.82),
    )


def _sports_car(d: Dice) -> Coach:
    r, j, _, h = _common(d)
    deck = ((0, 0.54), (0.07, 0.70), (0.19, 0.81), (0.34 + j, 0.845), (0.75, 0.89), (0.95, 0.89), (1.0, 0.82))
    roof = (
        (0.315 + j, 0.82),
        (0.35 + j, 0.87),
        (0.49 + j, 1.17 + h),
        (0.55, 1.205 + h),
        (0.62, 1.20 + h),
        (0.75, 1.09 + h),
        (0.93, 0.89),
        (0.96, 0.84),
    )
    return Coach(
        length=d.between("length", 4.2, 4.6),
        width=1.88,
        clearance=0.12,
        deck=deck,
        roof=roof,
        axles=(0.19, 0.795),
        wheel=r + 0.01,
        tumble=0.36,
        nose=0.42,
        screen=(0.36 + j, 0.49 + j),
        rear=(0.74, 0.90),
        nose_width=0.66,
    )


def _convertible(d: Dice) -> Coach:
    r, j, _, _ = _common(d)
    deck = ((0, 0.58), (0.06, 0.73), (0.19, 0.83), (0.36 + j, 0.88), (0.7, 0.92), (0.93, 0.91), (1.0, 0.84))
    return Coach(
        length=d.between("length", 4.1, 4.6),
        width=1.82,
        clearance=0.145,
        deck=deck,
        roof=(),
        axles=(0.185, 0.80),
        wheel=r,
        nose=0.36,
        tub=(0.40 + j, 0.73 + j),
        nose_width=0.7,
    )


_COACHES = {"minivan": _minivan, "cab": _cab, "sports car": _sports_car, "convertible": _convertible}


def _lines(d: Dice, c: Coach) -> Material:
    """The painted skin: shut lines, sills and stripes on white, times the paint."""
    white = (255, 255, 255)
    colour = PAINTS[_colour(d)]
    painted = d.family == "cab" or (d.family in ("sports car", "convertible") and d.chance("stripes", 0.3))
    canvas = Canvas(1024, 256, (1.0, 1.0), colour if painted else white)
    shade = mix(colour, (0, 0, 0), 0.6) if painted else (90, 90, 92)
    doors = {"minivan": (0.30, 0.50, 0.715), "cab": (0.30, 0.50, 0.69)}.get(d.family, (0.375, 0.66))
    for low, high in ((0.135, 0.395), (0.605, 0.865)):
        for u in doors:
            canvas.line([(u, low), (u, high)], 0.0022, shade)
        sill = low if low < 0.5 else high
        canvas.line([(doors[0], sill), (doors[-1], sill)], 0.004, shade)
    cowl = c.roof[0][0] if c.roof else 0.35
    for v in (0.418, 0.582):
        canvas.line([(0.03, v), (cowl, v)], 0.0025, shade)
    canvas.line([(0.035, 0.41), (0.035, 0.59)], 0.002, shade)
    if d.family in ("cab", "sports car", "convertible"):
        canvas.line([(0.86, 0.41), (0.86, 0.59)], 0.002, shade)
    if d.family == "cab":
        dark = (24, 24, 26) if _colour(d) != "black" else (240, 240, 236)
        for low in (0.272, 0.288, 0.696, 0.712):
            for k in range(60):
                if (k + (low in (0.272, 0.696))) % 2:
                    canvas.rect(0.06 + k * 0.0148, low, 0.06 + (k + 1) * 0.0148, low + 0.016, dark)
    elif painted:
        ink = PAINTS["white"] if sum(colour) < 450 else PAINTS["black"]
        for v in (0.455, 0.545):
            canvas.rect(0.0, v - 0.022, 1.0, v + 0.022, ink)
    base = (1.0, 1.0, 1.0, 1.0) if painted else linear(colour)
    return Material(base_colour=base, texture=canvas.image(), roughness=d.between("gloss", 0.14, 0.26), metallic=0.0)


def _build(d: Dice, kit: Kit) -> None:
    c = _COACHES[d.family](d)
    skin = _lines(d, c)
    body, rings, y = lower_body(c)
    kit.add(skin, body)
    dark = plain((22, 22, 24), 0.7)
    kit.add(dark, liners(c))
    wheels = Wheels(d, c.wheel, 0.225, d.pick("rims", RIMS))
    for axle in c.axles:
        wheels.place(kit, c.width / 2 - 0.125, c.at(axle))
    flat = Material(base_colour=linear(PAINTS[_colour(d)]), roughness=skin.roughness)
    if c.roof:
        cabin(d, kit, c, flat)
    else:
        cockpit(d, kit, c, rings, y, flat)
    face(d, kit, c, dark)
    rear(d, kit, c, dark, flat)
    if d.family == "cab":
        sign = Canvas(128, 64, (2.0, 1.0), (250, 244, 214))
        sign.text("TAXI", 1.0, 0.5, 1.6, 0.6, (24, 24, 26), 0.2)
        top = c.roof[3][1] + 0.02
        half = box(0.5, 0.08, 0.17, 0.02, 2).projected("xz", (-0.26, -0.1), (0.26, 0.1)).moved(y=-0.039)
        both = join([half, half.turned("z", 180)])  # legible from behind as well
        kit.add(textured(sign.image(), 0.4), both.moved(0, c.at(0.53), top + 0.10))
        kit.add(dark, box(0.56, 0.18, 0.03, 0.008).moved(0, c.at(0.53), top + 0.01))


SPORTS_CAR = Family("sports car", _facts, _build, distance=1.32)
CONVERTIBLE = Family("convertible", _facts, _build, distance=1.32)
MINIVAN = Family("minivan", _facts, _build, distance=1.35)
CAB = Family("cab", _facts, _build, distance=1.32)
