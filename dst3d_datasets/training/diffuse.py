"""Training UNet, ControlNet and text encoder together on velocities, from a pool of encoded pictures."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ..recipe.options import REFERENCE_NEGATIVE
from .mix import Mixer
from .networks import Denoiser, scheduler
from .twin import Batch, Twin, guided

RATE = 1.2e-3
DROP, NEGATIVE = 0.10, 0.3  # share of prompts dropped; share of those replaced by the reference's negative prompt
TURNS = 12  # times each picture of the pool is used, about
CHUNK = 2048  # pictures replaced at a time, since each time the GPU is waited for
LAG = 50  # steps between the teacher's looks at the average


@dataclass
class Pool:
    """Encoded pictures, of which a few are replaced at each step.

    latents (P, 8, h, w) float16, edge (P, H, W) bool, tokens (P, 77) int64.
    """

    mixer: Mixer
    vae: Any
    tokenizer: Any
    size: int
    latents: Tensor = field(init=False)
    edge: Tensor = field(init=False)
    tokens: Tensor = field(init=False)
    next: int = 0

    def fill(self, batch: int) -> None:
        """Draw the whole pool anew, `batch` at a time."""
        parts = [self._encoded(batch) for _ in range(math.ceil(self.size / batch))]
        self.latents, self.edge, self.tokens = (torch.cat(rows)[: self.size] for rows in zip(*parts, strict=True))

    def refresh(self, count: int) -> None:
        """Replace the `count` oldest (fewer where the pool's end is nearer)."""
        count = min(count, self.size - self.next)
        for kept, new in zip((self.latents, self.edge, self.tokens), self._encoded(count), strict=True):
            kept[self.next : self.next + count] = new
        self.next = (self.next + count) % self.size

    @torch.no_grad()
    def _encoded(self, count: int) -> tuple[Tensor, Tensor, Tensor]:
        pictures = self.mixer.draw(count)
        device = pictures.image.device
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            latents = self.vae.encode(pictures.image).latents * self.vae.config.scaling_factor
        return latents.half(), pictures.edge, tokens_of(self.tokenizer, pictures.prompts).to(device)


def tokens_of(tokenizer: Any, prompts: Sequence[str]) -> Tensor:
    """(B, 77) int64, as the pipeline makes them."""
    found = tokenizer(list(prompts), padding="max_length", truncation=True, return_tensors="pt")
    tokens: Tensor = found.input_ids
    return tokens


class Trainer:
    """The training of the denoiser, which can be stopped and taken up again.

    Args:
        model: on the device.
        pool: where pictures come from.
        seed: of noise and times.
        guide: how strongly the targets are guided by the text (`twin.guided`), from `guide_from` of the whole on.
        guide_from: a share of the whole.
    """

    def __init__(self, model: Denoiser, pool: Pool, seed: int, guide: float = 0.0, guide_from: float = 0.7) -> None:
        self.model, self.pool = model.train(), pool
        self.guide, self.guide_from = guide, guide_from
        self.device = next(model.parameters()).device
        self.average = copy.deepcopy(model).eval().requires_grad_(False)
        self.twin, self.teacher = Twin(model), Twin(self.average)
        self.optimiser = torch.optim.AdamW(
            model.parameters(), lr=RATE, betas=(0.9, 0.99), weight_decay=0.01, fused=self.device.type == "cuda"
        )
        self.alphas = scheduler().alphas_cumprod.to(self.device)
        self.generator = torch.Generator(self.device).manual_seed(seed)
        self.step, self.spent, self.loss, self._taught = 0, 0.0, 0.0, False
        nothing = tokens_of(pool.tokenizer, ["", REFERENCE_NEGATIVE]).to(self.device)
        self.empty, self.negative = nothing[0], nothing[1]

    def state(self) -> dict[str, Any]:
        """All that is needed to go on."""
        parts = {name: getattr(self, name).state_dict() for name in ("model", "average", "optimiser")}
        return {**parts, "step": self.step, "spent": self.spent}

    def resume(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave."""
        for name in ("model", "average", "optimiser"):
            getattr(self, name).load_state_dict(state[name])
        self.step, self.spent = state["step"], state["spent"]
        self.twin.follow()

    def run(self, until: float, whole: float, batch: int, say: Callable[[str], None]) -> None:
        """Train until `spent` seconds reach `until`, of the `whole` that the learning rate's schedule is made for."""
        began, before, first = time.perf_counter(), self.spent, self.step
        losses: list[Tensor] = []
        chunk = min(CHUNK, self.pool.size)
        every = max(1, TURNS * chunk // batch)
        while self.spent < until:
            share = min(1.0, self.spent / whole)
            for group in self.optimiser.param_groups:
                warm = min(1.0, (self.step + 1) / 300)
                group["lr"] = RATE * warm * (0.02 + 0.98 * (0.5 + 0.5 * math.cos(math.pi * share)))
            if self.step % every == 0:
                self.pool.mixer.views.ingest(100)
                self.pool.refresh(chunk)
            losses.append(self._one(batch, self.guide if share >= self.guide_from else 0.0))
            if self.step % 10 == 0 and self.device.type == "cuda":
                torch.cuda.synchronize()  # or the clock would run ahead of the work
            self.spent = before + time.perf_counter() - began
            if self.step % 250 == 0:
                self.loss = float(torch.stack(losses).mean())
                losses = []
                rate = (self.step - first) / max(self.spent - before, 1e-9)
                say(
                    f"step {self.step}, {self.spent:.0f} s, loss {self.loss:.4f}, {rate:.2f} steps/s, "
                    f"{len(self.pool.mixer.views)} views"
                )
        self.loss = float(torch.stack(losses).mean()) if losses else self.loss

    def _batch(self, batch: int) -> tuple[Batch, Tensor]:
        """Noisy pictures of the pool, and the velocities that lead to them."""
        pool, device = self.pool, self.device
        index = torch.randint(pool.size, (batch,), generator=self.generator, device=device)
        clean, edge, tokens = pool.latents[index].float(), pool.edge[index], pool.tokens[index]
        fate = torch.rand(batch, 1, generator=self.generator, device=device)
        tokens = torch.where(fate < DROP, self.empty, tokens)
        tokens = torch.where(fate < DROP * NEGATIVE, self.negative, tokens)
        spread = torch.arange(batch, device=device) + torch.rand(batch, generator=self.generator, device=device)
        moment = (spread * (1000 / batch)).long().clamp(0, 999)
        kept = self.alphas[moment].view(-1, 1, 1, 1)
        noise = torch.randn(clean.shape, generator=self.generator, device=device)
        noisy = kept.sqrt() * clean + (1 - kept).sqrt() * noise
        return (noisy, moment, tokens, edge), kept.sqrt() * noise - (1 - kept).sqrt() * clean

    def _one(self, batch: int, guide: float) -> Tensor:
        """One step; the loss is left on the device, so that nothing waits for it."""
        given, velocity = self._batch(batch)
        if guide:
            if self.step % LAG == 0 or not self._taught:
                self.teacher.follow()
                self._taught = True
            velocity = velocity + guided(self.teacher, given, self.empty, guide)
        loss = (self.twin(*given) - velocity).square().mean()
        loss.backward()  # type: ignore[no-untyped-call]
        self.twin.hand_over()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        self.twin.follow()
        self.step += 1
        share = 1 - min(0.9995, (1 + self.step) / (10 + self.step) if self.step < 2000 else 0.9995)
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), list(self.model.parameters()), share)
        return loss.detach()
