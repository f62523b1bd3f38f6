"""Park benches and rocking chairs; the sitter faces -y."""

from __future__ import annotations

import numpy as np

from ...nouns import Material
from .kit import Dice, Facts, Family, Kit
from .mesh import Array, Mesh, bent, curve, join
from .paint import grain, plain, speckle, steel, textured
from .solids import box, plank, prism
from .sweeps import rod, tube

_BENCH_TIMBER = ("teak", "oak", "pine", "weathered", "walnut")
_SLAT_PAINTS = ("green", "dark green", "red", "teal", "white", "blue", "brown")
_FRAMES = ("cast iron", "cast iron", "steel", "concrete", "timber")


def _slats(d: Dice) -> tuple[str, str, str]:
    """Frame, slat colour or timber, "wooden" or "painted"."""
    frame = d.pick("frame", _FRAMES)
    if d.chance("painted", 0.4):
        return frame, d.pick("slat paint", _SLAT_PAINTS), "painted"
    return frame, d.pick("timber", _BENCH_TIMBER), "wooden"


def _bench_facts(d: Dice) -> Facts:
    frame, finish, kind = _slats(d)
    arms = ("armrests",) if frame in ("cast iron", "timber") else ()
    return Facts((finish, kind, f"{frame} frame", "slatted back", *arms))


def _line(d: Dice) -> tuple[Array, Array]:
    """The seat and the back in the (y, z) plane, front to rear and low to high."""
    seat_z, lean = d.between("seat", 0.41, 0.45), d.between("lean", 0.10, 0.17)
    seat = curve([(-0.26, seat_z - 0.035), (-0.22, seat_z), (0.0, seat_z - 0.015), (0.18, seat_z - 0.03)], 40)
    top = d.between("back", 0.80, 0.90)
    back = curve(
        [(0.205, seat_z + 0.05), (0.225, seat_z + 0.16), (0.20 + lean * 0.75, top - 0.1), (0.20 + lean, top)], 40
    )
    return seat, back


def _place_slats(
    d: Dice, kit: Kit, material: Material, line: Array, length: float, count: int, thick: float, facing: float
) -> None:
    step = np.diff(line, axis=0)
    run = np.concatenate([[0], np.cumsum(np.sqrt((step**2).sum(1)))])
    pitch = run[-1] / count
    for k in range(count):
        s = (k + 0.5) * pitch
        y, z = np.interp(s, run, line[:, 0]), np.interp(s, run, line[:, 1])
        i = min(int(np.searchsorted(run, s)), len(step) - 1)
        angle = np.degrees(np.arctan2(step[i, 1], step[i, 0]))
        slat = box(length, pitch * 0.80, thick, 0.006, 2, scale=0.6).mapped(u=0.37 * k, v=0.23 * k + facing)
        kit.add(material, slat.turned("x", angle).moved(0, y, z))


def _bench_build(d: Dice, kit: Kit) -> None:
    frame, finish, kind = _slats(d)
    length = d.between("length", 1.25, 1.8)
    slat = grain(finish, d.number, 0.6) if kind == "wooden" else plain(finish, 0.45)
    seat, back = _line(d)
    _place_slats(d, kit, slat, seat, length, d.whole("seat slats", 4, 7), 0.028, 0.0)
    _place_slats(d, kit, slat, back, length, d.whole("back slats", 2, 5), 0.024, 0.5)
    spots = [-length / 2 + 0.12, length / 2 - 0.12] + ([0.0] if length > 1.6 else [])
    side = {"cast iron": _iron_side, "steel": _steel_side, "concrete": _block_side, "timber": _timber_side}[frame]
    side(d, kit, spots, seat, back, slat)


def _iron_side(d: Dice, kit: Kit, spots: list[float], seat: Array, back: Array, _slat: Material) -> None:
    iron = plain(d.pick("iron", ("black", "charcoal", "dark green")), 0.45, 0.25)
    top, sz = back[-1], float(seat[-1, 1])

    def bar(points: list[tuple[float, float]], r: float, count: int = 26) -> Mesh:
        path = curve(points, count)
        return tube(np.column_stack([np.zeros(count), path]), r, 10, flat=0.6, hint=(1, 0, 0), rounded=True)

    low = 0.026
    pieces = [
        bar(
            [
                (-0.33, 0.012),
                (-0.25, 0.10),
                (-0.27, 0.26),
                (-0.25, sz - 0.02),
                (-0.10, sz - low),
                (0.12, sz - low),
                (0.225, sz + 0.05),
                (0.245, sz + 0.17),
                (top[0] + 0.024, top[1] + 0.01),
            ],
            0.019,
            48,
        ),
        bar([(0.16, sz - low), (0.24, 0.26), (0.23, 0.10), (0.34, 0.012)], 0.019),
        bar(
            [
                (-0.24, sz - 0.03),
                (-0.285, sz + 0.09),
                (-0.27, sz + 0.19),
                (-0.20, sz + 0.215),
                (0.05, sz + 0.20),
                (0.262, sz + 0.23),
            ],
            0.017,
            34,
        ),
        bar([(-0.25, 0.14), (-0.06, 0.26), (0.10, 0.25), (0.235, 0.14)], 0.012),
    ]
    turn = np.linspace(0, 2.2 * np.pi, 26)
    scroll = [(0.03 - 0.055 * np.cos(a) * (1 - a / 9), 0.33 + 0.055 * np.sin(a) * (1 - a / 9)) for a in turn]
    pieces.append(tube(np.column_stack([np.zeros(26), np.array(scroll)]), 0.008, 8, hint=(1, 0, 0)))
    side = join(pieces)
    kit.add(iron, *[side.moved(x) for x in spots])


def _steel_side(d: Dice, kit: Kit, spots: list[float], seat: Array, back: Array, _slat: Material) -> None:
    metal = steel() if d.chance("bare", 0.5) else plain("charcoal", 0.4, 0.2)
    top, sz = back[-1], float(seat[-1, 1])
    path = bent([(-0.24, 0.01), (-0.24, sz - 0.024), (0.2, sz - 0.05), (top[0] + 0.022, top[1])], 0.08, 8)
    rear = bent([(0.05, sz - 0.04), (0.26, 0.01)], 0.05)
    square = np.array([(1, -1), (1, 1), (-1, 1), (-1, -1)]) * 1.0
    for x in spots:
        for line in (path, rear):
            kit.add(metal, tube(np.column_stack([np.full(len(line), x), line]), 0.018, section=square, hint=(1, 0, 0)))
        kit.add(
            metal,
            box(0.07, 0.1, 0.012, 0.003).moved(x, -0.24, 0.006),
            box(0.07, 0.1, 0.012, 0.003).moved(x, 0.255, 0.006),
        )


def _block_side(d: Dice, kit: Kit, spots: list[float], seat: Array, back: Array, slat: Material) -> None:
    stone = textured(speckle((168, 164, 156), (120, 116, 110), d.number, density=0.5), 0.95)
    sz, top = float(seat[-1, 1]), back[-1]
    outline = bent([(-0.24, 0.0), (0.26, 0.0), (0.22, sz - 0.035), (-0.22, sz - 0.035)], 0.05, 5, closed=True)
    block = prism(outline, 0.12, 0.018).turned("z", 90.0)
    for x in spots[:2]:
        kit.add(stone, block.moved(x).projected("yz", (0, 0), (0.4, 0.4)))
        kit.add(steel(), plank((x, 0.215, sz - 0.1), (x, top[0] + 0.02, top[1] - 0.03), 0.05, 0.012, 0.003, (0, 1, 0)))


def _timber_side(d: Dice, kit: Kit, spots: list[float], seat: Array, back: Array, slat: Material) -> None:
    sz, top = float(seat[-1, 1]), back[-1]
    for x in spots[:2]:
        x = x + 0.08 * np.sign(x)
        kit.add(slat, box(0.06, 0.06, sz + 0.2, 0.008, grain="z", scale=0.6).moved(x, -0.21, (sz + 0.2) / 2))
        kit.add(slat, plank((x, 0.225, 0.0), (x, 0.24, sz), 0.06, 0.06, 0.008, (0, 1, 0), 0.6))
        kit.add(
            slat, plank((x, 0.24, sz - 0.02), (x, top[0] + 0.028, top[1] + 0.02), 0.055, 0.05, 0.008, (0, 1, 0), 0.6)
        )
        kit.add(slat, box(0.075, 0.50, 0.03, 0.009, 2, grain="y", scale=0.6).moved(x, 0.0, sz + 0.215))
        kit.add(slat, box(0.04, 0.42, 0.07, 0.006, grain="y", scale=0.6).moved(x, 0.0, sz - 0.07))


PARK_BENCH = Family("park bench", _bench_facts, _bench_build, distance=1.62, sampling=3)

_ROCKER_TIMBER = ("oak", "walnut", "cherry", "maple", "mahogany", "pine")
_ROCKER_PAINTS = ("white", "black", "teal", "red", "dark green", "cream")
_BACKS = ("spindle", "ladder", "slat", "panel")


def _finish(d: Dice) -> tuple[str, str]:
    if d.chance("painted", 0.35):
        return d.pick("paint", _ROCKER_PAINTS), "painted"
    return d.pick("timber", _ROCKER_TIMBER), "wooden"


def _rocker_facts(d: Dice) -> Facts:
    finish, kind = _finish(d)
    seat = ("cushion",) if d.chance("cushion", 0.4) else ()
    return Facts((finish, kind, f"{d.pick('back', _BACKS)} back", "curved runners", *seat))


def _rocker_build(d: Dice, kit: Kit) -> None:
    finish, kind = _finish(d)
    body = grain(finish, d.number, 0.45) if kind == "wooden" else plain(finish, 0.45)
    w, seat, top = d.between("width", 0.50, 0.58), d.between("seat", 0.40, 0.44), d.between("top", 1.0, 1.14)
    radius = d.between("arc", 0.95, 1.25)
    a = np.radians(np.linspace(-d.between("nose", 19, 24), d.between("heel", 27, 34), 30))
    arc = np.column_stack([radius * np.sin(a), radius - radius * np.cos(a) + 0.02])
    flat = np.array([(1, -1), (1, 1), (-1, 1), (-1, -1)]) * 1.0
    lean = d.between("lean", 0.16, 0.24)
    front, rear = -0.21, 0.21
    turned = d.chance("turned", 0.5)
    for s in (-1, 1):
        x = s * w / 2
        kit.add(
            body,
            tube(np.column_stack([np.full(30, x), arc]), 0.017, section=flat, flat=1.4, hint=(1, 0, 0)).mapped(
                1.6, 0.1
            ),
        )

        def foot(y: float) -> float:
            return float(np.interp(y, arc[:, 0], arc[:, 1]))

        arm = seat + d.between("arm", 0.19, 0.23)
        kit.add(body, _post((x, front, foot(front)), (x * 1.02, front, arm), turned))
        kit.add(body, _post((x, rear, foot(rear)), (x * 0.94, rear, seat), turned))
        kit.add(body, _post((x * 0.94, rear, seat - 0.02), (x * 0.9, rear + lean, top), False))
        rest = curve(
            [
                (x * 1.06, front - 0.06, arm),
                (x * 1.06, front + 0.06, arm + 0.006),
                (x, 0.1, arm),
                (x * 0.93, rear + lean * 0.36, arm + 0.01),
            ],
            18,
        )
        kit.add(
            body,
            tube(rest, np.linspace(0.036, 0.024, 18), 12, flat=0.38, hint=(1, 0, 0), rounded=True).mapped(1.6, 0.3),
        )
        kit.add(body, rod((x, front, seat * 0.45), (x, rear, seat * 0.48), 0.011))
    for y, z in ((front, seat * 0.5), (rear, seat * 0.55)):
        kit.add(body, rod((-w / 2, y, z), (w / 2, y, z), 0.011))
    kit.add(body, box(w * 1.02, 0.5, 0.035, 0.014, 3, scale=0.6).turned("x", -4).moved(0, -0.02, seat))
    _rocker_back(d, kit, body, w, rear, lean, seat, top)
    if d.chance("cushion", 0.4):
        cloth = plain(d.pick("cloth", ("red", "navy", "tan", "green", "cream")), 0.95)
        kit.add(cloth, box(w * 0.88, 0.43, 0.055, 0.026, 3).turned("x", -4).moved(0, -0.03, seat + 0.04))


def _post(a: tuple[float, float, float], b: tuple[float, float, float], turned: bool) -> Mesh:
    """A leg from a to b, plain or with turned beads."""
    if not turned:
        return rod(a, b, 0.016, 14, 0.015).mapped(1.6, 0.1)
    t = np.array([0, 0.06, 0.18, 0.26, 0.30, 0.34, 0.5, 0.66, 0.70, 0.74, 0.82, 0.94, 1.0])
    r = np.array([0.011, 0.014, 0.02, 0.013, 0.019, 0.013, 0.022, 0.013, 0.019, 0.013, 0.02, 0.015, 0.013])
    return tube(np.array(a) + t[:, None] * (np.array(b) - np.array(a)), r, 14).mapped(1.6, 0.1)


def _rocker_back(
    d: Dice, kit: Kit, body: Material, w: float, rear: float, lean: float, seat: float, top: float
) -> None:
    style = d.pick("back", _BACKS)

    def at(z: float) -> float:
        return rear + lean * (z - seat) / (top - seat)

    def rail(z: float, tall: float, bow: float = 0.03) -> Mesh:
        half = w * 0.46
        path = curve([(-half, at(z), z), (0, at(z) + bow, z + 0.012), (half, at(z), z)], 14)
        ring = np.array([(1, -1), (1, 1), (-1, 1), (-1, -1)]) * 1.0
        return tube(path, tall / 2, section=ring, flat=0.011 / (tall / 2), hint=(0, 0.2, 1)).mapped(1.6, 0.25)

    kit.add(body, rail(top - 0.04, 0.12))
    if style == "ladder":
        kit.add(body, *[rail(seat + (top - seat) * s, 0.062).mapped(u=s, v=s) for s in (0.28, 0.46, 0.64, 0.8)])
        return
    kit.add(body, rail(seat + 0.1, 0.05))
    count = {"spindle": d.whole("spindles", 6, 9), "slat": d.whole("slats", 4, 6), "panel": 1}[style]
    for k in range(count):
        x = (k - (count - 1) / 2) * w * 0.78 / max(count, 2)
        bow = 0.03 * (1 - (2 * x / w) ** 2)
        low, high = (x, at(seat + 0.1) + bow, seat + 0.1), (x, at(top - 0.06) + bow, top - 0.06)
        if style == "spindle":
            kit.add(body, rod(low, high, 0.0085, 10).mapped(1.6, 0.1))
        else:
            broad = w * 0.5 if style == "panel" else w * 0.5 / count
            kit.add(body, plank(low, high, broad, 0.012, 0.004, (0, 1, 0), 0.6).mapped(u=0.3 * k, v=0.4 * k))


ROCKING_CHAIR = Family("rocking chair", _rocker_facts, _rocker_build, distance=1.76, sampling=3)
