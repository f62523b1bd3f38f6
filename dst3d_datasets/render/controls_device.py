"""Control pictures of a batch of views where the buffers are: on the GPU, to the byte those of `controls`."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ..nouns import Camera
from ..recipe.rendering import ControlOptions
from .controls import GREYS
from .device_views import Planes
from .triton_canny import keep_edges, link_edges, tell_edges, thin_edges
from .triton_controls import choose, compose, measure
from .triton_lines import add_outline, draw_lines, miss_outline, outline
from .triton_surface import EXACT

BLOCK = 256  # pixels a program; changes no result


def fill_controls(planes: Planes, views: Tensor, cameras: Sequence[Camera], options: ControlOptions) -> None:
    """Compute the `control.*` planes from the buffers beside them; `views` is the cameras' `view_table`."""
    grey = _pictures(planes, cameras, options)
    canny_device(grey, options.edges.low, options.edges.high, planes["control.edge"])
    blocks, width, height = _grid(planes["mask"])
    seen = planes["mask"], planes["alpha"]
    if options.edges.outline:
        missing = torch.empty_like(grey)
        miss_outline[blocks](*seen, planes["control.edge"], missing, width, height, BLOCK, **EXACT)
        add_outline[blocks](*seen, planes["control.edge"], missing, width, height, BLOCK, **EXACT)
    flags = torch.empty_like(grey)
    normal, mask = planes["normal"], planes["mask"]
    outline[blocks](mask, planes["depth"], normal, views, flags, options.lines.gap, width, height, BLOCK, **EXACT)
    sharp = math.cos(math.radians(options.lines.crease))
    line = planes["control.line"]
    draw_lines[blocks](
        mask, normal, planes["part"], flags, line, sharp, width, height, options.lines.parts, BLOCK, **EXACT
    )


def _grid(picture: Tensor) -> tuple[tuple[int, int], int, int]:
    """Blocks and views; width and height."""
    views, height, width = picture.shape
    return (-(-height * width // BLOCK), views), width, height


def _pictures(planes: Planes, cameras: Sequence[Camera], options: ControlOptions) -> Tensor:
    """All that is made pixel by pixel; returns the grey (B, H, W) of the render."""
    blocks, width, height = _grid(planes["mask"])
    count, device = len(cameras), planes["mask"].device
    counts = torch.zeros((count, 256), dtype=torch.int32, device=device)
    near = torch.full((count,), 0x7F7FFFFF, dtype=torch.int32, device=device)
    far = torch.zeros(count, dtype=torch.int32, device=device)
    behind = torch.empty(count, dtype=torch.int32, device=device)
    seen = [planes[name] for name in ("colour", "alpha", "mask", "depth")]
    measure[blocks](*seen, counts, near, far, width, height, BLOCK, **EXACT)
    choose[(count,)](counts, near, far, behind, planes["control.scales"], *GREYS, **EXACT)
    if options.background == "contrast":
        background = behind[:, None].expand(count, 3).contiguous()
    else:
        background = torch.tensor([options.background] * count, dtype=torch.int32, device=device)
    grey = torch.empty((count, height, width), dtype=torch.uint8, device=device)
    made = [planes[f"control.{name}"] for name in ("mask", "depth", "normal", "part")]
    buffers = [*seen, planes["normal"], planes["part"]]
    compose[blocks](
        *buffers, background, planes["control.scales"], planes["control.render"], grey, *made, width * height, BLOCK,
        **EXACT,
    )  # fmt: skip
    return grey


def canny_device(grey: Tensor, low: int, high: int, edge: Tensor | None = None) -> Tensor:
    """Edges (B, H, W) uint8, 0 or 255, of grey pictures (B, H, W) uint8 on a GPU: `canny.canny` of each.

    Args:
        grey: the pictures.
        low, high: the thresholds.
        edge: where to write the edges; a new tensor if there is none.
    """
    blocks, width, height = _grid(grey)
    edge = torch.empty_like(grey) if edge is None else edge
    parent = torch.empty(grey.shape, dtype=torch.int32, device=grey.device)
    strong = torch.empty_like(grey)
    thin_edges[blocks](grey, parent, strong, low, high, width, height, BLOCK, **EXACT)
    link_edges[blocks](parent, width, height, BLOCK, **EXACT)
    tell_edges[blocks](parent, strong, width * height, BLOCK, **EXACT)
    keep_edges[blocks](parent, strong, edge, width * height, BLOCK, **EXACT)
    return edge
