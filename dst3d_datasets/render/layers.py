"""The colour of samples, through the see-through surfaces before them: depth peeling, nearest layer first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from .rasterise import EMPTY, Discard, depth_of, triangle_of
from .scene import Rig, Scene, Triple
from .shade import shade
from .surface import Seen, look
from .triangles import Window

LAYERS = 5  # surfaces looked through at most; the last one counts as solid
HIDDEN = 0.02  # when less than this share of the light comes from further back, nobody looks there

Refill = Callable[[Discard, Tensor], Tensor]
"""(discard, sample (N,)) -> keys (N,): rasterise again without the discarded fragments."""


@dataclass(frozen=True, slots=True)
class Colour:
    """Shaded samples (N of them)."""

    sample: Tensor  # (N,) int64, number of the sample in its lattice
    rgb: Triple  # 3 x (N,) float32, linear 0-1, straight
    opacity: Tensor  # (N,) float32, 0-1


def centres(sample: Tensor, window: Window, scale: int) -> tuple[Tensor, Tensor]:
    """Pixel coordinates x, y (N,) float64 of samples given by their numbers in the window's lattice."""
    width, height = window.width * scale, window.height * scale
    line = torch.div(sample, width, rounding_mode="floor")
    column = sample - line * width
    if window.views > 1:
        line = line % height
    return window.x + (column.double() + 0.5) / scale, window.y + (line.double() + 0.5) / scale


def colour_of(
    scene: Scene, rig: Rig, window: Window, scale: int, sample: Tensor, key: Tensor, refill: Refill
) -> tuple[Colour, Seen]:
    """Colour of samples (N,) of a lattice whose nearest surfaces have `key` (N,), and those surfaces."""
    x, y = centres(sample, window, scale)
    seen = look(scene, rig, triangle_of(key), x, y, depth_of(key), scale)
    rgb = shade(scene, rig, seen)
    if not scene.see_through:
        return Colour(sample, rgb, torch.ones_like(seen.alpha)), seen
    own = _opacity(scene, seen)
    total = [channel * own for channel in rgb]
    through = 1.0 - own
    active, last = torch.arange(len(sample), device=sample.device), key
    for layer in range(1, LAYERS):
        going = (through.index_select(0, active) > HIDDEN).nonzero()[:, 0]
        active, last = active.index_select(0, going), last.index_select(0, going)
        if not len(active):
            break
        place = sample.index_select(0, active)
        last = refill(_behind(scene, window.pixels(scale), place, last), place)
        found = (last != EMPTY).nonzero()[:, 0]
        active, last = active.index_select(0, found), last.index_select(0, found)
        x, y = centres(sample.index_select(0, active), window, scale)
        next_seen = look(scene, rig, triangle_of(last), x, y, depth_of(last), scale)
        a = _opacity(scene, next_seen) if layer < LAYERS - 1 else torch.ones_like(next_seen.alpha)
        light = through.index_select(0, active)
        for channel, value in zip(total, shade(scene, rig, next_seen), strict=True):
            channel.index_add_(0, active, value * a * light)
        through = through.index_copy(0, active, light * (1.0 - a))
    opacity = 1.0 - through
    share = 1.0 / opacity.clamp(min=1e-6)
    return Colour(sample, (total[0] * share, total[1] * share, total[2] * share), opacity), seen


def _opacity(scene: Scene, seen: Seen) -> Tensor:
    """How much of what lies behind a surface it hides, (N,) float32: alpha for blended parts, else 1."""
    return torch.where(scene.materials.blend.index_select(0, seen.part), seen.alpha.clamp(0.0, 1.0), 1.0)


def _behind(scene: Scene, size: int, sample: Tensor, key: Tensor) -> Discard:
    """Keep only the fragments of these samples that lie behind `key`."""
    nearer = torch.full((size,), EMPTY, dtype=torch.int64, device=scene.device).index_copy_(0, sample, key)
    return lambda _triangle, sample, _x, _y, key: key > nearer.index_select(0, sample)
