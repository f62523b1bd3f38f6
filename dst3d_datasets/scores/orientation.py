"""`orientation`: does a network that tells the orientation of anything agree with the label?

**The layout that is read**: a folder or Hub repository with `config.json` and `model.safetensors`. The configuration
holds `backbone`, a transformers configuration with its `model_type` (as DINOv2's), and `orientation`::

    {"azimuth": 360, "polar": 180, "rotation": 360, "rotation_span": 360, "hidden": 902, "side": 518, "fronts": [1, 0]}

The weights are `backbone.*`, under transformers' own names, and the head on the class token: `head.*`, one linear layer
(`hidden` 0), or `head.0.*` and `head.2.*`, two with a ReLU between. The outputs are logits, in this order: `azimuth`
bins of a whole turn, `polar` bins of elevation -90 to 90, `rotation` bins of roll over `rotation_span` degrees about 0,
and one for each entry of `fronts`, how many fronts are seen (0: none can be told). Without `fronts` their number, 0, 1,
2 or 4, is read from the peaks of the azimuth's distribution.

This is what Orient Anything (Wang et al., ICML 2025) gives: its 360 + 180 + 360 bins and two outputs of confidence are
`fronts` [1, 0]. Its checkpoint is a pickle, which is not read: rename `dinov2.` to `backbone.`, fold the batch norms of
`down_sampler.net1` and `net2` into their linear layers, `head.0` and `head.2`, and save safetensors. V2 has the same
bins behind a backbone that transformers does not have: serve it by a plug-in scorer that calls `calibrate` and
`judge_angles` of `orientation_frame`.

**Whose front**: the network's front need not be the catalogue's, nor its azimuth run the same way round. Both are found
for each class on the stored renders, whose labels are true. A class on whose renders it errs is not judged.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor, nn

from ..recipe.filter_options import OrientationScoreOptions
from ..stream import batched
from ..weights import WeightsError, explain
from . import Candidate, ClassSamples, Judgement, Scratch
from .networks import Network, around_object
from .orientation_frame import Angles, angles_of, calibrate, judge_angles, unjudged

_FIELD = "scores.orientation.model"


class OrientationNetwork(nn.Module):
    """Backbone and head; see the module's text for the layout.

    Args:
        backbone: a transformers vision model whose first token is the class token.
        hidden: of the head; 0 for one linear layer.
        outputs: logits.
    """

    def __init__(self, backbone: nn.Module, hidden: int, outputs: int) -> None:
        super().__init__()
        width = int(backbone.config.hidden_size)  # type: ignore[union-attr, arg-type]
        self.backbone = backbone
        self.head: nn.Module = nn.Linear(width, outputs)
        if hidden:
            self.head = nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, outputs))

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits (B, outputs) of pictures (B, 3, side, side)."""
        logits: Tensor = self.head(self.backbone(pixel_values=pixels).last_hidden_state[:, 0])
        return logits


class OrientationScorer:
    """Gives `orientation`: 1 where the network and the label agree, 0 where they are 180 degrees apart.

    The angle between them is in the details.

    Args:
        options: the network, and how far it is trusted.

    Raises:
        WeightsError: there is no such folder, and it is no Hub id either.
    """

    name = "orientation"
    scores = ("orientation",)
    controls: tuple[str, ...] = ("render",)

    def __init__(self, options: OrientationScoreOptions) -> None:
        self.options = options
        self._network = Network(options.model, options.revision, _FIELD, options.device)
        self._loaded: tuple[OrientationNetwork, dict[str, Any]] | None = None

    @property
    def revision(self) -> str:
        """Version of the method, and what pins the weights."""
        return f"1-{self._network.pinned}"

    def judge(
        self, samples: ClassSamples, scratch: Scratch, progress: Callable[[float], None] = lambda share: None
    ) -> Judgement:
        """Find the class's frame on some renders, then ask about every picture.

        Raises:
            WeightsError: the network cannot be had, or is not of the layout.
        """
        labels = list(samples.labels)
        wanted = {
            round(place) for place in np.linspace(0, len(samples) - 1, min(len(samples), self.options.calibration))
        }
        chosen = (_cut(each, each.controls["render"]) for index, each in enumerate(samples) if index in wanted)
        frame = calibrate(list(self._angles(chosen)), [labels[index] for index in sorted(wanted)])
        if frame.error > self.options.trust:
            return unjudged(labels, f"on the class's own renders the network errs by {frame.error:.0f} degrees")
        seen: list[Angles] = []
        for angles in self._angles(_cut(each, each.image) for each in samples):
            seen.append(angles)
            progress(len(seen) / len(labels))
        return judge_angles(seen, labels, frame)

    def _angles(self, pictures: Iterator[NDArray[np.uint8]]) -> Iterator[Angles]:
        network, layout = self._model()
        pixels = self._network.pixels
        side = int(layout.get("side") or pixels.side)
        for batch in batched(pictures, self.options.batch_size):
            with torch.inference_mode():
                logits = network(self._network.tensor(batch, side)).double().cpu()
            yield from angles_of(logits.numpy(), layout)

    def _model(self) -> tuple[OrientationNetwork, dict[str, Any]]:
        if self._loaded is None:
            self._loaded = load(self._network)
        return self._loaded


def _cut(sample: Candidate, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return around_object(picture, sample.label)


def load(place: Network) -> tuple[OrientationNetwork, dict[str, Any]]:
    """The network in evaluation mode on its device, and its `orientation` settings.

    Raises:
        WeightsError: it cannot be had, or is not of the layout.
    """
    config_file, weights_file = place.file("config.json"), place.file("model.safetensors")
    if config_file is None or weights_file is None:
        raise WeightsError(f"{_FIELD}: {place.place.name} lacks config.json or model.safetensors")
    try:
        plain = json.loads(config_file.read_text(encoding="utf-8"))
        layout, backbone = plain["orientation"], dict(plain["backbone"])
        outputs = sum(int(layout[name]) for name in ("azimuth", "polar", "rotation")) + len(layout.get("fronts", ()))
        network = OrientationNetwork(place.untrained(backbone), int(layout.get("hidden", 0)), outputs)
        network.load_state_dict(load_file(weights_file))
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise explain(error, place.place, _FIELD, "orientation") from error
    return network.to(place.device).eval(), layout
