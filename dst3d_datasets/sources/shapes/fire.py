"""Fire engines, built of rounded boxes; the front faces -y."""

from __future__ import annotations

import numpy as np

from ...nouns import Material
from .bus import panel
from .canvas import Canvas
from .kit import Dice, Facts, Family, Kit
from .paint import PAINTS, Image, chrome, glass, plain, steel, textured
from .solids import box, cylinder
from .sweeps import rod
from .wheels import Wheels, lens, number_plate

_REDS = ("red", "red", "dark red", "yellow", "lime")
_KINDS = ("ladder", "pumper")


def _fire_facts(d: Dice) -> Facts:
    return Facts(
        (
            d.pick("paint", _REDS),
            f"{d.pick('kind', _KINDS)} truck",
            "blue lights" if d.chance("blue", 0.5) else "red lights",
            "six-wheeled" if d.chance("three axles", 0.35) else "four-wheeled",
        )
    )


def _fire_build(d: Dice, kit: Kit) -> None:
    colour = PAINTS[d.pick("paint", _REDS)]
    paint, dark, pane_, white = plain(colour, 0.25), plain((26, 26, 28), 0.6), glass(), plain("white", 0.35)
    w, length, floor = 2.45, d.between("length", 7.6, 9.4), 0.52
    cab, high, rear_high = (
        d.between("cab", 2.2, 2.6),
        d.between("cab high", 2.15, 2.4),
        d.between("rear high", 2.0, 2.35),
    )
    front = -length / 2
    kit.add(paint, box(w, cab, high - 0.3, 0.14, 4).moved(0, front + cab / 2, floor + (high - 0.3) / 2))
    roof = white if d.chance("white top", 0.5) else paint
    kit.add(roof, box(w - 0.05, cab - 0.05, 0.5, 0.16, 4).moved(0, front + cab / 2, floor + high - 0.27))
    body = length - cab - 0.12
    back = front + cab + 0.12 + body / 2
    kit.add(paint, box(w, body, rear_high, 0.06, 2).moved(0, back, floor + rear_high / 2))
    kit.add(dark, box(w * 0.8, length - 0.4, 0.4).moved(0, 0.05, floor - 0.05))
    kit.add(white, box(w + 0.03, length - 0.5, 0.16, 0.01).moved(0, 0.1, floor + 0.5))
    kit.add(plain("yellow", 0.4), box(w + 0.036, length - 0.5, 0.035, 0.01).moved(0, 0.1, floor + 0.5))
    shutter = textured(_shutter(), 0.4, 0.4)
    count = d.whole("lockers", 2, 4)
    each = (body - 0.2) / count
    for k in range(count):
        y0 = back - body / 2 + 0.1 + k * each
        low = floor + 0.68
        panel = box(0.03, each - 0.12, rear_high - 0.85, 0.008).projected("yz", (0, 0), (0.5, 0.5))
        kit.add(shutter, panel.moved(w / 2 + 0.002, y0 + each / 2, low + (rear_high - 0.85) / 2).both())
    _fire_cab(d, kit, w, front, cab, floor, high, dark, pane_)
    wheels = Wheels(d, 0.5, 0.32, "steel", 0.6)
    axles = [front + 1.15, length / 2 - 1.5] + ([length / 2 - 2.62] if d.chance("three axles", 0.35) else [])
    for y in axles:
        kit.add(dark, cylinder(0.60, w + 0.05, 0.0, 32).turned("y", 90).moved(0, y, 0.52))
        wheels.place(kit, w / 2 - 0.10, y)
    _fire_top(d, kit, w, front, cab, floor, max(high, rear_high), rear_high, length, body, back)
    kit.add(lens("tail"), box(0.16, 0.05, 0.34, 0.02, 2).moved(w * 0.42, length / 2 + 0.005, floor + 0.5).both())
    kit.add(
        shutter,
        box(w * 0.6, 0.03, rear_high * 0.6, 0.008)
        .projected("xz", (0, 0), (0.5, 0.5))
        .moved(0, length / 2 + 0.003, floor + rear_high * 0.56),
    )
    kit.add(dark, box(w, 0.3, 0.12, 0.03).moved(0, length / 2 + 0.05, floor - 0.02))


def _shutter() -> Image:
    t = (np.arange(64) % 16) / 16.0
    tone = (178 + 40 * np.sin(np.pi * t))[:, None] * np.ones((1, 64))
    image = np.full((64, 64, 4), 255, dtype=np.uint8)
    image[..., :3] = tone[..., None]
    return image


def _fire_cab(
    d: Dice, kit: Kit, w: float, front: float, cab: float, floor: float, high: float, dark: Material, pane_: Material
) -> None:
    kit.add(pane_, box(w * 0.9, 0.06, high * 0.34, 0.03, 2).moved(0, front - 0.005, floor + high * 0.62))
    kit.add(dark, box(0.05, 0.08, high * 0.34, 0.01).moved(0, front - 0.005, floor + high * 0.62))
    for y0, y1 in ((front + 0.14, front + cab * 0.47), (front + cab * 0.53, front + cab - 0.12)):
        panel(kit, pane_, w / 2, y0 + 0.04, y1 - 0.04, floor + high * 0.47, floor + high * 0.8, 0.03)
        for y in (y0, y1):
            panel(kit, dark, w / 2, y - 0.01, y + 0.01, floor + 0.1, floor + high * 0.82, 0.012)
        kit.add(chrome(), box(0.05, 0.2, 0.04, 0.015).moved(w / 2 + 0.01, y1 - 0.18, floor + high * 0.4).both())
    c = Canvas(128, 32, (4.0, 1.0), (206, 210, 214))
    c.text("FIRE", 2.0, 0.5, 3.0, 0.7, (180, 20, 26), 0.2)
    kit.add(
        textured(c.image(), 0.4),
        box(1.0, 0.05, 0.25, 0.01)
        .projected("xz", (-0.5, -0.125), (0.5, 0.125))
        .moved(0, front - 0.01, floor + high * 0.36),
    )
    kit.add(dark, box(w * 0.52, 0.06, 0.34, 0.03, 2).moved(0, front - 0.01, floor + 0.34))
    kit.add(
        chrome(), *[box(w * 0.5, 0.03, 0.03, 0.01).moved(0, front - 0.045, floor + 0.22 + 0.08 * k) for k in range(4)]
    )
    kit.add(
        lens("head"), cylinder(0.13, 0.1, 0.03, 24).turned("x", 90).moved(w * 0.385, front - 0.01, floor + 0.36).both()
    )
    kit.add(lens("turn"), box(0.3, 0.06, 0.07, 0.02).moved(w * 0.385, front - 0.01, floor + 0.56).both())
    kit.add(
        chrome() if d.chance("chrome bumper", 0.6) else plain("white", 0.4),
        box(w, 0.36, 0.26, 0.06, 3).moved(0, front - 0.12, floor + 0.02),
    )
    number_plate(d, kit, front - 0.315, floor + 0.02, front=True)
    for s in (-1, 1):
        kit.add(
            dark,
            rod(
                (s * w / 2, front + 0.1, floor + high * 0.75),
                (s * (w / 2 + 0.16), front - 0.1, floor + high * 0.7),
                0.02,
                8,
            ),
            box(0.18, 0.06, 0.38, 0.02, 2).moved(s * (w / 2 + 0.16), front - 0.1, floor + high * 0.62),
        )


def _fire_top(
    d: Dice,
    kit: Kit,
    w: float,
    front: float,
    cab: float,
    floor: float,
    top: float,
    rear_high: float,
    length: float,
    body: float,
    back: float,
) -> None:
    light = plain((28, 70, 200) if d.chance("blue", 0.5) else (206, 22, 26), 0.1)
    roof = floor + d.between("cab high", 2.15, 2.4)
    kit.add(steel(), box(w * 0.72, 0.34, 0.06, 0.02).moved(0, front + 0.55, roof))
    kit.add(light, box(w * 0.3, 0.28, 0.2, 0.07, 3).moved(w * 0.2, front + 0.55, roof + 0.12).both())
    if d.pick("kind", _KINDS) == "ladder":
        _ladder(kit, front, floor + rear_high, max(roof, floor + rear_high) + 0.34, length)
    else:
        _pump_deck(kit, w, floor + rear_high, body, back)


def _ladder(kit: Kit, front: float, deck: float, z: float, length: float) -> None:
    """A turntable and a ladder of two stages over the whole length."""
    bar = steel()
    kit.add(plain((60, 62, 66), 0.5), cylinder(0.55, 0.3, 0.05, 32).moved(0, length / 2 - 1.5, deck + 0.14))
    low, high = front - 0.1, length / 2 - 0.5
    for stage, half in ((0, 0.36), (1, 0.28)):
        dz = z + 0.05 + 0.1 * stage
        a, b = low + 0.5 * stage, high - 0.4 * stage
        for x in (-half, half):
            kit.add(
                bar,
                box(0.06, b - a, 0.07, 0.01).moved(x, (a + b) / 2, dz),
                box(0.04, b - a, 0.04).moved(x, (a + b) / 2, dz + 0.28),
            )
        for k in range(18):
            y = a + 0.1 + k * (b - a - 0.2) / 17
            kit.add(bar, rod((-half, y, dz), (half, y, dz), 0.02, 6))
            for x in (-half, half):
                kit.add(bar, rod((x, y, dz), (x, y + (b - a - 0.2) / 34, dz + 0.28), 0.014, 5))


def _pump_deck(kit: Kit, w: float, z: float, body: float, back: float) -> None:
    """Hoses and a short ladder on the roof of a pumper."""
    bar = steel()
    hose = plain((206, 190, 150), 0.95)
    for k in range(6):
        kit.add(hose, box(w * 0.7, 0.12, 0.16, 0.05, 2).moved(0, back - body * 0.2 + 0.16 * k, z + 0.06))
    for x in (-0.3, 0.3):
        kit.add(bar, box(0.05, body * 0.9, 0.06, 0.01).moved(w * 0.28 + x * 0.7, back, z + 0.2))
    for k in range(11):
        y = back - body * 0.42 + k * body * 0.084
        kit.add(bar, rod((w * 0.28 - 0.21, y, z + 0.2), (w * 0.28 + 0.21, y, z + 0.2), 0.018, 6))
    kit.add(
        bar,
        *[
            rod((w * 0.28, back + s * body * 0.4, z - 0.05), (w * 0.28, back + s * body * 0.4, z + 0.2), 0.03, 8)
            for s in (-1, 1)
        ],
    )


FIRE_ENGINE = Family("fire engine", _fire_facts, _fire_build, distance=1.37)
