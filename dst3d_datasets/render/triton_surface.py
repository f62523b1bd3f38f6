"""Inside a Triton kernel: projection, barycentric weights and textures, as `scene`, `surface` and `texture` do them.

Every operation is the plain version's, in its order and its precision, and kernels are launched without fused
multiply-adds: the results equal those of a CPU bit for bit. Positions and weights are float64, all else float32.

Pointers: `position` (V, 3) float64, `view` to one row of `triton_scene.view_table`, `material` (P, `MATERIAL`) float32,
`levels` (P * L, 3) int32 start, width, height. Lanes that `here` says are not there read nothing.
"""

from __future__ import annotations

from typing import Any

import triton
import triton.language as tl

EXACT: dict[str, Any] = {"enable_fp_fusion": False}  # a fused multiply-add rounds once where a CPU rounds twice
VIEW = tl.constexpr(18)  # numbers of a view: R by rows, t, fx, skew, cx, fy, cy, fx * fy
MATERIAL = tl.constexpr(10)  # numbers of a part: R, G, B, A, metallic, roughness, unlit, cutoff, texels, wrap
DECODE_STEPS = tl.constexpr(16)


@triton.jit
def eye_of(position: tl.tensor, view: tl.tensor, vertex: tl.tensor, here: tl.tensor) -> Any:
    """Vertices in the camera frame: x, y, z."""
    x = tl.load(position + vertex * 3, mask=here, other=0.0)
    y = tl.load(position + vertex * 3 + 1, mask=here, other=0.0)
    z = tl.load(position + vertex * 3 + 2, mask=here, other=0.0)
    a = x * tl.load(view) + y * tl.load(view + 1) + z * tl.load(view + 2) + tl.load(view + 9)
    b = x * tl.load(view + 3) + y * tl.load(view + 4) + z * tl.load(view + 5) + tl.load(view + 10)
    c = x * tl.load(view + 6) + y * tl.load(view + 7) + z * tl.load(view + 8) + tl.load(view + 11)
    return a, b, c


@triton.jit
def project(view: tl.tensor, x: tl.tensor, y: tl.tensor, z: tl.tensor) -> Any:
    """Pixel coordinates and 1/z; meaningless where z <= 0."""
    w = 1.0 / z
    u = x * w
    v = y * w
    return (
        u * tl.load(view + 12) + v * tl.load(view + 13) + tl.load(view + 14),
        v * tl.load(view + 15) + tl.load(view + 16),
        w,
    )


@triton.jit
def _share(
    view: tl.tensor, ax: tl.tensor, ay: tl.tensor, az: tl.tensor, bx: tl.tensor, by: tl.tensor, bz: tl.tensor,
    x: tl.tensor, y: tl.tensor,
) -> Any:  # fmt: skip
    """The unscaled weight at pixel (x, y) of the corner across from the side a-b."""
    p = ay * bz - az * by
    q = az * bx - ax * bz
    r = ax * by - ay * bx
    p = p / tl.load(view + 12)
    q = (q - p * tl.load(view + 13)) / tl.load(view + 15)
    r = r - p * tl.load(view + 14) - q * tl.load(view + 16)
    return x * p + y * q + r


@triton.jit
def weights_of(
    view: tl.tensor, ax: tl.tensor, ay: tl.tensor, az: tl.tensor, bx: tl.tensor, by: tl.tensor, bz: tl.tensor,
    cx: tl.tensor, cy: tl.tensor, cz: tl.tensor, x: tl.tensor, y: tl.tensor,
) -> Any:  # fmt: skip
    """Perspective-correct weights, float32, of the corners a, b, c (camera frame) at pixels (x, y)."""
    first = _share(view, bx, by, bz, cx, cy, cz, x, y)
    second = _share(view, cx, cy, cz, ax, ay, az, x, y)
    third = _share(view, ax, ay, az, bx, by, bz, x, y)
    total = first + second + third
    total = tl.where(total == 0, 1.0, total)
    second = tl.minimum(tl.maximum(second / total, 0.0), 1.0)
    third = tl.minimum(tl.maximum(third / total, 0.0), 1.0 - second)
    return (1.0 - second - third).to(tl.float32), second.to(tl.float32), third.to(tl.float32)


@triton.jit
def mixed(
    table: tl.tensor, stride: tl.tensor, i: tl.tensor, j: tl.tensor, k: tl.tensor, wi: tl.tensor, wj: tl.tensor,
    wk: tl.tensor, here: tl.tensor,
) -> Any:  # fmt: skip
    """A vertex attribute (one column of a table with rows of `stride` numbers) at the samples."""
    a = tl.load(table + i * stride, mask=here, other=0.0)
    b = tl.load(table + j * stride, mask=here, other=0.0)
    c = tl.load(table + k * stride, mask=here, other=0.0)
    return wi * a + wj * b + wk * c


@triton.jit
def _taps(t: tl.tensor, size: tl.tensor, wrap: tl.tensor) -> Any:
    """The two texels about coordinate t, and the weight of the second; `wrap` 0 repeats, 1 clamps, 2 mirrors."""
    repeated = t - tl.floor(t)
    folded = t - 2.0 * tl.floor(t * 0.5)
    folded = tl.where(folded > 1.0, 2.0 - folded, folded)
    clamped = tl.minimum(tl.maximum(t, 0.0), 1.0)
    inside = tl.where(wrap == 0, repeated, tl.where(wrap == 1, clamped, folded))
    place = inside * size.to(tl.float32) - 0.5
    low = tl.floor(place)
    first = low.to(tl.int32)
    second = first + 1
    last = size - 1
    below = tl.where(first < 0, tl.where(wrap == 0, last, 0), first)
    above = tl.where(second > last, tl.where(wrap == 0, 0, last), second)
    return below, above, place - low


@triton.jit
def texels_of(
    texels: tl.tensor, levels: tl.tensor, num_levels: tl.tensor, part: tl.tensor, wrap: tl.tensor, u: tl.tensor,
    v: tl.tensor, density: tl.tensor, here: tl.tensor,
) -> Any:  # fmt: skip
    """Four packed texels about (u, v) and their two weights; `density` texels of level 0 lie in a sample."""
    octaves = (tl.maximum(density, 1e-6).to(tl.int32, bitcast=True) >> 23) - 127
    level = tl.minimum(tl.maximum((octaves + 1) >> 1, 0), num_levels - 1)
    row = (part * num_levels + level) * 3
    start = tl.load(levels + row, mask=here, other=0)
    width = tl.load(levels + row + 1, mask=here, other=1)
    height = tl.load(levels + row + 2, mask=here, other=1)
    x0, x1, across = _taps(u, width, wrap)
    y0, y1, down = _taps(1.0 - v, height, wrap)
    top = start + y0 * width
    bottom = start + y1 * width
    a = tl.load(texels + top + x0, mask=here, other=0)
    b = tl.load(texels + top + x1, mask=here, other=0)
    c = tl.load(texels + bottom + x0, mask=here, other=0)
    d = tl.load(texels + bottom + x1, mask=here, other=0)
    return a, b, c, d, across, down


@triton.jit
def channel_of(
    a: tl.tensor, b: tl.tensor, c: tl.tensor, d: tl.tensor, across: tl.tensor, down: tl.tensor, shift: tl.constexpr,
) -> Any:  # fmt: skip
    """One channel of four texels, blended: 0-255."""
    e = ((a >> shift) & 255).to(tl.float32)
    f = ((b >> shift) & 255).to(tl.float32)
    g = ((c >> shift) & 255).to(tl.float32)
    h = ((d >> shift) & 255).to(tl.float32)
    upper = e + (f - e) * across
    lower = g + (h - g) * across
    return upper + (lower - upper) * down


@triton.jit
def alpha_of(
    view: tl.tensor, position: tl.tensor, uv: tl.tensor, colour: tl.tensor, material: tl.tensor, texels: tl.tensor,
    levels: tl.tensor, num_levels: tl.tensor, i: tl.tensor, j: tl.tensor, k: tl.tensor, part: tl.tensor, x: tl.tensor,
    y: tl.tensor, here: tl.tensor, TEXTURED: tl.constexpr, COLOURED: tl.constexpr,
) -> Any:  # fmt: skip
    """Alpha at pixels (x, y) of triangles i, j, k, from the finest texture level; and the part's cutoff."""
    ax, ay, az = eye_of(position, view, i, here)
    bx, by, bz = eye_of(position, view, j, here)
    cx, cy, cz = eye_of(position, view, k, here)
    wi, wj, wk = weights_of(view, ax, ay, az, bx, by, bz, cx, cy, cz, x, y)
    own = material + part * MATERIAL
    alpha = tl.load(own + 3, mask=here, other=1.0)
    if COLOURED:
        tint = mixed(colour + 3, 4, i, j, k, wi, wj, wk, here)
        alpha = alpha * tl.minimum(tl.maximum(tint, 0.0), 1.0)
    if TEXTURED:
        u = mixed(uv, 2, i, j, k, wi, wj, wk, here)
        v = mixed(uv + 1, 2, i, j, k, wi, wj, wk, here)
        wrap = tl.load(own + 9, mask=here, other=0.0).to(tl.int32)
        a, b, c, d, across, down = texels_of(texels, levels, num_levels, part, wrap, u, v, u * 0.0, here)
        texel = tl.div_rn(channel_of(a, b, c, d, across, down, 24), 255.0)
        alpha = tl.where(tl.load(own + 8, mask=here, other=0.0) > 0, alpha * texel, alpha)
    return alpha, tl.load(own + 7, mask=here, other=0.0)
