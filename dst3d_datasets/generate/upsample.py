"""Nearest-neighbour doubling and the convolution after it, as one convolution before it.

A 3 x 3 convolution of a picture whose pixels were doubled sees only 2 x 2 different ones. Which of the nine weights
meet at the same one depends on whether a line and a column are even or odd; added up, they make four convolutions of
2 x 2 that give the doubled picture's four kinds of pixels from the small one: four products in place of nine, and the
doubled picture is never written. It is the sum of the same numbers in another order, but that added weights are rounded
to the network's type once more. A step of a network with one layer a block took 93.1 ms in place of 97.0 (H200).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


class UpsampledConv(nn.Module):
    """The maths of diffusers' `Upsample2D` with a 3 x 3 convolution.

    Args:
        upsample: one for which `is_plain` holds; what it computes for sizes that are not the double is left to it.
    """

    weight: Tensor

    def __init__(self, upsample: Any) -> None:
        super().__init__()
        self.plain = upsample
        self.register_buffer("weight", _phases(upsample.conv.weight), persistent=False)

    def forward(self, hidden_states: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """From (B, channels, H, W) to (B, out_channels, 2 H, 2 W), or to `output_size`."""
        height, width = hidden_states.shape[-2:]
        if output_size is not None and tuple(output_size) != (2 * height, 2 * width):
            plain: Tensor = self.plain(hidden_states, output_size)
            return plain
        seen = functional.conv2d(hidden_states, self.weight, padding=1).permute(0, 2, 3, 1)
        pixels = _in_place(seen.contiguous(), height, width)
        bias = self.plain.conv.bias
        return (pixels if bias is None else pixels + bias).permute(0, 3, 1, 2)


def _in_place(phases: Tensor, height: int, width: int) -> Tensor:
    """Pixels (B, 2 H, 2 W, channels) of what was computed for the corners of the small picture's pixels, (B, H + 1,
    W + 1, 4 * channels): those of even lines for the corner above, of odd ones below; so for columns. Until it is
    reshaped it is a view.
    """
    rows, _, _, four = phases.shape
    channels = four // 4
    down, right = (width + 1) * four, four
    size = (rows, height, 2, width, 2, channels)
    strides = (phases.stride(0), down, down + 2 * channels, right, right + channels, 1)
    return phases.as_strided(size, strides).reshape(rows, 2 * height, 2 * width, channels)


def _phases(weight: Tensor) -> Tensor:
    """Of a kernel (out, in, 3, 3), those of the four kinds of pixels, (4 * out, in, 2, 2), by line, then by column."""
    lines = _paired(weight.detach().to(torch.promote_types(weight.dtype, torch.float32)), 2)
    both = torch.stack([_paired(line, 3) for line in lines])  # (2, 2, out, in, 2, 2)
    return both.flatten(0, 2).to(weight.dtype).contiguous(memory_format=torch.channels_last)


def _paired(weight: Tensor, dim: int) -> Tensor:
    """Of three weights side by side in a dimension, the two that an even pixel's neighbours have, and an odd one's."""
    first, middle, last = weight.unbind(dim)
    return torch.stack([torch.stack([first, middle + last], dim), torch.stack([first + middle, last], dim)])


def convolve_before_doubling(network: nn.Module) -> None:
    """Replace a network's upsamplers where they are of the usual build."""
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if is_plain(child) and type(parent) is not UpsampledConv:
                setattr(parent, name, UpsampledConv(child))


def is_plain(module: nn.Module) -> bool:
    """Whether `UpsampledConv` computes what this module computes."""
    if type(module).__name__ != "Upsample2D":
        return False
    layer: Any = module
    conv = getattr(layer, "conv", None)
    return (
        type(conv) is nn.Conv2d
        and layer.interpolate
        and layer.norm is None
        and (conv.kernel_size, conv.stride, conv.padding, conv.dilation) == ((3, 3), (1, 1), (1, 1), (1, 1))
        and (conv.groups, conv.padding_mode) == (1, "zeros")
    )
