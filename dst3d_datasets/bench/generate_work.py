"""Measurements of the `generate` bench, each in one process on one device."""

from __future__ import annotations

import dataclasses
import tempfile
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.flop_counter import FlopCounterMode

from ..generate.controlnet import ControlNetGenerator
from ..machine import one_thread_an_operator
from ..nouns import Shot
from ..recipe.options import ControlNetOptions
from .child import in_child
from .tiny_shots import held_out

Pictures = list[NDArray[np.uint8]]


def shots(count: int, side: int) -> list[Shot]:
    """Shots of primitives with seeds of their own, `count` of them."""
    few = held_out(1, [f"render.size={side}", "catalogue.classes=[teapot, airliner, table lamp]"])[1][:4]
    return [dataclasses.replace(few[number % len(few)], seed=number) for number in range(count)]


def sync() -> None:
    """Wait for the GPU, if there is one."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def peak(reset: bool = False) -> float:
    """Most memory of the GPU that was in use since the last reset, GiB; 0 without one."""
    if not torch.cuda.is_available():
        return 0.0
    found = torch.cuda.max_memory_allocated() / 2**30
    if reset:
        torch.cuda.reset_peak_memory_stats()
    return float(found)


def limit(side: int = 8192) -> float:
    """What the device reaches in a large matrix product, TFLOP/s; the type is that of the generator."""
    gpu = torch.cuda.is_available()
    side, dtype, device = (side, torch.float16, "cuda") if gpu else (1024, torch.float32, "cpu")
    a, b = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    for _ in range(3):
        a @ b
    sync()
    start = time.perf_counter()
    for _ in range(10):
        a @ b
    sync()
    return 10 * 2 * side**3 / (time.perf_counter() - start) / 1e12


def stock(generator: ControlNetGenerator, wanted: Sequence[Shot], output: str = "pt") -> Pictures:
    """The pipeline's own call, as its documentation shows it, one batch."""
    drawing = generator.drawing()
    height, width = wanted[0].controls.edge.shape
    arguments = drawing.arguments(wanted, drawing.guides(wanted, height, width), height, width)
    with torch.inference_mode():
        images = drawing.pipeline(**arguments | {"output_type": output}).images
    if output == "pil":
        return [np.asarray(image) for image in images]
    return list((images.float().clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy())


def flops(generator: ControlNetGenerator, wanted: Sequence[Shot]) -> float:
    """TFLOP (2 a multiply-add) that one picture costs, counted while rearranged networks that are not compiled draw a
    batch.
    """
    sampler = generator.drawing().sampler
    if sampler is not None:
        sampler.rearrange()
    counter = FlopCounterMode(display=False)
    with counter:
        generator.generate(wanted)
    return float(counter.get_total_flops()) / len(wanted) / 1e12


def rate(generator: ControlNetGenerator, batches: Sequence[Sequence[Shot]]) -> dict[str, float]:
    """Pictures a second of a long stream of batches, and the share of the time that the device was at work.

    Both are of the second half: what all batches take more than half of them. How a stream begins and ends, which comes
    once however long it is, cancels out.

    Memory is counted from the first batch on: a recording that is replayed takes none anew.
    """
    peak(reset=True)
    start = time.perf_counter()
    generator.generate(batches[0])  # loads, compiles
    generator.generate(batches[0])  # records
    sync()
    warm = time.perf_counter() - start
    half = len(batches) // 2
    (wall, busy), (twice, longer) = _streamed(generator, batches[:half]), _streamed(generator, batches)
    count = sum(len(batch) for batch in batches[half:])
    spent = twice - wall
    return {"rate": count / spent, "busy": (longer - busy) / spent, "warm": warm, "peak": peak()}


def _streamed(generator: ControlNetGenerator, batches: Sequence[Sequence[Shot]]) -> tuple[float, float]:
    """Seconds until the last picture is there, and those in which the device was at work."""
    start = time.perf_counter()
    busy = sum(seconds for _, _, seconds in generator.stream(iter(batches)))
    return time.perf_counter() - start, busy


def stock_rate(generator: ControlNetGenerator, wanted: Sequence[Shot], batches: int, output: str) -> dict[str, float]:
    """Pictures a second of the stock call, waiting for each batch."""
    stock(generator, wanted, output)
    sync()
    peak(reset=True)
    start = time.perf_counter()
    for _ in range(batches):
        stock(generator, wanted, output)
    return {"rate": batches * len(wanted) / (time.perf_counter() - start), "peak": peak()}


def made(options: dict[str, Any]) -> ControlNetGenerator:
    """A generator of these options."""
    return ControlNetGenerator(ControlNetOptions(kind="controlnet", controlnet=(), **options))


def elsewhere(options: dict[str, Any], count: int, side: int) -> Pictures:
    """What another process draws: the second drawing of `shots(count, side)`, which on a GPU is recorded."""
    with tempfile.TemporaryDirectory(prefix="dst3d-bench-") as folder:
        place = f"{folder}/pictures.npy"
        in_child(f"from {__name__} import drawn_to\nresult = drawn_to({place!r}, {options!r}, {count}, {side})")
        return list(np.load(place))


def drawn_to(place: str, options: dict[str, Any], count: int, side: int) -> dict[str, int]:
    """`elsewhere`, in that process."""
    generator, wanted = made(options), shots(count, side)
    with one_thread_an_operator():
        generator.generate(wanted)
        np.save(place, np.stack(generator.generate(wanted)))
    return {"pictures": count}


def differences(pairs: Iterator[tuple[Pictures, Pictures]]) -> Iterator[str]:
    """Largest and mean difference of two lists of pictures, in values of 8 bits."""
    for one, other in pairs:
        gap = np.abs(np.stack(one).astype(int) - np.stack(other))
        yield f"at most {gap.max()}, {gap.mean():.2g} on average"
