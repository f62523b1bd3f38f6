"""Training the autoencoder: pictures to latents of unit spread and back, with edges where they were."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from .mix import Mixer

RATE = 2e-3
NOISE = 0.06  # added to latents, so that the decoder forgives what the denoiser leaves


def train(vae: Any, mixer: Mixer, seconds: float, batch: int, say: Callable[[str], None]) -> dict[str, float]:
    """Train for some seconds; views that arrive meanwhile are used. Returns the PSNR in dB, on fresh pictures.

    Args:
        vae: an AutoencoderTiny on the views' device.
        mixer: gives the pictures.
        seconds: of wall clock.
        batch: pictures a step.
        say: told how it goes.
    """
    start, step = time.perf_counter(), 0
    optimiser = torch.optim.AdamW(vae.parameters(), lr=RATE, betas=(0.9, 0.99), weight_decay=0.0)
    while (share := (time.perf_counter() - start) / seconds) < 1:
        optimiser.param_groups[0]["lr"] = RATE * min(1.0, (step + 1) / 50) * (0.5 + 0.5 * math.cos(math.pi * share))
        if step % 50 == 0:
            mixer.views.ingest()
        image = mixer.draw(batch, collage=0.3).image
        loss, error = _loss(vae, image)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        optimiser.step()
        step += 1
        if step % 100 == 0:
            say(f"autoencoder {step} steps, {len(mixer.views)} views, PSNR {psnr(error):.2f}")
    with torch.no_grad():
        image = mixer.draw(batch).image
        latents = vae.encode(image).latents
        back = vae.decode(latents).sample
        final = float(((back - image) / 2).square().mean())
        vae.register_to_config(scaling_factor=round(1.0 / float(latents.std()), 4))
    return {"autoencoder_steps": step, "psnr": psnr(final), "scaling_factor": vae.config.scaling_factor}


def psnr(error: float) -> float:
    """Decibels of a mean squared error of values in [0, 1]."""
    return -10 * math.log10(max(error, 1e-12))


def _loss(vae: Any, image: Tensor) -> tuple[Tensor, float]:
    half = torch.autocast(image.device.type, torch.bfloat16, enabled=image.device.type == "cuda")
    with half:
        latents = vae.encode(image).latents
        back = vae.decode(latents + NOISE * torch.randn_like(latents)).sample
    latents, back = latents.float(), back.float()
    apart = back - image
    steep = (apart[..., 1:] - apart[..., :-1]).abs().mean() + (apart[..., 1:, :] - apart[..., :-1, :]).abs().mean()
    mean, spread = latents.mean((0, 2, 3)), latents.std((0, 2, 3))
    unit = mean.square().mean() + spread.clamp_min(1e-3).log().square().mean()
    far = functional.relu(latents.abs() - 3).square().mean()  # the decoder squeezes what lies beyond
    loss = apart.abs().mean() + steep + 2 * apart.square().mean() + 0.05 * unit + 0.05 * far
    return loss, float((apart.detach() / 2).square().mean())
