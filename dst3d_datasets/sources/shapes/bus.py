"""School buses, built of rounded boxes; the front faces -y."""

from __future__ import annotations

from ...nouns import Material
from .canvas import Canvas
from .glyphs import name_of
from .kit import Dice, Facts, Family, Kit
from .paint import PAINTS, chrome, glass, plain, textured
from .solids import box, cylinder, lathe
from .sweeps import rod
from .wheels import Wheels, lens, number_plate


def panel(
    kit: Kit, material: Material, x: float, y0: float, y1: float, z0: float, z1: float, thick: float = 0.02
) -> None:
    """Flat panes on both flanks, at +-x."""
    kit.add(material, box(thick, y1 - y0, z1 - z0, 0.008).moved(x, (y0 + y1) / 2, (z0 + z1) / 2).both())


def _bus_facts(d: Dice) -> Facts:
    hood = "long bonnet" if d.chance("bonnet", 0.7) else "flat front"
    return Facts(("yellow", hood, f"{d.whole('windows', 7, 11)} side windows", "black stripes"))


def _bus_build(d: Dice, kit: Kit) -> None:
    bonnet = d.chance("bonnet", 0.7)
    count, w, h = d.whole("windows", 7, 11), 2.4, d.between("height", 2.05, 2.25)
    pitch = d.between("pitch", 0.72, 0.80)
    length = count * pitch + 1.5
    yellow = PAINTS["yellow"] if d.chance("bright", 0.5) else (240, 166, 20)
    paint, dark, pane_ = plain(yellow, 0.3), plain((24, 24, 26), 0.6), glass()
    floor, front = 0.55, -length / 2
    kit.add(paint, box(w, length, h - 0.1, 0.12, 4).moved(0, 0, floor + (h - 0.1) / 2))
    kit.add(
        plain("white" if d.chance("white roof", 0.6) else yellow, 0.35),
        box(w - 0.06, length - 0.06, 0.24, 0.115, 4).moved(0, 0, floor + h - 0.14),
    )
    kit.add(dark, box(w - 0.3, length - 0.3, 0.3).moved(0, 0.0, floor - 0.08))
    waist = floor + h * 0.50
    for k in range(count):
        y = front + 1.1 + k * pitch
        panel(kit, pane_, w / 2, y + 0.04, y + pitch - 0.04, waist, waist + h * 0.32)
        panel(kit, dark, w / 2 + 0.003, y + 0.04, y + pitch - 0.04, waist + h * 0.155, waist + h * 0.17)
    for z in (waist - 0.12, floor + h * 0.30, floor + 0.16):
        kit.add(dark, box(w + 0.03, length - 0.3, 0.05, 0.01).moved(0, 0, z))
    _door(kit, front, floor, h, w, pane_, dark)
    _bus_sides(d, kit, w, length, waist, h, yellow)
    wheels = Wheels(d, 0.48, 0.30, "steel", 0.6)
    nose = front - (d.between("nose", 1.0, 1.35) if bonnet else 0.0)
    axles = (front - 0.45 if bonnet else front + 1.6, length / 2 - 2.0)
    for y in axles:
        kit.add(dark, cylinder(0.56, w + 0.02 if y > front else w * 0.86, 0.0, 32).turned("y", 90).moved(0, y, 0.5))
        wheels.place(kit, w / 2 - (0.12 if y > front else 0.28), y)
    _bus_front(d, kit, w, h, floor, front, nose, bonnet, paint, dark, pane_)
    _bus_rear(d, kit, w, h, floor, length / 2, paint, dark, pane_)


def _door(kit: Kit, front: float, floor: float, h: float, w: float, pane_: Material, dark: Material) -> None:
    """The folding door on the kerb side (-x) and the driver's window on the other."""
    low, high = floor + 0.02, floor + h * 0.84
    kit.add(dark, box(0.03, 0.78, high - low, 0.008).moved(-w / 2, front + 0.58, (low + high) / 2))
    for dy in (-0.185, 0.185):
        kit.add(
            pane_, box(0.03, 0.31, (high - low) * 0.86, 0.01).moved(-w / 2 - 0.012, front + 0.58 + dy, (low + high) / 2)
        )
    kit.add(pane_, box(0.03, 0.66, h * 0.34, 0.01).moved(w / 2, front + 0.58, floor + h * 0.66))


def _bus_sides(
    d: Dice, kit: Kit, w: float, length: float, waist: float, h: float, yellow: tuple[int, int, int]
) -> None:
    name = name_of(d.share("name a"), d.share("name b"))
    c = Canvas(512, 32, (16.0, 1.0), yellow)
    c.text(f"{name} SCHOOLS  {d.whole('number', 10, 99)}", 8.0, 0.5, 14.5, 0.72, (22, 22, 24), 0.18)
    board = box(0.02, 4.4, 0.275, 0.004)
    for x, lo, hi in ((w / 2 + 0.001, -2.2, 2.2), (-w / 2 - 0.001, 2.2, -2.2)):
        kit.add(
            textured(c.image(), 0.4),
            board.projected("yz", (lo, -0.1375), (hi, 0.1375)).moved(x, length * 0.06, waist - 0.30),
        )
    sign = lathe([(0, -0.01), (0.24, -0.01), (0.24, 0.01), (0, 0.01)], 8).turned("z", 22.5).turned("y", 90)
    c = Canvas(128, 128, (1.0, 1.0), (196, 22, 30))
    c.text("STOP", 0.5, 0.5, 0.8, 0.34, (244, 244, 240), 0.18)
    kit.add(
        textured(c.image(), 0.4),
        sign.moved(w / 2 + 0.03, -length / 2 + 1.25, waist - 0.26).projected(
            "yz", (-length / 2 + 1.01, waist - 0.5), (-length / 2 + 1.49, waist - 0.02)
        ),
    )


def _bus_front(
    d: Dice,
    kit: Kit,
    w: float,
    h: float,
    floor: float,
    front: float,
    nose: float,
    bonnet: bool,
    paint: Material,
    dark: Material,
    pane_: Material,
) -> None:
    top = floor + h
    for x in (-w * 0.235, w * 0.235):
        kit.add(pane_, box(w * 0.435, 0.06, h * 0.36, 0.03, 2).moved(x, front - 0.008, floor + h * 0.62))
    c = Canvas(256, 32, (8.0, 1.0), (244, 190, 30))
    c.text("SCHOOL BUS", 4.0, 0.5, 7.0, 0.74, (20, 20, 22), 0.19)
    board = box(1.7, 0.05, 0.22, 0.015).projected("xz", (-0.85, -0.11), (0.85, 0.11))
    kit.add(
        textured(c.image(), 0.4),
        board.moved(0, front - 0.02, top - 0.20),
        board.turned("z", 180).moved(0, -front + 0.02, top - 0.20),
    )
    lamp = cylinder(0.085, 0.06, 0.02, 20).turned("x", 90)
    for x, kind in ((w * 0.42, "tail"), (w * 0.335 + 0.115, "turn")):
        if kind == "tail":
            kit.add(lens("tail"), lamp.moved(x, front - 0.02, top - 0.19).both())
    if bonnet:
        middle, long_ = (nose + front) / 2, front - nose
        kit.add(paint, box(w * 0.74, long_ + 0.3, 0.78, 0.14, 4).moved(0, middle + 0.1, floor + 0.48))
        for s in (-1, 1):
            kit.add(paint, box(0.42, long_ * 0.95, 0.46, 0.13, 4).moved(s * w * 0.395, middle + 0.05, floor + 0.33))
    z = floor + (0.5 if bonnet else 0.34)
    kit.add(dark, box(w * 0.5, 0.08, 0.42, 0.03, 2).moved(0, nose - 0.03, z))
    kit.add(
        chrome(), *[box(w * 0.46, 0.03, 0.025, 0.008).moved(0, nose - 0.075, z - 0.15 + 0.075 * k) for k in range(5)]
    )
    light = cylinder(0.12, 0.10, 0.03, 24).turned("x", 90)
    kit.add(lens("head"), light.moved(w * 0.38, nose - 0.02, floor + 0.36).both())
    kit.add(lens("turn"), lamp.scaled(0.7, 1, 0.7).moved(w * 0.38, nose - 0.015, floor + 0.56).both())
    kit.add(dark, box(w * 0.98, 0.16, 0.26, 0.05, 2).moved(0, nose - 0.10, floor - 0.06))
    number_plate(d, kit, nose - 0.19, floor - 0.05, front=True)
    for s in (-1, 1):
        at = (s * w * 0.44, nose + 0.1, floor + 0.7) if bonnet else (s * w * 0.5, front - 0.02, floor + h * 0.72)
        kit.add(
            dark,
            rod(at, (s * (w * 0.5 + 0.12), nose - 0.12, at[2] + 0.35), 0.018, 8),
            box(0.2, 0.05, 0.3, 0.02, 2).moved(s * (w * 0.5 + 0.12), nose - 0.12, at[2] + 0.38),
        )


def _bus_rear(
    d: Dice, kit: Kit, w: float, h: float, floor: float, rear: float, paint: Material, dark: Material, pane_: Material
) -> None:
    kit.add(dark, box(w * 0.36, 0.02, h * 0.76, 0.008).moved(0, rear + 0.001, floor + h * 0.43))
    kit.add(paint, box(w * 0.34, 0.03, h * 0.74, 0.01).moved(0, rear + 0.003, floor + h * 0.43))
    kit.add(pane_, box(w * 0.28, 0.04, h * 0.24, 0.02).moved(0, rear + 0.004, floor + h * 0.64))
    kit.add(pane_, box(w * 0.2, 0.04, h * 0.24, 0.02).moved(w * 0.33, rear, floor + h * 0.64).both())
    lamp = cylinder(0.10, 0.06, 0.02, 20).turned("x", 90)
    kit.add(
        lens("tail"),
        lamp.moved(w * 0.4, rear + 0.01, floor + h * 0.34).both(),
        lamp.moved(w * 0.42, rear + 0.01, floor + h - 0.2).both(),
    )
    kit.add(dark, box(w * 0.98, 0.16, 0.24, 0.04, 2).moved(0, rear + 0.06, floor - 0.05))


SCHOOL_BUS = Family("school bus", _bus_facts, _bus_build, distance=1.41)
