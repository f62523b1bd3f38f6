"""Colour without jaggies: one sample a pixel where the picture is smooth, 2 x 2 where it is not."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .rasterise import EMPTY, Discard, depth_of, fill_sparse, triangle_of
from .scene import Rig, Scene, Triple
from .shade import encode, shade
from .surface import Seen, look
from .triangles import Corners, Window, prepare, select

CONTRAST = (
    16  # a step between neighbours above this (of 255, in any channel or coverage) is resolved with 2 x 2 samples
)


@dataclass(frozen=True, slots=True)
class Colour:
    """Shaded samples at pixel centres (N of them)."""

    pixel: Tensor  # (N,) int64, number of the pixel in the window
    rgb: Triple  # 3 x (N,) float32, linear 0-1
    opacity: Tensor  # (N,) float32, 0-1


def centres(sample: Tensor, window: Window, scale: int) -> tuple[Tensor, Tensor]:
    """Pixel coordinates x, y (N,) float64 of samples given by their numbers in the window's lattice."""
    width, height = window.width * scale, window.height * scale
    line = torch.div(sample, width, rounding_mode="floor")
    column = sample - line * width
    if window.views > 1:
        line = line % height
    return window.x + (column.double() + 0.5) / scale, window.y + (line.double() + 0.5) / scale


def opacity(scene: Scene, seen: Seen) -> Tensor:
    """How much of what lies behind a surface it hides, (N,) float32: alpha for blended parts, else 1."""
    if not scene.see_through:
        return torch.ones_like(seen.alpha)
    return torch.where(scene.materials.blend.index_select(0, seen.part), seen.alpha.clamp(0.0, 1.0), 1.0)


def antialias(
    scene: Scene, rig: Rig, window: Window, corners: Corners, discard: Discard | None, colour: Colour
) -> tuple[list[Tensor], Tensor]:
    """Resolve the colour of every pixel of the window.

    Returns:
        straight sRGB colour, 3 x (P,) uint8, and coverage times opacity (P,) uint8, of the window's P pixels.
    """
    size = window.pixels()
    rgb = [_dense(encode(channel), colour.pixel, size) for channel in colour.rgb]
    alpha = _dense(_byte(colour.opacity), colour.pixel, size)
    rough = _rough(window, [*rgb, alpha])
    near = select(corners, _touching(corners, window, rough))
    keys, samples = fill_sparse(prepare(near, window, 2), window, rough, discard)
    hit = (keys.view(-1) != EMPTY).nonzero()[:, 0]
    key, sample = keys.view(-1).index_select(0, hit), samples.reshape(-1).index_select(0, hit)
    x, y = centres(sample, window, 2)
    seen = look(scene, rig, triangle_of(key), x, y, depth_of(key), 2)
    weight = opacity(scene, seen)
    count = len(keys)
    covered = _sum4(weight, hit, count)
    share = 1.0 / covered.clamp(min=1e-6)
    place = rough.nonzero()[:, 0]
    for channel, value in zip(rgb, shade(scene, rig, seen), strict=True):
        channel[place] = torch.where(covered > 0, encode(_sum4(value * weight, hit, count) * share), 0)
    alpha[place] = _byte(covered * 0.25)
    return rgb, alpha


def _dense(values: Tensor, place: Tensor, size: int) -> Tensor:
    return torch.zeros(size, dtype=values.dtype, device=values.device).index_copy_(0, place, values)


def _byte(value: Tensor) -> Tensor:
    return (value * 255.0 + 0.5).clamp(0.0, 255.0).to(torch.uint8)


def _sum4(values: Tensor, place: Tensor, count: int) -> Tensor:
    """Sum (count,) over the four samples of each pixel; those that see nothing count 0."""
    four = _dense(values, place, count * 4).view(count, 4)
    return four[:, 0] + four[:, 1] + four[:, 2] + four[:, 3]


def _rough(window: Window, channels: list[Tensor]) -> Tensor:
    """Which pixels (P,) differ visibly from a neighbour above, below, left or right."""
    shape = (window.views, window.height, window.width)
    result = torch.zeros(shape, dtype=torch.bool, device=channels[0].device)
    for channel in channels:
        image = channel.view(shape).to(torch.int16)
        across = (image[:, :, 1:] - image[:, :, :-1]).abs() > CONTRAST
        down = (image[:, 1:] - image[:, :-1]).abs() > CONTRAST
        result[:, :, 1:] |= across
        result[:, :, :-1] |= across
        result[:, 1:] |= down
        result[:, :-1] |= down
    return result.view(-1)


def _touching(corners: Corners, window: Window, pixels: Tensor) -> Tensor:
    """Indices of the triangles whose box touches one of the chosen pixels, by a summed-area table."""
    height, width = window.height, window.width
    table = torch.zeros((window.views, height + 1, width + 1), dtype=torch.int32, device=pixels.device)
    chosen = pixels.view(window.views, height, width)
    table[:, 1:, 1:] = chosen.cumsum(1, dtype=torch.int32).cumsum(2, dtype=torch.int32)
    (x0, x1, x2), (y0, y1, y2) = corners.x, corners.y
    left = _cell(torch.minimum(torch.minimum(x0, x1), x2), window.x, width)
    right = _cell(torch.maximum(torch.maximum(x0, x1), x2) + 1.0, window.x, width)
    top = _cell(torch.minimum(torch.minimum(y0, y1), y2), window.y, height)
    bottom = _cell(torch.maximum(torch.maximum(y0, y1), y2) + 1.0, window.y, height)
    flat, line = table.view(-1), width + 1
    base = 0 if corners.view is None else corners.view * (line * (height + 1))

    def at(row: Tensor, column: Tensor) -> Tensor:
        return flat.index_select(0, base + row * line + column)

    inside = at(bottom, right) - at(top, right) - at(bottom, left) + at(top, left)
    return (inside > 0).nonzero()[:, 0]


def _cell(coordinate: Tensor, start: int, length: int) -> Tensor:
    return (torch.floor(coordinate) - start).clamp(0, length).long()
