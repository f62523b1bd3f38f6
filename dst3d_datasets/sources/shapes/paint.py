"""Colours by name, materials, and procedural textures that tile."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ...nouns import Material
from ...seeds import uniforms
from .canvas import Canvas, Colour
from .mesh import Array, Mesh, join

Image = NDArray[np.uint8]

PAINTS: dict[str, Colour] = {
    "red": (186, 24, 30),
    "dark red": (118, 18, 26),
    "orange": (226, 104, 22),
    "yellow": (242, 190, 28),
    "lime": (142, 180, 44),
    "green": (28, 112, 62),
    "dark green": (22, 66, 44),
    "teal": (22, 126, 128),
    "turquoise": (86, 182, 178),
    "sky blue": (106, 164, 208),
    "blue": (28, 76, 164),
    "navy": (22, 36, 82),
    "purple": (94, 48, 128),
    "pink": (224, 128, 152),
    "white": (236, 236, 232),
    "cream": (234, 222, 192),
    "silver": (172, 176, 180),
    "grey": (118, 122, 126),
    "charcoal": (54, 56, 60),
    "black": (24, 24, 26),
    "brown": (106, 68, 42),
    "tan": (190, 154, 108),
}
WOODS: dict[str, tuple[Colour, Colour]] = {  # early wood, late wood
    "oak": ((198, 156, 104), (152, 108, 62)),
    "walnut": ((112, 74, 48), (66, 40, 26)),
    "pine": ((224, 184, 128), (190, 138, 80)),
    "cherry": ((164, 92, 56), (120, 58, 34)),
    "teak": ((172, 116, 66), (124, 76, 40)),
    "mahogany": ((128, 58, 38), (82, 32, 22)),
    "ebony": ((58, 46, 40), (30, 24, 22)),
    "maple": ((230, 198, 150), (206, 166, 114)),
    "weathered": ((160, 150, 136), (112, 104, 94)),
}


def linear(colour: Colour) -> tuple[float, float, float, float]:
    """An sRGB colour 0-255 as opaque linear RGBA 0-1."""
    c = [value / 255.0 for value in colour]
    r, g, b = (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in c)
    return (r, g, b, 1.0)


def mix(a: Colour, b: Colour, share: float) -> Colour:
    """The colour `share` of the way from a to b, in sRGB."""
    r, g, blue = (round(x + (y - x) * share) for x, y in zip(a, b, strict=True))
    return (r, g, blue)


def readable(ground: Colour, dark: Colour = (24, 24, 28), light: Colour = (242, 242, 238)) -> Colour:
    """A dark or a light ink, whichever stands out on the ground."""
    return dark if 0.3 * ground[0] + 0.59 * ground[1] + 0.11 * ground[2] > 125 else light


def plain(colour: Colour | str, roughness: float = 0.6, metallic: float = 0.0) -> Material:
    """A material of one colour, given as sRGB or by its name in `PAINTS`."""
    value = PAINTS[colour] if isinstance(colour, str) else colour
    return Material(base_colour=linear(value), roughness=roughness, metallic=metallic)


def textured(image: Image, roughness: float = 0.6, metallic: float = 0.0) -> Material:
    """A material with a texture as it is."""
    return Material(base_colour=(1.0, 1.0, 1.0, 1.0), texture=image, roughness=roughness, metallic=metallic)


def chrome() -> Material:
    """Polished metal."""
    return plain((206, 208, 212), 0.22, 0.7)


def steel() -> Material:
    """Brushed metal."""
    return plain((158, 162, 168), 0.42, 0.6)


def brass() -> Material:
    """Yellow metal."""
    return plain((198, 156, 78), 0.32, 0.7)


def rubber() -> Material:
    """Black and dull."""
    return plain((30, 30, 32), 0.92)


def glass() -> Material:
    """Dark window glass as seen from outside: opaque and shiny."""
    return plain((42, 53, 64), 0.08, 0.1)


def noise(names: tuple[str | int, ...], height: int, width: int, rows: int, columns: int) -> Array:
    """Smooth noise (height, width) in (0, 1) that tiles, with `rows` by `columns` cells."""
    values = uniforms("primitives", "noise", *names, count=rows * columns).reshape(rows, columns)
    y, x = np.arange(height) * (rows / height), np.arange(width) * (columns / width)
    i, j = y.astype(int), x.astype(int)
    fy, fx = y - i, x - j
    fy, fx = fy * fy * (3 - 2 * fy), fx * fx * (3 - 2 * fx)
    across = values[:, j] + (values[:, (j + 1) % columns] - values[:, j]) * fx
    out: Array = across[i] + (across[(i + 1) % rows] - across[i]) * fy[:, None]
    return out


def blend(low: Colour, high: Colour, share: Array) -> Image:
    """A texture (h, w, 4) between two colours by a picture (h, w) of shares, cut to 0-1."""
    s = np.clip(share, 0, 1).astype(np.float32)[..., None]
    a, b = np.asarray(low, dtype=np.float32), np.asarray(high, dtype=np.float32)
    out = np.full((*share.shape, 4), 255, dtype=np.uint8)
    out[..., :3] = a + s * (b - a) + 0.5
    return out


def wood(kind: str, key: int, size: int = 256, rings: int = 7) -> Image:
    """Boards of a wood named in `WOODS`, grain along u; `key` tells one log from another."""
    names = ("wood", kind, key)
    bend = noise((*names, "bend"), size, size, 4, 2) * 1.6 + noise((*names, "wave"), size, size, 8, 3) * 0.5
    v = np.arange(size)[:, None] / size
    ring = (v * rings + bend * 1.2) % 1.0
    late = ring**3
    streak = noise((*names, "streak"), size, size, size // 2, 6) - 0.5
    tone = noise((*names, "tone"), size, size, 5, 2) - 0.5
    return blend(WOODS[kind][0], WOODS[kind][1], 0.15 + 0.6 * late + 0.45 * streak + 0.4 * tone)


def grain(kind: str, key: int, roughness: float = 0.55, point: bool = False) -> Material:
    """A wooden material; `point`: the boards look the same after a half turn (book-matched veneer)."""
    image = wood(kind, key)
    if point:
        image = np.concatenate([image[:128], image[127::-1, ::-1]])
    return textured(image, roughness)


def spun(mesh: Mesh, times: int) -> Mesh:
    """Copies of a mesh spread evenly about z, the mesh itself first; their textures turn with them."""
    return join([mesh.turned("z", 360.0 * k / times) if k else mesh for k in range(times)])


def speckle(ground: Colour, spot: Colour, key: int, size: int = 256, density: float = 0.2) -> Image:
    """A glaze or a stone with fine spots."""
    fine = noise(("speckle", key), size, size, 96, 96) * 0.7 + noise(("speckle2", key), size, size, 40, 40) * 0.3
    return blend(ground, spot, (fine - (1 - density * 0.8)) * 6)


def brushed(colour: Colour, key: int, size: int = 256) -> Image:
    """Metal with fine lines along u."""
    lines = noise(("brushed", key), size, size, size, 4)
    return blend(mix(colour, (0, 0, 0), 0.12), mix(colour, (255, 255, 255), 0.16), lines)


def weave(colour: Colour, other: Colour, size: int = 256, threads: int = 20) -> Image:
    """Plain-woven cloth of two yarns."""
    t = np.arange(size) * (threads / size)
    over = (np.floor(t)[:, None] + np.floor(t)[None]) % 2
    round_ = 0.78 + 0.22 * np.where(over > 0, np.sin(math.pi * (t % 1))[None], np.sin(math.pi * (t % 1))[:, None])
    a, b = np.asarray(colour, dtype=np.float32), np.asarray(other, dtype=np.float32)
    out = np.full((size, size, 4), 255, dtype=np.uint8)
    out[..., :3] = np.where(over[..., None] > 0, a, b) * round_[..., None].astype(np.float32)
    return out


def stripes(colours: tuple[Colour, ...], count: int = 4, size: int = 256, upright: bool = True) -> Image:
    """Bands of equal width; upright ones change along u."""
    order = (np.arange(size) * count * len(colours) // size) % len(colours)
    row = np.asarray(colours, dtype=np.uint8)[order]
    out = np.full((size, size, 4), 255, dtype=np.uint8)
    out[..., :3] = row[None] if upright else row[:, None]
    return out


def checks(a: Colour, b: Colour, count: int = 6, size: int = 256) -> Image:
    """Gingham: two colours and their mixture in squares."""
    t = (np.arange(size) * count * 2 // size) % 2
    return blend(a, b, (t[:, None] + t[None]) / 2.0)


def dots(ground: Colour, dot: Colour, count: int = 6, size: int = 256, radius: float = 0.26) -> Image:
    """Polka dots in a quincunx."""
    t = np.arange(size) * (count / size)
    d = np.full((size, size), 9.0)
    for shift in (0.0, 0.5):
        c = (t + shift) % 1 - 0.5
        d = np.minimum(d, np.sqrt(c[:, None] ** 2 + c[None] ** 2))
    return blend(dot, ground, (d - radius) * size / count + 0.5)


def sheet(width: int, height: int, ground: Colour, units: tuple[float, float] = (1.0, 1.0)) -> Canvas:
    """An empty canvas of one colour."""
    return Canvas(width, height, units, ground)
