"""How pipelines differ in being called: which argument takes the control, which take a seed's noise, what fits them.

Read from a pipeline's own signature wherever possible, so that a new family works when it follows the custom. Pipelines
that need more than that (a control mode, image embeddings) are refused with the reason.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

from .weights import WeightsError

SIDE_MULTIPLE = 8  # every latent pipeline checks this, whatever its autoencoder's factor
_NEEDS = {
    "control_mode": "a control mode for each picture",
    "image_embeds": "image embeddings",
    "conditioning_frames": "a film",
}
_UNSEEDED = {  # pipelines that draw from torch's global generator, whatever generator they are given
    "StableDiffusion3ControlNetPipeline": "it samples the control's latents from the global generator",
}


@dataclass(frozen=True, slots=True)
class Family:
    """The call differences of one pipeline."""

    control: str  # the argument that takes the control pictures
    scale: bool  # takes controlnet_conditioning_scale
    eta: bool  # pipeline and scheduler both take eta
    negative: bool  # takes negative_prompt
    nets: int  # how many control pictures it wants


def family_of(pipeline: Any) -> Family:
    """What a loaded pipeline takes.

    Raises:
        WeightsError: it is no text-to-image pipeline around a ControlNet, or one that needs inputs we do not have.
    """
    name = type(pipeline).__name__
    takes = inspect.signature(pipeline.__call__).parameters
    network = getattr(pipeline, "controlnet", None)
    if network is None:
        raise WeightsError(
            f"generator.pipeline: {name} has no ControlNet, so nothing would steer it; "
            "name one in generator.controlnet, or give a ControlNet pipeline"
        )
    for argument, what in _NEEDS.items():
        if argument in takes and takes[argument].default is not False:
            raise WeightsError(f"generator.pipeline: {name} needs {what}, which this generator does not give")
    if name in _UNSEEDED:
        raise WeightsError(
            f"generator.pipeline: {name} cannot take a seed per sample ({_UNSEEDED[name]}), so its pictures could not "
            "be made again"
        )
    control = next((word for word in ("control_image", "image") if word in takes), "")
    if not control or "prompt" not in takes or ("control_image" in takes and "image" in takes):
        raise WeightsError(f"generator.pipeline: {name} is not a text-to-image pipeline steered by pictures")
    steps = inspect.signature(pipeline.scheduler.step).parameters
    return Family(
        control=control,
        scale="controlnet_conditioning_scale" in takes,
        eta="eta" in takes and "eta" in steps,
        negative="negative_prompt" in takes,
        nets=len(network.nets) if hasattr(network, "nets") else 1,
    )


def draws_by_flow(scheduler: Any) -> bool:
    """True for flow-matching schedulers, which DDIM cannot stand in for."""
    return "FlowMatch" in type(scheduler).__name__
