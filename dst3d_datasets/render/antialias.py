"""Colour without jaggies: one sample a pixel where the picture is smooth, 2 x 2 where it is not."""

from __future__ import annotations

import torch
from torch import Tensor

from .layers import Colour, colour_of
from .rasterise import EMPTY, Discard, both, fill_sparse
from .scene import Rig, Scene
from .shade import encode
from .triangles import Corners, Window, prepare, select

CONTRAST = 24  # a step between neighbours above this (of 255, any channel or alpha) is resolved with 2 x 2 samples


def antialias(
    scene: Scene, rig: Rig, window: Window, corners: Corners, discard: Discard | None, colour: Colour
) -> tuple[list[Tensor], Tensor]:
    """Resolve the colour of every pixel of the window.

    Returns:
        straight sRGB colour, 3 x (P,) uint8, and coverage times opacity (P,) uint8, of the window's P pixels.
    """
    size = window.pixels()
    rgb = [_dense(encode(channel), colour.sample, size) for channel in colour.rgb]
    alpha = _dense(_byte(colour.opacity), colour.sample, size)
    rough = _rough(window, [*rgb, alpha])
    near = prepare(select(corners, _touching(corners, window, rough)), window, 2)
    keys, samples = fill_sparse(near, window, rough, discard)
    keys, samples = keys.view(-1), samples.reshape(-1)

    def refill(behind: Discard, wanted: Tensor) -> Tensor:
        found = fill_sparse(near, window, rough, both(discard, behind))[0]
        lattice = torch.full((window.pixels(2),), EMPTY, dtype=torch.int64, device=keys.device)
        return lattice.index_copy_(0, samples, found.view(-1)).index_select(0, wanted)

    hit = (keys != EMPTY).nonzero()[:, 0]
    sample, key = samples.index_select(0, hit), keys.index_select(0, hit)
    fine, _ = colour_of(scene, rig, window, 2, sample, key, refill)
    weight, count = fine.opacity, len(keys) // 4
    covered = _sum4(weight, hit, count)
    share = 1.0 / covered.clamp(min=1e-6)
    place = rough.nonzero()[:, 0]
    for channel, value in zip(rgb, fine.rgb, strict=True):
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
