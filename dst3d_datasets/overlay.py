"""The pose of a label, drawn on its picture: the object's 3D box and axes, projected with the label's K, R, t and size.

Nothing here knows the renderer or the view angles, so what is seen is what the label says.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

NEAR = 0.02  # nothing nearer than this (longest box sides) is drawn
_SMOOTH = 3  # Pillow draws lines without antialiasing: draw this much larger, then reduce
_BOX = (255, 255, 255)
_FRONT = (255, 150, 30)
_AXES = (("x", (235, 64, 52)), ("y", (52, 199, 89)), ("z", (64, 140, 255)))

Line = tuple[NDArray[np.float64], NDArray[np.float64]]


def draw_pose(picture: Image.Image, label: Mapping[str, Any]) -> Image.Image:
    """The picture with the label's box and axes on it; the front face (-y) is tinted orange.

    Args:
        picture: RGB, of any size: the label's pixels are scaled to it.
        label: `K` (3, 3) pixels, `R` (3, 3), `t` (3,), `size` (3,), `width`, `height` as in `schema.LABEL`.

    Returns:
        A new RGB picture. Edges behind the box's own faces are drawn faint.
    """
    scale = _SMOOTH * picture.width / label["width"]
    eye = _Eye(label, scale)
    canvas = Image.new("RGBA", (picture.width * _SMOOTH, picture.height * _SMOOTH), (0, 0, 0, 0))
    draw = ImageDraw.Draw(canvas)
    stroke = max(2.0, canvas.width / 170.0)
    half = np.asarray(label["size"], dtype=np.float64) / 2.0
    _fill_front(canvas, eye, half)
    for (start, end), visible in _box_edges(half, eye.centre):
        _stroke(draw, eye, (start, end), (*_BOX, 255 if visible else 120), stroke * (1.0 if visible else 0.6))
    for index, (name, colour) in enumerate(_AXES):
        tip = np.zeros(3)
        tip[index] = half[index] + 0.16
        _stroke(draw, eye, (np.zeros(3), tip), (*colour, 255), stroke * 1.5)
        _letter(draw, eye, tip, name, colour, canvas.width / 17.0)
    small = canvas.convert("RGBa").resize(picture.size, Image.Resampling.BOX).convert("RGBA")
    return Image.alpha_composite(picture.convert("RGBA"), small).convert("RGB")


class _Eye:
    """The label's camera: canonical points to enlarged pixels."""

    def __init__(self, label: Mapping[str, Any], scale: float) -> None:
        self.R, self.t = np.asarray(label["R"], dtype=np.float64), np.asarray(label["t"], dtype=np.float64)
        self.K = np.asarray(label["K"], dtype=np.float64)
        self.scale = scale
        self.centre = -self.R.T @ self.t

    def see(self, point: NDArray[np.float64]) -> NDArray[np.float64]:
        """Canonical (3,) to camera frame (3,)."""
        return np.asarray(self.R @ point + self.t)

    def pixel(self, seen: NDArray[np.float64]) -> tuple[float, float]:
        """Camera frame (3,), z > 0, to enlarged pixels."""
        x, y, z = self.K @ seen
        return float(x / z * self.scale), float(y / z * self.scale)

    def clip(self, line: Line) -> Line | None:
        """The part of a canonical segment that lies in front of the camera, in the camera frame."""
        a, b = self.see(line[0]), self.see(line[1])
        if a[2] < NEAR and b[2] < NEAR:
            return None
        if a[2] < NEAR:
            a = a + (b - a) * (NEAR - a[2]) / (b[2] - a[2])
        elif b[2] < NEAR:
            b = b + (a - b) * (NEAR - b[2]) / (a[2] - b[2])
        return a, b


def _box_edges(half: NDArray[np.float64], centre: NDArray[np.float64]) -> list[tuple[Line, bool]]:
    """The twelve edges of a box with these half sides, and whether a face beside each is turned to `centre`."""
    signs = [np.array([x, y, z], dtype=np.float64) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]
    edges = []
    for a, b in combinations(signs, 2):
        if int(np.sum(a != b)) != 1:
            continue
        visible = any(a[axis] * centre[axis] > half[axis] for axis in range(3) if a[axis] == b[axis])
        edges.append(((a * half, b * half), visible))
    return edges


def _fill_front(canvas: Image.Image, eye: _Eye, half: NDArray[np.float64]) -> None:
    corners = [np.array([x, -1.0, z]) * half for x, z in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    seen = [eye.see(corner) for corner in corners]
    if min(point[2] for point in seen) < NEAR:
        return
    strength = 85 if -eye.centre[1] > half[1] else 45
    layer = Image.new("RGBA", canvas.size, (0, 0, 0, 0))
    ImageDraw.Draw(layer).polygon([eye.pixel(point) for point in seen], fill=(*_FRONT, strength))
    canvas.alpha_composite(layer)


def _stroke(draw: ImageDraw.ImageDraw, eye: _Eye, line: Line, colour: tuple[int, ...], width: float) -> None:
    clipped = eye.clip(line)
    if clipped is None:
        return
    ends = [eye.pixel(point) for point in clipped]
    bound = 50.0 * max(draw.im.size)
    if all(abs(value) < bound for end in ends for value in end):
        draw.line([*ends[0], *ends[1]], fill=tuple(colour), width=max(1, round(width)))


def _letter(
    draw: ImageDraw.ImageDraw, eye: _Eye, at: NDArray[np.float64], text: str, colour: tuple[int, ...], height: float
) -> None:
    seen = eye.see(at)
    if seen[2] < NEAR:
        return
    font, (x, y) = ImageFont.load_default(max(10.0, height)), eye.pixel(seen)
    if abs(x) < 2 * draw.im.size[0] and abs(y) < 2 * draw.im.size[1]:
        width = max(1, round(height / 9))
        draw.text((x, y), text, font=font, fill=(*colour, 255), anchor="mm", stroke_width=width, stroke_fill="black")
