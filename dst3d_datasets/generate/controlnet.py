"""Diffusion steered by ControlNets: one adapter over any pipeline that diffusers can build around one.

The contract of a picture: it depends on its own shot alone. Each sample has its own CPU generator seeded with the
shot's seed (start noise and every step's noise come from it), and the networks always see a batch of the same fixed
shape: a short batch is padded by repeating its last shot. What that gives, measured with diffusers 0.42.1:

* CPU, float32: the same bytes in any place of the batch, with any neighbours, padded or not. Another *thread count* or
  batch size moves a few values in a million by one (`make_shard` fixes both).
* H200, float16, SD 1.5 shapes at 512 px, 20 steps, batch 32, compiled: the same bytes when drawn again; another place
  in the batch moves values by at most two (0.011 on average), another process by at most two (0.12): the compiler may
  sum in another order there. The stock pipeline at the same batch differs from it by at most two (0.15), as it does
  from itself at batch 16 (0.14; `dst3d bench generate`).

The safety checker is switched off (it would put black pictures, silently, where it misjudges a render), and so is
SDXL's invisible watermark (it would depend on which packages are installed). `eta` is passed where pipeline and
scheduler take it, and is without effect elsewhere.
"""

from __future__ import annotations

import gc
import hashlib
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import RecipeError
from ..nouns import Shot
from ..recipe.options import ControlNetOptions
from ..stream import ahead, begun
from ..weights import WeightsError
from .conventions import convention_of
from .draw import Drawing, Pending, Prepared
from .families import Family, encode_by_mode, family_of, row_for_base, row_of
from .idle import skip_idle
from .loading import Pinned, load_pipeline, need, networks_of, pin, to_device
from .version import package_version
from .weights import marker_reason, place_of, untrained_reason


class ControlNetGenerator:
    """Draws with a text-to-image pipeline and its ControlNets.

    Built without touching weights or network; the pipeline is loaded by the first `generate` or `untrained`.

    Args:
        options: pipeline, ControlNets and how they are run.

    Raises:
        WeightsError: a folder that is not there.
    """

    name = "controlnet"

    def __init__(self, options: ControlNetOptions) -> None:
        need("diffusers", "transformers")
        self.options = options
        self._base = place_of(options.pipeline, options.revision, "generator.pipeline")
        revisions = options.controlnet_revision or ("main",) * len(options.controlnet)
        if len(revisions) != len(options.controlnet):
            raise RecipeError(
                f"generator.controlnet_revision has {len(revisions)} entries and controlnet {len(options.controlnet)}"
            )
        self._nets = [
            place_of(name, revision, f"generator.controlnet.{index}")
            for index, (name, revision) in enumerate(zip(options.controlnet, revisions, strict=True))
        ]
        self._pins: list[Pinned] = []
        self._revision = ""
        self._pipeline: Any = None
        self._family: Family | None = None
        self._drawn: Drawing | None = None
        self._reason: str | None = None
        self._inner_batch = 0  # once memory ran out
        self._halved = 0
        self._expected = 0
        self._streams = 0  # that are under way
        self._one_at_a_time = threading.Lock()  # of the threads that load and prepare

    @property
    def revision(self) -> str:
        """Commits of what comes from the Hub (`owner/name@commit`), digests of folders; base first, joined by `+`."""
        if not self._revision:
            self._revision = "+".join(pinned.text for pinned in self._pinned())
        return self._revision

    @property
    def untrained(self) -> str:
        """Empty, or why these weights cannot have been trained (`weights` says how it knows). Loads the pipeline."""
        if self._reason is None:
            reason = marker_reason([self._base, *self._nets])
            self._reason = reason or untrained_reason(dict(networks_of(self._loaded())))
        return self._reason

    def counts(self) -> dict[str, int]:
        """What the receipt should count since the last call: `batch_halved`, each time memory ran out."""
        halved, self._halved = self._halved, 0
        return {"batch_halved": halved} if halved else {}

    @property
    def batch_size(self) -> int:
        """How many shots are drawn at once: the recipe's, or what suits the device and the size."""
        if self.options.batch_size:
            return self.options.batch_size
        if not _device(self.options).startswith("cuda"):
            return 4
        side = max(512, self.options.size)
        return 1 << (max(1, 32 * 512 * 512 // (side * side)).bit_length() - 1)  # as many pixels as 32 pictures of 512

    def expect(self, num_pictures: int) -> None:
        """Told how many pictures this process is going to draw, about: decides whether compiling pays."""
        self._expected = num_pictures

    def generate(self, shots: Sequence[Shot]) -> list[NDArray[np.uint8]]:
        """One (H, W, 3) sRGB picture a shot, of the size of the shot's controls.

        When a GPU's memory runs out, the batch is halved for good and the same shots are drawn again with the same
        seeds.

        Raises:
            WeightsError: weights that cannot be had or do not fit; memory that does not suffice for one picture.
            RecipeError: a size the pipeline cannot draw.
        """
        return [picture for _, pictures, _ in self.stream([shots]) for picture in pictures]

    def stream(
        self, batches: Iterable[Sequence[Shot]], turn: AbstractContextManager[None] | None = None
    ) -> Iterator[tuple[Sequence[Shot], list[NDArray[np.uint8]], float]]:
        """`generate` for batch after batch, the next one begun before the last one is waited for.

        Args:
            batches: of shots.
            turn: held while batches are begun. The first is prepared before, and the last waited for after: a stream
                in another thread goes on with the device meanwhile.

        Yields:
            Shots, their pictures, and the seconds that the device was at work on them.
        """
        with self._one_at_a_time:
            drawing = self.drawing()
            self._streams += 1
        try:
            yield from self._streamed(drawing, batches, turn or nullcontext())
        finally:
            with self._one_at_a_time:
                self._streams -= 1

    def _streamed(
        self, drawing: Drawing, batches: Iterable[Sequence[Shot]], turn: AbstractContextManager[None]
    ) -> Iterator[tuple[Sequence[Shot], list[NDArray[np.uint8]], float]]:
        depth = 1 if _device(self.options).startswith("cuda") else 0
        waiting: deque[Pending] = deque()
        all_prepared = begun(ahead((self._prepare(drawing, shots) for shots in self._cut(batches)), 1, "prepare"))
        with turn:
            for prepared in all_prepared:
                for pending in self._begun(drawing, prepared, waiting):
                    waiting.append(pending)
                    while len(waiting) > depth:
                        yield _done(waiting.popleft())
        while waiting:
            yield _done(waiting.popleft())

    def _prepare(self, drawing: Drawing, shots: Sequence[Shot]) -> Prepared:
        with self._one_at_a_time:  # tokenizers cannot be in two threads
            return drawing.prepare(shots, self._size(shots))

    def _cut(self, batches: Iterable[Sequence[Shot]]) -> Iterator[Sequence[Shot]]:
        """Batches of at most the inner size."""
        for batch in batches:
            first = 0
            while first < len(batch):
                size = self._inner_batch or self.batch_size
                yield batch[first : first + size]
                first += size

    def _size(self, shots: Sequence[Shot]) -> int:
        """The shape of a batch: fixed, so that a picture's last digits do not depend on how full its batch is.

        Where the recipe leaves the size open and nothing is compiled, a GPU draws a short batch as a short one.
        """
        size = self._inner_batch or self.batch_size
        is_open = not self.options.batch_size and _device(self.options).startswith("cuda")
        if is_open and self._drawn is not None and not self._drawn.is_compiled:
            return min(size, 1 << (len(shots) - 1).bit_length())
        return size

    def _begun(self, drawing: Drawing, prepared: Prepared, waiting: deque[Pending]) -> Iterator[Pending]:
        """The batch on its way: whole, or in halves where memory ran out."""
        if prepared.size <= (self._inner_batch or self.batch_size):  # else it was prepared before the last halving
            try:
                pending = drawing.begin(prepared)
            except torch.cuda.OutOfMemoryError as error:
                if prepared.size == 1:
                    raise WeightsError(
                        "generator: the GPU has too little memory for one picture; lower generator.size or use float16"
                    ) from error
            else:
                yield pending
                return
            for other in waiting:  # their memory is needed
                other.wait()
            gc.collect()  # outside the handler, whose traceback holds the tensors
            torch.cuda.empty_cache()
            self._inner_batch = prepared.size // 2
            self._halved += 1
        for shots in self._cut([prepared.shots]):
            yield from self._begun(drawing, self._prepare(drawing, shots), waiting)

    def _conventions(self) -> list[str]:
        """How each control is drawn, for the network that reads it."""
        base, *nets = self._pinned()
        asked = self.options.conventions or ("auto",) * len(self.options.controls)
        readers = nets if len(nets) > 1 else (nets or [base]) * len(asked)
        return [
            convention_of(control, how, (reader.place.name, str(reader.config.get("_name_or_path", ""))))
            for control, how, reader in zip(self.options.controls, asked, readers, strict=True)
        ]

    def _pinned(self) -> list[Pinned]:
        """The base and its ControlNets with their revisions resolved, once: labels and weights must agree."""
        if not self._pins:
            fields = ["generator.pipeline", *(f"generator.controlnet.{index}" for index in range(len(self._nets)))]
            self._pins = [pin(_diffusers(), p, f) for p, f in zip([self._base, *self._nets], fields, strict=True)]
        return self._pins

    def _dtype(self) -> torch.dtype:
        """The recipe's, or what the family is run in on a GPU."""
        name: str = self.options.dtype
        if name == "auto":
            base, *nets = (str(pinned.config.get("_class_name", "")) for pinned in self._pinned())
            row = row_of(base, *nets[:1]) or row_for_base(base)
            on_gpu = row.dtype if row else "float16"
            name = on_gpu if _device(self.options).startswith("cuda") else "float32"
        return {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}[name]

    def _loaded(self) -> Any:
        if self._pipeline is None:
            base, *nets = self._pinned()
            pipeline = load_pipeline(
                _diffusers(), base, nets, dtype=self._dtype(), scheduler=self.options.scheduler,
                several=len(self.options.controls) > 1,
            )  # fmt: skip
            self._pipeline = to_device(pipeline, _device(self.options))
        return self._pipeline

    def drawing(self) -> Drawing:
        """What draws with the loaded pipeline."""
        if self._drawn is None:
            pipeline = self._loaded()
            _ = self.untrained  # while the device has nothing else to do: it looks at all weights
            self._family = family = family_of(pipeline)
            family.check(self.options)
            if family.row.unseeded:
                encode_by_mode(pipeline.vae)
            if family.row.alone:
                self._inner_batch = 1
            self._drawn = Drawing(pipeline, family, self.options, self._conventions(), self._key())
            if self._drawn.why_not:
                skip_idle(pipeline)
        if not self._streams:  # networks that are at work are not to be compiled under way
            self._drawn.expect(self._expected)
        return self._drawn

    def _key(self) -> str:
        """Names what is compiled: networks of the same shapes, dtype and code share it, whatever their weights."""
        shapes = [(name, [tuple(p.shape) for p in net.parameters()]) for name, net in networks_of(self._loaded())]
        code = [torch.__version__, package_version()]
        return hashlib.sha256(repr((shapes, self._dtype(), code)).encode()).hexdigest()[:16]


def _done(pending: Pending) -> tuple[Sequence[Shot], list[NDArray[np.uint8]], float]:
    return pending.shots, pending.pictures(), pending.seconds


def _diffusers() -> Any:
    """The package, imported late: it takes seconds, and a recipe may be planned without it."""
    import diffusers

    return diffusers


def _device(options: ControlNetOptions) -> str:
    if options.device != "auto":
        return options.device
    return "cuda" if torch.cuda.is_available() else "cpu"
