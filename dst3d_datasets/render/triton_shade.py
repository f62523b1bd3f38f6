"""Triton kernels that turn the z-buffer into pictures: one sample a pixel, and four more where that is rough."""

from __future__ import annotations

from typing import Any

import triton
import triton.language as tl

from . import antialias, shade
from .triton_look import LIGHT, lit_of, look_at
from .triton_surface import VIEW

EMPTY = tl.constexpr((1 << 63) - 1)
_ENCODE_STEPS = tl.constexpr(shade.ENCODE_STEPS)
_CONTRAST = tl.constexpr(antialias.CONTRAST)


@triton.jit
def _encoded(encode: tl.tensor, linear: tl.tensor, here: tl.tensor) -> Any:
    """Linear 0-1 to sRGB uint8."""
    step = tl.minimum(tl.maximum(linear * _ENCODE_STEPS + 0.5, 0.0), _ENCODE_STEPS * 1.0).to(tl.int32)
    return tl.load(encode + step, mask=here, other=0)


@triton.jit
def _depth(key: tl.tensor, here: tl.tensor) -> Any:
    """z of a key; 1 where there is none."""
    bits = tl.where(here, key >> 32, 0x3F800000).to(tl.int32)
    return bits.to(tl.float32, bitcast=True)


@triton.jit(do_not_specialize=["num_levels"])  # one kernel for all numbers
def shade_centres(
    keys: tl.tensor, out_colour: tl.tensor, out_alpha: tl.tensor, out_mask: tl.tensor, out_depth: tl.tensor,
    out_normal: tl.tensor, out_part: tl.tensor, position: tl.tensor, normal: tl.tensor, faces: tl.tensor,
    parts: tl.tensor, uv: tl.tensor, colour: tl.tensor, material: tl.tensor, texels: tl.tensor, levels: tl.tensor,
    num_levels: tl.tensor, decode: tl.tensor, encode: tl.tensor, views: tl.tensor, lights: tl.tensor, width: tl.tensor,
    pixels: tl.tensor, TEXTURED: tl.constexpr, COLOURED: tl.constexpr, BLOCK: tl.constexpr,
) -> None:  # fmt: skip
    """Colour, alpha, mask, depth, normal and part at pixel centres. Grid: (blocks of pixels, views)."""
    b = tl.program_id(1)
    pixel = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = pixel < pixels
    place = b * pixels + pixel
    key = tl.load(keys + place, mask=inside, other=EMPTY)
    here = key != EMPTY
    white = tl.where(here, 255, 0)
    tl.store(out_alpha + place, white.to(tl.uint8), mask=inside)
    tl.store(out_mask + place, here.to(tl.uint8), mask=inside)
    zero = (pixel * 0).to(tl.float32)
    red, green, blue = (pixel * 0).to(tl.uint8), (pixel * 0).to(tl.uint8), (pixel * 0).to(tl.uint8)
    nx, ny, nz, depth, part = zero, zero, zero, zero, pixel * 0 - 1
    if tl.max(here.to(tl.int32)) > 0:
        t = tl.where(here, key & 0xFFFFFFFF, 0).to(tl.int32)
        z = _depth(key, here)
        x = (pixel % width).to(tl.float64) + 0.5
        y = (pixel // width).to(tl.float64) + 0.5
        ray_x, ray_y, ax, ay, az, r, g, c, own = look_at(
            position, normal, faces, parts, uv, colour, material, texels, levels, num_levels, decode,
            views + b * VIEW, t, x, y, z, here, 1, TEXTURED, COLOURED,
        )  # fmt: skip
        r, g, c = lit_of(material, lights + b * LIGHT, own, ray_x, ray_y, ax, ay, az, r, g, c, here)
        red, green, blue = _encoded(encode, r, here), _encoded(encode, g, here), _encoded(encode, c, here)
        nx, ny, nz = tl.where(here, ax, 0.0), tl.where(here, ay, 0.0), tl.where(here, az, 0.0)
        depth, part = tl.where(here, z, 0.0), tl.where(here, own, -1)
    tl.store(out_colour + place * 3, red, mask=inside)
    tl.store(out_colour + place * 3 + 1, green, mask=inside)
    tl.store(out_colour + place * 3 + 2, blue, mask=inside)
    tl.store(out_normal + place * 3, nx, mask=inside)
    tl.store(out_normal + place * 3 + 1, ny, mask=inside)
    tl.store(out_normal + place * 3 + 2, nz, mask=inside)
    tl.store(out_depth + place, depth, mask=inside)
    tl.store(out_part + place, part, mask=inside)


@triton.jit
def _differs(picture: tl.tensor, place: tl.tensor, other: tl.tensor, here: tl.tensor) -> Any:
    """Whether a value differs visibly from the one at another place."""
    a = tl.load(picture + place, mask=here, other=0).to(tl.int32)
    b = tl.load(picture + other, mask=here, other=0).to(tl.int32)
    return tl.abs(a - b) > _CONTRAST


@triton.jit
def _rough_beside(colour: tl.tensor, alpha: tl.tensor, place: tl.tensor, other: tl.tensor, here: tl.tensor) -> Any:
    found = _differs(alpha, place, other, here)
    found = found | _differs(colour, place * 3, other * 3, here)
    found = found | _differs(colour, place * 3 + 1, other * 3 + 1, here)
    return here & (found | _differs(colour, place * 3 + 2, other * 3 + 2, here))


@triton.jit
def list_rough(
    colour: tl.tensor, alpha: tl.tensor, slots: tl.tensor, rough: tl.tensor, counted: tl.tensor, fine: tl.tensor,
    width: tl.tensor, pixels: tl.tensor, BLOCK: tl.constexpr,
) -> None:  # fmt: skip
    """Number the pixels that differ visibly from a neighbour, and empty the four fine keys of each.

    The pixels of view b are numbered from b * `pixels` on, `counted`[b] of them: `slots` gets a pixel's number or -1,
    `rough` the pixels by number. Grid: (blocks of pixels, views).
    """
    b = tl.program_id(1)
    pixel = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    here = pixel < pixels
    place = b * pixels + pixel
    column = pixel % width
    found = _rough_beside(colour, alpha, place, place - 1, here & (column > 0))
    found = found | _rough_beside(colour, alpha, place, place + 1, here & (column < width - 1))
    found = found | _rough_beside(colour, alpha, place, place - width, here & (pixel >= width))
    found = found | _rough_beside(colour, alpha, place, place + width, here & (pixel < pixels - width))
    number = tl.cumsum(found.to(tl.int32), 0) - 1
    total = tl.sum(found.to(tl.int32), 0)
    if total > 0:
        number = number + tl.atomic_add(counted + b, total) + b * pixels
        tl.store(rough + number, pixel, mask=found)
        for sample in range(4):
            tl.store(fine + number * 4 + sample, tl.full((BLOCK,), EMPTY, tl.int64), mask=found)
    tl.store(slots + place, tl.where(found, number, -1), mask=here)


@triton.jit(do_not_specialize=["num_levels"])  # one kernel for all numbers
def shade_rough(
    fine: tl.tensor, rough: tl.tensor, counted: tl.tensor, out_colour: tl.tensor, out_alpha: tl.tensor,
    position: tl.tensor, normal: tl.tensor, faces: tl.tensor, parts: tl.tensor, uv: tl.tensor, colour: tl.tensor,
    material: tl.tensor, texels: tl.tensor, levels: tl.tensor, num_levels: tl.tensor, decode: tl.tensor,
    encode: tl.tensor, views: tl.tensor, lights: tl.tensor, width: tl.tensor, pixels: tl.tensor, TEXTURED: tl.constexpr,
    COLOURED: tl.constexpr, BLOCK: tl.constexpr,
) -> None:  # fmt: skip
    """Mean colour and coverage of the four samples of the listed pixels. Grid: (any number of programs, views)."""
    b = tl.program_id(1)
    view = views + b * VIEW
    light = lights + b * LIGHT
    total = tl.load(counted + b)
    for begin in range(tl.program_id(0) * BLOCK, total, tl.num_programs(0) * BLOCK):
        inside = begin + tl.arange(0, BLOCK) < total
        number = b * pixels + begin + tl.arange(0, BLOCK)
        pixel = tl.load(rough + number, mask=inside, other=0)
        place = b * pixels + pixel
        red, green, blue = (place * 0).to(tl.float32), (place * 0).to(tl.float32), (place * 0).to(tl.float32)
        covered = (place * 0).to(tl.float32)
        for sample in range(4):
            key = tl.load(fine + number * 4 + sample, mask=inside, other=EMPTY)
            here = key != EMPTY
            t = tl.where(here, key & 0xFFFFFFFF, 0).to(tl.int32)
            x = (pixel % width).to(tl.float64) + 0.25 + 0.5 * (sample & 1)
            y = (pixel // width).to(tl.float64) + 0.25 + 0.5 * (sample >> 1)
            ray_x, ray_y, nx, ny, nz, r, g, c, own = look_at(
                position, normal, faces, parts, uv, colour, material, texels, levels, num_levels, decode,
                view, t, x, y, _depth(key, here), here, 2, TEXTURED, COLOURED,
            )  # fmt: skip
            r, g, c = lit_of(material, light, own, ray_x, ray_y, nx, ny, nz, r, g, c, here)
            red += tl.where(here, r, 0.0)
            green += tl.where(here, g, 0.0)
            blue += tl.where(here, c, 0.0)
            covered += tl.where(here, 1.0, 0.0)
        share = tl.div_rn(1.0, tl.maximum(covered, 1e-6))
        seen = inside & (covered > 0)
        tl.store(out_colour + place * 3, tl.where(seen, _encoded(encode, red * share, seen), 0), mask=inside)
        tl.store(out_colour + place * 3 + 1, tl.where(seen, _encoded(encode, green * share, seen), 0), mask=inside)
        tl.store(out_colour + place * 3 + 2, tl.where(seen, _encoded(encode, blue * share, seen), 0), mask=inside)
        tl.store(out_alpha + place, (covered * 0.25 * 255.0 + 0.5).to(tl.uint8), mask=inside)
