"""Street signs on a post, lettered on the front only."""

from __future__ import annotations

import numpy as np

from ...nouns import Material
from .canvas import Canvas, Colour, arrow
from .glyphs import name_of
from .kit import Dice, Facts, Family, Kit
from .mesh import Array, bent
from .paint import Image, brushed, plain, textured
from .solids import box, cylinder, prism
from .sweeps import circle

_KINDS = ("name", "name", "stop", "yield", "speed", "warning", "warning", "parking", "one way")
_SCHEMES: dict[str, tuple[Colour, Colour]] = {
    "green": ((16, 98, 62), (240, 242, 238)),
    "blue": ((24, 74, 150), (240, 242, 238)),
    "white": ((238, 238, 232), (26, 26, 30)),
    "brown": ((104, 64, 36), (244, 240, 228)),
}
_WARNINGS = ("bend", "cross", "bump", "arrow")
_POSTS = ("steel", "steel", "wood", "green-painted", "black")


def _facts(d: Dice) -> Facts:
    kind = d.pick("kind", _KINDS)
    colour = {
        "stop": "red",
        "yield": "red and white",
        "speed": "white",
        "warning": "yellow",
        "parking": "blue",
        "one way": "black and white",
    }.get(kind) or d.pick("scheme", tuple(_SCHEMES))
    shape = {"stop": "octagonal", "yield": "triangular", "warning": "diamond-shaped"}.get(kind, "rectangular")
    return Facts((colour, shape, f"{kind} sign", f"{d.pick('post', _POSTS)} post"))


def _outline(kind: str, w: float, h: float) -> Array:
    """The plate's outline, counter-clockwise from the front, about the origin, with rounded corners."""
    if kind == "stop":
        ring = circle(8, w / 2 / np.cos(np.pi / 8), w / 2 / np.cos(np.pi / 8), start=22.5)
    elif kind == "yield":
        ring = np.array([(0.0, -h / 2), (w / 2, h / 2), (-w / 2, h / 2)])
    elif kind == "warning":
        ring = circle(4, w * 0.7071, w * 0.7071)
    else:
        ring = np.array([(-w / 2, -h / 2), (w / 2, -h / 2), (w / 2, h / 2), (-w / 2, h / 2)])
    return bent(ring, 0.04 if kind in ("yield", "warning") else 0.02, 4, closed=True)


def _face(d: Dice, kind: str, w: float, h: float, board: int = 0) -> Image:
    """What is painted on a plate; units are the plate's own lengths."""
    big = 256 if w <= 2 * h else 512
    red, white, black, yellow = (188, 22, 32), (242, 242, 238), (26, 26, 28), (246, 196, 20)
    c = Canvas(big, max(64, int(big * h / w / 16) * 16), (w, h), white)
    if kind == "stop":
        c.rect(-1, -1, 3, 3, red)
        ring = np.add(circle(8, w / 2 * 1.03, w / 2 * 1.03, start=22.5), [w / 2, h / 2])
        c.line(np.concatenate([ring, ring[:1]]), 0.022, white)
        c.text("STOP", w / 2, h / 2, w * 0.78, h * 0.34, white, 0.17)
    elif kind == "yield":
        c.rect(-1, -1, 3, 3, red)
        c.polygon([(w * 0.5, h * 0.22), (w * 0.8, h * 0.84), (w * 0.2, h * 0.84)], white)
        c.text("YIELD", w / 2, h * 0.68, w * 0.36, h * 0.14, red, 0.18)
    elif kind == "speed":
        c.frame(0.02, 0.02, w - 0.02, h - 0.02, 0.014, black, 0.03)
        c.text("SPEED", w / 2, h * 0.84, w * 0.74, h * 0.1, black, 0.18)
        c.text("LIMIT", w / 2, h * 0.68, w * 0.66, h * 0.1, black, 0.18)
        c.text(str(d.whole("speed", 2, 7)) + d.pick("five", "05"), w / 2, h * 0.33, w * 0.74, h * 0.4, black, 0.17)
    elif kind == "warning":
        c.rect(-1, -1, 3, 3, yellow)
        ring = np.add(circle(4, 0.455 * w, 0.455 * w), [w / 2, h / 2])
        c.line(np.concatenate([ring, ring[:1]]), 0.018, black)
        _symbol(c, d.pick("symbol", _WARNINGS), w, h, black)
    elif kind == "parking":
        c.rect(-1, -1, 3, 3, (24, 74, 150))
        c.frame(0.02, 0.02, w - 0.02, h - 0.02, 0.012, white, 0.03)
        c.text("P", w / 2, h * 0.6, w * 0.6, h * 0.44, white, 0.2)
        c.polygon(arrow(w / 2, h * 0.18, w * 0.6, h * 0.16, 1.0 if d.chance("way", 0.5) else -1.0), white)
    elif kind == "one way":
        c.rect(-1, -1, 3, 3, black)
        sign = 1.0 if d.chance("way", 0.5) else -1.0
        c.polygon(arrow(w / 2, h / 2, w * 0.92, h * 0.84, sign), white)
        c.text("ONE WAY", w / 2 - sign * w * 0.06, h / 2, w * 0.6, h * 0.2, black, 0.19)
    else:
        ground, ink = _SCHEMES[d.pick("scheme", tuple(_SCHEMES))]
        c.rect(-1, -1, 3, 3, ground)
        c.frame(0.012, 0.012, w - 0.012, h - 0.012, 0.009, ink, 0.02)
        name = name_of(d.share(f"name a{board}"), d.share(f"name b{board}"))
        c.text(
            f"{name} {d.pick(f'road{board}', ('ST', 'AVE', 'RD', 'LN', 'BLVD'))}",
            w / 2,
            h / 2,
            w * 0.84,
            h * 0.5,
            ink,
            0.17,
        )
    return c.image()


def _symbol(c: Canvas, symbol: str, w: float, h: float, ink: Colour) -> None:
    x, y, s = w / 2, h / 2, w * 0.2
    if symbol == "bend":
        c.line(
            [(x - s * 0.5, y - s), (x - s * 0.5, y), (x + s * 0.5, y + s * 0.5), (x + s * 0.5, y + s * 0.6)],
            s * 0.34,
            ink,
        )
        c.polygon(
            [(x + s * 0.5 - s * 0.45, y + s * 0.6), (x + s * 0.5 + s * 0.45, y + s * 0.6), (x + s * 0.5, y + s * 1.2)],
            ink,
        )
    elif symbol == "cross":
        c.line([(x, y - s), (x, y + s)], s * 0.36, ink)
        c.line([(x - s, y), (x + s, y)], s * 0.36, ink)
    elif symbol == "bump":
        c.polygon(
            [
                (x - s * 1.1, y - s * 0.4),
                (x - s * 0.5, y - s * 0.3),
                (x - s * 0.2, y + s * 0.4),
                (x + s * 0.2, y + s * 0.4),
                (x + s * 0.5, y - s * 0.3),
                (x + s * 1.1, y - s * 0.4),
                (x + s * 1.1, y - s * 0.65),
                (x - s * 1.1, y - s * 0.65),
            ],
            ink,
        )
    else:
        c.polygon([(px, py) for px, py in arrow(x, y, s * 2.2, s * 1.3, 1.0)], ink)


def _sizes(d: Dice, kind: str) -> tuple[float, float]:
    s = d.between("size", 0.42, 0.52)
    if kind == "name":
        return d.between("long", 0.72, 0.95), d.between("tall", 0.17, 0.22)
    if kind == "one way":
        return 0.62, 0.23
    if kind in ("speed", "parking"):
        return s * 0.8, s
    return (s, s * 0.88) if kind == "yield" else (s, s)


def _build(d: Dice, kit: Kit) -> None:
    kind, post = d.pick("kind", _KINDS), d.pick("post", _POSTS)
    w, h = _sizes(d, kind)
    height = d.between("height", 1.05, 1.45)
    materials = {
        "steel": textured(brushed((150, 154, 158), 1, 128), 0.45, 0.4),
        "wood": plain((128, 92, 60), 0.8),
        "green-painted": plain("dark green", 0.5),
        "black": plain("black", 0.45),
    }
    stem, metal = materials[post], plain((150, 154, 160), 0.45, 0.4)
    if post == "wood":
        kit.add(stem, box(0.075, 0.075, height, 0.01, grain="z").moved(z=height / 2))
    else:
        kit.add(stem, cylinder(0.026, height, 0.006, 24).moved(z=height / 2))
        kit.add(stem, cylinder(0.075, 0.02, 0.006, 32).moved(z=0.01))
    boards = [(height - h * (0.42 if kind != "warning" else 0.6), 0)]
    if kind == "name":
        boards = [(height + 0.03 - h / 2, 0)]
        if d.chance("second", 0.45):
            boards.append((height + 0.03 - h * 1.5 - 0.03, 1))
    for z, board in boards:
        _plate(d, kit, kind, w, h, z, board, metal, 0.046 if post == "wood" else 0.034)


def _plate(d: Dice, kit: Kit, kind: str, w: float, h: float, z: float, board: int, metal: Material, off: float) -> None:
    outline = _outline(kind, w, h)
    plate = prism(outline, 0.014, 0.003)
    kit.add(metal, plate.moved(0, -off - 0.007, z))
    # The painted face is a thin sheet of its own: the back of a real sign is bare metal.
    lo, hi = outline.min(0), outline.max(0)
    face = prism(outline * 0.995, 0.004).projected("xz", lo, hi)
    kit.add(
        textured(_face(d, kind, float(hi[0] - lo[0]), float(hi[1] - lo[1]), board), 0.4),
        face.moved(0, -off - 0.0175, z),
    )
    for dz in (-0.3, 0.3) if kind not in ("name", "one way") else (0.0,):
        kit.add(metal, box(0.08, off + 0.01, 0.03, 0.004).moved(0, -off / 2, z + dz * h * 0.6))


STREET_SIGN = Family("street sign", _facts, _build, distance=1.6, sampling=4)
