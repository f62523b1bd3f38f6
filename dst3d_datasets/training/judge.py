"""Training the classifier that judges the tiny generator, on composed renders alone."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch.nn import functional

from ..bench.tiny_judge import CLASSES, Judge
from ..sources.shapes.paint import PAINTS
from .mix import Mixer

RATE = 2e-3


def train_judge(path: Path, mixer: Mixer, seconds: float, batch: int, say: Callable[[str], None]) -> dict[str, float]:
    """Train for some seconds and write float16 weights; returns hits on fresh pictures of training instances."""
    from safetensors.torch import save_file

    device = mixer.views.device
    judge = Judge(len(CLASSES), len(PAINTS)).to(device, memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(judge.parameters(), lr=RATE, weight_decay=0.02)
    start, step = time.perf_counter(), 0
    hits = [0.0, 0.0]
    while (share := (time.perf_counter() - start) / max(seconds, 1e-9)) < 1 or step < 2:
        optimiser.param_groups[0]["lr"] = (
            RATE * min(1.0, (step + 1) / 50) * (0.5 + 0.5 * math.cos(math.pi * min(1, share)))
        )
        pictures = mixer.draw(batch, collage=0.0)
        image = pictures.image.contiguous(memory_format=torch.channels_last)
        image = image + 0.05 * torch.randn_like(image) * torch.rand(len(image), 1, 1, 1, device=device)
        wanted = torch.tensor([CLASSES.index(name) for name in pictures.classes], device=device)
        colours = torch.tensor(pictures.colours, device=device)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            kind, colour = judge(image)
        loss = functional.cross_entropy(kind.float(), wanted, label_smoothing=0.05)
        loss = loss + 0.5 * functional.cross_entropy(colour.float(), colours, ignore_index=-1)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        step += 1
        if step % 50 == 0:
            known = colours >= 0
            hits = [float((kind.argmax(1) == wanted).float().mean())]
            hits.append(float((colour.argmax(1) == colours)[known].float().mean()))
    say(f"judge: {step} steps, class {hits[0]:.3f}, colour {hits[1]:.3f}")
    save_file({name: value.detach().cpu().half().contiguous() for name, value in judge.state_dict().items()}, path)
    return {"judge_steps": step, "judge_class": hits[0], "judge_colour": hits[1]}
