"""Training the classifier that judges the tiny generator, on composed renders alone."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ..bench.tiny_judge import CLASSES, Judge
from ..sources.shapes.paint import PAINTS
from .mix import Mixer

RATE = 2e-3
DRAWN, ROUNDS = 4096, 24  # pictures drawn at a time, and steps on them
AGAIN = 0.3  # share of pictures that went through the autoencoder, whose softness the judge must forgive


def train_judge(
    path: Path, mixer: Mixer, vae: Any, seconds: float, batch: int, say: Callable[[str], None]
) -> dict[str, float]:
    """Train for some seconds and write float16 weights; returns hits on pictures of training instances.

    Args:
        path: of the weights.
        mixer: gives the pictures.
        vae: the autoencoder, on the views' device.
        seconds: of wall clock; at least two steps are made.
        batch: pictures a step.
        say: told how it goes.
    """
    from safetensors.torch import save_file

    device = mixer.views.device
    half = torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")
    judge = Judge(len(CLASSES), len(PAINTS)).to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.AdamW(judge.parameters(), lr=RATE, weight_decay=0.03)
    start, step = time.perf_counter(), 0
    hits = [0.0, 0.0]
    while (share := (time.perf_counter() - start) / max(seconds, 1e-9)) < 1 or step < 2:
        optimiser.param_groups[0]["lr"] = (
            RATE * min(1.0, (step + 1) / 100) * (0.5 + 0.5 * math.cos(math.pi * min(1, share)))
        )
        if step % ROUNDS == 0:
            images, wanted, colours = _drawn(mixer, vae, min(DRAWN, 4 * batch))
        index = torch.randint(len(images), (batch,), device=device)
        image = _worn(images[index])
        with half:
            kind, colour = judge(image)
        loss = functional.cross_entropy(kind.float(), wanted[index], label_smoothing=0.05)
        loss = loss + 0.5 * functional.cross_entropy(colour.float(), colours[index], ignore_index=-1)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(judge.parameters(), 1.0)
        optimiser.step()
        step += 1
        if step % (10 * ROUNDS) == 1:  # the first step on pictures that it has never seen
            known = colours[index] >= 0
            hits = [float((kind.argmax(1) == wanted[index]).float().mean())]
            hits.append(float((colour.argmax(1) == colours[index])[known].float().mean()))
            say(f"judge: {step} steps, class {hits[0]:.3f}, colour {hits[1]:.3f}")
    save_file({name: value.detach().cpu().half().contiguous() for name, value in judge.state_dict().items()}, path)
    return {"judge_steps": step, "judge_class": hits[0], "judge_colour": hits[1]}


@torch.no_grad()
def _drawn(mixer: Mixer, vae: Any, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Pictures (N, 3, 128, 128) of one object each, their classes and their main colours (N,)."""
    device = mixer.views.device
    mixer.views.ingest(20)
    pictures = mixer.draw(count, collage=0.0, worded=False)
    image, soft = pictures.image, int(AGAIN * count)
    latents = vae.encode(image[:soft]).latents
    image[:soft] = vae.decode(
        latents + 0.1 * torch.randn_like(latents) * torch.rand(soft, 1, 1, 1, device=device)
    ).sample
    wanted = torch.tensor([CLASSES.index(name) for name in pictures.classes], device=device)
    return image, wanted, torch.tensor(pictures.colours, device=device)


def _worn(image: Tensor) -> Tensor:
    """Pictures moved by up to 8 pixels, some noisy."""
    down, right = torch.randint(-8, 9, (2,)).tolist()
    image = torch.roll(image, (down, right), (2, 3)).contiguous(memory_format=torch.channels_last)
    return image + 0.05 * torch.randn_like(image) * torch.rand(len(image), 1, 1, 1, device=image.device)
