"""Triton kernels for the control pictures but for edges and lines, to the byte as `controls` makes them."""

from __future__ import annotations

from typing import Any

import triton
import triton.language as tl

from . import controls

_BAND = tl.constexpr(controls.BAND - 1)
_FAINTEST = tl.constexpr(controls.FAINTEST)
_FINEST = tl.constexpr(controls.FINEST)
_FAR_BITS = tl.constexpr(0x7F7FFFFF)


@triton.jit
def _luma(colour: tl.tensor, place: tl.tensor, here: tl.tensor) -> Any:
    """Grey as OpenCV reckons it."""
    red = tl.load(colour + place * 3, mask=here, other=0).to(tl.int32)
    green = tl.load(colour + place * 3 + 1, mask=here, other=0).to(tl.int32)
    blue = tl.load(colour + place * 3 + 2, mask=here, other=0).to(tl.int32)
    return (red * 9798 + green * 19235 + blue * 3735 + (1 << 14)) >> 15


@triton.jit
def measure(
    colour: tl.tensor, alpha: tl.tensor, mask: tl.tensor, depth: tl.tensor, counts: tl.tensor, near: tl.tensor,
    far: tl.tensor, width: tl.tensor, height: tl.tensor, BLOCK: tl.constexpr,
) -> None:  # fmt: skip
    """Nearest and furthest depth (bits), and how often each luma occurs in the silhouette's band.

    `counts` is (views, 256). Grid: (blocks of pixels, views).
    """
    b = tl.program_id(1)
    pixel = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    place = b * width * height + pixel
    here = pixel < width * height
    here = here & (tl.load(mask + place, mask=here, other=0) > 0)
    if tl.max(here.to(tl.int32)) > 0:
        z = tl.load(depth + place, mask=here, other=0.0).to(tl.int32, bitcast=True)
        tl.atomic_min(near + b, tl.min(tl.where(here, z, _FAR_BITS)))
        tl.atomic_max(far + b, tl.max(tl.where(here, z, 0)))
        row, column = pixel // width, pixel % width
        edge = pixel < 0
        for down in tl.static_range(-_BAND, _BAND + 1):
            for right in tl.static_range(-_BAND, _BAND + 1):
                there = here & (row + down >= 0) & (row + down < height)
                there = there & (column + right >= 0) & (column + right < width)
                edge = edge | (tl.load(mask + place + down * width + right, mask=there, other=1) == 0)
        edge = here & edge & (tl.load(alpha + place, mask=here, other=0) > 0)
        if tl.max(edge.to(tl.int32)) > 0:
            tl.atomic_add(counts + b * 256 + _luma(colour, place, edge), 1, mask=edge)


@triton.jit
def _score(counts: tl.tensor, total: tl.tensor, grey: tl.constexpr) -> Any:
    """The 5 % quantile of |grey - luma| of one view's band."""
    level = tl.arange(0, 256)
    apart = tl.abs(level - grey)
    rank = (total.to(tl.float64) * _FAINTEST).to(tl.int32)
    # How many lie within each distance: a step of bisection over the 256 distances at a time.
    low = 0
    high = 255
    while low < high:
        middle = (low + high) // 2
        enough = tl.sum(tl.where(apart <= middle, counts, 0)) > rank
        high = tl.where(enough, middle, high)
        low = tl.where(enough, low, middle + 1)
    return low


@triton.jit
def choose(
    counts: tl.tensor, near: tl.tensor, far: tl.tensor, grey: tl.tensor, scales: tl.tensor, A: tl.constexpr,
    B: tl.constexpr, C: tl.constexpr, D: tl.constexpr, E: tl.constexpr,
) -> None:  # fmt: skip
    """The grey, of five, that stands out most, and depth's scale and offset (2,). Grid: (views,)."""
    b = tl.program_id(0)
    own = tl.load(counts + b * 256 + tl.arange(0, 256))
    total = tl.sum(own)
    best, chosen = _score(own, total, A), A
    score = _score(own, total, B)
    chosen = tl.where(score > best, B, chosen)
    best = tl.maximum(best, score)
    score = _score(own, total, C)
    chosen = tl.where(score > best, C, chosen)
    best = tl.maximum(best, score)
    score = _score(own, total, D)
    chosen = tl.where(score > best, D, chosen)
    best = tl.maximum(best, score)
    score = _score(own, total, E)
    chosen = tl.where(score > best, E, chosen)
    tl.store(grey + b, tl.where(total > 0, chosen, A))
    z0 = tl.load(near + b)
    z1 = tl.load(far + b)
    seen = z1 > 0
    first = z0.to(tl.float32, bitcast=True).to(tl.float64)
    last = z1.to(tl.float32, bitcast=True).to(tl.float64)
    scale = tl.maximum((last - first) / 65534.0, first * 0.0 + _FINEST)
    tl.store(scales + b * 2, tl.where(seen, scale, first * 0.0 + _FINEST))
    tl.store(scales + b * 2 + 1, tl.where(seen, first - scale, 0.0))


@triton.jit
def _over(colour: tl.tensor, alpha: tl.tensor, behind: tl.tensor) -> Any:
    """One channel of a picture over one colour, rounded."""
    x = colour.to(tl.int32) * alpha + behind * (255 - alpha) + 127
    return (x + 1 + (x >> 8)) >> 8


@triton.jit
def _colour_code(component: tl.tensor) -> Any:
    """Half-way cases to the even number: a float32 of this size holds whole numbers only."""
    return tl.minimum(tl.maximum(component + 8388608.0 - 8388608.0, 0.0), 255.0)


@triton.jit
def compose(
    colour: tl.tensor, alpha: tl.tensor, mask: tl.tensor, depth: tl.tensor, normal: tl.tensor, part: tl.tensor,
    background: tl.tensor, scales: tl.tensor, out_render: tl.tensor, out_grey: tl.tensor, out_mask: tl.tensor,
    out_depth: tl.tensor, out_normal: tl.tensor, out_part: tl.tensor, pixels: tl.tensor, BLOCK: tl.constexpr,
) -> None:  # fmt: skip
    """The render over its background, its grey, and mask, depth, normal and part as pictures; `background` is (B, 3).

    Grid: (blocks of pixels, views).
    """
    b = tl.program_id(1)
    pixel = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    here = pixel < pixels
    place = b * pixels + pixel
    a = tl.load(alpha + place, mask=here, other=0).to(tl.int32)
    red = _over(tl.load(colour + place * 3, mask=here, other=0), a, tl.load(background + b * 3))
    green = _over(tl.load(colour + place * 3 + 1, mask=here, other=0), a, tl.load(background + b * 3 + 1))
    blue = _over(tl.load(colour + place * 3 + 2, mask=here, other=0), a, tl.load(background + b * 3 + 2))
    tl.store(out_render + place * 3, red.to(tl.uint8), mask=here)
    tl.store(out_render + place * 3 + 1, green.to(tl.uint8), mask=here)
    tl.store(out_render + place * 3 + 2, blue.to(tl.uint8), mask=here)
    grey = (red * 9798 + green * 19235 + blue * 3735 + (1 << 14)) >> 15
    tl.store(out_grey + place, grey.to(tl.uint8), mask=here)
    seen = here & (tl.load(mask + place, mask=here, other=0) > 0)
    tl.store(out_mask + place, tl.where(seen, 255, 0).to(tl.uint8), mask=here)
    own = tl.load(part + place, mask=here, other=-1)
    tl.store(out_part + place, tl.minimum(own + 1, 65535).to(tl.int16), mask=here)
    z = tl.load(depth + place, mask=seen, other=0.0).to(tl.float64)
    value = (z - tl.load(scales + b * 2 + 1)) / tl.load(scales + b * 2)
    value = value + 4503599627370496.0 - 4503599627370496.0  # half-way cases to the even number
    value = tl.minimum(tl.maximum(value, 1.0), 65535.0).to(tl.int32)
    tl.store(out_depth + place, tl.where(seen, value, 0).to(tl.int16), mask=here)
    right = _colour_code(tl.load(normal + place * 3, mask=seen, other=0.0) * 127.5 + 127.5)
    up = _colour_code(tl.load(normal + place * 3 + 1, mask=seen, other=0.0) * -127.5 + 127.5)
    back = _colour_code(tl.load(normal + place * 3 + 2, mask=seen, other=0.0) * -127.5 + 127.5)
    tl.store(out_normal + place * 3, tl.where(seen, right, 0.0).to(tl.uint8), mask=here)
    tl.store(out_normal + place * 3 + 1, tl.where(seen, up, 0.0).to(tl.uint8), mask=here)
    tl.store(out_normal + place * 3 + 2, tl.where(seen, back, 0.0).to(tl.uint8), mask=here)
