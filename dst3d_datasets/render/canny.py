"""Canny edges: OpenCV's own on the CPU, and the same bit for bit in plain torch for pictures that are on any device.

Aperture 3, L1 norm, integer arithmetic. Measured equal to OpenCV 4.14 and 5.0. The renderer's own controls on a GPU
come from kernels (`controls_device.canny_device`), which are faster still.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

_TAN_22 = 13573  # tan(22.5 degrees) * 2**15, as OpenCV rounds it


def canny(image: NDArray[np.uint8], low: int, high: int) -> NDArray[np.uint8]:
    """Edges (H, W) uint8, 0 or 255, of a grey (H, W) or RGB (H, W, 3) picture, which is turned to grey first.

    `low` and `high` are the thresholds on |dx| + |dy| of 3 x 3 Sobel derivatives.
    """
    grey = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    edges = cv2.Canny(np.ascontiguousarray(grey), low, high, apertureSize=3, L2gradient=False)
    return np.asarray(edges, np.uint8)


def grey_torch(image: Tensor) -> Tensor:
    """Grey (B, H, W) uint8 of RGB (B, 3, H, W) uint8; equals cv2.cvtColor(COLOR_RGB2GRAY) exactly."""
    red, green, blue = (image[:, channel].int() for channel in range(3))
    return ((red * 9798 + green * 19235 + blue * 3735 + (1 << 14)) >> 15).to(torch.uint8)


def canny_torch(image: Tensor, low: int, high: int) -> Tensor:
    """Edges (B, H, W) bool of grey (B, H, W) or three-channel (B, 3, H, W) uint8 pictures, where they are.

    With three channels it does as cv2.Canny does with a colour picture: each pixel takes the channel with the steepest
    gradient, the first one on ties. (`canny` turns colour to grey first: apply `grey_torch` for the same.)
    """
    if image.dim() == 3:
        image = image[:, None]
    dx, dy, steep = _sobel(image)
    weak = _thin(dx, dy, steep) & (steep > low)
    return _hysteresis(weak, weak & (steep > high))


def _sobel(image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """dx, dy and |dx| + |dy|, (B, H, W) int32; borders replicated."""
    padded = functional.pad(image.float(), (1, 1, 1, 1), mode="replicate")  # small whole numbers: exact
    left, middle, right = padded[..., :-2], padded[..., 1:-1], padded[..., 2:]
    across, along = right - left, left + 2 * middle + right
    dx = (across[..., :-2, :] + 2 * across[..., 1:-1, :] + across[..., 2:, :]).int()
    dy = (along[..., 2:, :] - along[..., :-2, :]).int()
    steep = dx.abs() + dy.abs()
    if image.shape[1] > 1:
        channel = torch.arange(image.shape[1], device=image.device).view(1, -1, 1, 1)
        steepest = steep.amax(1, keepdim=True)
        first = torch.where(steep == steepest, channel, image.shape[1]).amin(1, keepdim=True)
        dx, dy, steep = (values.gather(1, first) for values in (dx, dy, steep))
    return dx[:, 0], dy[:, 0], steep[:, 0]


def _thin(dx: Tensor, dy: Tensor, steep: Tensor) -> Tensor:
    """Which pixels are ridges of steepness across their gradient's direction, (B, H, W) bool."""
    height, width = steep.shape[1:]
    padded = functional.pad(steep, (1, 1, 1, 1))

    def beside(down: int, right: int) -> Tensor:
        return padded[:, 1 + down : 1 + down + height, 1 + right : 1 + right + width]

    ax, ay = dx.abs(), dy.abs() << 15
    tan_22 = ax * _TAN_22
    tan_67 = tan_22 + (ax << 16)
    level, upright = ay < tan_22, ay > tan_67
    # OpenCV keeps the first of two equal neighbours along the axes, and neither along the diagonals.
    along_x = (steep > beside(0, -1)) & (steep >= beside(0, 1))
    along_y = (steep > beside(-1, 0)) & (steep >= beside(1, 0))
    falling = (steep > beside(-1, -1)) & (steep > beside(1, 1))
    rising = (steep > beside(-1, 1)) & (steep > beside(1, -1))
    diagonal = torch.where((dx ^ dy) < 0, rising, falling)
    return torch.where(level, along_x, torch.where(upright, along_y, diagonal))


def _hysteresis(weak: Tensor, strong: Tensor) -> Tensor:
    """The 8-connected groups of weak pixels that hold a strong one: grown to the fixed point, in any order."""
    allowed, grown = weak.float()[:, None], strong.float()[:, None]
    while True:
        before = grown
        for _ in range(8):
            grown = functional.max_pool2d(grown, 3, 1, 1) * allowed
        if torch.equal(grown, before):
            return grown[:, 0] > 0
