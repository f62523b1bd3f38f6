"""What a render shows, in words: the object's colour and material, so that prompt and picture agree."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..nouns import Buffers, CadModel

# Names by sRGB, several for a name where shading moves it; nearest in CIELAB with lightness at half weight.
_COLOURS: tuple[tuple[str, tuple[int, int, int]], ...] = (
    ("black", (20, 20, 20)), ("grey", (90, 90, 90)), ("grey", (150, 150, 150)), ("white", (225, 225, 225)),
    ("white", (250, 250, 250)), ("red", (200, 30, 35)), ("red", (150, 25, 30)), ("dark red", (95, 15, 20)),
    ("orange", (235, 130, 35)), ("brown", (110, 70, 40)), ("brown", (145, 95, 55)), ("yellow", (235, 210, 50)),
    ("yellow", (190, 165, 35)), ("beige", (215, 195, 160)), ("green", (60, 150, 60)), ("green", (110, 180, 80)),
    ("dark green", (30, 75, 35)), ("turquoise", (60, 185, 180)), ("light blue", (150, 190, 225)),
    ("blue", (45, 90, 190)),
    ("blue", (10, 10, 250)), ("blue", (70, 120, 200)), ("navy blue", (25, 35, 85)), ("purple", (115, 55, 150)),
    ("pink", (235, 150, 180)), ("pink", (220, 80, 140)),
)  # fmt: skip
MAIN, SECOND = 0.45, 0.25  # shares of the silhouette from which on a colour is the object's, or its second one
_MOST_PIXELS = 20_000


@dataclass(frozen=True, slots=True)
class Look:
    """Words for what is seen; each may be empty."""

    colour: str = ""  # "red", "red and white", or empty where no colour prevails
    material: str = ""  # "metal", "glass", or empty: other materials cannot be told from a model's numbers


def look_of(model: CadModel, buffers: Buffers) -> Look:
    """The look of a rendered model: its colours in the picture, its material by the parts that are seen."""
    return Look(colour_of(buffers.colour, buffers.mask), material_of(model, buffers.part))


def colour_of(colour: NDArray[np.uint8], mask: NDArray[np.bool_]) -> str:
    """The colour's name.

    Args:
        colour: (H, W, 3), sRGB.
        mask: (H, W), True on the object.

    Returns:
        The name that most of the object's pixels are nearest to, with "and" a second one that holds a good share;
        empty where none prevails, or nothing is seen.
    """
    pixels = colour[mask]
    if not len(pixels):
        return ""
    pixels = pixels[:: max(1, len(pixels) // _MOST_PIXELS)]
    scale = np.array([0.5, 1.0, 1.0])
    names = _lab(np.array([value for _, value in _COLOURS], dtype=np.uint8)) * scale
    distances = ((_lab(pixels)[:, None] * scale - names[None]) ** 2).sum(axis=2)
    shares: dict[str, float] = {}
    for place, count in enumerate(np.bincount(distances.argmin(axis=1), minlength=len(_COLOURS))):
        name = _COLOURS[place][0]
        shares[name] = shares.get(name, 0.0) + count / len(pixels)
    ranked = sorted(shares, key=lambda name: (-shares[name], name))
    if shares[ranked[0]] >= MAIN and shares[ranked[1]] < SECOND:
        return ranked[0]
    return f"{ranked[0]} and {ranked[1]}" if shares[ranked[0]] + shares[ranked[1]] >= 0.7 else ""


def material_of(model: CadModel, part: NDArray[np.int32]) -> str:
    """The material that most of the object's pixels have, by glTF's numbers: "metal", "glass" or nothing.

    Args:
        model: its parts have the materials.
        part: (H, W), index of the part seen at each pixel; -1 outside.
    """
    seen = np.bincount(part[part >= 0].ravel(), minlength=len(model.parts))
    shares = {"metal": 0.0, "glass": 0.0}
    for count, each in zip(seen, model.parts, strict=True):
        material = each.material
        if material.alpha_mode == "blend" and material.base_colour[3] < 0.6:
            shares["glass"] += float(count)
        elif material.metallic >= 0.5:
            shares["metal"] += float(count)
    best = max(shares, key=lambda name: shares[name])
    return best if shares[best] > 0.5 * max(1, int(seen.sum())) else ""


def _lab(colour: NDArray[np.uint8]) -> NDArray[np.float64]:
    """CIELAB (n, 3) of sRGB (n, 3), white point D65 (IEC 61966-2-1, CIE 15)."""
    encoded = colour.astype(np.float64) / 255.0
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    matrix = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750],
                       [0.0193339, 0.1191920, 0.9503041]])  # fmt: skip
    relative = linear @ (matrix / np.array([[0.95047], [1.0], [1.08883]])).T
    f = np.where(relative > (6 / 29) ** 3, np.cbrt(relative), relative / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1)
