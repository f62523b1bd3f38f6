"""Triton kernels for the line drawing, bit for bit that of `lines`; and for outlines that Canny missed (`controls`)."""

from __future__ import annotations

from typing import Any

import triton
import triton.language as tl

from . import lines
from .triton_surface import VIEW

_COARSE = tl.constexpr(lines.COARSE)
_RIGHT, _DOWN, _FORWARD = (tl.constexpr(share) for share in lines.SIDE)


@triton.jit
def _point(
    depth: tl.tensor, view: tl.tensor, place: tl.tensor, row: tl.tensor, column: tl.tensor, here: tl.tensor,
) -> Any:  # fmt: skip
    """What a pixel sees, in the camera frame; its own z."""
    z = tl.load(depth + place, mask=here, other=0.0)
    down = ((row.to(tl.float64) + 0.5 - tl.load(view + 16)) / tl.load(view + 15)).to(tl.float32)
    across = ((column.to(tl.float64) + 0.5 - tl.load(view + 14)) / tl.load(view + 12)).to(tl.float32)
    skew = (tl.load(view + 13) / tl.load(view + 12)).to(tl.float32)
    return (across - down * skew) * z, down * z, z


@triton.jit
def _normal(normal: tl.tensor, place: tl.tensor, here: tl.tensor) -> Any:
    x = tl.load(normal + place * 3, mask=here, other=0.0)
    y = tl.load(normal + place * 3 + 1, mask=here, other=0.0)
    return x, y, tl.load(normal + place * 3 + 2, mask=here, other=0.0)


@triton.jit
def _gap(
    mask: tl.tensor, depth: tl.tensor, normal: tl.tensor, view: tl.tensor, gap: tl.tensor, place: tl.tensor,
    row: tl.tensor, column: tl.tensor, DOWN: tl.constexpr, RIGHT: tl.constexpr, width: tl.tensor, height: tl.tensor,
    here: tl.tensor,
) -> Any:  # fmt: skip
    """A pixel and its neighbour to the right or below: whether there is a gap between them, and the first is nearer.

    Also whether there is a neighbour, and which of the two see the object.
    """
    here = here & (row >= 0) & (column >= 0) & (row + DOWN < height) & (column + RIGHT < width)
    other = place + DOWN * width + RIGHT
    one_seen = here & (tl.load(mask + place, mask=here, other=0) > 0)
    two_seen = here & (tl.load(mask + other, mask=here, other=0) > 0)
    both = one_seen & two_seen
    ax, ay, az = _point(depth, view, place, row, column, both)
    bx, by, bz = _point(depth, view, other, row + DOWN, column + RIGHT, both)
    focal = tl.minimum(tl.load(view + 12), tl.load(view + 15))
    reach = ((focal * 0.0 + _COARSE) / focal).to(tl.float32)
    limit = tl.maximum(gap, tl.minimum(az, bz) * reach)
    deep = both & (tl.abs(bz - az) > limit)
    apart = deep
    if tl.max(deep.to(tl.int32)) > 0:
        dx, dy, dz = bx - ax, by - ay, bz - az
        mx, my, mz = _normal(normal, place, deep)
        nx, ny, nz = _normal(normal, other, deep)
        off = tl.maximum(tl.abs(mx * dx + my * dy + mz * dz), tl.abs(nx * dx + ny * dy + nz * dz))
        apart = deep & (off > limit)
    return apart, az <= bz, one_seen, two_seen, here


@triton.jit
def outline(
    mask: tl.tensor, depth: tl.tensor, normal: tl.tensor, views: tl.tensor, flags: tl.tensor, gap: tl.tensor,
    width: tl.tensor, height: tl.tensor, BLOCK: tl.constexpr,
) -> None:  # fmt: skip
    """Bits of each pixel: 1 lies on an outline, 2 a gap to its right, 4 a gap below.

    Grid: (blocks of pixels, views).
    """
    b = tl.program_id(1)
    view = views + b * VIEW
    pixel = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    here = pixel < width * height
    place = b * width * height + pixel
    row, column = pixel // width, pixel % width
    seen = tl.load(mask + place, mask=here, other=0) > 0
    bits = pixel * 0
    if tl.max(seen.to(tl.int32)) > 0:
        apart, first, _, two, there = _gap(
            mask, depth, normal, view, gap, place, row, column, 0, 1, width, height, seen
        )  # fmt: skip
        bits = tl.where(apart, 2, 0)
        drawn = (there & (two == 0)) | (apart & first)
        apart, first, _, two, there = _gap(
            mask, depth, normal, view, gap, place, row, column, 1, 0, width, height, seen
        )  # fmt: skip
        bits = bits | tl.where(apart, 4, 0)
        drawn = drawn | (there & (two == 0)) | (apart & first)
        apart, first, one, _, there = _gap(
            mask, depth, normal, view, gap, place - 1, row, column - 1, 0, 1, width, height, seen
        )  # fmt: skip
        drawn = drawn | (there & (one == 0)) | (apart & (first == 0))
        apart, first, one, _, there = _gap(
            mask, depth, normal, view, gap, place - width, row - 1, column, 1, 0, width, height, seen
        )  # fmt: skip
        drawn = drawn | (there & (one == 0)) | (apart & (first == 0))
        bits = bits | tl.where(drawn & seen, 1, 0)
    tl.store(flags + place, bits.to(tl.uint8), mask=here)


@triton.jit
def _straight(
    mask: tl.tensor, normal: tl.tensor, flags: tl.tensor, place: tl.tensor, row: tl.tensor, column: tl.tensor,
    DOWN: tl.constexpr, RIGHT: tl.constexpr, width: tl.tensor, height: tl.tensor, here: tl.tensor,
) -> Any:  # fmt: skip
    """Cosine between the normals of a pixel and its neighbour; 1 where they are not one surface; and whether."""
    here = here & (row >= 0) & (column >= 0) & (row + DOWN < height) & (column + RIGHT < width)
    other = place + DOWN * width + RIGHT
    free = here & (tl.load(mask + place, mask=here, other=0) > 0) & (tl.load(mask + other, mask=here, other=0) > 0)
    free = free & ((tl.load(flags + place, mask=here, other=0) & (2 + 2 * DOWN)) == 0)
    ax, ay, az = _normal(normal, place, free)
    bx, by, bz = _normal(normal, other, free)
    return tl.where(free, ax * bx + ay * by + az * bz, 1.0), free


@triton.jit
def _facing(normal: tl.tensor, place: tl.tensor, here: tl.tensor) -> Any:
    x, y, z = _normal(normal, place, here)
    return x * _RIGHT + y * _DOWN + z * _FORWARD


@triton.jit
def _inner(
    mask: tl.tensor, normal: tl.tensor, part: tl.tensor, flags: tl.tensor, sharp: tl.tensor, place: tl.tensor,
    row: tl.tensor, column: tl.tensor, DOWN: tl.constexpr, RIGHT: tl.constexpr, PARTS: tl.constexpr, width: tl.tensor,
    height: tl.tensor, here: tl.tensor,
) -> Any:  # fmt: skip
    """A pixel and its neighbour: whether there is a crease or border, and it is drawn on the first of them."""
    step = DOWN * width + RIGHT
    other = place + step
    own, free = _straight(mask, normal, flags, place, row, column, DOWN, RIGHT, width, height, here)
    found = free & (own < sharp)
    if tl.max(found.to(tl.int32)) > 0:
        before, _ = _straight(
            mask, normal, flags, place - step, row - DOWN, column - RIGHT, DOWN, RIGHT, width, height, found
        )  # fmt: skip
        after, _ = _straight(
            mask, normal, flags, other, row + DOWN, column + RIGHT, DOWN, RIGHT, width, height, found
        )  # fmt: skip
        found = found & (own <= before) & (own < after)
    one = tl.load(part + place, mask=free, other=0)
    two = tl.load(part + other, mask=free, other=0)
    border = free & (one != two)
    if PARTS:
        found = found | border
    found = found & ((tl.load(flags + place, mask=free, other=0) & 1) == 0)
    found = found & ((tl.load(flags + other, mask=free, other=0) & 1) == 0)
    first = found
    if tl.max(found.to(tl.int32)) > 0:
        first = _facing(normal, place, found) >= _facing(normal, other, found)
        if PARTS:
            first = tl.where(border, one < two, first)
    return found, first


@triton.jit
def draw_lines(
    mask: tl.tensor, normal: tl.tensor, part: tl.tensor, flags: tl.tensor, line: tl.tensor, sharp: tl.tensor,
    width: tl.tensor, height: tl.tensor, PARTS: tl.constexpr, BLOCK: tl.constexpr,
) -> None:  # fmt: skip
    """255 on outlines, creases and borders. Grid: (blocks of pixels, views)."""
    pixel = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    here = pixel < width * height
    place = tl.program_id(1) * width * height + pixel
    row, column = pixel // width, pixel % width
    seen = here & (tl.load(mask + place, mask=here, other=0) > 0)
    drawn = seen & ((tl.load(flags + place, mask=here, other=0) & 1) > 0)
    if tl.max(seen.to(tl.int32)) > 0:
        found, first = _inner(
            mask, normal, part, flags, sharp, place, row, column, 0, 1, PARTS, width, height, seen
        )  # fmt: skip
        drawn = drawn | (found & first)
        found, first = _inner(
            mask, normal, part, flags, sharp, place, row, column, 1, 0, PARTS, width, height, seen
        )  # fmt: skip
        drawn = drawn | (found & first)
        found, first = _inner(
            mask, normal, part, flags, sharp, place - 1, row, column - 1, 0, 1, PARTS, width, height, seen
        )  # fmt: skip
        drawn = drawn | (found & (first == 0))
        found, first = _inner(
            mask, normal, part, flags, sharp, place - width, row - 1, column, 1, 0, PARTS, width, height, seen
        )  # fmt: skip
        drawn = drawn | (found & (first == 0))
    tl.store(line + place, tl.where(drawn, 255, 0).to(tl.uint8), mask=here)


@triton.jit
def _seen(mask: tl.tensor, alpha: tl.tensor, place: tl.tensor, here: tl.tensor) -> Any:
    return (tl.load(mask + place, mask=here, other=1) > 0) | (tl.load(alpha + place, mask=here, other=1) > 0)


@triton.jit
def _rim(
    mask: tl.tensor, alpha: tl.tensor, place: tl.tensor, row: tl.tensor, column: tl.tensor, width: tl.tensor,
    height: tl.tensor, here: tl.tensor,
) -> Any:  # fmt: skip
    """Pixels of the object beside one that is not; the image's own edge is no rim."""
    inner = _seen(mask, alpha, place - width, here & (row > 0)) & _seen(mask, alpha, place - 1, here & (column > 0))
    inner = inner & _seen(mask, alpha, place + width, here & (row < height - 1))
    inner = inner & _seen(mask, alpha, place + 1, here & (column < width - 1))
    return here & _seen(mask, alpha, place, here) & (inner == 0)


@triton.jit
def _any_near(
    picture: tl.tensor, place: tl.tensor, row: tl.tensor, column: tl.tensor, width: tl.tensor, height: tl.tensor,
    here: tl.tensor,
) -> Any:  # fmt: skip
    """Whether any pixel at most 2 away is not 0."""
    found = row < 0
    for down in tl.static_range(-2, 3):
        for right in tl.static_range(-2, 3):
            there = here & (row + down >= 0) & (row + down < height)
            there = there & (column + right >= 0) & (column + right < width)
            found = found | (tl.load(picture + place + down * width + right, mask=there, other=0) > 0)
    return found


@triton.jit
def miss_outline(
    mask: tl.tensor, alpha: tl.tensor, edge: tl.tensor, missing: tl.tensor, width: tl.tensor, height: tl.tensor,
    BLOCK: tl.constexpr,
) -> None:  # fmt: skip
    """1 on the object's rim where no edge lies within 2 pixels. Grid: (blocks of pixels, views)."""
    pixel = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    here = pixel < width * height
    place = tl.program_id(1) * width * height + pixel
    row, column = pixel // width, pixel % width
    rim = _rim(mask, alpha, place, row, column, width, height, here)
    if tl.max(rim.to(tl.int32)) > 0:
        rim = rim & (_any_near(edge, place, row, column, width, height, rim) == 0)
    tl.store(missing + place, rim.to(tl.uint8), mask=here)


@triton.jit
def add_outline(
    mask: tl.tensor, alpha: tl.tensor, edge: tl.tensor, missing: tl.tensor, width: tl.tensor, height: tl.tensor,
    BLOCK: tl.constexpr,
) -> None:  # fmt: skip
    """Add the rim within 2 pixels of where it is missing to the edges. Grid: (blocks of pixels, views)."""
    pixel = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    here = pixel < width * height
    place = tl.program_id(1) * width * height + pixel
    row, column = pixel // width, pixel % width
    rim = _rim(mask, alpha, place, row, column, width, height, here)
    if tl.max(rim.to(tl.int32)) > 0:
        rim = rim & _any_near(missing, place, row, column, width, height, rim)
        tl.store(edge + place, (pixel * 0 + 255).to(tl.uint8), mask=rim)
