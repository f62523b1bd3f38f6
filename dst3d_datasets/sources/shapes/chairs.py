"""Folding chairs: metal, padded, wooden and director's; the sitter faces -y."""

from __future__ import annotations

import numpy as np

from .canvas import Canvas
from .glyphs import name_of
from .kit import Dice, Facts, Family, Kit
from .mesh import Mesh, bent
from .paint import PAINTS, chrome, grain, mix, plain, readable, rubber, textured, weave
from .solids import box, cylinder, plank
from .sweeps import rod, shell, tube

_KINDS = ("metal", "padded", "wooden", "director")
_PAINTS = ("red", "navy", "white", "black", "teal", "yellow", "grey", "green", "orange", "tan")
_TIMBER = ("oak", "walnut", "pine", "teak", "cherry", "ebony")


def _facts(d: Dice) -> Facts:
    kind, colour = d.pick("kind", _KINDS), d.pick("colour", _PAINTS)
    frame = {
        "metal": "steel",
        "padded": "chrome",
        "wooden": d.pick("timber", _TIMBER),
        "director": d.pick("timber", _TIMBER),
    }[kind]
    if kind == "wooden":
        return Facts((frame, "wooden", "slatted seat", f"{d.pick('back', ('slatted', 'panel'))} back"))
    words = {"metal": "painted metal", "padded": "upholstered", "director": "canvas"}[kind]
    return Facts((colour, words, f"{frame} frame"))


def _panel(width: float, bow: float, low: tuple[float, float], high: tuple[float, float], thick: float) -> Mesh:
    """A plate across x from (y, z) low to high, bowed backwards in its middle by `bow`."""
    s, t = np.linspace(-1, 1, 15), np.linspace(0, 1, 9)
    x, k = np.meshgrid(s * width / 2, t)
    crown = 1 - 0.12 * np.abs(np.linspace(-1, 1, 15))[None] ** 3
    k = 0.5 + (k - 0.5) * crown
    y = low[0] + (high[0] - low[0]) * k + bow * (1 - (2 * x / width) ** 2)
    z = low[1] + (high[1] - low[1]) * k
    return shell(np.stack([x, y, z], -1), thick)


def _seat(width: float, depth: float, z: float, thick: float, dish: float, y: float = 0.0) -> Mesh:
    """A rounded plate about (0, y) whose top is dished."""
    s = np.linspace(-1, 1, 17)
    a, b = np.meshgrid(s, s, indexing="ij")
    px = np.sign(a) * np.abs(a) * width / 2 * (1 - 0.06 * np.abs(b) ** 4)
    py = b * depth / 2 * (1 - 0.06 * np.abs(a) ** 4)
    pz = z - dish * (1 - a**2) * (1 - b**2) - 0.012 * np.clip(-b - 0.7, 0, 1) / 0.3
    return shell(np.stack([px, py + y, pz], -1), thick, lift=-thick)


def _metal(d: Dice, kit: Kit, padded: bool) -> None:
    colour = PAINTS[d.pick("colour", _PAINTS)]
    w, h = d.between("width", 0.43, 0.5), d.between("height", 0.76, 0.86)
    seat, r = d.between("seat", 0.42, 0.46), d.between("tube", 0.0105, 0.014)
    frame = (
        chrome()
        if padded
        else plain(mix(colour, (0, 0, 0), 0.25) if d.chance("dark frame", 0.4) else colour, 0.35, 0.1)
    )
    front, back = -0.24, d.between("lean", 0.18, 0.25)
    long_ = bent([(-w / 2, front, 0.01), (-w / 2, back, h), (w / 2, back, h), (w / 2, front, 0.01)], 0.07, 7)
    kit.add(frame, tube(long_, r, 14))
    inner = w / 2 - 0.035
    legs = bent(
        [(-inner, 0.26, 0.01), (-inner, -0.15, seat - 0.02), (inner, -0.15, seat - 0.02), (inner, 0.26, 0.01)], 0.05, 6
    )
    kit.add(frame, tube(legs, r * 0.95, 14))

    def on_frame(z: float) -> float:
        return front + (back - front) * z / h

    kit.add(frame, rod((-w / 2, on_frame(0.14), 0.14), (w / 2, on_frame(0.14), 0.14), r * 0.7))
    kit.add(frame, rod((-inner, 0.26 - 0.41 * 0.12 / seat, 0.12), (inner, 0.26 - 0.41 * 0.12 / seat, 0.12), r * 0.7))
    feet = cylinder(r * 1.45, 0.035, 0.004, 14)
    kit.add(
        rubber(),
        *[
            feet.moved(x, y, 0.0175)
            for x, y in ((-w / 2, front + 0.005), (w / 2, front + 0.005), (-inner, 0.255), (inner, 0.255))
        ],
    )
    low, high = h * 0.70, h * 0.97
    panel = _panel(w - 2 * r, 0.025, (on_frame(low) - 0.006, low), (on_frame(high) - 0.006, high), 0.008)
    if padded:
        cloth = (
            textured(weave(colour, mix(colour, (255, 255, 255), 0.16)), 0.85)
            if d.chance("cloth", 0.5)
            else plain(colour, 0.5)
        )
        cushion = box(w - 0.075, 0.39, 0.05, 0.024, 3, scale=0.4)
        kit.add(cloth, cushion.moved(0, -0.01, seat + 0.012))
        kit.add(
            cloth,
            box(w - 0.05, 0.036, high - low, 0.017, 3, scale=0.4)
            .turned("x", -15.0)
            .moved(0, on_frame((low + high) / 2) + 0.002, (low + high) / 2),
        )
        kit.add(plain("black", 0.5), box(w - 0.08, 0.38, 0.012).moved(0, -0.01, seat - 0.014))
    else:
        kit.add(plain(colour, 0.35, 0.1), panel, _seat(w - 0.075, 0.40, seat + 0.006, 0.012, 0.014, -0.01))


def _wooden(d: Dice, kit: Kit) -> None:
    timber = grain(d.pick("timber", _TIMBER), d.number, 0.5)
    w, h = d.between("width", 0.43, 0.49), d.between("height", 0.78, 0.88)
    seat, front, back = d.between("seat", 0.43, 0.46), -0.24, d.between("lean", 0.17, 0.23)
    broad, thick = d.between("broad", 0.036, 0.048), 0.02

    def pair(a: tuple[float, float], b: tuple[float, float], x: float) -> list[Mesh]:
        return [plank((s * x, *a), (s * x, *b), broad, thick, 0.005, (1, 0, 0), 0.5) for s in (-1, 1)]

    kit.add(timber, *pair((front, 0.0), (back, h), w / 2), *pair((0.26, 0.0), (-0.16, seat - 0.02), w / 2 - 0.026))

    def at(z: float) -> float:
        return front + (back - front) * z / h

    low, rear = 0.13, 0.26 - 0.42 * 0.13 / seat
    kit.add(timber, plank((-w / 2, at(low), low), (w / 2, at(low), low), 0.02, 0.03, 0.004, scale=0.5))
    inner = w / 2 - 0.02
    kit.add(timber, plank((-inner, rear, low), (inner, rear, low), 0.02, 0.03, 0.004, scale=0.5))
    count = d.whole("slats", 5, 8)
    pitch = 0.38 / count
    for k in range(count):
        slat = box(w - 0.065, pitch * 0.8, 0.014, 0.004, scale=0.5).moved(0, -0.19 + (k + 0.5) * pitch, seat + 0.004)
        kit.add(timber, slat.mapped(u=0.3 * k, v=0.21 * k))
    if d.pick("back", ("slatted", "panel")) == "slatted":
        rows = d.whole("back slats", 2, 4)
        spans = [(0.66 + 0.30 * k / rows, 0.66 + 0.30 * (k + 0.86) / rows) for k in range(rows)]
    else:
        spans = [(0.66, 0.97)]
    for k, (start, end) in enumerate(spans):
        back_slat = _panel(w - thick, 0.02, (at(start * h) - 0.004, start * h), (at(end * h) - 0.004, end * h), 0.012)
        kit.add(timber, back_slat.mapped(0.9, 0.5 / len(spans), 0.1 * k, 0.23 * k))


def _director(d: Dice, kit: Kit) -> None:
    colour = PAINTS[d.pick("colour", _PAINTS)]
    timber = grain(d.pick("timber", _TIMBER), d.number, 0.5)
    w, seat, arm, h = d.between("width", 0.52, 0.58), 0.44, 0.64, d.between("height", 0.84, 0.92)
    y = 0.19
    for s in (-1, 1):
        x = s * w / 2
        kit.add(
            timber,
            box(0.035, 0.46, 0.04, 0.008, grain="y", scale=0.5).moved(x, 0, 0.02),
            box(0.032, 0.44, 0.035, 0.008, grain="y", scale=0.5).moved(x, 0, seat),
        )
        kit.add(timber, box(0.055, 0.46, 0.022, 0.009, 2, grain="y", scale=0.5).moved(x, -0.01, arm))
        kit.add(timber, rod((x, -y, seat), (x, -y, arm), 0.014), rod((x, y, seat), (x, y, h), 0.014))
    for py in (-y, y):
        for s in (-1, 1):
            kit.add(
                timber,
                plank(
                    (s * w / 2, py + s * 0.012, 0.04),
                    (-s * w / 2, py + s * 0.012, seat),
                    0.034,
                    0.018,
                    0.004,
                    (0, 1, 0),
                    0.5,
                ),
            )
    cloth = textured(weave(colour, mix(colour, (0, 0, 0), 0.14)), 0.9)
    a, b = np.meshgrid(np.linspace(-1, 1, 15), np.linspace(-0.2, 0.2, 7), indexing="ij")
    kit.add(cloth, shell(np.stack([a * w / 2, b, seat + 0.022 - 0.035 * (1 - a**2)], -1), 0.006).mapped(1.5, 1.5))
    c = Canvas(256, 128, (2.0, 1.0), colour)
    c.text(name_of(d.share("name a"), d.share("name b")), 1.0, 0.5, 1.5, 0.4, readable(colour), 0.18)
    low, high = h - 0.2, h - 0.01
    front = _panel(w + 0.02, 0.02, (y - 0.019, low), (y - 0.019, high), 0.005)
    plain_back = _panel(w + 0.02, 0.02, (y - 0.0155, low), (y - 0.0155, high), 0.004)
    kit.add(textured(c.image(), 0.9), front)
    kit.add(
        cloth,
        plain_back.mapped(2, 1),
        *[cylinder(0.022, 0.2, 0.004, 16).moved(s * w / 2, y, (low + high) / 2) for s in (-1, 1)],
    )


def _build(d: Dice, kit: Kit) -> None:
    kind = d.pick("kind", _KINDS)
    if kind == "wooden":
        _wooden(d, kit)
    elif kind == "director":
        _director(d, kit)
    else:
        _metal(d, kit, kind == "padded")


FOLDING_CHAIR = Family("folding chair", _facts, _build, distance=1.69, sampling=3)
