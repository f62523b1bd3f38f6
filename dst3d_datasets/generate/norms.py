"""Norms as a compiled network in channels-last memory wants them.

Group norm: the compiler takes `nn.GroupNorm` for an operation on contiguous planes: between channels-last convolutions
its kernels then read across the memory's order, and each pixel works out its group's mean and spread anew. Here sums
run over what lies side by side, channel by channel; groups are formed from sums; and what remains for a pixel is one
product and one sum, which fuse with whatever stands around them.

Layer norm of more values than the compiler keeps in registers: it reads them in a loop that updates mean and spread
with every value (0.070 ms for 16,384 rows of 1,280 on an H200, in place of 0.050). Here the loop adds up values and
squares.
"""

from __future__ import annotations

from typing import Any, TypeGuard

import torch
from torch import Tensor, nn

from .compiling import written

_KEPT = 1024  # values that the compiler keeps in registers
_RUN = 128  # pixels that are summed at once: the compiler loops over as many, and keeps fewer in registers, slowly


class ChannelsLastGroupNorm(nn.GroupNorm):
    """The same maths as `nn.GroupNorm`, in the order of channels-last memory.

    Sums are in float32 and the variance is E[x^2] - E[x]^2, which is exact enough wherever the spread of a group is not
    below a thousandth of its mean: half precision could not tell such values apart.

    Args:
        norm: whose parameters are shared; it must have them (`affine`).
        in_memory: what is normalised is read by others too (a sum, skips put side by side), so that it is written to
            memory anyway. The compiler is told to do so in channels-last order, which it does not choose by itself.
    """

    def __init__(self, norm: nn.GroupNorm, in_memory: bool = True) -> None:
        super().__init__(norm.num_groups, norm.num_channels, norm.eps, device="meta")
        self._in_memory = in_memory
        self.weight, self.bias = norm.weight, norm.bias
        self.train(norm.training)

    def forward(self, input: Tensor) -> Tensor:
        """Normalise (B, channels, H, W); other shapes go the usual way."""
        if input.ndim != 4:
            return super().forward(input)
        rows, channels, height, width = input.shape
        groups, each = self.num_groups, channels // self.num_groups
        lines = _lines(height, width)
        values = input.permute(0, 2, 3, 1)
        if self._in_memory and values.is_contiguous():
            values = written(values)
        runs = values.reshape(rows, height // lines, lines * width, channels).float()
        sums = torch.stack([runs.sum(2), runs.square().sum(2)])  # (2, B, H / lines, channels)
        sums = sums.view(2, rows, height // lines, groups, each).sum((2, 4))
        mean, square = sums.div(height * width * each).unsqueeze(-1).unbind(0)  # (B, groups, 1) each
        deviation = torch.rsqrt((square - mean.square()).clamp(min=0.0) + self.eps)
        scale = deviation * self.weight.float().view(groups, each)
        factors = torch.stack([scale, self.bias.float().view(groups, each) - mean * scale])
        scale, shift = written(factors).view(2, rows, 1, 1, channels).unbind(0)  # not anew for every pixel
        return (values.float() * scale + shift).to(input.dtype).permute(0, 3, 1, 2)


class LongLayerNorm(nn.LayerNorm):
    """The same maths as `nn.LayerNorm` over the last dimension; the variance is E[x^2] - E[x]^2, in float32.

    Args:
        norm: whose parameters are shared; it must have both (`elementwise_affine`, `bias`).
    """

    def __init__(self, norm: nn.LayerNorm) -> None:
        super().__init__(norm.normalized_shape, norm.eps, device="meta")
        self.weight, self.bias = norm.weight, norm.bias
        self.train(norm.training)

    def forward(self, input: Tensor) -> Tensor:
        """Normalise (..., values)."""
        values = input.float()
        mean = values.mean(-1, keepdim=True)
        spread = (values.square().mean(-1, keepdim=True) - mean.square()).clamp(min=0.0)
        normal = (values - mean) * torch.rsqrt(spread + self.eps)
        return (normal * self.weight.float() + self.bias.float()).to(input.dtype)


def _is_long(norm: nn.Module) -> TypeGuard[nn.LayerNorm]:
    if type(norm) is not nn.LayerNorm or norm.weight is None or norm.bias is None:
        return False
    return len(norm.normalized_shape) == 1 and norm.normalized_shape[0] > _KEPT


def _lines(height: int, width: int) -> int:
    """How many lines of pixels make a run: a power of two that divides the height."""
    lines = 1
    while lines * width < _RUN and height % (2 * lines) == 0:
        lines *= 2
    return lines


def channels_last(network: nn.Module) -> None:
    """Bring a network's weights to channels-last memory, and its norms with them."""
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is nn.GroupNorm and child.affine:
                # Of a residual block, the first norm reads what `_read_once` has written, and the second follows a
                # convolution, with whose bias it fuses.
                in_memory = name not in ("norm1", "norm2")
                setattr(parent, name, ChannelsLastGroupNorm(child, in_memory))
            elif _is_long(child):
                setattr(parent, name, LongLayerNorm(child))
        if type(parent).__name__ == "ResnetBlock2D":
            parent.register_forward_pre_hook(_read_once)


def _read_once(block: nn.Module, given: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """What a residual block is given is read by its first norm and by its shortcut: the compiler, which would write two
    skips put side by side for each of them, writes them once (a step in 92.1 ms in place of 93.1, H200).
    """
    if not given or not given[0].is_contiguous(memory_format=torch.channels_last):
        return None
    return written(given[0]), *given[1:]
