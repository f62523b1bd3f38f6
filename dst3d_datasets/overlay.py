"""A label, drawn on its picture: the object's 3D box by `corners_2d`, its axes by K, R, t and size, its visible box.

Nothing here knows the renderer or the view angles, so what is seen is what the label says.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from .boxes import EDGES, NEAR, SIDES

_SMOOTH = 3  # Pillow draws lines without antialiasing: draw this much larger, then reduce
_BOX = (255, 255, 255)
_FRONT = (255, 150, 30)
_VISIBLE = (255, 235, 60)
_FRONT_CORNERS = (0, 4, 5, 1)  # of `boxes`, around the face at -y
_AXES = (("x", (235, 64, 52)), ("y", (52, 199, 89)), ("z", (64, 140, 255)))

Point = tuple[float, float]
Points = NDArray[np.float64]


def draw_pose(picture: Image.Image, label: Mapping[str, Any], *, visible_box: bool = False) -> Image.Image:
    """The picture with the label's box and axes on it; the front face (-y) is tinted orange.

    Args:
        picture: RGB, of any size: the label's pixels are scaled to it.
        label: `corners_2d`, `corners_3d`, `K`, `R`, `t`, `size`, `width` and `bbox_visible` as in `schema.LABEL`.
        visible_box: draw `bbox_visible` too, in yellow.

    Returns:
        A new RGB picture. Edges behind the box's own faces are drawn faint, and what lies behind the camera is not.
    """
    eye = _Eye(label, _SMOOTH * picture.width / label["width"])
    canvas = Image.new("RGBA", (picture.width * _SMOOTH, picture.height * _SMOOTH), (0, 0, 0, 0))
    draw = ImageDraw.Draw(canvas)
    stroke = max(2.0, canvas.width / 170.0)
    _fill_front(canvas, eye)
    for a, b in EDGES:
        shown = eye.shows_edge(a, b)
        _stroke(draw, eye.edge(a, b), (*_BOX, 255 if shown else 120), stroke * (1.0 if shown else 0.6))
    for index, (name, colour) in enumerate(_AXES):
        tip = np.zeros(3)
        tip[index] = eye.half[index] + 0.16
        _stroke(draw, eye.line(eye.see(np.zeros(3)), eye.see(tip)), (*colour, 255), stroke * 1.5)
        _letter(draw, eye, tip, name, colour, canvas.width / 17.0)
    if visible_box:
        draw.rectangle([eye.scale * edge for edge in label["bbox_visible"]], outline=_VISIBLE, width=round(stroke))
    small = canvas.convert("RGBa").resize(picture.size, Image.Resampling.BOX).convert("RGBA")
    return Image.alpha_composite(picture.convert("RGBA"), small).convert("RGB")


class _Eye:
    """The label's camera and box; pixels are enlarged by `scale`."""

    def __init__(self, label: Mapping[str, Any], scale: float) -> None:
        names = ("K", "R", "t", "corners_3d", "corners_2d")
        self.K, self.R, self.t, self.corners, pixels = (np.asarray(label[name], dtype=np.float64) for name in names)
        self.pixels: list[Point] = [(float(x), float(y)) for x, y in pixels * scale]
        self.half = np.asarray(label["size"], dtype=np.float64) / 2.0
        self.centre = -self.R.T @ self.t
        self.scale = scale

    def see(self, point: Points) -> Points:
        """Canonical (3,) to camera frame (3,)."""
        return np.asarray(self.R @ point + self.t)

    def pixel(self, seen: Points) -> Point:
        """Camera frame (3,), z > 0, to enlarged pixels."""
        x, y, z = self.K @ seen
        return float(x / z * self.scale), float(y / z * self.scale)

    def line(self, a: Points, b: Points) -> tuple[Point, Point] | None:
        """The part of a segment of the camera frame that lies in front of the camera, in pixels."""
        if a[2] < NEAR and b[2] < NEAR:
            return None
        if a[2] < NEAR:
            a = a + (b - a) * (NEAR - a[2]) / (b[2] - a[2])
        elif b[2] < NEAR:
            b = b + (a - b) * (NEAR - b[2]) / (a[2] - b[2])
        return self.pixel(a), self.pixel(b)

    def edge(self, a: int, b: int) -> tuple[Point, Point] | None:
        """The box's edge between two corners, in pixels: by the label's own pixels where both corners have one."""
        if min(self.corners[a, 2], self.corners[b, 2]) >= NEAR:
            return self.pixels[a], self.pixels[b]
        return self.line(self.corners[a], self.corners[b])

    def shows_edge(self, a: int, b: int) -> bool:
        """Whether a face beside an edge is turned to the camera."""
        shared = SIDES[a] == SIDES[b]
        return bool((shared & (SIDES[a] * self.centre > self.half)).any())


def _fill_front(canvas: Image.Image, eye: _Eye) -> None:
    if min(eye.corners[number, 2] for number in _FRONT_CORNERS) < NEAR:
        return
    strength = 85 if -eye.centre[1] > eye.half[1] else 45
    layer = Image.new("RGBA", canvas.size, (0, 0, 0, 0))
    ImageDraw.Draw(layer).polygon([eye.pixels[number] for number in _FRONT_CORNERS], fill=(*_FRONT, strength))
    canvas.alpha_composite(layer)


def _stroke(draw: ImageDraw.ImageDraw, line: tuple[Point, Point] | None, colour: tuple[int, ...], width: float) -> None:
    bound = 50.0 * max(draw.im.size)
    if line is not None and all(abs(value) < bound for end in line for value in end):
        draw.line([*line[0], *line[1]], fill=tuple(colour), width=max(1, round(width)))


def _letter(
    draw: ImageDraw.ImageDraw, eye: _Eye, at: Points, text: str, colour: tuple[int, ...], height: float
) -> None:
    seen = eye.see(at)
    if seen[2] < NEAR:
        return
    font, (x, y) = ImageFont.load_default(max(10.0, height)), eye.pixel(seen)
    if abs(x) < 2 * draw.im.size[0] and abs(y) < 2 * draw.im.size[1]:
        width = max(1, round(height / 9))
        draw.text((x, y), text, font=font, fill=(*colour, 255), anchor="mm", stroke_width=width, stroke_fill="black")
