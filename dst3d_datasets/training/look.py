"""A first look at what a leg has taught: edge agreement on training views, and a grid for the eyes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..bench.tiny_edges import agreement
from ..recipe.rendering import Edges
from ..render.canny import canny_torch, grey_torch
from .mix import Mixer, Pictures


def drawn(pipeline: Any, pictures: Pictures, steps: int, guidance: float, eta: float) -> Tensor:
    """Pictures (B, 3, H, W) in [0, 1] by the pipeline, for the edges and prompts of `pictures`."""
    device = pictures.image.device
    control = pictures.edge[:, None].float().expand(-1, 3, -1, -1)
    seeds = [torch.Generator("cpu").manual_seed(number) for number in range(len(control))]
    with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
        result = pipeline(
            pictures.prompts,
            image=control,
            num_inference_steps=steps,
            guidance_scale=guidance,
            eta=eta,
            generator=seeds,
            output_type="pt",
        )
    images: Tensor = result.images.float().clamp(0, 1)
    return images


def scores(images: Tensor, edge: Tensor) -> tuple[float, float, float]:
    """Mean precision, recall and F1 of the pictures' edges."""
    found = canny_torch(grey_torch(images.mul(255).round().to(torch.uint8)), Edges().low, Edges().high)
    rows = [agreement(a, b) for a, b in zip(found.cpu().numpy(), edge.cpu().numpy(), strict=True)]
    precision, recall, both = np.mean(rows, axis=0).tolist()
    return precision, recall, both


def figures(pipeline: Any, mixer: Mixer, count: int = 192) -> dict[str, Any]:
    """Edge agreement of the true pictures, of generated ones at several settings, and against shuffled controls."""
    if mixer.views.device.type == "cpu":
        count = 4
    pictures = mixer.draw(count, collage=0.0)
    found: dict[str, Any] = {"edges_truth": scores((pictures.image + 1) / 2, pictures.edge)}
    with torch.no_grad():
        vae = pipeline.vae
        back = vae.decode(vae.encode(pictures.image).latents).sample
    found["edges_autoencoder"] = scores(((back + 1) / 2).clamp(0, 1), pictures.edge)
    plans = ((20, 1.0, 0.0), (20, 1.0, 1.0), (20, 2.0, 1.0), (4, 1.0, 0.0))
    for steps, guidance, eta in plans if count > 4 else plans[:1]:
        images = drawn(pipeline, pictures, steps, guidance, eta)
        name = f"edges_{steps}_steps_guidance_{guidance}_eta_{eta}"
        found[name] = scores(images, pictures.edge)
        found[f"{name}_shuffled"] = scores(images, pictures.edge.roll(1, 0))[2]
    return found


def grid(pipeline: Any, mixer: Mixer, path: Path, columns: int = 14, rows: int = 4) -> None:
    """Write a picture of blocks of three lines: control, generated, true; the last block is of collages."""
    if mixer.views.device.type == "cpu":
        columns, rows = 4, 1
    lines = []
    for row in range(rows):
        pictures = mixer.draw(columns, collage=1.0 if row == rows - 1 else 0.0)
        made = drawn(pipeline, pictures, 20, 1.0, 1.0)
        edge = pictures.edge[:, None].float().expand(-1, 3, -1, -1)
        lines += [torch.cat(list(block), 2) for block in (edge, made, (pictures.image + 1) / 2)]
    pixels = torch.cat(lines, 1).clamp(0, 1).mul(255).round().to(torch.uint8).permute(1, 2, 0).cpu().numpy()
    Image.fromarray(pixels).save(path)
