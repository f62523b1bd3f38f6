"""Training K networks side by side on as many parts of a class, and asking them about the rest."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..errors import Dst3dError
from ..seeds import Name, uniforms
from .kcf_angles import Head
from .kcf_pixels import DRAWS, changed, normalised

T = TypeVar("T")
_WARM = 0.15  # share of the steps in which the learning rate rises
_ASKED = 256  # pictures that a network is asked about at once


@dataclass(frozen=True, slots=True)
class Data:
    """A class on the device."""

    pictures: Tensor  # (N, 3, S, S) uint8
    targets: Tensor  # (N, outputs): each head sums to 1, or to 0 where it is not judged
    weights: Tensor  # (N,): how much a sample counts
    heads: tuple[Head, ...]
    reversal: Tensor  # (outputs,): where outputs go in a mirror image
    mirror: bool  # whether half the pictures are mirrored


@dataclass(frozen=True, slots=True)
class Plan:
    """What one network sees in which step, and how it is changed: known before training, from names alone."""

    index: NDArray[np.int64]  # (steps, B)
    draws: NDArray[np.float32]  # (steps, B, DRAWS)


def plan_of(members: NDArray[np.int64], batch: int, steps: int, *name: Name) -> Plan:
    """Shuffled epochs, one after the other, cut into batches.

    Args:
        members: the samples to learn from.
        batch: how many a step.
        steps: how many.
        name: what the order is derived from.
    """
    batch = min(batch, len(members))
    epochs = math.ceil(steps * batch / len(members))
    order = [members[np.argsort(uniforms(*name, "order", epoch, count=len(members)))] for epoch in range(epochs)]
    index = np.concatenate(order)[: steps * batch].reshape(steps, batch)
    draws = uniforms(*name, "draws", count=steps * batch * DRAWS).astype(np.float32)
    return Plan(index, draws.reshape(steps, batch, DRAWS))


def device_of(name: str) -> torch.device:
    """The device that an option names; auto: cuda if there is one."""
    return torch.device(("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name)


def in_pieces(work: Callable[[int], T], most: int) -> T:
    """Do some work with batches whole, and with batches in 2, 4, ... pieces while the device has too little memory.

    Args:
        work: takes the number of pieces; it is begun anew.
        most: pieces beyond which there is no hope.

    Raises:
        Dst3dError: it does not fit even so.
    """
    pieces = 1
    while True:
        try:
            return work(pieces)
        except torch.OutOfMemoryError as error:
            pieces *= 2
            if pieces > most:
                raise Dst3dError(
                    "the device has too little memory for one picture at a time; choose a smaller `size` or `backbone`"
                ) from error
        torch.cuda.empty_cache()


def rate_at(step: int, steps: int) -> float:
    """The share of the highest learning rate: a rise along a line, then half a cosine down to nothing."""
    warm = max(1.0, _WARM * steps)
    if step < warm:
        return (step + 1) / (warm + 1)
    return 0.5 + 0.5 * math.cos(math.pi * (step - warm) / max(1.0, steps - warm))


def fit(
    network: nn.Module,
    data: Data,
    plans: Sequence[Plan],
    *,
    rate: float,
    decay: float,
    pieces: int = 1,
    progress: Callable[[float], None] = lambda share: None,
) -> None:
    """Train K networks that stand side by side (or one), each by its own plan.

    Args:
        network: takes (B, 3 K, S, S), gives (B, K outputs); on the device of `data`.
        data: the class.
        plans: K of them, equally long.
        rate: highest learning rate, for AdamW.
        decay: of the weights, not of biases and norms.
        pieces: parts that a batch is worked on in.
        progress: told the share that is done.
    """
    device = data.pictures.device
    index = torch.from_numpy(_common([plan.index for plan in plans])).to(device)  # (steps, B, K)
    draws = torch.from_numpy(_common([plan.draws for plan in plans])).to(device)  # (steps, B, K, DRAWS)
    flat = [value for value in network.parameters() if value.ndim < 2]
    deep = [value for value in network.parameters() if value.ndim >= 2]
    groups = [{"params": deep, "weight_decay": decay}, {"params": flat, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98), fused=device.type == "cuda")
    network.train()
    steps = len(index)
    with _fastest_convolutions():
        for step in range(steps):
            for group in optimiser.param_groups:
                group["lr"] = rate * rate_at(step, steps)
            for own_index, own_draws in zip(index[step].chunk(pieces), draws[step].chunk(pieces), strict=True):
                loss = _loss(network, data, own_index, own_draws) * (len(own_index) / len(index[step]))
                loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
            if step % 16 == 0:
                progress(step / steps)


@contextmanager
def _fastest_convolutions() -> Iterator[None]:
    """Let cuDNN try its algorithms: every step has the same shapes."""
    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = True
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before


def _common(arrays: Sequence[NDArray[np.generic]]) -> NDArray[np.generic]:
    """(steps, B, ...) of K plans as (steps, B, K, ...), with the smallest B of them."""
    batch = min(array.shape[1] for array in arrays)
    return np.stack([array[:, :batch] for array in arrays], 2)


def _loss(network: nn.Module, data: Data, index: Tensor, draws: Tensor) -> Tensor:
    """The sum over K networks of the mean over B pictures of the cross-entropies of all heads; index is (B, K)."""
    batch, count = index.shape
    chosen, own = index.flatten(), draws.flatten(0, 1)
    mirrored = (own[:, 9] < 0.5) if data.mirror else torch.zeros_like(chosen, dtype=torch.bool)
    seen = changed(data.pictures[chosen], own, 1.0 - 2.0 * mirrored.float())
    wanted = data.targets[chosen]
    wanted = torch.where(mirrored[:, None], wanted[:, data.reversal], wanted) * data.weights[chosen, None]
    logits = _logits(network, seen, batch, count)
    losses = torch.zeros(len(chosen), device=logits.device)
    for head in data.heads:
        losses = losses - (wanted[:, head.span] * torch.log_softmax(logits[:, head.span], 1)).sum(1)
    return losses.view(batch, count).mean(0).sum()


def _logits(network: nn.Module, seen: Tensor, batch: int, count: int) -> Tensor:
    """Logits (B K, outputs), float32, of pictures (B K, 3, S, S): K in a row go to the K networks."""
    device = seen.device
    stacked = seen.view(batch, 3 * count, *seen.shape[2:]).contiguous(memory_format=torch.channels_last)
    with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
        logits: Tensor = network(stacked)
    return logits.float().view(batch * count, -1)


@torch.no_grad()
def ask(
    network: nn.Module, data: Data, members: Sequence[NDArray[np.int64]], *, pieces: int = 1
) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """What each of K networks says of its own samples, in evaluation mode.

    Args:
        network: as in `fit`.
        data: the class.
        members: for each network, the samples it is asked about.
        pieces: parts that a batch is worked on in.

    Returns:
        for each network: what it gives to each bin of each head, (n, outputs), as it sees the pictures, and as it sees
        their mirror images, turned back.
    """
    device, count = data.pictures.device, len(members)
    longest = max(len(own) for own in members)
    padded = np.stack([np.resize(own, longest) for own in members], 1)  # (longest, K)
    index = torch.from_numpy(padded).to(device)
    network.eval()
    found: list[list[Tensor]] = [[], []]
    for own in torch.split(index, max(1, _ASKED // pieces)):
        seen = normalised(data.pictures[own.flatten()])
        for side, pictures in enumerate((seen, seen.flip(3))):
            logits = _logits(network, pictures, len(own), count)
            chance = torch.cat([torch.softmax(logits[:, head.span], 1) for head in data.heads], 1)
            found[side].append((chance[:, data.reversal] if side else chance).view(len(own), count, -1))
    plain, turned = (torch.cat(parts).double().cpu().numpy() for parts in found)
    return [(plain[: len(own), k], turned[: len(own), k]) for k, own in enumerate(members)]
