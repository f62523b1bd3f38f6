"""Inside a Triton kernel: what lies at a sample and how it is lit, as `surface` and `shade` say, step by step.

`light` points to one row of `triton_scene.light_table`; see `triton_surface` for the other pointers and for why the
results equal those of a CPU bit for bit.
"""

from __future__ import annotations

from typing import Any

import triton
import triton.language as tl

from . import shade
from .triton_surface import (
    DECODE_STEPS,
    MATERIAL,
    channel_of,
    eye_of,
    mixed,
    texels_of,
    weights_of,
)

LIGHT = tl.constexpr(66)  # numbers of a view: key and fill direction, key and fill colour, 9 terms matt, 9 mirrored
_KEY_WRAP = tl.constexpr(shade.KEY_WRAP)
_DIRECT = tl.constexpr(shade.DIRECT)
_AMBIENT = tl.constexpr(shade.AMBIENT)
_SHOULDER = tl.constexpr(shade.SHOULDER)


@triton.jit
def _dot(ax: tl.tensor, ay: tl.tensor, az: tl.tensor, bx: tl.tensor, by: tl.tensor, bz: tl.tensor) -> Any:
    return ax * bx + ay * by + az * bz


@triton.jit
def _corner_normal(
    normal: tl.tensor, view: tl.tensor, i: tl.tensor, tx: tl.tensor, ty: tl.tensor, tz: tl.tensor, here: tl.tensor,
) -> Any:  # fmt: skip
    """A vertex normal in the camera frame, on the side of (tx, ty, tz), which stands in for a missing one."""
    x = tl.load(normal + i * 3, mask=here, other=0.0)
    y = tl.load(normal + i * 3 + 1, mask=here, other=0.0)
    z = tl.load(normal + i * 3 + 2, mask=here, other=0.0)
    a = x * tl.load(view).to(tl.float32) + y * tl.load(view + 1).to(tl.float32) + z * tl.load(view + 2).to(tl.float32)
    b = (
        x * tl.load(view + 3).to(tl.float32)
        + y * tl.load(view + 4).to(tl.float32)
        + z * tl.load(view + 5).to(tl.float32)
    )
    c = (
        x * tl.load(view + 6).to(tl.float32)
        + y * tl.load(view + 7).to(tl.float32)
        + z * tl.load(view + 8).to(tl.float32)
    )
    sign = tl.where(_dot(a, b, c, tx, ty, tz) < 0, -1.0, 1.0)
    absent = _dot(a, b, c, a, b, c) < 0.25
    return tl.where(absent, tx, a * sign), tl.where(absent, ty, b * sign), tl.where(absent, tz, c * sign)


@triton.jit
def _base(
    colour: tl.tensor, material: tl.tensor, channel: tl.constexpr, i: tl.tensor, j: tl.tensor, k: tl.tensor,
    part: tl.tensor, wi: tl.tensor, wj: tl.tensor, wk: tl.tensor, here: tl.tensor, COLOURED: tl.constexpr,
) -> Any:  # fmt: skip
    """One channel of material colour x vertex colour."""
    value = tl.load(material + part * MATERIAL + channel, mask=here, other=0.0)
    if COLOURED:
        tint = mixed(colour + channel, 4, i, j, k, wi, wj, wk, here)
        value = value * tl.minimum(tl.maximum(tint, 0.0), 1.0)
    return value


@triton.jit
def _decoded(decode: tl.tensor, value: tl.tensor, here: tl.tensor) -> Any:
    """Linear colour of an sRGB value 0-255."""
    step = tl.minimum(tl.maximum(value * DECODE_STEPS + 0.5, 0.0), 255.0 * DECODE_STEPS).to(tl.int32)
    return tl.load(decode + step, mask=here, other=0.0)


@triton.jit
def _texture(
    uv: tl.tensor, material: tl.tensor, texels: tl.tensor, levels: tl.tensor, num_levels: tl.tensor, decode: tl.tensor,
    i: tl.tensor, j: tl.tensor, k: tl.tensor, wi: tl.tensor, wj: tl.tensor, wk: tl.tensor, part: tl.tensor,
    area: tl.tensor, twice: tl.tensor, spread: tl.tensor, here: tl.tensor,
) -> Any:  # fmt: skip
    """Linear colour of the texture; `twice` the triangle's area, `spread` of a sample on the surface."""
    ui = tl.load(uv + i * 2, mask=here, other=0.0).to(tl.float64)
    vi = tl.load(uv + i * 2 + 1, mask=here, other=0.0).to(tl.float64)
    uj = tl.load(uv + j * 2, mask=here, other=0.0).to(tl.float64)
    vj = tl.load(uv + j * 2 + 1, mask=here, other=0.0).to(tl.float64)
    uk = tl.load(uv + k * 2, mask=here, other=0.0).to(tl.float64)
    vk = tl.load(uv + k * 2 + 1, mask=here, other=0.0).to(tl.float64)
    covered = tl.abs((uj - ui) * (vk - vi) - (uk - ui) * (vj - vi)) * area.to(tl.float64)
    density = (covered / tl.maximum(twice, twice * 0.0 + 1e-12)).to(tl.float32) * spread
    u = mixed(uv, 2, i, j, k, wi, wj, wk, here)
    v = mixed(uv + 1, 2, i, j, k, wi, wj, wk, here)
    wrap = tl.load(material + part * MATERIAL + 9, mask=here, other=0.0).to(tl.int32)
    a, b, c, d, across, down = texels_of(texels, levels, num_levels, part, wrap, u, v, density, here)
    red = _decoded(decode, channel_of(a, b, c, d, across, down, 0), here)
    green = _decoded(decode, channel_of(a, b, c, d, across, down, 8), here)
    return red, green, _decoded(decode, channel_of(a, b, c, d, across, down, 16), here)


@triton.jit
def look_at(
    position: tl.tensor, normal: tl.tensor, faces: tl.tensor, parts: tl.tensor, uv: tl.tensor, colour: tl.tensor,
    material: tl.tensor, texels: tl.tensor, levels: tl.tensor, num_levels: tl.tensor, decode: tl.tensor,
    view: tl.tensor, t: tl.tensor, x: tl.tensor, y: tl.tensor, depth: tl.tensor, here: tl.tensor, SCALE: tl.constexpr,
    TEXTURED: tl.constexpr, COLOURED: tl.constexpr,
) -> Any:  # fmt: skip
    """Samples that see triangle t at pixels (x, y): ray (x/z, y/z), unit normal, linear colour, part."""
    i = tl.load(faces + t * 3, mask=here, other=0)
    j = tl.load(faces + t * 3 + 1, mask=here, other=0)
    k = tl.load(faces + t * 3 + 2, mask=here, other=0)
    part = tl.load(parts + t, mask=here, other=0)
    ax, ay, az = eye_of(position, view, i, here)
    bx, by, bz = eye_of(position, view, j, here)
    cx, cy, cz = eye_of(position, view, k, here)
    wi, wj, wk = weights_of(view, ax, ay, az, bx, by, bz, cx, cy, cz, x, y)
    ray_y = (y - tl.load(view + 16)) / tl.load(view + 15)
    ray_x = ((x - tl.load(view + 14) - ray_y * tl.load(view + 13)) / tl.load(view + 12)).to(tl.float32)
    ray_y = ray_y.to(tl.float32)
    # The face's own normal, towards the camera.
    ux, uy, uz, vx, vy, vz = bx - ax, by - ay, bz - az, cx - ax, cy - ay, cz - az
    fx, fy, fz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
    twice = tl.sqrt(_dot(fx, fy, fz, fx, fy, fz))
    side = tl.where(_dot(fx, fy, fz, ax, ay, az) > 0, -1.0, 1.0) / tl.maximum(twice, twice * 0.0 + 1e-30)
    tx, ty, tz = (fx * side).to(tl.float32), (fy * side).to(tl.float32), (fz * side).to(tl.float32)
    ix, iy, iz = _corner_normal(normal, view, i, tx, ty, tz, here)
    jx, jy, jz = _corner_normal(normal, view, j, tx, ty, tz, here)
    kx, ky, kz = _corner_normal(normal, view, k, tx, ty, tz, here)
    nx, ny, nz = _dot(wi, wj, wk, ix, jx, kx), _dot(wi, wj, wk, iy, jy, ky), _dot(wi, wj, wk, iz, jz, kz)
    away = tl.maximum(nx * ray_x + ny * ray_y + nz, 0.0)
    away = tl.div_rn(away, ray_x * ray_x + ray_y * ray_y + 1.0)
    nx, ny, nz = nx - away * ray_x, ny - away * ray_y, nz - away
    unit = tl.div_rn(1.0, tl.maximum(tl.sqrt_rn(_dot(nx, ny, nz, nx, ny, nz)), 1e-12))
    nx, ny, nz = nx * unit, ny * unit, nz * unit
    r = _base(colour, material, 0, i, j, k, part, wi, wj, wk, here, COLOURED)
    g = _base(colour, material, 1, i, j, k, part, wi, wj, wk, here, COLOURED)
    b = _base(colour, material, 2, i, j, k, part, wi, wj, wk, here, COLOURED)
    if TEXTURED:
        area = tl.load(material + part * MATERIAL + 8, mask=here, other=0.0)
        slant = tl.maximum(-(nx * ray_x + ny * ray_y + nz), 0.3)
        focal = (tl.load(view + 17) * SCALE * SCALE).to(tl.float32)
        spread = tl.div_rn(depth * depth, slant * focal)
        red, green, blue = _texture(
            uv, material, texels, levels, num_levels, decode, i, j, k, wi, wj, wk, part, area, twice, spread, here
        )
        r, g, b = tl.where(area > 0, r * red, r), tl.where(area > 0, g * green, g), tl.where(area > 0, b * blue, b)
    return ray_x, ray_y, nx, ny, nz, r, g, b, part


@triton.jit
def _environment(terms: tl.tensor, x: tl.tensor, y: tl.tensor, z: tl.tensor) -> Any:
    """One colour of `environment.evaluate`, not below 0; its nine terms stand three numbers apart."""
    c, cx, cy, cz = tl.load(terms), tl.load(terms + 3), tl.load(terms + 6), tl.load(terms + 9)
    xx, yy = tl.load(terms + 12), tl.load(terms + 15)
    xy, yz, zx = tl.load(terms + 18), tl.load(terms + 21), tl.load(terms + 24)
    return tl.maximum(c + x * (cx + xx * x + xy * y + zx * z) + y * (cy + yy * y + yz * z) + cz * z, 0.0)


@triton.jit
def _tone(x: tl.tensor) -> Any:
    over = tl.div_rn(tl.maximum(x - _SHOULDER, 0.0), x * 0.0 + (1.0 - _SHOULDER))
    return tl.minimum(x, x * 0.0 + _SHOULDER) + (1.0 - _SHOULDER) * tl.div_rn(over, 1.0 + over)


@triton.jit
def _lit(
    light: tl.tensor, channel: tl.constexpr, base: tl.tensor, nx: tl.tensor, ny: tl.tensor, nz: tl.tensor,
    mx: tl.tensor, my: tl.tensor, mz: tl.tensor, metallic: tl.tensor, rough: tl.tensor, graze: tl.tensor,
    lit_key: tl.tensor, lit_fill: tl.tensor, glint: tl.tensor, unlit: tl.tensor,
) -> Any:  # fmt: skip
    """One channel of a lit surface."""
    key = tl.load(light + 6 + channel)
    fill = tl.load(light + 9 + channel)
    mirror = 0.04 + (base - 0.04) * metallic
    mirror = mirror + (1.0 - mirror) * graze
    matt = base * (1.0 - metallic)
    ambient = _AMBIENT * _environment(light + 12 + channel, nx, ny, nz)
    around = _AMBIENT * _environment(light + 39 + channel, mx, my, mz) * (1.35 - 0.35 * rough)
    received = _DIRECT * (key * lit_key + fill * lit_fill) + ambient
    value = _tone(matt * received + mirror * (around + _DIRECT * key * glint))
    return tl.where(unlit > 0, base, value)


@triton.jit
def lit_of(
    material: tl.tensor, light: tl.tensor, part: tl.tensor, ray_x: tl.tensor, ray_y: tl.tensor, nx: tl.tensor,
    ny: tl.tensor, nz: tl.tensor, r: tl.tensor, g: tl.tensor, b: tl.tensor, here: tl.tensor,
) -> Any:  # fmt: skip
    """Linear colour 0-1 after tone mapping: `shade.shade`."""
    own = material + part * MATERIAL
    metallic = tl.load(own + 4, mask=here, other=0.0)
    rough = tl.minimum(tl.maximum(tl.load(own + 5, mask=here, other=1.0), 0.08), 1.0)
    unlit = tl.load(own + 6, mask=here, other=0.0)
    length = tl.div_rn(1.0, tl.sqrt_rn(ray_x * ray_x + ray_y * ray_y + 1.0))
    vx, vy, vz = -ray_x * length, -ray_y * length, -length
    n_v = _dot(nx, ny, nz, vx, vy, vz)
    facing = tl.minimum(tl.maximum(n_v, 1e-3), 1.0)
    kx, ky, kz = tl.load(light), tl.load(light + 1), tl.load(light + 2)
    n_k = _dot(nx, ny, nz, kx, ky, kz)
    lit_key = tl.maximum((n_k + _KEY_WRAP) * (1.0 / (1.0 + _KEY_WRAP)), 0.0)
    lit_fill = tl.maximum(_dot(nx, ny, nz, tl.load(light + 3), tl.load(light + 4), tl.load(light + 5)), 0.0)
    n_v = 2.0 * n_v
    mx, my, mz = n_v * nx - vx, n_v * ny - vy, n_v * nz - vz
    hx, hy, hz = vx + kx, vy + ky, vz + kz
    scale = tl.div_rn(1.0, tl.maximum(tl.sqrt_rn(_dot(hx, hy, hz, hx, hy, hz)), 1e-6))
    n_h = tl.minimum(tl.maximum(_dot(nx, ny, nz, hx, hy, hz) * scale, 0.0), 1.0)
    a = rough * rough
    a2 = a * a
    d = n_h * n_h * (a2 - 1.0) + 1.0
    k = a * 0.5
    n_l = tl.maximum(n_k, 1e-3)
    spread = d * d * ((facing * (1.0 - k) + k) * (n_l * (1.0 - k) + k))
    glint = tl.minimum(tl.div_rn(a2 * 0.25, spread), 8.0) * tl.maximum(n_k, 0.0)
    graze = 1.0 - facing
    graze = graze * graze * graze * graze * graze * (1.0 - rough)
    red = _lit(light, 0, r, nx, ny, nz, mx, my, mz, metallic, rough, graze, lit_key, lit_fill, glint, unlit)
    green = _lit(light, 1, g, nx, ny, nz, mx, my, mz, metallic, rough, graze, lit_key, lit_fill, glint, unlit)
    blue = _lit(light, 2, b, nx, ny, nz, mx, my, mz, metallic, rough, graze, lit_key, lit_fill, glint, unlit)
    return red, green, blue
