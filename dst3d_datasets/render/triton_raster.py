"""Triton kernels that say which triangle each sample sees: `rasterise` and the near plane of `scene`, on a GPU.

A first kernel gives each triangle of each view one lane, which walks its rows and columns; what is too large for that,
or crosses the near plane, goes on a list. A second kernel works off the list, a block of samples at a time. Both lower
64-bit keys by an atomic minimum: the result does not depend on any order, and equals the plain version's bit for bit.
"""

from __future__ import annotations

from typing import Any

import triton
import triton.language as tl

from .triton_surface import VIEW, alpha_of, eye_of, project

NEAR = tl.constexpr(0.01)


@triton.jit
def _first(low: tl.tensor, SCALE: tl.constexpr, length: tl.tensor) -> Any:
    """First sample at or after a coordinate."""
    return tl.minimum(tl.maximum(tl.ceil(low * SCALE - 0.5), 0.0), length * SCALE * 1.0).to(tl.int32)


@triton.jit
def _last(high: tl.tensor, SCALE: tl.constexpr, length: tl.tensor) -> Any:
    """Last sample at or before a coordinate."""
    return tl.minimum(tl.maximum(tl.floor(high * SCALE - 0.5), -1.0), length * SCALE - 1.0).to(tl.int32)


@triton.jit
def _sorted(xa: tl.tensor, ya: tl.tensor, wa: tl.tensor, xb: tl.tensor, yb: tl.tensor, wb: tl.tensor) -> Any:
    """Two corners in the order of (y, x)."""
    swap = (ya > yb) | ((ya == yb) & (xa > xb))
    x0, y0, w0 = tl.where(swap, xb, xa), tl.where(swap, yb, ya), tl.where(swap, wb, wa)
    return x0, y0, w0, tl.where(swap, xa, xb), tl.where(swap, ya, yb), tl.where(swap, wa, wb)


@triton.jit
def _extent(
    x0: tl.tensor, y0: tl.tensor, x1: tl.tensor, y1: tl.tensor, x2: tl.tensor, y2: tl.tensor, width: tl.tensor,
    height: tl.tensor, SCALE: tl.constexpr,
) -> Any:  # fmt: skip
    """First and last row that a triangle may touch (none when its area is 0 or it lies beside), and its columns."""
    area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
    left = _first(tl.minimum(tl.minimum(x0, x1), x2), SCALE, width)
    right = _last(tl.maximum(tl.maximum(x0, x1), x2), SCALE, width)
    top = _first(tl.minimum(tl.minimum(y0, y1), y2), SCALE, height)
    bottom = _last(tl.maximum(tl.maximum(y0, y1), y2), SCALE, height)
    bottom = tl.where((area != 0) & (left <= right), bottom, top - 1)
    return top, bottom, right - left + 1


@triton.jit
def _cross(
    x0: tl.tensor, y0: tl.tensor, w0: tl.tensor, x1: tl.tensor, y1: tl.tensor, w1: tl.tensor, y: tl.tensor,
) -> Any:  # fmt: skip
    """x and w where an edge, given from its upper end, meets row y; never beyond the edge's ends."""
    height = y1 - y0
    inverse = tl.where(height == 0, 0.0, 1.0 / height)
    share = tl.minimum(tl.maximum((y - y0) * inverse, 0.0), 1.0)
    return share * (x1 - x0) + x0, share * (w1 - w0) + w0


@triton.jit
def _span(
    x0: tl.tensor, y0: tl.tensor, w0: tl.tensor, x1: tl.tensor, y1: tl.tensor, w1: tl.tensor, x2: tl.tensor,
    y2: tl.tensor, w2: tl.tensor, row: tl.tensor, width: tl.tensor, SCALE: tl.constexpr,
) -> Any:  # fmt: skip
    """Samples of sorted triangles in a row: first column, how many, 1/z at the first, its change to the next."""
    y = (row.to(tl.float64) + 0.5) * (1.0 / SCALE)
    xa, wa = _cross(x0, y0, w0, x2, y2, w2, y)
    lower = y >= y1
    sx, sy, sw = tl.where(lower, x1, x0), tl.where(lower, y1, y0), tl.where(lower, w1, w0)
    ex, ey, ew = tl.where(lower, x2, x1), tl.where(lower, y2, y1), tl.where(lower, w2, w1)
    xb, wb = _cross(sx, sy, sw, ex, ey, ew, y)
    left, right = tl.minimum(xa, xb), tl.maximum(xa, xb)
    first = _first(left, SCALE, width)
    count = _last(right, SCALE, width) - first + 1
    swap = left != xa
    wl, wr = tl.where(swap, wb, wa), tl.where(swap, wa, wb)
    slope = (wr - wl) / tl.maximum(right - left, 1e-300)
    w = ((first.to(tl.float64) + 0.5) * (1.0 / SCALE) - left) * slope + wl
    w = tl.minimum(tl.maximum(w, tl.minimum(wl, wr)), tl.maximum(wl, wr))
    slope = tl.where(count > 1, slope, 0.0)
    return first, count, w, slope * (1.0 / SCALE)


@triton.jit
def _put(
    keys: tl.tensor, slots: tl.tensor, position: tl.tensor, faces: tl.tensor, parts: tl.tensor, uv: tl.tensor,
    colour: tl.tensor, material: tl.tensor, texels: tl.tensor, levels: tl.tensor, num_levels: tl.tensor,
    view: tl.tensor, b: tl.tensor, triangle: tl.tensor, column: tl.tensor, row: tl.tensor, w: tl.tensor,
    here: tl.tensor, width: tl.tensor, height: tl.tensor, SCALE: tl.constexpr, CUT: tl.constexpr,
    TEXTURED: tl.constexpr, COLOURED: tl.constexpr,
) -> None:  # fmt: skip
    """Lower the keys of samples by a fragment each. At scale 2 only chosen pixels have keys: four, from `slots` on."""
    place = (b * height + row) * width + column
    if SCALE == 2:
        slot = tl.load(slots + (b * height + (row >> 1)) * width + (column >> 1), mask=here, other=-1)
        here = here & (slot >= 0)
        place = slot * 4 + (row & 1) * 2 + (column & 1)
    if tl.max(here.to(tl.int32)) > 0:
        depth = (1.0 / tl.where(here, w, 1.0)).to(tl.float32)
        key = (depth.to(tl.int32, bitcast=True).to(tl.int64) << 32) | triangle.to(tl.int64)
        if CUT:
            here = here & (key < tl.load(keys + place, mask=here, other=0))
            own = triangle + column * 0
            i = tl.load(faces + own * 3, mask=here, other=0)
            j = tl.load(faces + own * 3 + 1, mask=here, other=0)
            k = tl.load(faces + own * 3 + 2, mask=here, other=0)
            part = tl.load(parts + own, mask=here, other=0)
            x = (column.to(tl.float64) + 0.5) * (1.0 / SCALE)
            y = (row.to(tl.float64) + 0.5) * (1.0 / SCALE)
            alpha, cutoff = alpha_of(
                view, position, uv, colour, material, texels, levels, num_levels,
                i, j, k, part, x, y, here, TEXTURED, COLOURED,
            )  # fmt: skip
            here = here & ((cutoff <= 0) | (alpha >= cutoff))
        tl.atomic_min(keys + place, key, mask=here)


@triton.jit(do_not_specialize=["num_levels", "num_triangles"])  # one kernel for all numbers
def fill_small(
    keys: tl.tensor, slots: tl.tensor, work: tl.tensor, listed: tl.tensor, position: tl.tensor, faces: tl.tensor,
    parts: tl.tensor, uv: tl.tensor, colour: tl.tensor, material: tl.tensor, texels: tl.tensor, levels: tl.tensor,
    num_levels: tl.tensor, views: tl.tensor, num_triangles: tl.tensor, width: tl.tensor, height: tl.tensor,
    SCALE: tl.constexpr, CUT: tl.constexpr, TEXTURED: tl.constexpr, COLOURED: tl.constexpr, LIMIT: tl.constexpr,
    BLOCK: tl.constexpr,
) -> None:  # fmt: skip
    """Draw triangles whose boxes hold about LIMIT x LIMIT samples at most; put the others on the list `work`.

    `listed` says how many they are. Grid: (blocks of triangles, views).
    """
    b = tl.program_id(1)
    t = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    here = t < num_triangles
    view = views + b * VIEW
    ax, ay, az = eye_of(position, view, tl.load(faces + t * 3, mask=here, other=0), here)
    bx, by, bz = eye_of(position, view, tl.load(faces + t * 3 + 1, mask=here, other=0), here)
    cx, cy, cz = eye_of(position, view, tl.load(faces + t * 3 + 2, mask=here, other=0), here)
    whole = here & (az >= NEAR) & (bz >= NEAR) & (cz >= NEAR)
    cut_off = here & ((az >= NEAR) | (bz >= NEAR) | (cz >= NEAR)) & (whole == 0)
    x0, y0, w0 = project(view, ax, ay, tl.where(whole, az, 1.0))
    x1, y1, w1 = project(view, bx, by, tl.where(whole, bz, 1.0))
    x2, y2, w2 = project(view, cx, cy, tl.where(whole, cz, 1.0))
    top, bottom, columns = _extent(x0, y0, x1, y1, x2, y2, width, height, SCALE)
    rows = tl.where(whole, bottom - top + 1, 0)
    large = (rows > 2 * LIMIT) | ((rows > 0) & ((columns > 2 * LIMIT) | (rows * columns > LIMIT * LIMIT)))
    later = large | cut_off
    at = tl.atomic_add(listed + t * 0, 1, mask=later)
    tl.store(work + at, b * num_triangles + t, mask=later)
    rows = tl.where(large, 0, rows)
    most = tl.max(rows)
    if most > 0:
        x0, y0, w0, x1, y1, w1 = _sorted(x0, y0, w0, x1, y1, w1)
        x1, y1, w1, x2, y2, w2 = _sorted(x1, y1, w1, x2, y2, w2)
        x0, y0, w0, x1, y1, w1 = _sorted(x0, y0, w0, x1, y1, w1)
        for line in range(most):
            first, count, w, slope = _span(x0, y0, w0, x1, y1, w1, x2, y2, w2, top + line, width, SCALE)
            count = tl.where(line < rows, count, 0)
            for c in range(tl.max(count)):
                _put(
                    keys, slots, position, faces, parts, uv, colour, material, texels, levels, num_levels, view, b,
                    t, first + c, top + line, w + c * slope, c < count, width, height, SCALE, CUT, TEXTURED, COLOURED,
                )  # fmt: skip


@triton.jit
def _pick(choice: tl.tensor, zero: tl.tensor, one: tl.tensor, two: tl.tensor) -> Any:
    return tl.where(choice == 0, zero, tl.where(choice == 1, one, two))


@triton.jit
def _pierce(ax: tl.tensor, ay: tl.tensor, az: tl.tensor, bx: tl.tensor, by: tl.tensor, bz: tl.tensor) -> Any:
    """Where the edge a-b meets the near plane; reckoned from its inner end, so that neighbours agree bit for bit."""
    out = az < NEAR
    ix, iy, iz = tl.where(out, bx, ax), tl.where(out, by, ay), tl.where(out, bz, az)
    ox, oy, oz = tl.where(out, ax, bx), tl.where(out, ay, by), tl.where(out, az, bz)
    share = (iz - NEAR) / (iz - oz)
    return ix + (ox - ix) * share, iy + (oy - iy) * share


@triton.jit
def _piece(position: tl.tensor, faces: tl.tensor, view: tl.tensor, t: tl.tensor, piece: tl.tensor) -> Any:
    """What the near plane leaves of triangle t as piece 0 or 1: its corners' x, y and w; and how many pieces it has."""
    _, _, z0 = eye_of(position, view, tl.load(faces + t * 3), True)
    _, _, z1 = eye_of(position, view, tl.load(faces + t * 3 + 1), True)
    _, _, z2 = eye_of(position, view, tl.load(faces + t * 3 + 2), True)
    inside = (z0 >= NEAR).to(tl.int32) + (z1 >= NEAR).to(tl.int32) + (z2 >= NEAR).to(tl.int32)
    # Turned so that the odd one out comes first.
    only = inside == 1
    first = tl.where((z0 >= NEAR) == only, 0, tl.where((z1 >= NEAR) == only, 1, 2))
    first = tl.where(inside == 3, 0, first)
    ax, ay, az = eye_of(position, view, tl.load(faces + t * 3 + first), True)
    bx, by, bz = eye_of(position, view, tl.load(faces + t * 3 + (first + 1) % 3), True)
    cx, cy, cz = eye_of(position, view, tl.load(faces + t * 3 + (first + 2) % 3), True)
    abx, aby = _pierce(ax, ay, az, bx, by, bz)
    acx, acy = _pierce(ax, ay, az, cx, cy, cz)
    near = az * 0.0 + NEAR
    two = inside == 2
    px, py, pz = tl.where(two, bx, ax), tl.where(two, by, ay), tl.where(two, bz, az)
    # The second corner: b of a whole triangle, a-b of one corner left, c or a-c of two; the third likewise.
    which = tl.where(inside == 3, 0, tl.where(only, 1, 2))
    late = piece == 1
    qx = _pick(which, bx, abx, tl.where(late, acx, cx))
    qy = _pick(which, by, aby, tl.where(late, acy, cy))
    qz = _pick(which, bz, near, tl.where(late, near, cz))
    rx = _pick(which, cx, acx, tl.where(late, abx, acx))
    ry = _pick(which, cy, acy, tl.where(late, aby, acy))
    rz = _pick(which, cz, near, near)
    x0, y0, w0 = project(view, px, py, pz)
    x1, y1, w1 = project(view, qx, qy, qz)
    x2, y2, w2 = project(view, rx, ry, rz)
    return x0, y0, w0, x1, y1, w1, x2, y2, w2, tl.where(two, 2, 1)


@triton.jit(do_not_specialize=["num_levels", "num_triangles"])  # one kernel for all numbers
def fill_large(
    keys: tl.tensor, slots: tl.tensor, work: tl.tensor, listed: tl.tensor, position: tl.tensor, faces: tl.tensor,
    parts: tl.tensor, uv: tl.tensor, colour: tl.tensor, material: tl.tensor, texels: tl.tensor, levels: tl.tensor,
    num_levels: tl.tensor, views: tl.tensor, num_triangles: tl.tensor, width: tl.tensor, height: tl.tensor,
    SCALE: tl.constexpr, CUT: tl.constexpr, TEXTURED: tl.constexpr, COLOURED: tl.constexpr, ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
) -> None:  # fmt: skip
    """Draw the listed triangles, a block of ROWS x COLUMNS samples at a time.

    Grid: (any number of programs, any number that share a triangle's blocks of rows).
    """
    for item in range(tl.program_id(0), tl.load(listed), tl.num_programs(0)):
        entry = tl.load(work + item)
        b = entry // num_triangles
        t = entry - b * num_triangles
        view = views + b * VIEW
        pieces = 1
        piece = 0
        while piece < pieces:
            x0, y0, w0, x1, y1, w1, x2, y2, w2, pieces = _piece(position, faces, view, t, piece)
            piece += 1
            top, bottom, _ = _extent(x0, y0, x1, y1, x2, y2, width, height, SCALE)
            x0, y0, w0, x1, y1, w1 = _sorted(x0, y0, w0, x1, y1, w1)
            x1, y1, w1, x2, y2, w2 = _sorted(x1, y1, w1, x2, y2, w2)
            x0, y0, w0, x1, y1, w1 = _sorted(x0, y0, w0, x1, y1, w1)
            for block in range(top + tl.program_id(1) * ROWS, bottom + 1, tl.num_programs(1) * ROWS):
                row = block + tl.arange(0, ROWS)
                first, count, w, slope = _span(x0, y0, w0, x1, y1, w1, x2, y2, w2, row, width, SCALE)
                count = tl.where(row <= bottom, count, 0)
                for c in range(0, tl.max(count), COLUMNS):
                    step = c + tl.arange(0, COLUMNS)[None, :]
                    _put(
                        keys, slots, position, faces, parts, uv, colour, material, texels, levels, num_levels, view, b,
                        t, first[:, None] + step, row[:, None], w[:, None] + step.to(tl.float64) * slope[:, None],
                        step < count[:, None], width, height, SCALE, CUT, TEXTURED, COLOURED,
                    )  # fmt: skip
