"""A small classifier of toy pictures: which class, which main colour. It judges the tiny generator in `bench tiny`.

Trained by `training` on composed renders, never on generated pictures; its own hits on held-out renders are the ceiling
that generated pictures are measured against.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from ..sources.shapes import FAMILIES
from ..sources.shapes.paint import PAINTS

CHANNELS, BLOCKS = (32, 64, 128, 160), (1, 2, 2, 1)
CLASSES = [family.name for family in FAMILIES]
WEIGHTS = Path(__file__).with_name("tiny_judge.safetensors")


class Residual(nn.Module):
    """Two convolutions beside a shortcut.

    Args:
        channels: in and out.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.GroupNorm(8, channels), nn.SiLU(), nn.Conv2d(channels, channels, 3, 1, 1),
            nn.GroupNorm(8, channels), nn.SiLU(), nn.Conv2d(channels, channels, 3, 1, 1),
        )  # fmt: skip

    def forward(self, image: Tensor) -> Tensor:
        """Features (B, channels, H, W) to others of the same shape."""
        seen: Tensor = image + self.body(image)
        return seen


class Judge(nn.Module):
    """Stages at 1/2, 1/4, 1/8 and 1/16 of the side, then the mean and the maximum over the picture.

    Args:
        classes: how many classes.
        colours: how many colours.
    """

    def __init__(self, classes: int, colours: int) -> None:
        super().__init__()
        self.stages = nn.ModuleList()
        before = 3
        for channels, blocks in zip(CHANNELS, BLOCKS, strict=True):
            self.stages.append(
                nn.Sequential(nn.Conv2d(before, channels, 3, 2, 1), *(Residual(channels) for _ in range(blocks)))
            )
            before = channels
        self.head = nn.Sequential(
            nn.LayerNorm(2 * before), nn.Linear(2 * before, before), nn.SiLU(), nn.Linear(before, classes + colours)
        )
        self.classes = classes

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of classes (B, classes) and colours (B, colours) of pictures (B, 3, 128, 128) in [-1, 1]."""
        seen = self.seen(image)[-1]
        logits = self.head(torch.cat([seen.mean((2, 3)), seen.amax((2, 3))], 1))
        return logits[:, : self.classes], logits[:, self.classes :]

    def seen(self, image: Tensor) -> list[Tensor]:
        """Each stage's features (B, channels, H, W)."""
        found = []
        for stage in self.stages:
            image = stage(image)
            found.append(image)
        return found


def perceptual(judge: Judge, first: Tensor, second: Tensor) -> Tensor:
    """How different pairs of pictures (B, 3, 128, 128) look to the judge, (B,).

    LPIPS (Zhang et al., CVPR 2018) without its learnt weights: squared distances of features of unit length at each
    place, averaged over places and summed over stages.
    """
    total = torch.zeros(len(first))
    for a, b in zip(judge.seen(first), judge.seen(second), strict=True):
        apart = nn.functional.normalize(a, dim=1) - nn.functional.normalize(b, dim=1)
        total = total + apart.square().sum(1).mean((1, 2))
    return total


def colour_of(keywords: Sequence[str]) -> int:
    """Index in `PAINTS` of the first colour that opens a keyword ("dark red", "red glass shade"), or -1."""
    names = sorted(PAINTS, key=len, reverse=True)
    for keyword in keywords[:1]:
        for name in names:
            if keyword == name or keyword.startswith(f"{name} "):
                return list(PAINTS).index(name)
    return -1


def load_judge(path: Path = WEIGHTS) -> Judge:
    """The trained judge, in evaluation mode, float32."""
    from safetensors.torch import load_file

    judge = Judge(len(CLASSES), len(PAINTS))
    judge.load_state_dict({name: value.float() for name, value in load_file(path).items()})
    return judge.eval()
