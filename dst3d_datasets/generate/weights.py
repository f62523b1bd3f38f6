"""Which weights ship with the package, and whether anyone ever trained some. Knows no model library by name.

**What `untrained_reason` detects**, in this order:

1. a file called `UNTRAINED` in a model's folder (its first line is the reason);
2. a ControlNet whose output layers (`controlnet_down_blocks`, `controlnet_mid_block`, `controlnet_blocks`, ...;
   `control_layers.*.after_proj` of Z-Image's) are all exactly zero: they start at zero and the first step of training
   moves them, so this net has never steered a picture;
3. any network of the pipeline in which every affine normalisation layer still holds its initial values, weights of
   exactly 1 and biases of exactly 0: no network keeps those through training.

It cannot know weights that were drawn at random *and* perturbed in all of these places, nor networks without affine
normalisation (a tiny autoencoder): put an `UNTRAINED` file beside such weights.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from .. import weights
from ..weights import Place

if TYPE_CHECKING:
    import torch

MARKER = "UNTRAINED"
TINY = Path(__file__).resolve().parent / "tiny"  # the small generator that ships with the package
_OUTPUT_LAYER = re.compile(r"^controlnet_(?!cond_embedding)\w*block|^control_layers\.\d+\.after_proj")
_NORM = re.compile(r"(?:^|[._])(?:norm\w*|layer_norm\w*|layernorm\w*|ln_\w+|final_layer_norm)\.(weight|bias)$")


def place_of(name: str, revision: str, field: str) -> Place:
    """Tell a folder from a Hub id; see `weights.place_of`.

    Args:
        name: what the recipe says: a folder, `owner/name`, or `tiny` for the weights that ship with the package; for a
            ControlNet also a .safetensors file, or `owner/name/file.safetensors`.
        revision: the Hub revision.
        field: path of the recipe's field, for the message.

    Raises:
        WeightsError: it looks like a folder and is none.
    """
    if name == "tiny":
        return Place(name, revision, TINY)
    return weights.place_of(name, revision, field, single=field.startswith("generator.controlnet"))


def marker_reason(places: list[Place]) -> str:
    """The reason written in an `UNTRAINED` file of a folder; empty when there is none."""
    for place in places:
        if place.folder is not None and (place.folder / MARKER).is_file():
            lines = (place.folder / MARKER).read_text(encoding="utf-8", errors="replace").strip().splitlines()
            return f"the folder is marked {MARKER}" + (f": {lines[0].strip()[:200]}" if lines else "")
    return ""


def untrained_reason(networks: Mapping[str, torch.nn.Module]) -> str:
    """Why these networks cannot have been trained (see the module's text); empty when they look trained.

    Args:
        networks: component name -> network; ControlNets are those whose name starts with `controlnet`.
    """
    for name, network in networks.items():
        if name.startswith("controlnet"):
            outputs = [p for key, p in network.named_parameters() if _OUTPUT_LAYER.match(key)]
            if outputs and not any(bool(p.detach().any()) for p in outputs):
                return f"{name}: its output layers are all zero, so it was never trained and steers nothing"
    for name, network in networks.items():
        norms = list(_norm_parameters(network))
        if norms and all(_initial(kind, parameter) for kind, parameter in norms):
            return f"{name}: every normalisation layer still holds its initial values, so its weights are random"
    return ""


def _norm_parameters(network: torch.nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    for key, parameter in network.named_parameters():
        found = _NORM.search(key)
        if found and parameter.ndim == 1:
            yield found[1], parameter.detach()


def _initial(kind: str, parameter: torch.Tensor) -> bool:
    return bool((parameter == (1 if kind == "weight" else 0)).all())
