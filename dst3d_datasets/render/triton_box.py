"""A Triton kernel for the box of the projected vertices, to the bit that of `visibility.projected_box`."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from .triton_surface import EXACT, VIEW, eye_of

BLOCK = 1024  # vertices a program; changes no result


@triton.jit(do_not_specialize=["num_used"])  # one kernel for all numbers
def _reach(
    position: tl.tensor, used: tl.tensor, views: tl.tensor, out: tl.tensor, num_used: tl.tensor, BLOCK: tl.constexpr,
) -> None:  # fmt: skip
    """Least x, y, -x, -y and z of a block of vertices. Grid: (blocks of vertices, views)."""
    b = tl.program_id(1)
    view = views + b * VIEW
    index = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    here = index < num_used
    x, y, z = eye_of(position, view, tl.load(used + index, mask=here, other=0), here)
    front = tl.where(here, z, 1.0)
    u, v = x / front, y / front
    px = u * tl.load(view + 12) + v * tl.load(view + 13) + tl.load(view + 14)
    py = v * tl.load(view + 15) + tl.load(view + 16)
    none = x * 0.0 + float("inf")
    out += (b * tl.num_programs(0) + tl.program_id(0)) * 5
    tl.store(out, tl.min(tl.where(here, px, none)))
    tl.store(out + 1, tl.min(tl.where(here, py, none)))
    tl.store(out + 2, tl.min(tl.where(here, -px, none)))
    tl.store(out + 3, tl.min(tl.where(here, -py, none)))
    tl.store(out + 4, tl.min(tl.where(here, z, none)))


def reach(position: Tensor, used: Tensor, views: Tensor) -> Tensor:
    """Box of projected vertices.

    Args:
        position: (V, 3) float64, all vertices.
        used: (U,) int32, those that faces use.
        views: `triton_scene.view_table`.

    Returns:
        (B, 5) float64: x0, y0, -x1, -y1 in pixels, and the least z; where that is not positive, the rest means nothing.
    """
    blocks = -(-len(used) // BLOCK)
    out = torch.empty((len(views), blocks, 5), dtype=torch.float64, device=views.device)
    _reach[(blocks, len(views))](position, used, views, out, len(used), BLOCK, **EXACT)
    return out.amin(1)
