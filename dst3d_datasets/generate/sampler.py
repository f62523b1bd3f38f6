"""Sampling with a `Denoiser`: the loop of stock Stable Diffusion pipelines without what keeps a GPU waiting.

The scheduler is the pipeline's own, run on timesteps that lie on the CPU: its coefficients are then plain numbers and
no step waits for the device. Start noise and every step's noise are drawn ahead, each sample's from its own generator
and in the order in which the stock pipeline draws them, so that the same seed gives the same numbers.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..recipe.options import ControlNetOptions
from .compiling import Compiled, Parts, Recorded, whole
from .denoise import Conditions, Denoiser, why_not
from .norms import channels_last
from .upsample import convolve_before_doubling

DECODED_AT_ONCE = 16  # pictures of 512 px a call of the autoencoder; fewer are slower on a GPU, more need memory
KNOWN = ("StableDiffusionControlNetPipeline", "StableDiffusionXLControlNetPipeline")


# Schedulers that draw nothing in a step, or whose noise is drawn ahead, and that never wait for the device.
RECORDED = ("DDIMScheduler", "DPMSolverMultistepScheduler", "EulerDiscreteScheduler")


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch of B pictures on the device, with all of it that is the same at every step."""

    noise: Tensor  # (1 + steps, B, channels, h, w), or (1, ...) where no step adds any that is drawn ahead
    given: Conditions
    generators: list[torch.Generator]  # of each sample, as it stands after `noise`


class Sampler:
    """Draws batches of pictures with a pipeline's networks.

    Args:
        pipeline: loaded, on its device; `why_no_sampler` of it is empty.
        options: the recipe's.
        guided: whether there is classifier-free guidance.
    """

    def __init__(self, pipeline: Any, options: ControlNetOptions, guided: bool) -> None:
        self._pipeline, self._options = pipeline, options
        nets = list(getattr(pipeline.controlnet, "nets", [pipeline.controlnet]))
        self._used = [number for number, scale in enumerate(options.scales) if scale != 0.0]  # others say nothing
        self.denoiser = Denoiser(pipeline.unet, [nets[number] for number in self._used])
        self._guided = guided and pipeline.unet.config.get("time_cond_proj_dim") is None
        scheduler = pipeline.scheduler
        self._takes = inspect.signature(scheduler.step).parameters
        self._noisy = type(scheduler).__name__ == "DDIMScheduler" and options.eta > 0
        self._draws = not self._noisy and _draws_in_steps(scheduler)
        if type(pipeline).__name__ == KNOWN[1] and pipeline.vae.config.get("force_upcast"):
            pipeline.vae.to(torch.float32)  # it overflows in half precision
        self.device: torch.device = pipeline.unet.device
        self.dtype: torch.dtype = pipeline.unet.dtype
        scheduler.set_timesteps(options.steps, device="cpu")
        self._timesteps = scheduler.timesteps.to(self.device)
        self._decoder = Compiled(self._decode)
        self._predictor = Compiled(self.denoiser)
        self._recorded = Recorded(self._sampled)
        self._is_rearranged = False

    def compile(self, key: str) -> None:
        """Compile the networks at their first use from now on; `key` names their shapes in the cache."""
        if self._predictor.is_compiled:
            return
        self.rearrange()
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)  # the weights are in their new order before another stream reads them
            self._recorded.is_on = type(self._pipeline.scheduler).__name__ in RECORDED and not self._draws
        self._predictor.compile(f"{key}-step")
        self._decoder.compile(f"{key}-decode")

    def rearrange(self) -> None:
        """The networks as a compiler wants them, and with less to compute: the same maths, other roundings."""
        if not self._is_rearranged:
            for net in (self._pipeline.unet, self._pipeline.controlnet, self._pipeline.vae):
                channels_last(net)
                convolve_before_doubling(net)
            self.denoiser.look_ahead()
        self._is_rearranged = True

    def prepare(
        self,
        prompts: Sequence[str],
        negatives: Sequence[str],
        guides: Sequence[NDArray[np.uint8]],
        seeds: Sequence[int],
    ) -> Batch:
        """Bring a batch to the device: noise, encoded words, embedded controls.

        Args:
            prompts: one a picture.
            negatives: what to avoid, one a picture.
            guides: of each control, (B, H, W, 3).
            seeds: one a picture.
        """
        height, width = guides[0].shape[1:3]
        noise, generators = self._noise(seeds, height, width)
        controls = [
            torch.from_numpy(np.ascontiguousarray(guides[number])).to(self.device, non_blocking=True)
            for number in self._used
        ]
        hints = self.denoiser.hints([c.permute(0, 3, 1, 2).to(torch.float32).div(255).to(self.dtype) for c in controls])
        text, pooled = self._words(list(prompts), list(negatives))
        sizes = None
        if pooled is not None:
            row = torch.tensor([height, width, 0, 0, height, width], dtype=self.dtype).to(self.device)
            sizes = row.expand(len(text), 6)
        given = Conditions(text, hints, pooled, sizes, self._strength(len(prompts)), self.denoiser.words(text))
        return Batch(noise.to(self.device, non_blocking=True), given, generators)

    def draw(self, batch: Batch) -> Tensor:
        """Pictures (B, H, W, 3) of 8 bits on the device. On a GPU the work is begun, not waited for."""
        if self._draws:
            return whole(self._sampled(batch.noise, batch.given, batch.generators))
        return self._recorded(batch.noise, batch.given)

    def _noise(self, seeds: Sequence[int], height: int, width: int) -> tuple[Tensor, list[torch.Generator]]:
        """Noise on the host, in the stock pipeline's order, and the generators it was drawn from."""
        factor, channels = self._pipeline.vae_scale_factor, int(self._pipeline.unet.config.in_channels)
        shape = (1, channels, height // factor, width // factor)
        draws = 1 + (len(self._timesteps) if self._noisy else 0)
        out = torch.empty((draws, len(seeds), *shape[1:]), dtype=self.dtype, pin_memory=self.device.type == "cuda")
        generators = [torch.Generator("cpu").manual_seed(seed) for seed in seeds]
        for row, generator in enumerate(generators):
            for draw in range(draws):
                out[draw, row] = torch.randn(shape, generator=generator, dtype=self.dtype)[0]
        return out, generators

    def _words(self, prompts: list[str], negatives: list[str]) -> tuple[Tensor, Tensor | None]:
        """Encoded prompts, (2 B or B, tokens, channels), and SDXL's pooled ones."""
        encoded = self._pipeline.encode_prompt(
            prompt=prompts,
            device=self.device,
            num_images_per_prompt=1,
            do_classifier_free_guidance=self._guided,
            negative_prompt=negatives if self._guided else None,
        )
        halves = [encoded[1], encoded[0]] if self._guided else [encoded[0]]
        pooled = ([encoded[3], encoded[2]] if self._guided else [encoded[2]]) if len(encoded) == 4 else []
        return torch.cat(halves), torch.cat(pooled) if pooled else None

    def _strength(self, batch: int) -> Tensor | None:
        width = self._pipeline.unet.config.get("time_cond_proj_dim")
        if width is None:
            return None
        scale = torch.tensor(self._options.guidance_scale - 1).repeat(batch)
        strength: Tensor = self._pipeline.get_guidance_scale_embedding(scale, embedding_dim=width)
        return strength.to(device=self.device, dtype=self.dtype)

    def _sampled(self, noise: Tensor, given: Conditions, generators: list[torch.Generator] | None = None) -> Parts:
        """The whole of a batch, from noise to pictures, step by step."""
        scheduler, options, count = self._pipeline.scheduler, self._options, len(self._timesteps)
        scheduler.set_timesteps(options.steps, device="cpu")  # multistep schedulers forget the last batch by it
        positive = given.positive() if self._guided else given
        latents = noise[0] * scheduler.init_noise_sigma
        extra: dict[str, Any] = {"eta": options.eta} if "eta" in self._takes else {}
        if generators is not None:
            extra["generator"] = generators
        for number, timestep in enumerate(scheduler.timesteps):
            now = given if self._guides(number, count) else positive
            scaled = scheduler.scale_model_input(latents, timestep)
            scales = self._scales(number, count)
            predicted = self._predictor(scaled, self._timesteps[number], now, scales, options.guidance_scale)
            if self._noisy:
                extra["variance_noise"] = noise[1 + number]
            latents = scheduler.step(predicted, timestep, latents, **extra, return_dict=False)[0]
            yield
        parts: tuple[Tensor, ...] = latents.split(DECODED_AT_ONCE)
        return torch.cat([self._decoder(part) for part in parts])

    def _guides(self, step: int, count: int) -> bool:
        """Whether there is guidance in a step: the middle of its share of the steps lies in the interval."""
        low, high = self._options.guidance_interval
        return self._guided and low <= (step + 0.5) / count <= high

    def _scales(self, step: int, count: int) -> tuple[float, ...]:
        """Each net's scale in a step, by the rule of the stock pipeline for its range."""
        options = self._options
        starts, ends = options.starts or (0.0,) * len(options.scales), options.ends or (1.0,) * len(options.scales)
        return tuple(
            0.0 if step / count < starts[number] or (step + 1) / count > ends[number] else options.scales[number]
            for number in self._used
        )

    def _decode(self, latents: Tensor) -> Tensor:
        """Latents to pictures (B, H, W, 3) of 8 bits, rounded as diffusers rounds."""
        vae, config = self._pipeline.vae, self._pipeline.vae.config
        if config.get("latents_mean") is not None and config.get("latents_std") is not None:
            mean, std = (
                torch.tensor(config[name], device=latents.device, dtype=latents.dtype).view(1, -1, 1, 1)
                for name in ("latents_mean", "latents_std")
            )
            latents = latents * std / config.scaling_factor + mean
        else:
            latents = latents / config.scaling_factor
        image = vae.decode(latents.to(vae.dtype), return_dict=False)[0]
        image = (image * 0.5 + 0.5).clamp(0, 1)
        bytes_: Tensor = (image.float() * 255).round().to(torch.uint8)
        return bytes_.permute(0, 2, 3, 1).contiguous()


def _draws_in_steps(scheduler: Any) -> bool:
    """Whether a scheduler takes random numbers in its steps, but for what `Batch.noise` holds."""
    if type(scheduler).__name__ in (*RECORDED, "UniPCMultistepScheduler"):
        return str(scheduler.config.get("algorithm_type", "")).startswith("sde")
    return "generator" in inspect.signature(scheduler.step).parameters


def why_no_sampler(pipeline: Any) -> str:
    """Empty if a `Sampler` draws what this pipeline draws, else why the pipeline itself must."""
    name = type(pipeline).__name__
    if name not in KNOWN:
        return f"{name} has its own loop"
    network = pipeline.controlnet
    return why_not(pipeline.unet, list(getattr(network, "nets", [network])))
