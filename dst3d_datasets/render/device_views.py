"""Pictures of a batch of views that stay on the device, in one piece of memory, and their one way to the host."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ..nouns import Buffers

Layout = Mapping[str, tuple[torch.dtype, tuple[int, ...]]]  # shape and number format of one view's plane, by name
_ALIGN = 256  # bytes


@dataclass(frozen=True, slots=True)
class Planes:
    """Named planes (B, ...) that lie one after the other in `memory`."""

    memory: Tensor  # (bytes,) uint8
    planes: dict[str, Tensor]

    @classmethod
    def empty(cls, layout: Layout, views: int, device: torch.device, pinned: bool = False) -> Planes:
        """Planes whose contents are not defined yet."""
        ends, total = [], 0
        for dtype, shape in layout.values():
            begin, size = total, views * math.prod(shape) * dtype.itemsize
            ends.append((begin, begin + size))
            total = -(-(begin + size) // _ALIGN) * _ALIGN
        memory = torch.empty(total, dtype=torch.uint8, device=device, pin_memory=pinned)
        planes = {
            name: memory[begin:end].view(dtype).view(views, *shape)
            for (name, (dtype, shape)), (begin, end) in zip(layout.items(), ends, strict=True)
        }
        return cls(memory, planes)

    def __getitem__(self, name: str) -> Tensor:
        """One plane (B, ...)."""
        return self.planes[name]

    def to_host(self) -> Planes:
        """A copy on the host by one transfer; it is complete when the device has done what it was told so far.

        The copy lies in pinned memory, which torch hands out again when no array of it is left.
        """
        layout = {name: (plane.dtype, tuple(plane.shape[1:])) for name, plane in self.planes.items()}
        views = len(next(iter(self.planes.values())))
        host = Planes.empty(layout, views, torch.device("cpu"), pinned=self.memory.is_cuda)
        host.memory.copy_(self.memory, non_blocking=True)
        return host


def buffer_planes(height: int, width: int) -> Layout:
    """The planes of `nouns.Buffers`; `mask` is 0 or 1."""
    return {
        "normal": (torch.float32, (height, width, 3)),
        "depth": (torch.float32, (height, width)),
        "part": (torch.int32, (height, width)),
        "colour": (torch.uint8, (height, width, 3)),
        "alpha": (torch.uint8, (height, width)),
        "mask": (torch.uint8, (height, width)),
    }


@dataclass(frozen=True, slots=True)
class DeviceBuffers:
    """`nouns.Buffers` of a batch of views as tensors: each field (B, ...), `mask` as uint8."""

    planes: Planes

    def __len__(self) -> int:
        """B."""
        return len(self.planes["mask"])

    def host(self) -> Iterator[Buffers]:
        """View by view, as NumPy arrays."""
        planes = self.planes.to_host()
        if self.planes.memory.is_cuda:
            torch.cuda.current_stream(self.planes.memory.device).synchronize()
        for view in range(len(self)):
            yield buffers_of(planes, view)


def buffers_of(planes: Planes, view: int) -> Buffers:
    """One view of planes that are on the host."""
    own = {name: planes[name][view].numpy() for name in ("colour", "alpha", "depth", "normal", "part")}
    return Buffers(mask=planes["mask"][view].view(torch.bool).numpy(), **own)
