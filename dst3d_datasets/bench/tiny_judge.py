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

CHANNELS = (24, 48, 96, 128)
CLASSES = [family.name for family in FAMILIES]
WEIGHTS = Path(__file__).with_name("tiny_judge.safetensors")


class Judge(nn.Module):
    """Four stages of two convolutions, then the mean and the maximum over the picture.

    Args:
        classes: how many classes.
        colours: how many colours.
    """

    def __init__(self, classes: int, colours: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for channels in CHANNELS:
            layers += [nn.Conv2d(before, channels, 3, 2, 1), nn.GroupNorm(8, channels), nn.SiLU()]
            layers += [nn.Conv2d(channels, channels, 3, 1, 1), nn.GroupNorm(8, channels), nn.SiLU()]
            before = channels
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(2 * before, classes + colours)
        self.classes = classes

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of classes (B, classes) and colours (B, colours) of pictures (B, 3, 128, 128) in [-1, 1]."""
        seen = self.body(image)
        logits = self.head(torch.cat([seen.mean((2, 3)), seen.amax((2, 3))], 1))
        return logits[:, : self.classes], logits[:, self.classes :]

    def features(self, image: Tensor) -> Tensor:
        """What it sees in pictures (B, 3, 128, 128), as unit vectors (B, 256): for distances between pictures."""
        seen = self.body(image)
        return nn.functional.normalize(torch.cat([seen.mean((2, 3)), seen.amax((2, 3))], 1), dim=1)


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
