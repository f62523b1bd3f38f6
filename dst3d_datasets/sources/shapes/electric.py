"""Electric guitars, standing upright; the strings face -y."""

from __future__ import annotations

import numpy as np

from .guitarparts import burst, closed, headstock, neck, strings
from .kit import Dice, Facts, Family, Kit
from .mesh import Array, bent
from .paint import WOODS, chrome, grain, plain, textured, wood
from .solids import box, cylinder, prism
from .sweeps import rod

_BODIES: dict[str, list[tuple[float, float]]] = {
    "double-cut": [
        (0, -0.205),
        (0.10, -0.2),
        (0.158, -0.13),
        (0.148, -0.05),
        (0.112, 0.02),
        (0.12, 0.09),
        (0.138, 0.15),
        (0.118, 0.168),
        (0.078, 0.125),
        (0.035, 0.10),
        (-0.035, 0.10),
        (-0.07, 0.14),
        (-0.098, 0.2),
        (-0.128, 0.205),
        (-0.146, 0.15),
        (-0.128, 0.06),
        (-0.116, 0.01),
        (-0.15, -0.06),
        (-0.165, -0.13),
        (-0.11, -0.2),
    ],
    "single-cut": [
        (0, -0.21),
        (0.11, -0.2),
        (0.166, -0.12),
        (0.15, -0.04),
        (0.112, 0.03),
        (0.126, 0.1),
        (0.138, 0.15),
        (0.116, 0.165),
        (0.078, 0.12),
        (0.035, 0.11),
        (-0.035, 0.165),
        (-0.08, 0.182),
        (-0.126, 0.155),
        (-0.134, 0.09),
        (-0.114, 0.02),
        (-0.15, -0.05),
        (-0.168, -0.12),
        (-0.11, -0.2),
    ],
    "V-shaped": [
        (0, -0.075),
        (0.135, -0.26),
        (0.205, -0.225),
        (0.048, 0.13),
        (-0.048, 0.13),
        (-0.205, -0.225),
        (-0.135, -0.26),
    ],
}
_ELECTRIC = ("double-cut", "double-cut", "single-cut", "single-cut", "V-shaped")
_FINISHES = (
    "red",
    "black",
    "white",
    "sky blue",
    "teal",
    "yellow",
    "sunburst",
    "sunburst",
    "cherry burst",
    "walnut",
    "orange",
    "purple",
)


def _electric_facts(d: Dice) -> Facts:
    return Facts(
        (
            d.pick("finish", _FINISHES),
            d.pick("shape", _ELECTRIC),
            f"{d.pick('pickups', (2, 3, 2))} pickups",
            "six strings",
        )
    )


def _electric_build(d: Dice, kit: Kit) -> None:
    shape, finish = d.pick("shape", _ELECTRIC), d.pick("finish", _FINISHES)
    points = _BODIES[shape]
    outline = bent(points, 0.035, 6, closed=True) if shape == "V-shaped" else closed(points, 90)
    deep = d.between("deep", 0.042, 0.055)
    bursts = {"sunburst": ((236, 164, 60), (44, 22, 14)), "cherry burst": ((230, 150, 50), (130, 20, 20))}
    if finish in bursts:
        skin = textured(burst(*bursts[finish], outline), 0.14)
    elif finish in WOODS:
        skin = textured(np.transpose(wood(finish, d.number), (1, 0, 2)), 0.25)
    else:
        skin = plain(finish, 0.12)
    kit.add(skin, prism(outline, deep, 0.012, 3))
    y, top = -deep / 2, 0.50
    surface = y - 0.014
    maple = d.chance("maple neck", 0.5)
    neck(
        d,
        kit,
        grain("maple" if maple else "mahogany", d.number, 0.35),
        0.055,
        top,
        surface,
        WOODS["maple"][0] if maple and d.chance("maple board", 0.6) else WOODS["ebony"][0],
    )
    _hardware(d, kit, shape, outline, y)
    inline = shape == "double-cut"
    if inline and maple:
        head = grain("maple", d.number, 0.35)
    else:
        head = plain("black", 0.2) if finish in bursts or d.chance("black head", 0.6) else skin
    posts = headstock(d, kit, head, top, surface, inline)
    strings(kit, -0.125, top, posts, surface - 0.010, surface - 0.006)


def _guard(d: Dice, kit: Kit, shape: str, y: float) -> None:
    guard = {"white": (236, 234, 226), "black": (24, 24, 26), "tortoise": (84, 36, 22), "cream": (232, 218, 180)}[
        d.pick("guard", ("white", "black", "tortoise", "cream"))
    ]
    if shape == "double-cut":
        plate = closed(
            [
                (0.02, -0.16),
                (0.10, -0.15),
                (0.115, -0.10),
                (0.092, -0.02),
                (0.088, 0.05),
                (0.105, 0.12),
                (0.07, 0.09),
                (0.035, 0.06),
                (-0.035, 0.06),
                (-0.07, 0.09),
                (-0.10, 0.14),
                (-0.098, 0.06),
                (-0.07, 0.0),
                (-0.05, -0.07),
            ],
            56,
        )
        kit.add(plain(guard, 0.3), prism(plate, 0.004, 0.001, 1).moved(0, y - 0.002, 0))
    elif shape == "single-cut":
        plate = closed([(0.03, -0.10), (0.075, -0.08), (0.10, -0.03), (0.06, 0.06), (0.035, 0.07)], 28)
        kit.add(plain(guard, 0.3), prism(plate, 0.004, 0.001, 1).moved(0.004, y - 0.005, 0))


def _hardware(d: Dice, kit: Kit, shape: str, outline: Array, y: float) -> None:
    _guard(d, kit, shape, y)
    count = d.pick("pickups", (2, 3, 2))
    metal = chrome()
    cover = metal if d.chance("chrome pickups", 0.5) else plain(d.pick("covers", ("black", "cream", "white")), 0.35)
    screws = plain((90, 92, 96), 0.3, 0.5)
    for k in range(count):
        z = 0.03 - k * (0.10 / (count - 1))
        humbucker = shape != "double-cut" and count == 2
        tall = 0.036 if humbucker else 0.018
        kit.add(cover, box(0.074, 0.012, tall, 0.005, 2).moved(0, y - 0.006, z))
        pole = cylinder(0.0026, 0.004, 0.0, 8).turned("x", 90)
        kit.add(screws, *[pole.moved((i - 2.5) * 0.0104, y - 0.0125, z) for i in range(6)])
    kit.add(
        metal,
        box(0.082, 0.014, 0.026, 0.004, 2).moved(0, y - 0.007, -0.125),
        box(0.074, 0.01, 0.008, 0.002).moved(0, y - 0.018, -0.12),
    )
    knob = cylinder(0.0115, 0.016, 0.003, 20, 0.009).turned("x", 90)
    knobs_ = plain(d.pick("knobs", ("black", "cream", "white")), 0.4) if d.chance("plastic", 0.6) else metal
    spots = {
        "double-cut": [(0.075, -0.075), (0.088, -0.112), (0.09, -0.15)],
        "single-cut": [(0.085, -0.10), (0.122, -0.075), (0.105, -0.155), (0.135, -0.125)],
        "V-shaped": [(0.075, -0.1), (0.1, -0.145), (0.125, -0.19)],
    }[shape]
    kit.add(knobs_, *[knob.moved(x, y - 0.011, z) for x, z in spots])
    if d.chance("arm", 0.4) and shape == "double-cut":
        kit.add(metal, rod((0.03, y - 0.02, -0.125), (0.075, y - 0.035, -0.03), 0.003, 8))
    strap = cylinder(0.006, 0.014, 0.002, 14)
    kit.add(metal, strap.moved(0, 0, float(outline[:, 1].min()) - 0.005 if shape != "V-shaped" else -0.075))


ELECTRIC = Family("electric guitar", _electric_facts, _electric_build, distance=1.31, sampling=3)
