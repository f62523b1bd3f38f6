"""From shots to pictures with a loaded pipeline: by our own sampler where it knows the networks, else by the pipeline.

A batch goes through three hands: `prepare` (controls, words and noise, on any thread), `begin` (all steps, launched and
not waited for) and `Pending.pictures` (waits). Between the last two, the next batch is begun, so that a GPU never waits
for the host.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import RecipeError
from ..nouns import Shot
from ..recipe.options import ControlNetOptions
from .compiling import pays
from .families import Family
from .guides import guide, resize
from .sampler import Batch, Sampler, why_no_sampler


@dataclass(frozen=True, slots=True)
class Prepared:
    """A batch of full size."""

    shots: Sequence[Shot]  # those that are wanted: the others repeat the last one
    size: int  # of the batch
    batch: Batch | None  # for the sampler
    arguments: dict[str, Any]  # for the pipeline
    ready: Any = None  # event on a GPU: the batch is there


class Pending:
    """Pictures that the device is at work on."""

    def __init__(self, prepared: Prepared, pictures: Tensor, begun: Any) -> None:
        self.shots, self._begun = prepared.shots, begun
        self._prepared: Prepared | None = prepared  # its memory must not be given to the next one before it is read
        self.seconds = 0.0  # that the device was at work, once they are there
        self._host = pictures
        self.ended: Any = None  # event on a GPU: they are there
        if pictures.is_cuda:
            self._host = torch.empty(pictures.shape, dtype=pictures.dtype, pin_memory=True)
            self._host.copy_(pictures, non_blocking=True)
            self.ended = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
            self.ended.record()
        else:
            self.seconds = time.perf_counter() - begun

    def wait(self) -> None:
        """Until they are on the host."""
        if self.ended is not None:
            self.ended.synchronize()
            self._prepared = None
            self.seconds = self._begun.elapsed_time(self.ended) / 1000.0

    def pictures(self) -> list[NDArray[np.uint8]]:
        """Wait for them: one (H, W, 3) sRGB picture a shot, of the size of its controls."""
        self.wait()
        arrays = self._host.numpy()[: len(self.shots)]
        sizes = [shot.controls.edge.shape for shot in self.shots]
        return [resize(np.ascontiguousarray(a), *size) for a, size in zip(arrays, sizes, strict=True)]


class Drawing:
    """Draws with one loaded pipeline.

    Args:
        pipeline: on its device.
        family: what it takes.
        options: the recipe's.
        conventions: how each control is drawn.
        key: names the weights among all whose compiled code this machine keeps.
    """

    def __init__(
        self, pipeline: Any, family: Family, options: ControlNetOptions, conventions: Sequence[str], key: str
    ) -> None:
        self.pipeline, self._family, self._options = pipeline, family, options
        self._conventions, self._key = list(conventions), key
        self.why_not = why_no_sampler(pipeline)
        self.is_compiled = False
        self.sampler = None if self.why_not else Sampler(pipeline, options, family.guided(options))
        self._cuda = torch.device(pipeline.device).type == "cuda"
        # Not the default stream, on which other threads render; and another for what is prepared beside, since whatever
        # a thread launches on a stream on which a batch is being recorded becomes a part of the recording.
        self._stream = torch.cuda.Stream(pipeline.device) if self._cuda else None  # type: ignore[no-untyped-call]
        self._beside = torch.cuda.Stream(pipeline.device) if self._cuda else None  # type: ignore[no-untyped-call]

    def expect(self, num_pictures: int) -> None:
        """Told how many pictures this process has before it: compiles the networks if that pays."""
        wanted = self._options.compile == "always" or (
            self._options.compile == "auto" and self._cuda and pays(num_pictures, f"{self._key}-step")
        )
        if wanted and self.sampler is not None:
            self.sampler.compile(self._key)
            self.is_compiled = True

    def prepare(self, shots: Sequence[Shot], size: int) -> Prepared:
        """Controls, words and noise of a batch, which is filled up to `size` with its last shot.

        Raises:
            RecipeError: a size that the pipeline cannot draw.
        """
        padded = [*shots, *[shots[-1]] * (size - len(shots))]
        height, width = self._drawn_size(shots[0])
        guides = self.guides(padded, height, width)
        if self.sampler is None:
            return Prepared(shots, size, None, self.arguments(padded, guides, height, width))
        words, seeds = [shot.prompt for shot in padded], [shot.seed for shot in padded]
        ready = None
        with torch.inference_mode(), torch.cuda.stream(self._beside):
            batch = self.sampler.prepare([w.text for w in words], [w.negative for w in words], guides, seeds)
            if self._cuda:
                ready = torch.cuda.Event()  # type: ignore[no-untyped-call]
                ready.record()
        return Prepared(shots, size, batch, {}, ready)

    def guides(self, shots: Sequence[Shot], height: int, width: int) -> list[NDArray[np.uint8]]:
        """Of each control, (B, height, width, 3), as its network reads it."""
        options = self._options
        return [
            np.stack([guide(shot, name, how, height, width, ground=options.ground) for shot in shots])
            for name, how in zip(options.controls, self._conventions, strict=True)
        ]

    def begin(self, prepared: Prepared) -> Pending:
        """Start drawing a prepared batch.

        Raises:
            torch.cuda.OutOfMemoryError: the device's memory does not suffice.
        """
        with torch.inference_mode(), torch.cuda.stream(self._stream):
            begun: Any = time.perf_counter()
            if prepared.ready is not None:
                prepared.ready.wait()
            if self._cuda:
                begun = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
                begun.record()
            return Pending(prepared, self._drawn(prepared), begun)

    def _drawn(self, prepared: Prepared) -> Tensor:
        if prepared.batch is not None and self.sampler is not None:
            return self.sampler.draw(prepared.batch)
        images: Tensor = self.pipeline(**prepared.arguments).images
        return (images.float().clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous()

    def _drawn_size(self, shot: Shot) -> tuple[int, int]:
        height, width = (self._options.size,) * 2 if self._options.size else shot.controls.edge.shape
        multiple = self._family.row.multiple
        if height % multiple or width % multiple:
            what = "it" if self._options.size else "the render"
            raise RecipeError(
                f"generator.size: {what} is {width} x {height} pixels and this pipeline draws multiples of {multiple}; "
                "set generator.size to one, or render.size"
            )
        return height, width

    def arguments(
        self, shots: Sequence[Shot], guides: Sequence[NDArray[np.uint8]], height: int, width: int
    ) -> dict[str, Any]:
        """What the pipeline is called with."""
        options, family = self._options, self._family
        seen = [torch.from_numpy(pictures).permute(0, 3, 1, 2).float().div_(255) for pictures in guides]
        arguments: dict[str, Any] = {
            "prompt": [shot.prompt.text for shot in shots],
            "height": height,
            "width": width,
            "num_inference_steps": options.steps,
            "generator": [torch.Generator("cpu").manual_seed(shot.seed) for shot in shots],
            "output_type": "pt",
            **family.arguments(options, seen, self._conventions),
        }
        if family.negative and family.guided(options):
            arguments["negative_prompt"] = [shot.prompt.negative for shot in shots]
        return arguments
