"""Coffee mugs: handle at +x, a print on the front."""

from __future__ import annotations

import numpy as np

from ...nouns import Material
from .canvas import Canvas, star
from .glyphs import name_of
from .kit import Dice, Facts, Family, Kit
from .mesh import Array, bent, curve
from .paint import PAINTS, Image, checks, dots, mix, plain, readable, speckle, stripes, textured
from .solids import lathe
from .sweeps import tube

_GLAZES = (
    "white",
    "white",
    "cream",
    "red",
    "navy",
    "teal",
    "yellow",
    "black",
    "green",
    "pink",
    "sky blue",
    "grey",
    "orange",
)
_SHAPES = ("straight", "straight", "tapered", "barrel", "bell")
_PRINTS = ("heart", "star", "stripe", "word", "word", "sun", "flower", "badge")
_INKS = ("red", "navy", "black", "teal", "orange", "purple", "green", "yellow", "white", "pink")
_GROUNDS = ("plain", "plain", "plain", "speckled", "two-tone", "dotted", "striped", "checked")


def _choices(d: Dice) -> tuple[str, str, str, str, str]:
    glaze = d.pick("glaze", _GLAZES)
    far = [c for c in _INKS if sum(abs(a - b) for a, b in zip(PAINTS[c], PAINTS[glaze], strict=True)) > 190]
    return glaze, d.pick("ink", far), d.pick("print", _PRINTS), d.pick("shape", _SHAPES), d.pick("ground", _GROUNDS)


def _facts(d: Dice) -> Facts:
    glaze, ink, print_, shape, ground = _choices(d)
    return Facts((glaze, "ceramic", ground, f"{ink} {print_} print", shape))


def _radius(d: Dice, shape: str, t: Array) -> Array:
    """The mug's outer radius at shares t of its height (height 1)."""
    r = d.between("radius", 0.38, 0.47)
    k = d.between("form", 0.05, 0.12)
    foot = np.clip((0.06 - t) / 0.06, 0, 1) ** 2 * 0.035
    if shape == "tapered":
        share = 0.86 + 2 * k * t
    elif shape == "barrel":
        share = 0.9 + k * 1.6 * np.sin(np.pi * np.clip(t, 0, 1))
    elif shape == "bell":
        share = 0.84 + 0.5 * k + 2.2 * k * t**3
    else:
        share = np.ones_like(t)
    out: Array = r * share - foot
    return out


def _wall_texture(d: Dice) -> Image:
    """Outside of the mug: u round, 0.5 the front; v up."""
    glaze, ink, print_, _, ground = _choices(d)
    base, colour = PAINTS[glaze], PAINTS[ink]
    soft = mix(base, colour, 0.28)
    pictures = {
        "speckled": lambda: np.tile(speckle(base, mix(base, readable(base), 0.55), d.number), (1, 2, 1)),
        "dotted": lambda: np.tile(dots(base, soft, 4), (1, 2, 1)),
        "striped": lambda: np.tile(stripes((base, base, soft), 3, upright=d.chance("upright", 0.5)), (1, 2, 1)),
        "checked": lambda: np.tile(checks(base, soft, 4), (1, 2, 1)),
    }
    c = Canvas(512, 256, (2.8, 1.0), pictures[ground]() if ground in pictures else base)
    if ground == "two-tone":
        c.rect(-1, -1, 4, d.between("dip", 0.25, 0.4), colour)
    if ground in ("dotted", "striped", "checked"):
        c.disc(1.4, 0.52, 0.36, base)
    _print(c, d, print_, colour)
    return c.image()


def _print(c: Canvas, d: Dice, print_: str, colour: tuple[int, int, int]) -> None:
    x, y, s = 1.4, 0.54, d.between("print size", 0.24, 0.3)
    if print_ == "heart":
        t = np.linspace(0, 2 * np.pi, 40, endpoint=False)
        hx, hy = 16 * np.sin(t) ** 3, 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
        c.polygon(np.stack([x + hx * s / 16, y + 0.03 + hy * s / 16], 1), colour)
    elif print_ == "star":
        c.polygon(star(x, y, s * 1.1), colour)
    elif print_ == "stripe":
        for k, w in ((-1, 0.035), (0, 0.075), (1, 0.035)):
            c.rect(x - 0.5, y + k * 0.14 - w, x + 0.5, y + k * 0.14 + w, colour, w)
    elif print_ == "word":
        c.text(name_of(d.share("word a"), d.share("word b")), x, y + 0.06, 0.8, 0.22, colour, 0.19)
        c.line([(x - 0.36, y - 0.15), (x + 0.36, y - 0.15)], 0.03, colour)
    elif print_ == "sun":
        for k in range(12):
            a = k * np.pi / 6
            c.line(
                [
                    (x + s * 0.75 * np.cos(a), y + s * 0.75 * np.sin(a)),
                    (x + s * 1.15 * np.cos(a), y + s * 1.15 * np.sin(a)),
                ],
                0.04,
                colour,
            )
        c.disc(x, y, s * 0.6, colour)
    elif print_ == "flower":
        for k in range(6):
            a = k * np.pi / 3
            c.disc(x + s * 0.62 * np.cos(a), y + s * 0.62 * np.sin(a), s * 0.4, colour)
        c.disc(x, y, s * 0.34, mix(colour, (255, 230, 90), 0.8))
    else:
        c.disc(x, y, s * 1.15, colour, s * 0.98)
        c.text(name_of(d.share("word a"), d.share("word b"))[:1], x, y, s * 1.4, s * 1.1, colour, 0.18)


def _build(d: Dice, kit: Kit) -> None:
    glaze, ink, _, shape, _ = _choices(d)
    t = np.linspace(0, 1, 22)
    outer = _radius(d, shape, t)
    wall = d.between("wall", 0.035, 0.05)
    skin = np.concatenate([[[0.0, 0.0]], np.stack([outer, t], 1)])
    body = lathe(skin, 64, v_by="z", limit=50)
    rough = d.pick("finish", (0.12, 0.2, 0.45))
    # The outside is an open cup; the inside is a second skin that shares its rim, so that together they are closed.
    rim = np.linspace(0, np.pi, 7)[1:-1]
    lip = np.stack([outer[-1] - wall / 2 + wall / 2 * np.cos(rim), 1.0 + wall / 2 * np.sin(rim)], 1)
    inner = np.stack([outer[::-1] - wall, np.linspace(1, 0.07, 22)], 1)
    inside = np.concatenate([[[outer[-1], 1.0]], lip, inner, [[0.0, 0.055]]])
    lining = plain(ink if d.chance("lining", 0.4) else glaze, rough)
    kit.add(textured(_wall_texture(d), rough), body)
    kit.add(lining, lathe(inside, 64, limit=60))
    _handle(d, kit, plain(ink if d.chance("handle ink", 0.25) else glaze, rough), shape)


def _handle(d: Dice, kit: Kit, material: Material, shape: str) -> None:
    top, low = d.between("handle top", 0.78, 0.86), d.between("handle low", 0.2, 0.3)
    r0, r1 = (float(_radius(d, shape, np.array([z]))[0]) - 0.02 for z in (top, low))
    reach = d.between("reach", 0.26, 0.36)
    if d.chance("square", 0.3):
        path = bent([(r0, 0, top), (r0 + reach, 0, top), (r0 + reach, 0, low), (r1, 0, low)], 0.14, 6)
    else:
        middle = (top + low) / 2
        path = curve(
            [
                (r0, 0, top),
                (r0 + reach * 0.7, 0, top + 0.02),
                (r0 + reach, 0, middle + 0.06),
                (r0 + reach * 0.7, 0, low + 0.06),
                (r1, 0, low),
            ],
            24,
        )
    kit.add(
        material, tube(path, d.between("grip", 0.055, 0.075), 14, flat=d.between("flat", 0.6, 0.85), hint=(0, 1, 0))
    )


FAMILY = Family("coffee mug", _facts, _build, distance=1.68, sampling=3)
