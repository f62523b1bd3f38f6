"""How pipelines differ in being called: one table, and beside it what a pipeline's own signature says.

The table holds what a signature does not tell. Pipelines that are not in it are read from their signature alone, so
that a new family works when it follows the custom; those that need more (image embeddings, films) are refused with the
reason. Read in diffusers 0.42.1; classes that an older diffusers lacks are only names here.

**A seed per sample.** Start noise and every step's noise come from the sample's own generator. Three families would
break that, and do not here: StableDiffusion3, HunyuanDiT and CogView4 encode the control as a random draw from torch's
*global* generator, so their autoencoder gives the middle of its distribution instead (`Row.unseeded`). Where the text
is only as long as the batch's longest, a neighbour's prompt would move a picture's last digits (CogView4, which masks
nothing, more than that): those are drawn one at a time (`Row.alone`). Measured on tiny random pipelines (CPU, float32):
every family draws the same bytes in any place and with any neighbours, but SDXL Union, where another place in the batch
moves 0.4 % of the values by one.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from ..errors import RecipeError
from ..recipe.options import ControlNetOptions
from ..weights import WeightsError

# Modes of Union nets by convention (which comes first) or control.
_SDXL_UNION = {  # README of xinsir/controlnet-union-sdxl-1.0; 0 is pose, 6 tiles, 7 inpainting
    "depth": 1, "edge": 3, "line": 3, "softedge": 2, "scribble": 2, "normal": 4, "segmentation": 5,
}  # fmt: skip
_FLUX_UNION = {"edge": 0, "line": 0, "depth": 2}  # InstantX/FLUX.1-dev-Controlnet-Union: 0 canny, 2 depth, 4 pose, ...
_NEEDS = {"image_embeds": "image embeddings", "conditioning_frames": "a film"}


@dataclass(frozen=True, slots=True)
class Row:
    """The call differences of one pipeline class that its signature does not tell."""

    pipeline: str  # class in diffusers
    net: str = ""  # class of its ControlNet; empty: the control is joined to the latents, and no net is loaded
    base: tuple[str, ...] = ()  # classes of pipelines that become this one when a `net` is put in
    signed: bool = True  # control tensors run from -1 to 1, as the autoencoder reads them; else from 0 to 1
    guidance: str = "guidance_scale"  # the argument that takes the recipe's guidance_scale
    off: float = 1.0  # no classifier-free guidance at this scale and below
    distilled: bool = False  # guidance_scale goes into the network; true_cfg is what guides by the negative prompt
    multiple: int = 16  # sides are multiples of it, pixels
    dtype: str = "bfloat16"  # `auto` on a GPU
    multi: str = ""  # class that lets one net read several controls
    modes: Mapping[str, int] = field(default_factory=dict)  # of Union nets, by control or convention
    unseeded: bool = False  # draws the control's latents from torch's global generator
    alone: bool = False  # text is padded to the batch's longest
    fixed: Mapping[str, Any] = field(default_factory=dict)  # arguments that are always the same


_SIZED = {"use_resolution_binning": False}  # or the picture would be drawn at one of their sizes, and cut


def _unet(pipeline: str, base: str, net: str = "ControlNetModel", modes: Mapping[str, int] | None = None) -> Row:
    return Row(pipeline, net, (base,), signed=False, multiple=8, dtype="float16", modes=modes or {})


ROWS = (
    _unet("StableDiffusionControlNetPipeline", "StableDiffusionPipeline"),
    _unet("StableDiffusionControlNetPAGPipeline", "StableDiffusionPAGPipeline"),
    _unet("StableDiffusionXLControlNetPipeline", "StableDiffusionXLPipeline"),
    _unet("StableDiffusionXLControlNetPAGPipeline", "StableDiffusionXLPAGPipeline"),
    _unet(
        "StableDiffusionXLControlNetUnionPipeline", "StableDiffusionXLPipeline", "ControlNetUnionModel", _SDXL_UNION
    ),
    Row("StableDiffusion3ControlNetPipeline", "SD3ControlNetModel", ("StableDiffusion3Pipeline",), unseeded=True),
    Row(
        "FluxControlNetPipeline", "FluxControlNetModel", ("FluxPipeline",),
        distilled=True, multi="FluxMultiControlNetModel", modes=_FLUX_UNION,
    ),
    Row("FluxControlPipeline", distilled=True),
    Row(
        "QwenImageControlNetPipeline", "QwenImageControlNetModel", ("QwenImagePipeline",),
        guidance="true_cfg_scale", multi="QwenImageMultiControlNetModel", alone=True,
    ),
    Row("ZImageControlNetPipeline", "ZImageControlNetModel", ("ZImagePipeline",), off=0.0, alone=True),
    Row("SanaControlNetPipeline", "SanaControlNetModel", ("SanaPipeline",), multiple=32, fixed=_SIZED),
    Row(
        "HunyuanDiTControlNetPipeline", "HunyuanDiT2DControlNetModel", ("HunyuanDiTPipeline",),
        dtype="float16", unseeded=True, fixed=_SIZED,
    ),
    Row("CogView4ControlPipeline", unseeded=True, alone=True),
)  # fmt: skip


def row_of(pipeline: str, net: str = "") -> Row | None:
    """The row of a pipeline class, or of the class that a base becomes with a ControlNet of class `net` in it."""
    for row in ROWS:
        if row.pipeline == pipeline or (net and net == row.net and pipeline in row.base):
            return row
    return None


def row_for_base(base: str) -> Row | None:
    """The first row of a base's class: its usual ControlNet."""
    return next((row for row in ROWS if base in (*row.base, row.pipeline)), None)


@dataclass(frozen=True, slots=True)
class Family:
    """The call differences of one loaded pipeline."""

    control: str  # the argument that takes the control pictures
    scale: bool  # takes controlnet_conditioning_scale
    eta: bool  # pipeline and scheduler both take eta
    negative: bool  # takes negative_prompt
    nets: int  # how many control pictures it wants; 0: any number
    row: Row
    ranges: bool = False  # takes control_guidance_start and _end
    true_cfg: bool = False  # takes true_cfg_scale beside guidance_scale
    modes: int = 0  # how many modes its Union net knows; 0: it has none

    def check(self, options: ControlNetOptions) -> None:
        """Refuse what this pipeline cannot do, rather than leave it out silently.

        Raises:
            RecipeError: the option, the pipeline, and what to do.
        """
        name = self.row.pipeline
        if self.nets not in (0, len(options.controls)):
            raise RecipeError(
                f"generator.controls has {len(options.controls)} entries and the pipeline {self.nets} ControlNets; "
                "they go in pairs"
            )
        if not self.scale and set(options.scales) != {1.0}:
            raise RecipeError(f"generator.scales: {name} takes no scale of its control; write scales: [1.0]")
        if not self.ranges and (set(options.starts) - {0.0} or set(options.ends) - {1.0}):
            raise RecipeError(f"generator.starts, ends: {name} steers all steps; leave them out")
        if options.true_cfg != 1.0 and not self.true_cfg:
            raise RecipeError(f"generator.true_cfg: {name} does not take it; it has guidance_scale alone")
        if options.control_modes and not self.modes:
            raise RecipeError(f"generator.control_modes: {name} has no Union net here, so there are no modes")
        for mode in options.control_modes:
            if mode >= self.modes:
                raise RecipeError(f"generator.control_modes: {mode} is not one of the net's 0 to {self.modes - 1}")

    def guided(self, options: ControlNetOptions) -> bool:
        """Whether there is classifier-free guidance, which the negative prompt needs to have an effect."""
        return (options.true_cfg if self.row.distilled else options.guidance_scale) > self.row.off

    def arguments(
        self, options: ControlNetOptions, guides: Sequence[torch.Tensor], conventions: Sequence[str]
    ) -> dict[str, Any]:
        """What the pipeline is called with for its controls and guidance; prompts, size and seeds are the caller's.

        Args:
            options: the recipe's.
            guides: one (B, 3, H, W) float tensor a control, 0 to 1.
            conventions: how each control is drawn.

        Raises:
            RecipeError: a Union net without a mode for a control.
        """
        seen = [self._ranged(guide, how) for guide, how in zip(guides, conventions, strict=True)]

        def given(values: Sequence[Any]) -> Any:
            return list(values) if self.nets != 1 else values[0]

        found: dict[str, Any] = {
            self.control: given(seen), self.row.guidance: options.guidance_scale, **self.row.fixed,
        }  # fmt: skip
        if self.scale:
            found["controlnet_conditioning_scale"] = given(options.scales)
        if self.ranges:  # always, and one a control: with one net for several, diffusers counts nets and drops controls
            found["control_guidance_start"] = given(options.starts or (0.0,) * len(seen))
            found["control_guidance_end"] = given(options.ends or (1.0,) * len(seen))
        if self.true_cfg:
            found["true_cfg_scale"] = options.true_cfg
        if self.modes:
            found["control_mode"] = given(options.control_modes or self._modes(options, conventions))
        if self.eta:
            found["eta"] = options.eta
        return found

    def _ranged(self, guide: torch.Tensor, convention: str) -> torch.Tensor:
        """The control from 0..1 into the range that the pipeline's tensors have."""
        if convention == "sd35":
            return guide * 127.5 + 0.5
        return guide * 2 - 1 if self.row.signed else guide

    def _modes(self, options: ControlNetOptions, conventions: Sequence[str]) -> list[int]:
        found = []
        for control, convention in zip(options.controls, conventions, strict=True):
            mode = self.row.modes.get(convention, self.row.modes.get(control))
            if mode is None or mode >= self.modes:
                raise RecipeError(
                    f"generator.control_modes: {self.row.pipeline} knows no usual mode for {control!r}; "
                    f"give the net's own number, one for each of {len(options.controls)} controls"
                )
            found.append(mode)
        return found


def family_of(pipeline: Any) -> Family:
    """What a loaded pipeline takes.

    Raises:
        WeightsError: it is no text-to-image pipeline steered by pictures, or one that needs inputs we do not have.
    """
    name = type(pipeline).__name__
    takes = inspect.signature(pipeline.__call__).parameters
    network = getattr(pipeline, "controlnet", None)
    row = row_of(name)
    if network is None and (row is None or row.net):
        raise WeightsError(
            f"generator.pipeline: {name} has no ControlNet, so nothing would steer it; "
            "name one in generator.controlnet, or give a ControlNet pipeline"
        )
    for argument, what in _NEEDS.items():
        if argument in takes and takes[argument].default is not False:
            raise WeightsError(f"generator.pipeline: {name} needs {what}, which this generator does not give")
    if row is None and "control_mode" in takes:
        raise WeightsError(f"generator.pipeline: {name} needs a control mode, and which is not known for it")
    control = next((word for word in ("control_image", "image") if word in takes), "")
    if not control or "prompt" not in takes or ("control_image" in takes and "image" in takes):
        raise WeightsError(f"generator.pipeline: {name} is not a text-to-image pipeline steered by pictures")
    row = row or Row(name, signed=not hasattr(pipeline, "control_image_processor"), multiple=8)
    steps = inspect.signature(pipeline.scheduler.step).parameters
    nets, modes = _nets_and_modes(network, "control_mode" in takes)
    return Family(
        control=control,
        scale="controlnet_conditioning_scale" in takes,
        eta="eta" in takes and "eta" in steps,
        negative="negative_prompt" in takes,
        nets=nets,
        row=row,
        ranges="control_guidance_start" in takes,
        true_cfg="true_cfg_scale" in takes and row.distilled,
        modes=modes,
    )


def _nets_and_modes(network: Any, moded: bool) -> tuple[int, int]:
    """How many control pictures a pipeline's net or nets want (0: any number), and how many modes they know."""
    nets = list(network.nets) if hasattr(network, "nets") else [network]
    if hasattr(network, "nets") and "Union" in type(network).__name__:
        raise WeightsError("generator.controlnet: several Union nets at once are not supported; one reads all controls")
    configs = [getattr(net, "config", {}) for net in nets]
    union = [getattr(config, "num_control_type", None) or getattr(config, "num_mode", None) or 0 for config in configs]
    modes = max(union) if moded else 0
    if hasattr(network, "nets"):
        return (0 if len(nets) == 1 else len(nets)), modes
    return (0 if modes and "Union" in type(network).__name__ else 1), modes


def draws_by_flow(scheduler: Any) -> bool:
    """True for the schedulers of flow-matching models, which DDIM cannot stand in for."""
    config = getattr(scheduler, "config", {})
    return "FlowMatch" in type(scheduler).__name__ or bool(getattr(config, "use_flow_sigmas", False))


def encode_by_mode(autoencoder: Any) -> None:
    """Make what an autoencoder encodes certain: a draw from its distribution becomes the distribution's mode."""
    encode = autoencoder.encode

    def certain(*arguments: Any, **options: Any) -> Any:
        encoded = encode(*arguments, **options)
        distribution = encoded.latent_dist
        distribution.sample = lambda generator=None: distribution.mode()
        return encoded

    autoencoder.encode = certain
