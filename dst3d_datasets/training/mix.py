"""From rendered views to training pictures, on the GPU: backgrounds, mirror images and collages, with their edges."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..bench.tiny_judge import colour_of
from ..recipe.rendering import Edges
from ..render.canny import canny_torch, grey_torch
from .views import SIZE
from .words import HUES, KINDS, prompt_of

COLLAGE = 0.15  # share of pictures with several objects, whose edges look like no single primitive's
SHARES = (0.30, 0.20, 0.16, 0.16, 0.15, 0.03)  # of the background kinds
_LUMA = (0.299, 0.587, 0.114)


@dataclass
class Views:
    """All rendered views, on one device; grows while the workers render.

    rgba (N, 4, 128, 128) uint8 straight, edge (N, 128, 128) bool, grey (N,), model (N,) into `models`, pose (N, 2).
    """

    folder: Path
    device: torch.device
    models: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    parts: dict[str, list[Tensor]] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)

    def ingest(self, most: int = 10**9) -> int:
        """Read the files that are new, and say how many views there are."""
        new = sorted(path for path in self.folder.glob("views-*.npz") if path.name not in self.seen)[:most]
        for path in new:
            self.seen.add(path.name)
            with np.load(path) as file:
                rows = json.loads(str(file["models"]))
                arrays = {
                    "rgba": np.ascontiguousarray(file["rgba"].transpose(0, 3, 1, 2)),
                    "edge": np.unpackbits(file["edge"], axis=2).astype(bool),
                    "grey": file["grey"],
                    "model": file["part"].astype(np.int64) + len(self.models),
                    "pose": file["pose"],
                }
            self.models += [(name, tuple(keywords)) for name, keywords in rows]
            for name, array in arrays.items():
                self.parts.setdefault(name, []).append(torch.from_numpy(array).to(self.device))
        if new:
            self.parts = {name: [torch.cat(tensors)] for name, tensors in self.parts.items()}
        return len(self)

    def __len__(self) -> int:
        return len(self.parts["grey"][0]) if self.parts else 0

    def __getitem__(self, name: str) -> Tensor:
        return self.parts[name][0]


@dataclass
class Pictures:
    """A batch of training pictures: image (B, 3, H, W) in [-1, 1], edge (B, H, W) bool, prompts, and what they show."""

    image: Tensor
    edge: Tensor
    prompts: list[str]
    classes: list[str]
    colours: list[int]  # index in PAINTS, or -1


class Mixer:
    """Draws batches of pictures from views.

    Args:
        views: what is drawn from.
        seed: of all random choices; NumPy's for the words, torch's for pixels.
    """

    def __init__(self, views: Views, seed: int) -> None:
        self.views = views
        self.dice = np.random.default_rng(seed)
        self.generator = torch.Generator(views.device).manual_seed(seed)

    def _rand(self, *shape: int) -> Tensor:
        return torch.rand(*shape, generator=self.generator, device=self.views.device)

    def draw(self, count: int, collage: float = COLLAGE, worded: bool = True) -> Pictures:
        """`count` pictures of views drawn at random; without prompts where nobody reads them (`worded`)."""
        views, several = self.views, int(count * collage)
        index = torch.randint(len(views), (count,), generator=self.generator, device=views.device)
        rgba, edge = views["rgba"][index].float().div_(255), views["edge"][index]
        grey = views["grey"][index].float().div_(255)
        names = [views.models[row] for row in views["model"][index].tolist()]
        words = list(names)
        if several:
            rgba[:several], others = self._collage(rgba[:several])
            edge = torch.cat([_edges(rgba[:several], grey[:several]), edge[several:]])
            words[:several] = [(f"{a[0]} and a {b}", ()) for a, b in zip(names[:several], others, strict=True)]
        flip = self._rand(count) < 0.5
        rgba = torch.where(flip[:, None, None, None], rgba.flip(-1), rgba)
        edge = torch.where(flip[:, None, None], edge.flip(-1), edge)
        behind, kinds, first = self._background(grey)
        image = rgba[:, :3] * rgba[:, 3:] + behind * (1 - rgba[:, 3:])
        prompts = []
        if worded:
            facts = zip(words, kinds, _hue_words(first), strict=True)
            prompts = [prompt_of(name, keys, KINDS[kind], hue, self.dice) for (name, keys), kind, hue in facts]
        colours = [-1 if row < several else colour_of(keywords) for row, (_, keywords) in enumerate(names)]
        return Pictures(image * 2 - 1, edge, prompts, [name for name, _ in names], colours)

    def _collage(self, first: Tensor) -> tuple[Tensor, list[str]]:
        """Lay other views over `first`, moved, turned by quarters and recoloured; names of the last one's class."""
        count, result, names = len(first), first, [""] * len(first)
        for layer in range(2):
            index = torch.randint(len(self.views), (count,), generator=self.generator, device=first.device)
            rgba = self.views["rgba"][index].float().div_(255)
            turn = int(self.dice.integers(4))
            rgba = torch.rot90(rgba, turn, (2, 3))
            down, right = (int(v) for v in self.dice.integers(-60, 61, 2))
            rgba = torch.roll(rgba, (down, right), (2, 3))
            colour, alpha = rgba[:, :3], rgba[:, 3:]
            power = torch.exp(self._rand(count, 3, 1, 1) * 1.2 - 0.6)
            colour = colour[:, torch.from_numpy(self.dice.permutation(3)).to(colour.device)] ** power
            if layer:  # a third object in half of them
                alpha = alpha * (self._rand(count, 1, 1, 1) < 0.5)
            else:
                names = [self.views.models[row][0] for row in self.views["model"][index].tolist()]
            over = alpha + result[:, 3:] * (1 - alpha)
            mixed = colour * alpha + result[:, :3] * result[:, 3:] * (1 - alpha)
            result = torch.cat([mixed / over.clamp_min(1e-4), over], 1)
        return result, names

    def _background(self, grey: Tensor) -> tuple[Tensor, list[int], Tensor]:
        """(B, 3, H, W) in [0, 1] of about the brightness that the control was made against, its kinds and colours."""
        count, device = len(grey), grey.device
        luma = (grey + (self._rand(count) - 0.5) * 0.24).clamp(0.02, 0.98)
        luma = torch.where(self._rand(count) < 0.10, self._rand(count), luma)[:, None]
        first, second = self._tinted(luma), self._tinted((luma + (self._rand(count, 1) - 0.5) * 0.2).clamp(0.02, 0.98))
        kinds = torch.from_numpy(self.dice.choice(len(KINDS), count, p=SHARES)).to(device)
        share = self._shares(kinds)
        picture = first[..., None, None] * (1 - share) + second[..., None, None] * share
        cluttered = (kinds == KINDS.index("cluttered")).nonzero()[:, 0]
        if len(cluttered):
            picture[cluttered] = self._clutter(picture[cluttered])
        return picture, kinds.tolist(), first

    def _tinted(self, luma: Tensor) -> Tensor:
        """Random colours (B, 3) of about the given brightness (B, 1), soft and strong."""
        tint = self._rand(len(luma), 3) * (1 - self._rand(len(luma), 1) ** 2)
        weights = torch.tensor(_LUMA, device=luma.device)
        return (tint + luma - (tint * weights).sum(1, keepdim=True)).clamp(0, 1)

    def _shares(self, kinds: Tensor) -> Tensor:
        """How much of the second colour each pixel has, (B, 1, H, W), by kind."""
        count = len(kinds)
        steps = (torch.arange(SIZE, device=kinds.device) + 0.5) / SIZE
        y, x = steps.view(1, 1, -1, 1), steps.view(1, 1, 1, -1)
        u = self._rand(4, count, 1, 1, 1)
        gradient = (y * (u[0] * 2 - 1) + x * (u[1] * 2 - 1) + 0.5).clamp(0, 1)
        spotlight = 1 - torch.exp(-((x - u[0]) ** 2 + (y - u[1]) ** 2) / (0.15 + 0.4 * u[2]) ** 2)
        level = 0.35 + 0.5 * u[0] + (u[1] - 0.5) * 0.2 * (x - 0.5)
        horizon = torch.sigmoid((y - level) * (12 + 30 * u[2]))
        coarse = self._rand(count, 1, 5, 5)
        blurred = functional.interpolate(coarse, (SIZE, SIZE), mode="bicubic").clamp(0, 1)
        stack = torch.stack(
            [t.expand(count, 1, SIZE, SIZE) for t in (0 * gradient, gradient, spotlight, horizon, blurred, gradient)]
        )
        return stack[kinds, torch.arange(count, device=kinds.device)]

    def _clutter(self, picture: Tensor) -> Tensor:
        """Boxes of any colour over the pictures."""
        count = len(picture)
        steps = (torch.arange(SIZE, device=picture.device) + 0.5) / SIZE
        y, x = steps.view(1, 1, -1, 1), steps.view(1, 1, 1, -1)
        for _ in range(5):
            u = self._rand(4, count, 1, 1, 1)
            inside = ((x - u[0]).abs() < 0.05 + 0.2 * u[2]) & ((y - u[1]).abs() < 0.05 + 0.2 * u[3])
            picture = torch.where(inside, self._rand(count, 3, 1, 1), picture)
        return picture


def _edges(rgba: Tensor, grey: Tensor) -> Tensor:
    """Canny's edges (B, H, W) of straight pictures (B, 4, H, W) over their grey, at the recipe's thresholds."""
    mixed = rgba[:, :3] * rgba[:, 3:] + grey.view(-1, 1, 1, 1) * (1 - rgba[:, 3:])
    return canny_torch(grey_torch(mixed.mul(255).round().to(torch.uint8)), Edges().low, Edges().high)


def _hue_words(colours: Tensor) -> list[str]:
    """A word of `HUES` for each colour (B, 3) in [0, 1]."""
    words = []
    for red, green, blue in colours.tolist():
        top, low = max(red, green, blue), min(red, green, blue)
        luma = 0.299 * red + 0.587 * green + 0.114 * blue
        if top - low < 0.15:
            words.append(("black", "dark", "grey", "light", "white")[min(4, int(luma * 5))])
            continue
        if top == red:
            hue = 60 * ((green - blue) / (top - low)) % 360
        elif top == green:
            hue = 60 * ((blue - red) / (top - low)) + 120
        else:
            hue = 60 * ((red - green) / (top - low)) + 240
        bounds = (15, 42, 70, 165, 255, 290, 345)
        names = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "red")
        words.append(names[sum(hue >= bound for bound in bounds)])
    assert set(words) <= set(HUES)
    return words
