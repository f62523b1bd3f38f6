"""`python -m dst3d_datasets.training.sharpen --views FOLDER --model FOLDER --out FOLDER --seconds 900`

The last touch, on a CPU: the decoder alone is trained on, so that it draws sharply what the denoiser leaves soft. Half
of its latents are true ones with noise, half are what the denoiser makes of them in one step from a little noise.
Latents keep their meaning, so encoder and denoiser stay as they are.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from . import networks
from .autoencoder import psnr
from .diffuse import tokens_of
from .leg import Log
from .mix import Mixer, Pictures, Views
from .words import write_tokenizer

RATE, BATCH = 6e-4, 8


def softened(model: networks.Denoiser, clean: Tensor, pictures: Pictures, tokenizer: Any, alphas: Tensor) -> Tensor:
    """Latents (B, 8, h, w) with noise, half of them cleaned again by the denoiser in one step."""
    half = len(clean) // 2
    moment = torch.randint(30, 350, (half,))
    kept = alphas[moment].view(-1, 1, 1, 1)
    noisy = kept.sqrt() * clean[:half] + (1 - kept).sqrt() * torch.randn_like(clean[:half])
    tokens = tokens_of(tokenizer, pictures.prompts[:half])
    velocity = model(noisy, moment, tokens, pictures.edge[:half])
    guess = kept.sqrt() * noisy - (1 - kept).sqrt() * velocity
    return torch.cat([guess, clean[half:] + 0.06 * torch.randn_like(clean[half:])])


def sharpen(views: Path, model_folder: Path, out: Path, seconds: float) -> None:
    """Train the decoder for some seconds and write the folder anew."""
    out.mkdir(parents=True, exist_ok=True)
    say = Log(out / "sharpen.txt")
    torch.manual_seed(0)
    tokenizer = write_tokenizer(out / "tokenizer")
    vae, model = networks.autoencoder(), networks.Denoiser(tokenizer)
    networks.load(model_folder, model, vae)
    config = json.loads((model_folder / "vae/config.json").read_text(encoding="utf-8"))
    vae.register_to_config(scaling_factor=config["scaling_factor"])
    scale, alphas = vae.config.scaling_factor, networks.scheduler().alphas_cumprod
    model.eval().requires_grad_(False)
    vae.encoder.requires_grad_(False)
    data = Views(views, torch.device("cpu"))
    say(f"{data.ingest()} views")
    mixer = Mixer(data, 77)
    optimiser = torch.optim.AdamW(vae.decoder.parameters(), lr=RATE, betas=(0.9, 0.99), weight_decay=0.0)
    step, errors = 0, []
    while (share := say.spent() / seconds) < 1:
        optimiser.param_groups[0]["lr"] = RATE * min(1.0, (step + 1) / 20) * (0.5 + 0.5 * math.cos(math.pi * share))
        pictures = mixer.draw(BATCH, collage=0.25)
        with torch.no_grad():
            clean = vae.encode(pictures.image).latents * scale
            latents = softened(model, clean, pictures, tokenizer, alphas)
        back = vae.decode(latents / scale).sample
        apart = back - pictures.image
        steep = (apart[..., 1:] - apart[..., :-1]).abs().mean() + (apart[..., 1:, :] - apart[..., :-1, :]).abs().mean()
        loss = apart.abs().mean() + 3 * steep
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(vae.decoder.parameters(), 1.0)
        optimiser.step()
        errors.append(
            [
                float((apart[part].detach() / 2).square().mean())
                for part in (slice(0, BATCH // 2), slice(BATCH // 2, None))
            ]
        )
        step += 1
        if step % 50 == 0:
            soft, true = torch.tensor(errors).mean(0).tolist()
            say(f"step {step}: PSNR of softened {psnr(soft):.2f}, of true latents {psnr(true):.2f}")
            errors = []
        if step % 200 == 0:
            networks.write(out / "tiny", model, vae, tokenizer)
    networks.write(out / "tiny", model, vae, tokenizer)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m dst3d_datasets.training.sharpen")
    for name in ("views", "model", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=900.0)
    given = parser.parse_args()
    sharpen(given.views, given.model, given.out, given.seconds)
