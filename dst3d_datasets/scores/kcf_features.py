"""What a picture looks like in fixed numbers, from which poses are read by closed-form regression.

`hog`: histograms of oriented gradients (Dalal and Triggs, CVPR 2005), 16 x 16 cells of 12 directions (signed: from dark
to light), smooth in space and angle, each cell normalised by the 3 x 3 cells about it, square roots taken. Needs no
weights.
`lite0`: two inner layers of EfficientNet-Lite0 with its ImageNet weights, on an 8 x 8 grid.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from .kcf_backbones import network_of
from .kcf_networks import Lite0
from .kcf_pixels import normalised

CELLS, ANGLES = 16, 12
_TOGETHER = 64  # pictures worked on at once
_QUIET = 25.0  # grey levels; gradients below it are not blown up to full contrast
_LAYERS, _GRID = (4, 10), 8  # of Lite0: strides 8 and 16


@dataclass(frozen=True, slots=True)
class _Frozen:
    backbone: str = "lite0"
    weights: str = ""
    trained: bool = True


FROZEN = _Frozen()


def features_of(pictures: Tensor, kinds: tuple[str, ...], pieces: int = 1) -> Tensor:
    """The features of pictures (N, 3, S, S) uint8 and of their mirror images, (2 N, D) float32 on the same device.

    Each kind is centred and scaled so that its rows have a mean square length of 1.

    Args:
        pictures: of a class.
        kinds: of `hog` and `lite0`.
        pieces: parts that a batch is worked on in.
    """
    found, batch = [], max(1, _TOGETHER // pieces)
    for kind in kinds:
        parts = torch.split(pictures, batch)
        if kind == "hog":
            plain = torch.cat([hog(part) for part in parts])
            turned = mirrored_hog(plain)
        else:
            read = _lite0(pictures.device)
            plain, turned = (torch.cat([read(part.flip(3) if flip else part) for part in parts]) for flip in (0, 1))
        rows = torch.cat([plain, turned])
        rows = rows - rows.mean(0)
        found.append(rows / rows.square().sum(1).mean().sqrt().clamp(min=1e-12))
    return torch.cat(found, 1)


def mirrored_hog(rows: Tensor) -> Tensor:
    """The `hog` of mirror images from those of the pictures, (B, 3072): no gradient has to be taken again."""
    cells = rows.view(-1, ANGLES, CELLS, CELLS)
    turned = [(ANGLES // 2 - angle) % ANGLES for angle in range(ANGLES)]
    return cells[:, turned].flip(3).flatten(1)


def hog(pictures: Tensor) -> Tensor:
    """Oriented gradients of pictures (B, 3, S, S), S a multiple of 32, as (B, 3072) float32."""
    side = pictures.shape[-1] // CELLS
    image = functional.pad(pictures.float(), (1, 1, 1, 1), mode="replicate")
    across = (image[:, :, 1:-1, 2:] - image[:, :, 1:-1, :-2]) / 2.0
    down = (image[:, :, 2:, 1:-1] - image[:, :, :-2, 1:-1]) / 2.0
    strength, channel = (across.square() + down.square()).max(1, keepdim=True)
    strength, across, down = strength.sqrt()[:, 0], across.gather(1, channel)[:, 0], down.gather(1, channel)[:, 0]
    turn = (torch.atan2(down, across) / (2.0 * math.pi) % 1.0) * ANGLES
    low = turn.floor()
    share = turn - low
    planes = torch.zeros((len(image), ANGLES, *strength.shape[1:]), device=image.device)
    planes.scatter_add_(1, (low.long() % ANGLES)[:, None], ((1.0 - share) * strength)[:, None])
    planes.scatter_add_(1, ((low.long() + 1) % ANGLES)[:, None], (share * strength)[:, None])
    cells = _cells(planes, side)
    energy = functional.avg_pool2d(cells.square().sum(1, keepdim=True), 3, 1, 1, count_include_pad=False)
    return (cells / (energy + _QUIET).sqrt()).sqrt().flatten(1)


def _cells(planes: Tensor, side: int) -> Tensor:
    """Means of planes (B, C, S, S) under bells about the middle of each cell, (B, C, CELLS, CELLS)."""
    places = torch.arange(2 * side, device=planes.device) + 0.5 - side
    bell = torch.exp(-0.5 * (places / (0.5 * side)).square())
    bell = (bell / bell.sum()).expand(planes.shape[1], 1, -1)
    near = functional.pad(planes, (side // 2, side - side // 2) * 2, mode="reflect")
    rows = functional.conv2d(near, bell[:, :, :, None], stride=(side, 1), groups=planes.shape[1])
    return functional.conv2d(rows, bell[:, :, None, :], stride=(1, side), groups=planes.shape[1])


def _lite0(device: torch.device) -> Callable[[Tensor], Tensor]:
    network = network_of(FROZEN, 1, 0).to(device).eval()
    assert isinstance(network, Lite0)

    @torch.no_grad()
    def read(pictures: Tensor) -> Tensor:
        seen, found = network.stem(normalised(pictures)), []
        for number, block in enumerate(network._blocks[: max(_LAYERS) + 1]):
            seen = block(seen)
            if number in _LAYERS:
                found.append(_even(functional.adaptive_avg_pool2d(seen, _GRID).flatten(1)))
        return torch.cat(found, 1)

    return read


def _even(rows: Tensor) -> Tensor:
    """Rows of unit length, so that both layers count alike."""
    return functional.normalize(rows, dim=1)
