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
from .views import SIZE

RATE = 1.5e-3
NOISE = 0.05  # added to latents, so that the decoder forgives what the denoiser leaves
CROP = 64  # pixels: the network sees no further, so a quarter of a picture teaches as much a pixel
NEAR = 4.0  # how much more an error near an edge of the control weighs
ROUNDS = 8  # steps on one draw of pictures


def train(vae: Any, mixer: Mixer, seconds: float, batch: int, say: Callable[[str], None]) -> dict[str, float]:
    """Train for some seconds; views that arrive meanwhile are used. Returns the PSNR in dB, on fresh pictures.

    Args:
        vae: an AutoencoderTiny on the views' device.
        mixer: gives the pictures.
        seconds: of wall clock.
        batch: crops a step.
        say: told how it goes.
    """
    start, step = time.perf_counter(), 0
    vae.to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(vae.parameters(), lr=RATE, betas=(0.9, 0.99), weight_decay=0.0)
    while (share := (time.perf_counter() - start) / seconds) < 1:
        optimiser.param_groups[0]["lr"] = RATE * min(1.0, (step + 1) / 50) * (0.5 + 0.5 * math.cos(math.pi * share))
        if step % ROUNDS == 0:
            mixer.views.ingest(20)
            pictures = mixer.draw(2 * batch, collage=0.2)
            near = functional.max_pool2d(pictures.edge[:, None].float(), 5, 1, 2)
        index = torch.randint(len(near), (batch,), device=near.device)
        y, x = torch.randint(SIZE - CROP + 1, (2,)).tolist()
        image, weight = (part[index, :, y : y + CROP, x : x + CROP] for part in (pictures.image, near))
        loss, error = _loss(vae, image.contiguous(memory_format=torch.channels_last), 1 + NEAR * weight)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        optimiser.step()
        step += 1
        if step % 200 == 0:
            say(f"autoencoder {step} steps, {len(mixer.views)} views, PSNR {psnr(float(error)):.2f}")
    vae.to(memory_format=torch.contiguous_format)
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


def _loss(vae: Any, image: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Errors of values and of their slopes, `weight` (B, 1, H, W) times; and the mean squared error."""
    half = torch.autocast(image.device.type, torch.bfloat16, enabled=image.device.type == "cuda")
    with half:
        latents = vae.encode(image).latents
        back = vae.decode(latents + NOISE * torch.randn_like(latents)).sample
    latents, back = latents.float(), back.float()
    apart = back - image
    steep = ((apart[..., 1:] - apart[..., :-1]).abs() * weight[..., 1:]).mean()
    steep = steep + ((apart[..., 1:, :] - apart[..., :-1, :]).abs() * weight[..., 1:, :]).mean()
    mean, spread = latents.mean((0, 2, 3)), latents.std((0, 2, 3))
    unit = mean.square().mean() + spread.clamp_min(1e-3).log().square().mean()
    far = functional.relu(latents.abs() - 3).square().mean()  # the decoder squeezes what lies beyond
    loss = (apart.abs() * weight).mean() + steep + 2 * (apart.square() * weight).mean() + 0.1 * unit + 0.1 * far
    return loss, (apart.detach() / 2).square().mean()
