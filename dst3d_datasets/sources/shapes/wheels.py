"""Wheels, lamps and plates that all vehicles share. The axle lies along x, the outside faces +x."""

from __future__ import annotations

import math

from ...nouns import Material
from .canvas import Canvas
from .glyphs import name_of
from .kit import Dice, Kit
from .mesh import Mesh, join
from .paint import plain, rubber, textured
from .solids import box, lathe, plank

RIMS = ("five-spoke", "ten-spoke", "steel", "disc")


class Wheels:
    """Materials and one wheel of a vehicle, to be put in many places."""

    def __init__(self, d: Dice, radius: float, width: float, rim: str, low_profile: float = 0.68) -> None:
        r, w, k = radius, width / 2, low_profile * radius
        self.radius = radius
        profile = [
            (k * 0.98, -w * 0.8),
            (k * 1.06, -w * 0.95),
            (r * 0.93, -w),
            (r * 0.985, -w * 0.8),
            (r, -w * 0.45),
            (r, w * 0.45),
        ]
        profile += [(r * 0.985, w * 0.8), (r * 0.93, w), (k * 1.06, w * 0.95), (k * 0.98, w * 0.8)]
        tyre = lathe([(0, -w * 0.8), *profile, (k * 0.96, w * 0.3), (0, w * 0.3)], 28, limit=50)
        self.tyre = tyre.turned("y", 90.0)
        self.rim = join(self._rim(k, w, rim)).turned("y", 90.0)
        self.tyre_material = rubber()
        tint = d.pick("rim tint", ((196, 198, 202), (168, 171, 176), (104, 106, 110)))
        self.rim_material = plain(tint, 0.3, 0.55)

    def _rim(self, k: float, w: float, rim: str) -> list[Mesh]:
        ring = lathe(
            [
                (k * 0.9, w * 0.3),
                (k * 0.97, w * 0.3),
                (k * 1.01, w * 0.86),
                (k * 0.95, w * 0.9),
                (k * 0.9, w * 0.5),
                (k * 0.9, w * 0.3),
            ],
            28,
        )
        hub = lathe(
            [(0, w * 0.3), (k * 0.24, w * 0.3), (k * 0.22, w * 0.82), (k * 0.1, w * 0.92), (0, w * 0.92)], 20, limit=30
        )
        if rim == "disc":
            return [
                ring,
                lathe(
                    [(0, w * 0.3), (k * 0.94, w * 0.35), (k * 0.9, w * 0.7), (k * 0.4, w * 0.95), (0, w)], 28, limit=60
                ),
            ]
        if rim == "steel":
            dish = lathe(
                [
                    (0, w * 0.3),
                    (k * 0.93, w * 0.32),
                    (k * 0.7, w * 0.55),
                    (k * 0.5, w * 0.8),
                    (k * 0.3, w * 0.5),
                    (0, w * 0.5),
                ],
                28,
                limit=60,
            )
            return [ring, dish, hub]
        count, broad = (5, 0.26) if rim == "five-spoke" else (10, 0.11)
        spokes = []
        for i in range(count):
            a = 2 * math.pi * i / count
            c, s = math.cos(a), math.sin(a)
            spokes.append(
                plank(
                    (c * k * 0.12, s * k * 0.12, w * 0.74), (c * k * 0.95, s * k * 0.95, w * 0.66), broad * k, w * 0.24
                )
            )
        return [ring, hub, *spokes]

    def place(self, kit: Kit, x: float, y: float) -> None:
        """A pair of wheels at (+-x, y), standing on z = 0."""
        kit.add(self.tyre_material, self.tyre.moved(x, y, self.radius).both())
        kit.add(self.rim_material, self.rim.moved(x, y, self.radius).both())


def number_plate(d: Dice, kit: Kit, y: float, z: float, front: bool) -> None:
    """A registration plate that faces -y (front) or +y."""
    c = Canvas(128, 48, (4.0, 1.5), (240, 240, 232) if front or d.chance("white plate", 0.5) else (246, 204, 60))
    c.frame(0.08, 0.08, 3.92, 1.42, 0.08, (30, 34, 60))
    text = name_of(d.share("plate a"), d.share("plate b"))[:3] + str(d.whole("plate n", 100, 999))
    c.text(text, 2.0, 0.75, 3.3, 0.8, (24, 26, 40), 0.19)
    plate = box(0.42, 0.014, 0.13, 0.003).projected("xz", (-0.21, -0.065), (0.21, 0.065))
    kit.add(textured(c.image(), 0.5), plate.moved(0, y, z) if front else plate.turned("z", 180).moved(0, y, z))


def lens(kind: str) -> Material:
    """Lamp glass: "head", "tail" or "turn"."""
    colours = {"head": (238, 242, 246), "tail": (172, 14, 20), "turn": (232, 130, 24)}
    return plain(colours[kind], 0.1, 0.0)
