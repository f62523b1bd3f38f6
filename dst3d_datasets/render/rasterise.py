"""Which triangle does each sample see? Exact z-buffering on torch tensors, on a CPU or a GPU.

Triangles are cut into *spans*: the samples of one triangle in one row. A span's two ends are where the row crosses the
triangle's edges; an edge's ends are always taken in the same order, so that two triangles sharing an edge compute the
same crossing bit for bit, and as spans hold both their ends there are no cracks. 1/z is interpolated between the
crossings and never extrapolated, so slivers are as exact as any other triangle.

The z-buffer holds 64-bit keys (float32 bits of z, then the triangle's number) and keeps the least: the result does not
depend on the order in which fragments arrive, nor on threads; equal depths go to the lowest triangle number.

Names: T triangles, N spans or fragments, V vertices, B views. A *lattice* of `scale` s has s x s samples a pixel, the
sample (i, j) at pixel coordinates ((i + 0.5) / s, (j + 0.5) / s); s is 1 or 2. All arithmetic on positions is float64.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from .triangles import Corners, Window, first_sample, last_sample, picker

EMPTY = torch.iinfo(torch.int64).max  # the key of a sample that sees nothing
FRAGMENTS = 1 << 20  # how many fragments are worked on at a time: bounds memory, changes no result
_ID_BITS = 32

Discard = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor], Tensor]
"""(triangle (N,) int64, sample (N,) int64, x (N,), y (N,) in pixels, key (N,) int64) -> keep (N,) bool."""


@dataclass(frozen=True, slots=True)
class Spans:
    """Rows of triangles: samples first..last of a row, and 1/z along it."""

    first: Tensor  # (N,) int64, column of the first sample
    count: Tensor  # (N,) int64, how many samples; at least 1
    base: Tensor  # (N,) int64, number of the first sample in the window's lattice
    w: Tensor  # (N,) float64, 1/z at the first sample
    slope: Tensor  # (N,) float64, change of 1/z from one sample to the next
    triangle: Tensor  # (N,) int64
    row: Tensor  # (N,) int64, row of the lattice in the whole image

    def __getitem__(self, chosen: Tensor | slice) -> Spans:
        """The chosen spans."""
        pick = picker(chosen)
        return Spans(*(pick(getattr(self, name)) for name in self.__slots__))


def spans_of(corners: Corners, window: Window, scale: int) -> Iterator[Spans]:
    """Cut *sorted* triangles into spans, a bounded number at a time."""
    first = first_sample(corners.y[0], scale, window.y, window.height).long()
    last = last_sample(corners.y[2], scale, window.y, window.height).long()
    rows = (last - first + 1).clamp(min=0)
    long, short = _edges(corners, (0,), (2,)), _edges(corners, (0, 1), (1, 2))
    for begin, end in chunks(rows, FRAGMENTS // 4):
        part = slice(begin, end)
        index = torch.repeat_interleave(rows[part])
        start = rows[part].cumsum(0) - rows[part]
        row = torch.arange(len(index), device=index.device) + (first[part] - start).index_select(0, index)
        found = _row_spans(corners, (long, short), index + begin if begin else index, row, window, scale)
        if len(found.first):
            yield found


@dataclass(frozen=True, slots=True)
class _Edges:
    """Edges from their upper ends: start, inverse height (0 for level ones), and what x and w gain along the edge."""

    y: Tensor
    inverse: Tensor
    x: Tensor
    dx: Tensor
    w: Tensor
    dw: Tensor

    def cross(self, index: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """x and w (N,) where edges `index` (N,) meet rows y (N,); never beyond an edge's ends.

        A level edge, and a row through an edge's upper end, give that end exactly: a sample on a vertex is not lost.
        """
        share = (y - self.y.index_select(0, index)) * self.inverse.index_select(0, index)
        share = share.clamp_(0.0, 1.0)
        x = share * self.dx.index_select(0, index) + self.x.index_select(0, index)
        return x, share.mul_(self.dw.index_select(0, index)).add_(self.w.index_select(0, index))


def _edges(corners: Corners, starts: tuple[int, ...], ends: tuple[int, ...]) -> _Edges:
    """The edges starts[0]-ends[0] of all triangles, then starts[1]-ends[1] of all, ..."""

    def column(values: tuple[Tensor, Tensor, Tensor], which: tuple[int, ...]) -> Tensor:
        return values[which[0]] if len(which) == 1 else torch.cat([values[c] for c in which])

    y, x, w = (column(values, starts) for values in (corners.y, corners.x, corners.w))
    height = column(corners.y, ends) - y
    level = height == 0
    inverse = (1.0 / height).masked_fill_(level, 0.0)
    return _Edges(y, inverse, x, column(corners.x, ends) - x, w, column(corners.w, ends) - w)


def _row_spans(
    corners: Corners, edges: tuple[_Edges, _Edges], index: Tensor, row: Tensor, window: Window, scale: int
) -> Spans:
    """The spans of triangles `index` (N,) in lattice rows `row` (N,)."""
    y = row.double().add_(0.5).div_(scale)
    xa, wa = edges[0].cross(index, y)
    lower = y >= corners.y[1].index_select(0, index)
    xb, wb = edges[1].cross(index + lower.long().mul_(len(corners.triangle)), y)
    left, right = torch.minimum(xa, xb), torch.maximum(xa, xb)
    first = first_sample(left, scale, window.x, window.width)
    count = last_sample(right, scale, window.x, window.width).sub_(first).add_(1.0)
    kept = (count > 0).nonzero()[:, 0]
    left, right, first, count, xa, wa, wb, row, index = (
        values.index_select(0, kept) for values in (left, right, first, count, xa, wa, wb, row, index)
    )
    swap = left != xa
    wl, wr = torch.where(swap, wb, wa), torch.where(swap, wa, wb)
    slope = (wr - wl) / (right - left).clamp_(min=1e-300)
    w = ((first + 0.5).div_(scale).sub_(left)).mul_(slope).add_(wl)
    # Within one rounding error of the ends, whatever the slope of a span far narrower than a sample may be.
    w = torch.minimum(torch.maximum(w, torch.minimum(wl, wr)), torch.maximum(wl, wr))
    slope = torch.where(count > 1, slope, 0.0)
    line = row - window.y * scale if window.y else row
    if corners.view is not None:
        line = line + corners.view.index_select(0, index) * (window.height * scale)
    first = first.long()
    base = (first - window.x * scale).add_(line * (window.width * scale))
    triangle = corners.triangle.index_select(0, index)
    return Spans(first, count.long(), base, w, slope.div_(scale), triangle, row)


def chunks(counts: Tensor, limit: int) -> Iterator[tuple[int, int]]:
    """Ranges [begin, end) of entries whose counts add up to at most `limit`; a larger entry stands alone."""
    total = counts.cumsum(0)
    begin, done = 0, 0
    while begin < len(counts):
        if len(counts) and int(total[-1]) - done <= limit:
            yield begin, len(counts)
            return
        end = int(torch.searchsorted(total, done + limit, right=True))
        end = max(end, begin + 1)
        yield begin, end
        begin, done = end, int(total[end - 1])


def key_of(w: Tensor, triangle: Tensor) -> Tensor:
    """The z-buffer's key (N,) int64 from 1/z (N,) float64 and the triangle's number (N,) int64."""
    depth = (1.0 / w).float().view(torch.int32).long()
    return (depth << _ID_BITS) | triangle


def depth_of(key: Tensor) -> Tensor:
    """z (N,) float32 from keys; 0 where empty."""
    depth = (key >> _ID_BITS).int().view(torch.float32)
    return torch.where(key == EMPTY, 0.0, depth)


def triangle_of(key: Tensor) -> Tensor:
    """The triangle's number (N,) int64 from keys; -1 where empty."""
    return torch.where(key == EMPTY, -1, key & ((1 << _ID_BITS) - 1))


def fill(corners: Corners, window: Window, discard: Discard | None = None) -> Tensor:
    """The z-buffer of one sample a pixel: keys (views * height * width,) int64. `corners` must be sorted."""
    buffer = torch.full((window.pixels(),), EMPTY, dtype=torch.int64, device=corners.triangle.device)
    for spans in spans_of(corners, window, 1):
        for begin, end in chunks(spans.count, FRAGMENTS):
            part = spans[begin:end] if (begin, end) != (0, len(spans.count)) else spans
            index, offset = expand(part.count)
            sample = part.base.index_select(0, index) + offset
            column = part.first.index_select(0, index) + offset if discard else offset
            _put(buffer, part, index, offset, sample, (column, 1), discard)
    return buffer


def both(one: Discard | None, other: Discard) -> Discard:
    """Keep what both keep; `one` is asked only about what `other` keeps."""
    if one is None:
        return other

    def keep(triangle: Tensor, sample: Tensor, x: Tensor, y: Tensor, key: Tensor) -> Tensor:
        kept = other(triangle, sample, x, y, key)
        some = kept.nonzero()[:, 0]
        kept[some] = one(*(values.index_select(0, some) for values in (triangle, sample, x, y, key)))
        return kept

    return keep


def expand(count: Tensor) -> tuple[Tensor, Tensor]:
    """Repeat entry k count[k] times: (k of each fragment, its number 0, 1, ... within k)."""
    index = torch.repeat_interleave(count)
    start = count.cumsum(0) - count
    return index, torch.arange(len(index), device=index.device) - start.index_select(0, index)


def _put(
    buffer: Tensor,
    spans: Spans,
    index: Tensor,
    offset: Tensor,
    sample: Tensor,
    where: tuple[Tensor, int],
    discard: Discard | None,
) -> None:
    """Lower the keys of `sample` (N,) by fragments `offset` (N,) samples into spans `index` (N,)."""
    w = spans.w.index_select(0, index) + offset.double() * spans.slope.index_select(0, index)
    triangle = spans.triangle.index_select(0, index)
    key = key_of(w, triangle)
    if discard is not None:
        column, scale = where
        x, y = (column.double() + 0.5) / scale, (spans.row.index_select(0, index).double() + 0.5) / scale
        kept = discard(triangle, sample, x, y, key).nonzero()[:, 0]
        sample, key = sample.index_select(0, kept), key.index_select(0, kept)
    buffer.scatter_reduce_(0, sample, key, "amin")


def fill_sparse(
    corners: Corners, window: Window, pixels: Tensor, discard: Discard | None = None
) -> tuple[Tensor, Tensor]:
    """The z-buffer at the 2 x 2 samples of some pixels only.

    Args:
        corners: sorted triangles.
        window: the window.
        pixels: (views * height * width,) bool, which pixels.
        discard: see `Discard`; it is given the number of the sample in the window's lattice of scale 2.

    Returns:
        keys (E, 4) int64 of the E chosen pixels, in the order of `pixels.nonzero()`, samples row by row, and the
        samples' numbers in the lattice (E, 4).
    """
    width = window.width * 2
    e = pixels.nonzero()[:, 0]
    line, column = torch.div(e, window.width, rounding_mode="floor"), e % window.width
    corner = line * 2 * width + column * 2
    samples = torch.stack([corner, corner + 1, corner + width, corner + width + 1], 1)
    chosen = torch.zeros(window.pixels(2) + 1, dtype=torch.int32, device=pixels.device)
    chosen[samples.reshape(-1) + 1] = 1
    before = chosen.cumsum(0, dtype=torch.int32)  # how many chosen samples come before sample i
    listed = (chosen[1:] != 0).nonzero()[:, 0]
    buffer = torch.full((len(listed),), EMPTY, dtype=torch.int64, device=pixels.device)
    for spans in spans_of(corners, window, 2):
        begin, end = before.index_select(0, spans.base), before.index_select(0, spans.base + spans.count)
        hit = (end > begin).nonzero()[:, 0]
        spans, begin, count = spans[hit], begin.index_select(0, hit).long(), (end - begin).index_select(0, hit).long()
        for low, high in chunks(count, FRAGMENTS):
            part = spans[low:high]
            index, offset = expand(count[low:high])
            entry = begin[low:high].index_select(0, index) + offset
            sample = listed.index_select(0, entry)
            offset = sample - part.base.index_select(0, index)
            place = (part.first.index_select(0, index) + offset, 2)
            keep = None if discard is None else _renumber(discard, sample)
            _put(buffer, part, index, offset, entry, place, keep)
    return buffer[before[samples.reshape(-1)].long()].view(-1, 4), samples


def _renumber(discard: Discard, sample: Tensor) -> Discard:
    """Give `discard` the sample's number in the lattice in place of its place in the list."""
    return lambda triangle, _entry, x, y, key: discard(triangle, sample, x, y, key)
