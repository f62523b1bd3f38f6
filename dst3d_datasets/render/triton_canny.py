"""Triton kernels for Canny edges, bit for bit OpenCV's (aperture 3, L1 norm), as `canny` explains them.

Hysteresis is a union of neighbours: each weak pixel points to an earlier one of its 8-connected group, in the end to
the first, which is told when the group holds a strong pixel. Which links are made first changes nothing.
"""

from __future__ import annotations

from typing import Any

import triton
import triton.language as tl

_TAN_22 = tl.constexpr(13573)  # tan(22.5 degrees) * 2**15, as OpenCV rounds it


@triton.jit
def _grey(
    grey: tl.tensor, row: tl.tensor, column: tl.tensor, width: tl.tensor, height: tl.tensor, here: tl.tensor,
) -> Any:  # fmt: skip
    """A pixel of the picture, whose border is repeated outwards."""
    row = tl.minimum(tl.maximum(row, 0), height - 1)
    column = tl.minimum(tl.maximum(column, 0), width - 1)
    return tl.load(grey + row * width + column, mask=here, other=0).to(tl.int32)


@triton.jit
def _gradient(
    grey: tl.tensor, row: tl.tensor, column: tl.tensor, width: tl.tensor, height: tl.tensor, here: tl.tensor,
) -> Any:  # fmt: skip
    """dx and dy of the 3 x 3 Sobel operator."""
    a = _grey(grey, row - 1, column - 1, width, height, here)
    b = _grey(grey, row - 1, column, width, height, here)
    c = _grey(grey, row - 1, column + 1, width, height, here)
    d = _grey(grey, row, column - 1, width, height, here)
    e = _grey(grey, row, column + 1, width, height, here)
    f = _grey(grey, row + 1, column - 1, width, height, here)
    g = _grey(grey, row + 1, column, width, height, here)
    h = _grey(grey, row + 1, column + 1, width, height, here)
    return c + 2 * e + h - a - 2 * d - f, f + 2 * g + h - a - 2 * b - c


@triton.jit
def _steepness(
    grey: tl.tensor, row: tl.tensor, column: tl.tensor, width: tl.tensor, height: tl.tensor, here: tl.tensor,
) -> Any:  # fmt: skip
    """|dx| + |dy|; 0 outside the picture."""
    here = here & (row >= 0) & (row < height) & (column >= 0) & (column < width)
    dx, dy = _gradient(grey, row, column, width, height, here)
    return tl.abs(dx) + tl.abs(dy)


@triton.jit(do_not_specialize=["low", "high"])  # one kernel for all numbers
def thin_edges(
    grey: tl.tensor, parent: tl.tensor, strong: tl.tensor, low: tl.tensor, high: tl.tensor, width: tl.tensor,
    height: tl.tensor, BLOCK: tl.constexpr,
) -> None:  # fmt: skip
    """Ridges of steepness above `low`: `parent` gets the pixel's own number, or -1; `strong` those above `high`.

    Grid: (blocks of pixels, pictures).
    """
    pixel = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    here = pixel < width * height
    base = tl.program_id(1) * width * height
    grey += base
    row, column = pixel // width, pixel % width
    dx, dy = _gradient(grey, row, column, width, height, here)
    steep = tl.abs(dx) + tl.abs(dy)
    candidate = here & (steep > low)
    weak = candidate
    if tl.max(candidate.to(tl.int32)) > 0:
        ax, ay = tl.abs(dx), tl.abs(dy) << 15
        tan_22 = ax * _TAN_22
        level, upright = ay < tan_22, ay > tan_22 + (ax << 16)
        down = tl.where(level, 0, 1)
        right = tl.where(level, 1, tl.where(upright, 0, tl.where((dx ^ dy) < 0, -1, 1)))
        before = _steepness(grey, row - down, column - right, width, height, candidate)
        after = _steepness(grey, row + down, column + right, width, height, candidate)
        # OpenCV keeps the first of two equal neighbours along the axes, and neither along the diagonals.
        weak = candidate & (steep > before) & ((steep > after) | ((level | upright) & (steep == after)))
    tl.store(parent + base + pixel, tl.where(weak, base + pixel, -1), mask=here)
    tl.store(strong + base + pixel, (weak & (steep > high)).to(tl.uint8), mask=here)


@triton.jit
def _root(parent: tl.tensor, at: tl.tensor, here: tl.tensor) -> Any:
    """Follow the pointers of some lanes to where they end."""
    up = tl.load(parent + at, mask=here, other=0, cache_modifier=".cg")
    going = here & (up != at)
    while tl.max(going.to(tl.int32)) > 0:
        at = tl.where(going, up, at)
        up = tl.load(parent + at, mask=going, other=0, cache_modifier=".cg")
        going = going & (up != at)
    return at


@triton.jit
def _join(parent: tl.tensor, one: tl.tensor, other: tl.tensor, here: tl.tensor) -> None:
    """Let the groups of two pixels point to the earlier of their ends."""
    going = here
    while tl.max(going.to(tl.int32)) > 0:
        one = _root(parent, one, going)
        other = _root(parent, other, going)
        going = going & (one != other)
        late, early = tl.maximum(one, other), tl.minimum(one, other)
        before = tl.atomic_min(parent + late, early, mask=going)
        going = going & (before != late)  # somebody else moved that end meanwhile: join with where it went
        one, other = tl.where(going, before, one), tl.where(going, early, other)


@triton.jit
def link_edges(parent: tl.tensor, width: tl.tensor, height: tl.tensor, BLOCK: tl.constexpr) -> None:
    """Join each weak pixel with the four neighbours before it. Grid: (blocks of pixels, pictures)."""
    pixel = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    here = pixel < width * height
    place = tl.program_id(1) * width * height + pixel
    weak = tl.load(parent + place, mask=here, other=-1) >= 0
    if tl.max(weak.to(tl.int32)) > 0:
        row, column = pixel // width, pixel % width
        for side in range(4):  # left; above left, above, above right
            down = tl.where(side == 0, 0, 1)
            right = tl.where(side == 0, -1, side - 2)
            there = weak & (row >= down) & (column + right >= 0) & (column + right < width)
            other = place - down * width + right
            there = there & (tl.load(parent + other, mask=there, other=-1) >= 0)
            _join(parent, place, other, there)


@triton.jit
def tell_edges(parent: tl.tensor, strong: tl.tensor, pixels: tl.tensor, BLOCK: tl.constexpr) -> None:
    """Each strong pixel marks the first of its group as strong. Grid: (blocks of pixels, pictures)."""
    pixel = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    place = tl.program_id(1) * pixels + pixel
    mark = tl.load(strong + place, mask=pixel < pixels, other=0) > 0
    if tl.max(mark.to(tl.int32)) > 0:
        tl.store(strong + _root(parent, place, mark), (place * 0 + 1).to(tl.uint8), mask=mark)


@triton.jit
def keep_edges(parent: tl.tensor, strong: tl.tensor, edge: tl.tensor, pixels: tl.tensor, BLOCK: tl.constexpr) -> None:
    """Write 255 where the first of a weak pixel's group is strong, else 0. Grid: (blocks of pixels, pictures)."""
    pixel = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    here = pixel < pixels
    place = tl.program_id(1) * pixels + pixel
    weak = tl.load(parent + place, mask=here, other=-1) >= 0
    kept = tl.load(strong + _root(parent, tl.where(weak, place, 0), weak), mask=weak, other=0)
    tl.store(edge + place, tl.where(kept > 0, 255, 0).to(tl.uint8), mask=here)
