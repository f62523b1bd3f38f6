"""What is painted on an airliner: fuselage and fin."""

from __future__ import annotations

import numpy as np

from .canvas import Canvas, Colour, star
from .glyphs import name_of
from .kit import Dice
from .paint import PAINTS, Image, mix

_LIVERIES = (
    "navy",
    "red",
    "green",
    "teal",
    "orange",
    "sky blue",
    "purple",
    "dark red",
    "blue",
    "turquoise",
    "charcoal",
)
_SECOND = ("yellow", "red", "silver", "sky blue", "orange", "navy", "lime")
_BODIES = ("white", "white", "white", "silver", "cream", "sky blue")
_LAYOUTS = ("twin", "twin", "twin", "four", "rear")
_STYLES = ("cheat line", "two-tone belly", "painted tail", "swoosh")


def choices(d: Dice) -> tuple[str, str, str, str, str]:
    """Body colour, livery colour, second colour, layout of the engines, style of the livery."""
    body = d.pick("body", _BODIES)
    livery = d.pick("livery", [c for c in _LIVERIES if c != body])
    return (
        body,
        livery,
        d.pick("second", [c for c in _SECOND if c != livery]),
        d.pick("layout", _LAYOUTS),
        d.pick("style", _STYLES),
    )


def livery_image(d: Dice) -> Image:
    """The fuselage's texture: u from nose to tail, v from the belly round the +x side and back."""
    body, livery, second, _, style = choices(d)
    paint, accent = PAINTS[livery], PAINTS[second]
    c = Canvas(1024, 256, (1.0, 1.0), PAINTS[body])
    grey = mix(PAINTS[body], (120, 124, 130), 0.55)
    for side in (0.25, 0.75):
        up = 1.0 if side < 0.5 else -1.0
        _stripes(c, d, side, up, style, paint, accent, grey)
        for k in range(58):
            u = 0.135 + k * 0.0118
            if min(abs(u - door) for door in (0.125, 0.42, 0.80)) > 0.012:
                c.rect(
                    u - 0.0026, side + up * 0.014 - 0.012, u + 0.0026, side + up * 0.014 + 0.012, (38, 46, 58), 0.002
                )
        for door in (0.118, 0.42, 0.80):
            c.frame(
                door - 0.007, side - 0.042, door + 0.007, side + 0.048, 0.0022, mix(PAINTS[body], (60, 60, 66), 0.6)
            )
        name = name_of(d.share("name a"), d.share("name b"))
        c.text(
            name + (" AIR" if d.chance("air", 0.5) else ""),
            0.245,
            side + up * 0.095,
            0.2,
            0.075,
            paint,
            0.17,
            up < 0,
            3.6,
        )
    _cockpit(c)
    return c.image()


def _stripes(
    c: Canvas, d: Dice, side: float, up: float, style: str, paint: Colour, accent: Colour, grey: Colour
) -> None:
    if style == "cheat line":
        c.rect(0.0, side - 0.03 + up * 0.012, 1.0, side + 0.03 + up * 0.012, paint)
        c.rect(0.0, side - up * 0.036 - 0.008, 1.0, side - up * 0.036 + 0.008, accent)
    elif style == "two-tone belly":
        low, high = sorted((0.0 if up > 0 else 1.0, side - up * 0.055))
        c.rect(-1, low, 2, high, paint)
        c.rect(-1, side - up * 0.055 - 0.006, 2, side - up * 0.055 + 0.006, accent)
    elif style == "swoosh":
        s = np.linspace(0, 1, 14)
        edge = np.stack([0.52 + 0.48 * s, side - up * (0.24 - 0.52 * s**1.6)], 1)
        upper = np.stack([0.70 + 0.30 * s, side - up * (0.24 - 0.60 * s**1.2)], 1)[::-1]
        c.polygon(np.concatenate([edge, upper]), paint)
        c.line(edge - [0.03, 0.0], 0.016, accent)
    else:
        c.polygon(
            [(0.80, side - up * 0.25), (0.90, side + up * 0.26), (1.1, side + up * 0.26), (1.1, side - up * 0.25)],
            paint,
        )
        c.line([(0.785, side - up * 0.25), (0.885, side + up * 0.26)], 0.012, accent)
    if style in ("cheat line", "painted tail"):
        low, high = sorted((0.0 if up > 0 else 1.0, side - up * 0.13))
        c.rect(-1, low, 0.8 if style == "painted tail" else 2, high, grey)


def _cockpit(c: Canvas) -> None:
    glass = (26, 32, 42)
    for up in (1.0, -1.0):
        for inner, outer, u0, u1 in (
            (0.012, 0.062, 0.022, 0.038),
            (0.072, 0.118, 0.0255, 0.046),
            (0.128, 0.163, 0.034, 0.056),
        ):
            v0, v1 = 0.5 - up * inner, 0.5 - up * outer
            c.polygon([(u0, v0), (u1, v0), (u1 + 0.006, v1), (u0 + 0.006, v1)], glass)


def fin_image(d: Dice) -> Image:
    """The fin's texture: u upwards, v from the leading to the trailing edge."""
    _, livery, second, _, _ = choices(d)
    c = Canvas(256, 256, (1.0, 1.0), PAINTS[livery])
    accent, emblem = PAINTS[second], d.pick("emblem", ("star", "disc", "bands", "bird"))
    if emblem == "star":
        c.polygon(star(0.52, 0.42, 0.26), accent)
    elif emblem == "disc":
        c.disc(0.52, 0.42, 0.24, accent)
        c.disc(0.60, 0.42, 0.18, PAINTS[livery])
    elif emblem == "bands":
        for k in range(3):
            c.polygon([(0.2 + 0.24 * k, 0), (0.32 + 0.24 * k, 0), (0.32 + 0.24 * k, 1), (0.2 + 0.24 * k, 1)], accent)
    else:
        c.polygon([(0.25, 0.2), (0.8, 0.45), (0.25, 0.8), (0.45, 0.45)], accent)
    return c.image()
