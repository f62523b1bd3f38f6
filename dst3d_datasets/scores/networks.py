"""Networks of the Hub for scorers: where they lie, what pins them, how pictures are laid before them.

Only safetensors are read (no pickles), and no code that comes with weights is ever run.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ..weights import Place, explain, folder_digest, place_of

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's, where a model does not state its own
_SIDE = 224


@dataclass(frozen=True, slots=True)
class Pixels:
    """How a network wants its pictures."""

    mean: tuple[float, ...]  # of each channel, in 0..1
    std: tuple[float, ...]
    side: int  # pixels


class Network:
    """A transformers model by folder or Hub id; nothing is loaded before it is needed.

    Args:
        model: folder, or `owner/name`.
        revision: branch, tag or commit on the Hub.
        field: path of the recipe's field, for messages.
        device: cpu, cuda, or auto: cuda if there is one.

    Raises:
        WeightsError: it looks like a folder and is none.
    """

    def __init__(self, model: str, revision: str, field: str, device: str) -> None:
        self.place: Place = place_of(model, revision, field)
        self._field = field
        self._device = device

    @property
    def device(self) -> torch.device:
        """Where it runs."""
        automatic = "cuda" if torch.cuda.is_available() else "cpu"
        return torch.device(automatic if self._device == "auto" else self._device)

    @cached_property
    def pinned(self) -> str:
        """`owner/name@commit`, or `sha256:<16 digits>` of a folder (never its path).

        Raises:
            WeightsError: the Hub does not have it, or cannot be reached.
        """
        if self.place.folder is not None:
            return f"sha256:{folder_digest(self.place.folder)}"
        return f"{self.place.name}@{self._commit}"

    @cached_property
    def _commit(self) -> str:
        from transformers.utils.hub import cached_file, extract_commit_hash

        try:
            found = cached_file(self.place.name, "config.json", revision=self.place.revision)
            return extract_commit_hash(str(found), None) or self.place.revision
        except Exception as error:  # whatever the Hub client raises becomes one message
            raise explain(error, self.place, self._field, "transformers") from error

    def _from(self, loader: Any, **arguments: Any) -> Any:
        """What a class's `from_pretrained` gives for this place."""
        where = str(self.place.folder) if self.place.folder is not None else self.place.name
        try:
            if self.place.folder is None:
                arguments["revision"] = self._commit
            return loader.from_pretrained(where, **arguments)
        except Exception as error:
            raise explain(error, self.place, self._field, "transformers") from error

    def load(self, kind: str) -> Any:
        """The network in evaluation mode, on its device, in float32.

        Args:
            kind: a class of transformers, as `AutoModel`.

        Raises:
            WeightsError: it cannot be had, or is no such model.
        """
        import transformers

        loader = getattr(transformers, kind)
        return self._from(loader, use_safetensors=True, dtype=torch.float32).to(self.device).eval()

    def untrained(self, config: Mapping[str, Any]) -> Any:
        """A network of a configuration that has its `model_type`, with weights that are yet to be filled in.

        Raises:
            KeyError: there is no `model_type`.
            ValueError: transformers knows no such type.
        """
        from transformers import AutoConfig, AutoModel

        rest = {name: value for name, value in config.items() if name != "model_type"}
        return AutoModel.from_config(AutoConfig.for_model(config["model_type"], **rest))

    def tokenizer(self) -> Any:
        """Its tokenizer.

        Raises:
            WeightsError: it has none.
        """
        from transformers import AutoTokenizer

        return self._from(AutoTokenizer)

    @cached_property
    def pixels(self) -> Pixels:
        """How it wants its pictures: by `preprocessor_config.json`, `config.json`, or as is usual for ImageNet."""
        plain, config = self._json("preprocessor_config.json"), self._json("config.json")
        own = config.get("image_size") or config.get("vision_config", {}).get("image_size")
        size = plain.get("crop_size") or plain.get("size") or own or _SIDE
        side = size if isinstance(size, int) else int(size.get("height") or size.get("shortest_edge") or _SIDE)
        return Pixels(tuple(plain.get("image_mean") or _MEAN), tuple(plain.get("image_std") or _STD), side)

    def _json(self, name: str) -> dict[str, Any]:
        path = self.file(name)
        plain: dict[str, Any] = {} if path is None else json.loads(path.read_text(encoding="utf-8"))
        return plain

    def file(self, name: str) -> Path | None:
        """A file of its folder, or of its repository (downloaded); None if it has none of that name.

        Raises:
            WeightsError: the Hub cannot be reached.
        """
        if self.place.folder is not None:
            path = self.place.folder / name
            return path if path.is_file() else None
        from transformers.utils.hub import cached_file

        try:
            found = cached_file(
                self.place.name, name, revision=self._commit, _raise_exceptions_for_missing_entries=False
            )
        except Exception as error:
            raise explain(error, self.place, self._field, "transformers") from error
        return None if found is None else Path(str(found))

    def tensor(self, pictures: Sequence[NDArray[np.uint8]], side: int = 0) -> Tensor:
        """Pictures (H, W, 3) as one batch (B, 3, side, side), normalised, on the device.

        Each is brought to a square as a whole; nothing is cut off.

        Args:
            pictures: sRGB, of any size.
            side: pixels; 0 for the network's own.
        """
        side = side or self.pixels.side
        resized = []
        for picture in pictures:
            plane = torch.tensor(picture, device=self.device).permute(2, 0, 1)[None].float() / 255.0
            if plane.shape[-2:] != (side, side):
                plane = functional.interpolate(plane, (side, side), mode="bicubic", antialias=True).clamp(0.0, 1.0)
            resized.append(plane)
        both = (self.pixels.mean, self.pixels.std)
        mean, std = (torch.tensor(values, device=self.device).view(1, -1, 1, 1) for values in both)
        return (torch.cat(resized) - mean) / std


def around_object(image: NDArray[np.uint8], label: Mapping[str, Any], margin: float = 0.15) -> NDArray[np.uint8]:
    """The part of a picture (H, W, 3) around the label's visible box, as near to a square as the picture allows.

    Args:
        image: the picture, of the label's size.
        label: `bbox_visible`, pixels.
        margin: of the box's longer side, on every side.
    """
    left, top, right, bottom = label["bbox_visible"]
    half = max(right - left, bottom - top) * (0.5 + margin)
    x, y = (left + right) / 2.0, (top + bottom) / 2.0
    height, width = image.shape[:2]
    rows = slice(max(0, math.floor(y - half)), min(height, math.ceil(y + half)))
    columns = slice(max(0, math.floor(x - half)), min(width, math.ceil(x + half)))
    cut = image[rows, columns]
    return cut if cut.size else image
