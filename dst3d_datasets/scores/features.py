"""What a picture shows, place by place: vectors whose products say how alike two pictures are there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Grid = NDArray[np.float32]

_CELL = 6  # pixels between the histograms
_BINS = 8  # of half a turn: a light object before dark and a dark one before light are alike
_FAINT = 10.0  # length of a histogram from which on it counts; Lab units


class Features(Protocol):
    """Makes grids of features."""

    side: int  # pixels of the square pictures it takes

    @property
    def revision(self) -> str:
        """What pins it."""
        ...

    def __call__(self, pictures: Sequence[Picture]) -> Grid:
        """(B, G, G, D) of pictures (side, side, 3); no vector is longer than 1."""
        ...


class Hog:
    """Histograms of gradient directions (Dalal and Triggs, CVPR 2005), less their mean, with faint ones made short.

    Args:
        patches: G, histograms along a side.
    """

    revision = "hog-1"

    def __init__(self, patches: int) -> None:
        self.side = _CELL * patches

    def __call__(self, pictures: Sequence[Picture]) -> Grid:
        """See `Features`."""
        return np.stack([self._one(picture) for picture in pictures])

    def _one(self, picture: Picture) -> Grid:
        lab = cv2.GaussianBlur(cv2.cvtColor(picture, cv2.COLOR_RGB2LAB).astype(np.float32), (0, 0), 1.0)
        across, down = cv2.Sobel(lab, cv2.CV_32F, 1, 0), cv2.Sobel(lab, cv2.CV_32F, 0, 1)
        steep = np.hypot(across, down)
        steepest = steep.argmax(-1)[..., None]
        across, down, steep = (np.take_along_axis(plane, steepest, -1)[..., 0] for plane in (across, down, steep))
        place = np.arctan2(down, across) % np.pi * (_BINS / np.pi)
        low = np.floor(place).astype(np.int64)
        share = place - low
        planes = np.zeros((*steep.shape, _BINS), np.float32)
        for bins, weight in ((low % _BINS, 1.0 - share), ((low + 1) % _BINS, share)):
            here = bins[..., None]
            added = np.take_along_axis(planes, here, -1) + (steep * weight)[..., None]
            np.put_along_axis(planes, here, added.astype(np.float32), -1)
        cells = cv2.GaussianBlur(planes, (0, 0), _CELL / 2)[_CELL // 2 :: _CELL, _CELL // 2 :: _CELL]
        cells -= cells.mean(-1, keepdims=True)
        return np.asarray(cells / (np.linalg.norm(cells, axis=-1, keepdims=True) + _FAINT), np.float32)


class Patches:
    """Patch tokens of a vision transformer (DINOv2: Oquab et al., TMLR 2024), less each picture's mean, of length 1.

    Args:
        model: folder or Hub id.
        revision: of the Hub.
        patches: G, tokens along a side.
        device: where it runs.

    Raises:
        WeightsError: there is no such folder, and it is no Hub id either.
    """

    def __init__(self, model: str, revision: str, patches: int, device: str) -> None:
        from .networks import Network

        self._network, self._patches = Network(model, revision, "scores.dino.model", device), patches
        self._loaded: Any = None

    @property
    def revision(self) -> str:
        """Commit or digest of the weights."""
        return self._network.pinned

    @property
    def side(self) -> int:
        """Pixels: the grid's side times the network's patch."""
        size = self._model.config.patch_size
        return self._patches * int(size if isinstance(size, int) else size[0])

    @property
    def _model(self) -> Any:
        if self._loaded is None:
            from ..weights import WeightsError

            self._loaded = self._network.load("AutoModel")
            if not hasattr(self._loaded.config, "patch_size"):
                raise WeightsError(f"scores.dino.model: {self._network.place.name} has no patches to compare")
        return self._loaded

    def __call__(self, pictures: Sequence[Picture]) -> Grid:
        """See `Features`."""
        import torch

        with torch.inference_mode():
            batch = self._network.tensor(pictures, self.side)
            tokens = self._model(pixel_values=batch).last_hidden_state[:, -(self._patches**2) :].float()
            tokens = tokens - tokens.mean(1, keepdim=True)
            tokens = torch.nn.functional.normalize(tokens, dim=-1)
        return np.asarray(tokens.cpu().numpy().reshape(len(pictures), self._patches, self._patches, -1), np.float32)
