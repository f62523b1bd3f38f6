"""A class's pictures on the device as bytes, and what is done to them there before a network sees them."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from . import ClassSamples

DRAWS = 10  # numbers in (0, 1) that one picture's change takes
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's
_SCALE, _SHIFT = 0.15, 0.08  # of the size, and of the picture's side
_GAIN, _LIGHT, _CONTRAST, _GREY = 0.15, 0.2, 0.35, 0.15


def load(samples: ClassSamples, size: int, device: torch.device, progress: Callable[[float], None]) -> Tensor:
    """All pictures of a class, (N, 3, size, size) uint8 sRGB, decoded once.

    Args:
        samples: of the class.
        size: side; pictures of another size are averaged down to it.
        device: where they are to lie.
        progress: told the share that is done.
    """
    pictures = np.empty((len(samples), size, size, 3), np.uint8)
    for number, sample in enumerate(samples):
        if sample.image.shape[:2] == (size, size):
            pictures[number] = sample.image
        else:
            pictures[number] = cv2.resize(sample.image, (size, size), interpolation=cv2.INTER_AREA)
        if number % 64 == 0:
            progress(number / len(samples))
    return torch.from_numpy(pictures).to(device).permute(0, 3, 1, 2).contiguous()


def normalised(pictures: Tensor) -> Tensor:
    """uint8 (M, 3, S, S) to float32 with ImageNet's mean and spread."""
    mean = torch.tensor(_MEAN, device=pictures.device).view(1, 3, 1, 1)
    std = torch.tensor(_STD, device=pictures.device).view(1, 3, 1, 1)
    return (pictures.float() / 255.0 - mean) / std


def changed(pictures: Tensor, draws: Tensor, mirror: Tensor) -> Tensor:
    """Pictures (M, 3, S, S) moved, scaled and recoloured, none of which changes a pose, and mirrored, which does.

    Args:
        pictures: uint8.
        draws: (M, DRAWS) in (0, 1).
        mirror: (M,), 1 as it is and -1 mirrored.

    Returns:
        float32, normalised.
    """
    unit = 2.0 * draws - 1.0  # (-1, 1)
    scale = 1.0 + _SCALE * unit[:, 0]
    zero = torch.zeros_like(scale)
    matrix = torch.stack(
        [scale * mirror, zero, 2.0 * _SHIFT * unit[:, 1], zero, scale, 2.0 * _SHIFT * unit[:, 2]], 1
    ).view(-1, 2, 3)
    grid = functional.affine_grid(matrix, list(pictures.shape), align_corners=False)
    moved = functional.grid_sample(
        pictures.float() / 255.0, grid, mode="bilinear", padding_mode="reflection", align_corners=False
    )
    grey = moved.mean(1, keepdim=True)
    moved = torch.where((draws[:, 3] < _GREY).view(-1, 1, 1, 1), grey, moved)
    gain = (1.0 + _GAIN * unit[:, 4:7]) * (1.0 + _LIGHT * unit[:, 7:8])
    middle = moved.mean((1, 2, 3), keepdim=True)
    moved = middle + (moved - middle) * (1.0 + _CONTRAST * unit[:, 8]).view(-1, 1, 1, 1)
    moved = (moved * gain.view(-1, 3, 1, 1)).clamp(0.0, 1.0)
    mean = torch.tensor(_MEAN, device=moved.device).view(1, 3, 1, 1)
    std = torch.tensor(_STD, device=moved.device).view(1, 3, 1, 1)
    return (moved - mean) / std
