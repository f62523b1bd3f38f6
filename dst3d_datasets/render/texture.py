"""Textures on torch tensors: all of a model's textures in one list of texels with smaller copies, sampled bilinearly.

Filtering is done on the sRGB-encoded values and the result is decoded; mip levels are chosen by area.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..nouns import Part

_WRAPS = {"repeat": 0, "clamp": 1, "mirror": 2}
_DECODE_STEPS = 16  # entries of the decoding table per 8-bit step


@dataclass(frozen=True, slots=True)
class Atlas:
    """Texels of all textures and levels; rows of the tables are parts (P), columns levels (L)."""

    texels: Tensor  # (M,) int32: R, G, B, A in the bytes of each, lowest first
    start: Tensor  # (P * L,) int32, first texel of a level
    width: Tensor  # (P * L,) int32
    height: Tensor  # (P * L,) int32
    area: Tensor  # (P,) float32, texels of level 0; 0 for parts without a texture
    wrap: Tensor | None  # (P,) int64: 0 repeat, 1 clamp, 2 mirror; None when all repeat
    levels: int  # L
    decode: Tensor  # (256 * _DECODE_STEPS,) float32: sRGB value to linear


def build_atlas(parts: Sequence[Part], device: torch.device) -> Atlas:
    """Pack the parts' textures; a part without texture or coordinates gets one white texel."""
    pyramids: dict[int, list[NDArray[np.uint8]]] = {}
    white = [np.full((1, 1, 4), 255, np.uint8)]
    chosen: list[int] = []
    for part in parts:
        texture = part.material.texture if part.uv is not None else None
        number = id(texture) if texture is not None else 0
        if number not in pyramids:
            pyramids[number] = white if texture is None else _pyramid(texture)
        chosen.append(number)
    levels = max(len(pyramid) for pyramid in pyramids.values())
    starts: dict[int, list[int]] = {}
    blocks, total = [], 0
    for number, pyramid in pyramids.items():
        starts[number] = []
        for image in pyramid:
            starts[number].append(total)
            blocks.append(np.ascontiguousarray(image).view("<i4").reshape(-1))
            total += len(blocks[-1])
    table = np.zeros((3, len(parts), levels), np.int32)
    for row, number in enumerate(chosen):
        pyramid = pyramids[number]
        for level in range(levels):
            image = pyramid[min(level, len(pyramid) - 1)]
            table[:, row, level] = starts[number][min(level, len(pyramid) - 1)], image.shape[1], image.shape[0]
    area = [float(pyramids[n][0].shape[0] * pyramids[n][0].shape[1]) if n else 0.0 for n in chosen]
    wraps = [_WRAPS[part.material.wrap] for part in parts]
    start, width, height = (torch.from_numpy(values.reshape(-1).copy()).to(device) for values in table)
    return Atlas(
        texels=torch.from_numpy(np.concatenate(blocks)).to(device),
        start=start,
        width=width,
        height=height,
        area=torch.tensor(area, dtype=torch.float32, device=device),
        wrap=torch.tensor(wraps, device=device) if any(wraps) else None,
        levels=levels,
        decode=torch.from_numpy(srgb_decode(np.arange(256 * _DECODE_STEPS) / (255.0 * _DECODE_STEPS))).to(device),
    )


def srgb_decode(value: NDArray[np.float64]) -> NDArray[np.float32]:
    """sRGB-encoded 0-1 to linear 0-1 (IEC 61966-2-1), float32."""
    low, high = value / 12.92, ((np.maximum(value, 0.0) + 0.055) / 1.055) ** 2.4
    return np.where(value <= 0.04045, low, high).astype(np.float32)


def srgb_encode(value: NDArray[np.float64]) -> NDArray[np.float64]:
    """Linear 0-1 to sRGB-encoded 0-1."""
    return np.where(value <= 0.0031308, value * 12.92, 1.055 * np.maximum(value, 0.0) ** (1 / 2.4) - 0.055)


def _pyramid(texture: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """The texture and its halves down to a few texels. Colour is weighted by alpha, so that cut-outs get no fringe."""
    images = [np.ascontiguousarray(texture)]
    while max(images[-1].shape[:2]) > 4 and len(images) < 14:
        image = images[-1]
        size = (max(1, image.shape[1] // 2), max(1, image.shape[0] // 2))
        small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
        if image[..., 3].min() < 255:
            weight = image[..., 3:].astype(np.float32)
            sums = cv2.resize(image[..., :3] * weight, size, interpolation=cv2.INTER_AREA)
            weights = cv2.resize(weight, size, interpolation=cv2.INTER_AREA)[..., None]
            small[..., :3] = np.where(weights > 0, np.rint(sums / np.maximum(weights, 1e-6)), small[..., :3])
        images.append(small)
    return images


def sample(
    atlas: Atlas, part: Tensor, u: Tensor, v: Tensor, density: Tensor, channels: tuple[int, ...]
) -> list[Tensor]:
    """Read the parts' textures.

    Args:
        atlas: the textures.
        part: (N,) int64.
        u, v: (N,) float32, OBJ convention.
        density: (N,) float32, texels of level 0 in a sample's footprint (an area).
        channels: which of R, G, B, A (0-3).

    Returns:
        one (N,) float32 a channel: linear colour, or alpha, 0-1.
    """
    # floor(log2) from the exponent's bits: exact, and the same on every device. +1 rounds to the nearest level.
    octaves = (density.clamp(min=1e-6).contiguous().view(torch.int32) >> 23) - 127
    level = ((octaves + 1) >> 1).clamp(0, atlas.levels - 1).long()
    row = part * atlas.levels + level
    width, height = atlas.width.index_select(0, row), atlas.height.index_select(0, row)
    wrap = None if atlas.wrap is None else atlas.wrap.index_select(0, part)
    x0, x1, fx = _taps(u, width, wrap)
    y0, y1, fy = _taps(1.0 - v, height, wrap)
    start = atlas.start.index_select(0, row)
    top, bottom = start + y0 * width, start + y1 * width
    texels = [atlas.texels.index_select(0, place) for place in (top + x0, top + x1, bottom + x0, bottom + x1)]
    result = []
    for channel in channels:
        a, b, c, d = (((texel >> (8 * channel)) & 255).float() for texel in texels)
        upper, lower = a + (b - a) * fx, c + (d - c) * fx
        value = upper + (lower - upper) * fy
        if channel == 3:
            result.append(value / 255.0)
        else:
            result.append(
                atlas.decode.index_select(0, (value * _DECODE_STEPS + 0.5).clamp(0, 255 * _DECODE_STEPS).int())
            )
    return result


def _taps(t: Tensor, size: Tensor, wrap: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """The two texels about coordinate t (N,) of textures `size` (N,) long, and the weight of the second."""
    inside = t - torch.floor(t)
    if wrap is not None:
        folded = t - 2.0 * torch.floor(t * 0.5)
        folded = torch.where(folded > 1.0, 2.0 - folded, folded)
        inside = torch.where(wrap == 0, inside, torch.where(wrap == 1, t.clamp(0.0, 1.0), folded))
    place = inside * size - 0.5
    low = torch.floor(place)
    first = low.int()
    second, last = first + 1, size - 1
    under, over = first < 0, second > last
    if wrap is None:
        return torch.where(under, last, first), second.masked_fill_(over, 0), place - low
    repeat = wrap == 0
    first = torch.where(under, torch.where(repeat, last, 0), first)
    return first, torch.where(over, torch.where(repeat, 0, last), second), place - low
