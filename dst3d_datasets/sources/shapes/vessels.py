"""Teapots and wine bottles."""

from __future__ import annotations

import numpy as np

from ...nouns import Material
from .canvas import Canvas, Colour, star
from .glyphs import name_of
from .kit import Dice, Facts, Family, Kit
from .mesh import Array, Mesh, curve
from .paint import PAINTS, Image, dots, mix, plain, readable, speckle, stripes, textured
from .solids import cylinder, lathe
from .sweeps import shell, tube

_GLAZES = ("white", "cream", "red", "navy", "teal", "green", "sky blue", "yellow", "brown", "black", "pink", "grey")
_INKS = ("navy", "red", "teal", "yellow", "pink", "green", "purple", "orange", "white")
_DECORS = ("flowers", "band", "dots", "plain", "speckled", "striped")
_BODIES = ("round", "squat", "pear", "barrel")


def _tea(d: Dice) -> tuple[str, str, str, str]:
    glaze = d.pick("glaze", _GLAZES)
    far = [c for c in _INKS if sum(abs(a - b) for a, b in zip(PAINTS[c], PAINTS[glaze], strict=True)) > 180]
    return glaze, d.pick("ink", far), d.pick("decor", _DECORS), d.pick("body", _BODIES)


def _tea_facts(d: Dice) -> Facts:
    glaze, ink, decor, body = _tea(d)
    words = {"flowers": f"{ink} flowers", "band": f"{ink} band", "dots": "dotted", "striped": "striped"}.get(
        decor, decor
    )
    return Facts((glaze, "ceramic", body, words, "spout", "lid"))


def _tea_profile(d: Dice, body: str) -> Array:
    """The pot's outside from its foot to its mouth: (radius, z), height about 1."""
    k = d.between("belly", -0.05, 0.06)
    shapes = {
        "round": [(0.36, 0.0), (0.56, 0.2), (0.64 + k, 0.46), (0.55, 0.74), (0.34, 0.9), (0.30, 0.93)],
        "squat": [(0.44, 0.0), (0.68, 0.16), (0.76 + k, 0.36), (0.64, 0.58), (0.38, 0.70), (0.33, 0.73)],
        "pear": [(0.40, 0.0), (0.58, 0.14), (0.64 + k, 0.36), (0.48, 0.68), (0.34, 0.92), (0.30, 1.0)],
        "barrel": [(0.45, 0.0), (0.53, 0.2), (0.57 + k, 0.47), (0.53, 0.74), (0.43, 0.91), (0.33, 0.96)],
    }
    return curve(shapes[body], 30)


def _tea_image(d: Dice) -> Image:
    glaze, ink, decor, _ = _tea(d)
    base, colour = PAINTS[glaze], PAINTS[ink]
    ground: Colour | Image = base
    if decor == "dots":
        ground = np.tile(dots(base, colour, 7, radius=0.2), (1, 2, 1))
    elif decor == "speckled":
        ground = np.tile(speckle(base, mix(base, readable(base), 0.6), d.number), (1, 2, 1))
    elif decor == "striped":
        ground = np.tile(stripes((base, base, colour), 6), (1, 2, 1))
    c = Canvas(512, 256, (3.2, 1.0), ground)
    if decor == "band":
        c.rect(-1, 0.42, 4, 0.6, colour)
        c.rect(-1, 0.37, 4, 0.39, colour)
        c.rect(-1, 0.63, 4, 0.65, colour)
    if decor == "flowers":
        for x, y, s in (
            (1.6, 0.5, 0.13),
            (1.36, 0.36, 0.085),
            (1.84, 0.37, 0.085),
            (1.45, 0.66, 0.07),
            (1.78, 0.68, 0.07),
        ):
            c.line([(x, y), (1.6, 0.24)], 0.018, PAINTS["green"])
            for k in range(5):
                a = k * 2 * np.pi / 5 + x * 9
                c.disc(x + s * 0.6 * np.cos(a), y + s * 0.6 * np.sin(a), s * 0.46, colour)
            c.disc(x, y, s * 0.34, (250, 214, 80))
    elif decor in ("plain", "band"):
        c.disc(1.6, 0.5, 0.16, base if decor == "band" else colour)
        c.polygon(star(1.6, 0.5, 0.12, d.whole("points", 5, 8), 0.5), colour if decor == "band" else base)
    return c.image()


def _tea_build(d: Dice, kit: Kit) -> None:
    glaze, ink, _, body = _tea(d)
    rough = d.pick("finish", (0.12, 0.2, 0.4))
    wall = _tea_profile(d, body)
    top_r, top_z = wall[-1]
    skin = np.concatenate([[[0, 0]], wall, [[0, top_z]]])
    kit.add(textured(_tea_image(d), rough), lathe(skin, 64, v_by="z", limit=60))
    kit.add(plain(glaze, rough), cylinder(float(wall[0, 0]) * 0.92, 0.05, 0.008, 48).moved(z=-0.005))
    accent = plain(ink if d.chance("accent", 0.4) else glaze, rough)
    dome = d.between("dome", 0.08, 0.16)
    lid = [(0, top_z - 0.01), (top_r + 0.02, top_z - 0.01), (top_r + 0.03, top_z + 0.012), (top_r * 0.98, top_z + 0.03)]
    lid += [
        (top_r * 0.8, top_z + 0.03 + dome * 0.5),
        (top_r * 0.45, top_z + 0.03 + dome * 0.9),
        (0.05, top_z + 0.03 + dome),
    ]
    knob_z = top_z + 0.03 + dome
    lid += [
        (0.045, knob_z + 0.03),
        (0.085, knob_z + 0.07),
        (0.08, knob_z + 0.115),
        (0.04, knob_z + 0.14),
        (0, knob_z + 0.145),
    ]
    kit.add(accent, lathe(lid, 48, limit=70))
    belly = float(wall[:, 0].max())
    reach, tip = belly + d.between("spout", 0.42, 0.6), top_z * d.between("tip", 0.9, 1.0)
    spout = curve(
        [
            (-belly * 0.75, 0, top_z * 0.30),
            (-belly - 0.12, 0, top_z * 0.42),
            (-reach + 0.12, 0, tip * 0.82),
            (-reach, 0, tip),
        ],
        26,
    )
    radii = np.interp(np.linspace(0, 1, 26), [0, 0.3, 0.8, 1], [0.19, 0.13, 0.07, 0.062])
    colour = plain(glaze, rough)
    kit.add(colour, tube(spout, radii, 18, hint=(0, 1, 0)))
    kit.add(plain((40, 30, 26), 0.8), tube(spout[-2:] + np.array([-0.004, 0, 0.005]), 0.046, 16, hint=(0, 1, 0)))
    _tea_handle(d, kit, colour if d.chance("same", 0.6) else accent, wall, belly, float(top_z))


def _tea_handle(d: Dice, kit: Kit, material: Material, wall: Array, belly: float, top: float) -> None:
    grip = d.between("grip", 0.042, 0.058)
    high, low = top * 0.84, top * 0.24
    r0 = float(np.interp(high, wall[:, 1], wall[:, 0])) - 0.03
    r1 = float(np.interp(low, wall[:, 1], wall[:, 0])) - 0.03
    out = belly + d.between("loop", 0.32, 0.42)
    path = curve(
        [
            (r0, 0, high),
            (out - 0.12, 0, high + 0.07),
            (out, 0, high - 0.12),
            (out - 0.08, 0, (high + low) / 2 - 0.06),
            (r1, 0, low),
        ],
        28,
    )
    kit.add(material, tube(path, grip, 14, flat=0.75, hint=(0, 1, 0)))


TEAPOT = Family("teapot", _tea_facts, _tea_build, distance=1.32, sampling=3)

_GLASS: dict[str, Colour] = {
    "green": (22, 56, 34),
    "dark green": (16, 34, 26),
    "amber": (92, 50, 18),
    "black": (18, 18, 20),
    "pale green": (150, 170, 130),
    "blue": (24, 52, 116),
}
_FORMS = ("Bordeaux", "Burgundy", "Riesling", "Champagne")
_PAPERS = ("cream", "white", "black", "dark red", "navy", "tan")
_FOILS = ("dark red", "black", "silver", "yellow", "navy", "green")


def _wine_facts(d: Dice) -> Facts:
    return Facts(
        (
            f"{d.pick('glass', tuple(_GLASS))} glass",
            f"{d.pick('form', _FORMS)} shape",
            f"{d.pick('paper', _PAPERS)} label",
            f"{d.pick('foil', _FOILS)} capsule",
        )
    )


def _wine_profile(form: str) -> Array:
    """(radius, z) from the foot to the lip, height 1: a straight body, a shoulder and a straight neck."""
    body, neck, low, high, bend = {
        "Bordeaux": (0.128, 0.046, 0.58, 0.76, 0.75),
        "Burgundy": (0.140, 0.047, 0.36, 0.86, 1.0),
        "Riesling": (0.112, 0.043, 0.30, 0.92, 1.1),
        "Champagne": (0.146, 0.048, 0.38, 0.88, 0.9),
    }[form]
    z = np.linspace(0.02, 1.0, 70)
    s = np.clip((z - low) / (high - low), 0, 1) ** bend
    foot = np.array([[body * 0.93, 0.0], [body * 0.975, 0.006]])
    return np.concatenate([foot, np.column_stack([body + (neck - body) * s * s * (3 - 2 * s), z])])


def _label(d: Dice, paper: Colour, aspect: float) -> Image:
    """A printed label, `aspect` wide and 1 high."""
    c = Canvas(256, 256, (aspect, 1.0), paper)
    ink = readable(paper)
    accent = (196, 160, 74) if d.chance("gold", 0.6) else PAINTS["dark red"] if sum(paper) > 380 else PAINTS["cream"]
    c.frame(0.04, 0.04, aspect - 0.04, 0.96, 0.018, accent)
    middle, emblem = aspect / 2, d.pick("emblem", ("crest", "sun", "hills", "star"))
    if emblem == "crest":
        c.polygon(
            [
                (middle - 0.12, 0.86),
                (middle + 0.12, 0.86),
                (middle + 0.12, 0.70),
                (middle, 0.58),
                (middle - 0.12, 0.70),
            ],
            accent,
        )
        c.text(name_of(d.share("wine a"), d.share("wine b"))[:1], middle, 0.745, 0.2, 0.14, paper)
    elif emblem == "sun":
        c.disc(middle, 0.72, 0.13, accent)
    elif emblem == "hills":
        x = np.linspace(0.1, aspect - 0.1, 24)
        c.polygon([*zip(x, 0.72 + 0.09 * np.sin(x * 9), strict=True), (aspect - 0.1, 0.6), (0.1, 0.6)], accent)
        c.disc(aspect * 0.68, 0.84, 0.06, accent)
    else:
        c.polygon(star(middle, 0.72, 0.15, 8, 0.5), accent)
    c.text(name_of(d.share("wine a"), d.share("wine b")), middle, 0.44, aspect * 0.74, 0.16, ink, 0.15)
    c.line([(aspect * 0.2, 0.31), (aspect * 0.8, 0.31)], 0.012, accent)
    c.text(str(d.whole("year", 1968, 2021)), middle, 0.2, aspect * 0.4, 0.1, ink, 0.17)
    return c.image()


def _small_print(d: Dice, paper: Colour, aspect: float) -> Image:
    """The label on the back: lines of text and a bar code."""
    c = Canvas(128, 128, (aspect, 1.0), paper)
    ink = readable(paper)
    for k in range(6):
        c.rect(
            aspect * 0.1, 0.9 - 0.08 * k, aspect * (0.1 + 0.8 * d.between(f"print {k}", 0.6, 1.0)), 0.93 - 0.08 * k, ink
        )
    c.rect(aspect * 0.3, 0.08, aspect * 0.7, 0.38, (244, 244, 240))
    for k in range(9):
        x = aspect * (0.33 + 0.037 * k)
        c.rect(x, 0.12, x + aspect * 0.018, 0.34, (20, 20, 22))
    return c.image()


def _aspect(wall: Array, low: float, high: float, wide: float) -> float:
    """Width over height of a label that reaches `wide` degrees to both sides."""
    return 2 * float(np.radians(wide)) * float(np.interp(low, wall[:, 1], wall[:, 0])) / (high - low)


def _paper(wall: Array, low: float, high: float, wide: float) -> Mesh:
    """A label on the front of a bottle."""
    a, z = np.radians(np.linspace(-wide, wide, 33)), np.linspace(low, high, 9)
    r = np.interp(z, wall[:, 1], wall[:, 0]) + 0.0025
    ring = [r[:, None] * np.sin(a)[None], -r[:, None] * np.cos(a)[None], np.broadcast_to(z[:, None], (9, 33))]
    return shell(np.stack(ring, -1)[:, ::-1], 0.002, u=np.linspace(1, 0, 33)[None], v=np.linspace(0, 1, 9)[:, None])


def _wine_build(d: Dice, kit: Kit) -> None:
    form, paper = d.pick("form", _FORMS), PAINTS[d.pick("paper", _PAPERS)]
    wall = _wine_profile(form)
    wall[:, 0] *= d.between("girth", 0.95, 1.12)
    kit.add(
        plain(_GLASS[d.pick("glass", tuple(_GLASS))], 0.07, 0.05),
        lathe(np.concatenate([[[0, 0]], wall, [[0, 1.0]]]), 56, limit=60),
    )
    low, high = d.between("label low", 0.10, 0.16), d.between("label high", 0.40, 0.5)
    wide = d.between("label turn", 55, 80)
    kit.add(textured(_label(d, paper, _aspect(wall, low, high, wide)), 0.85), _paper(wall, low, high, wide))
    back = _paper(wall, low, low + (high - low) * 0.7, wide * 0.55).turned("z", 180.0)
    kit.add(textured(_small_print(d, paper, _aspect(wall, low, low + (high - low) * 0.7, wide * 0.55)), 0.85), back)
    foil = plain(d.pick("foil", _FOILS), 0.4, 0.3)
    start = d.between("capsule", 0.80, 0.86)
    z = np.linspace(start, 0.995, 12)
    sleeve = np.column_stack([np.interp(z, wall[:, 1], wall[:, 0]) + 0.0035, z])
    collar = [
        (sleeve[-1, 0], 0.955),
        (sleeve[-1, 0] + 0.006, 0.96),
        (sleeve[-1, 0] + 0.006, 0.985),
        (sleeve[-1, 0], 0.99),
    ]
    profile = np.concatenate([[[0, start]], sleeve[:10], collar, [[sleeve[-1, 0], 1.006], [0, 1.006]]])
    kit.add(foil, lathe(profile, 40, limit=50))


WINE_BOTTLE = Family("wine bottle", _wine_facts, _wine_build, distance=1.31, sampling=3)
