"""Triangles in pixel coordinates, and the window of the image they are drawn in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Window:
    """The pixels worked on: a box of the image, repeated for each view. Samples are numbered view, row, column."""

    x: int
    y: int
    width: int
    height: int
    views: int = 1

    def pixels(self, scale: int = 1) -> int:
        """How many samples of a lattice the window holds, over all views."""
        return self.views * self.height * self.width * scale * scale


@dataclass(frozen=True, slots=True)
class Corners:
    """Triangles in pixel coordinates before sorting: corner c of triangle n is (x[c][n], y[c][n], w[c][n] = 1/z)."""

    x: tuple[Tensor, Tensor, Tensor]
    y: tuple[Tensor, Tensor, Tensor]
    w: tuple[Tensor, Tensor, Tensor]
    triangle: Tensor  # (N,) int64, number of the triangle in the model
    view: Tensor | None = None  # (N,) int64; None when there is one view


def picker(chosen: Tensor | slice) -> Callable[[Tensor], Tensor]:
    """A function that takes the chosen entries (a mask, indices or a slice) of any column."""
    if isinstance(chosen, slice):
        return lambda values: values[chosen]
    index = chosen.nonzero()[:, 0] if chosen.dtype == torch.bool else chosen
    return lambda values: values.index_select(0, index)


def select(corners: Corners, chosen: Tensor) -> Corners:
    """The chosen triangles; `chosen` is a mask or a list of indices."""
    pick = picker(chosen)
    view = None if corners.view is None else pick(corners.view)
    x, y, w = (tuple(pick(values) for values in triple) for triple in (corners.x, corners.y, corners.w))
    return Corners(x, y, w, pick(corners.triangle), view)  # type: ignore[arg-type]


def sort_corners(corners: Corners) -> Corners:
    """Sort each triangle's corners by (y, x), so that an edge is walked the same way by both its triangles."""
    points = [[corners.x[c], corners.y[c], corners.w[c]] for c in range(3)]
    for low, high in ((0, 1), (1, 2), (0, 1)):
        (xa, ya, wa), (xb, yb, wb) = points[low], points[high]
        swap = (ya > yb) | ((ya == yb) & (xa > xb))
        points[low] = [torch.where(swap, b, a) for a, b in zip((xa, ya, wa), (xb, yb, wb), strict=True)]
        points[high] = [torch.where(swap, a, b) for a, b in zip((xa, ya, wa), (xb, yb, wb), strict=True)]
    x, y, w = zip(*points, strict=True)
    return Corners(x, y, w, corners.triangle, corners.view)


def useful(corners: Corners, window: Window, scale: int) -> Tensor:
    """Mask (N,) of the triangles whose box holds a sample of the window's lattice and whose area is not 0."""
    (x0, x1, x2), (y0, y1, y2) = corners.x, corners.y
    left, right = torch.minimum(torch.minimum(x0, x1), x2), torch.maximum(torch.maximum(x0, x1), x2)
    top, bottom = torch.minimum(torch.minimum(y0, y1), y2), torch.maximum(torch.maximum(y0, y1), y2)
    area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
    columns = first_sample(left, scale, window.x, window.width) <= last_sample(right, scale, window.x, window.width)
    rows = first_sample(top, scale, window.y, window.height) <= last_sample(bottom, scale, window.y, window.height)
    return columns & rows & (area != 0)


def first_sample(low: Tensor, scale: int, start: int, length: int) -> Tensor:
    """First sample of the window at or after coordinate `low` (pixels); float64 holding whole numbers."""
    return (low * scale).sub_(0.5).ceil_().clamp_(start * scale, (start + length) * scale)


def last_sample(high: Tensor, scale: int, start: int, length: int) -> Tensor:
    """Last sample of the window at or before coordinate `high` (pixels); float64 holding whole numbers."""
    return (high * scale).sub_(0.5).floor_().clamp_(start * scale - 1, (start + length) * scale - 1)


def prepare(corners: Corners, window: Window, scale: int) -> Corners:
    """The triangles that a lattice of the window may see, sorted for the rasteriser."""
    return sort_corners(select(corners, useful(corners, window, scale)))
