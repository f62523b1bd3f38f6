"""Pictures of a batch of views that stay on the device, in one piece of memory, and their one way to the host."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..nouns import Buffers, Controls

Layout = dict[str, tuple[torch.dtype, tuple[int, ...]]]  # number format and shape of one view's plane, by name
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


def control_planes(height: int, width: int) -> Layout:
    """The planes of `nouns.Controls`, named `control.*`, and the projected box.

    Depth and part hold the bits of 16-bit words without sign; `control.scales` is depth's scale and offset; `reach` is
    x0, y0, -x1, -y1 of the projected vertices and their least z.
    """
    return {
        "reach": (torch.float64, (5,)),
        "control.scales": (torch.float64, (2,)),
        "control.depth": (torch.int16, (height, width)),
        "control.part": (torch.int16, (height, width)),
        "control.render": (torch.uint8, (height, width, 3)),
        "control.normal": (torch.uint8, (height, width, 3)),
        "control.edge": (torch.uint8, (height, width)),
        "control.line": (torch.uint8, (height, width)),
        "control.mask": (torch.uint8, (height, width)),
    }


class DeviceViews:
    """What was drawn of a batch of views, where it was drawn. `planes` are those of the two layouts above.

    The kernels may still be at work: whatever is told to the same stream comes after them. Do not write to the planes.
    """

    def __init__(self, planes: Planes) -> None:
        self.planes = planes

    def __len__(self) -> int:
        """How many views."""
        return len(self.planes["mask"])

    def __getitem__(self, name: str) -> Tensor:
        """One plane (B, ...)."""
        return self.planes[name]

    def send(self, copier: torch.cuda.Stream | None = None) -> HostViews:
        """Start one transfer of all planes to the host, on a stream beside the one that draws."""
        ours = self.planes
        layout = {name: (plane.dtype, tuple(plane.shape[1:])) for name, plane in ours.planes.items()}
        if not ours.memory.is_cuda:
            return HostViews(ours, None)
        host = Planes.empty(layout, len(self), torch.device("cpu"), pinned=True)
        copier = copier or torch.cuda.current_stream(ours.memory.device)
        copier.wait_stream(torch.cuda.current_stream(ours.memory.device))
        with torch.cuda.stream(copier):
            host.memory.copy_(ours.memory, non_blocking=True)
        ours.memory.record_stream(copier)
        done = torch.cuda.Event()  # type: ignore[no-untyped-call]
        done.record(copier)
        return HostViews(host, done)


class HostViews:
    """The same on the host, once `done`. Its memory is pinned; torch uses it again when no array of it is left."""

    def __init__(self, planes: Planes, done: torch.cuda.Event | None) -> None:
        self._planes, self._done = {name: plane.numpy() for name, plane in planes.planes.items()}, done

    def __iter__(self) -> Iterator[int]:
        """Wait for the transfer; then the numbers of the views."""
        if self._done is not None:
            self._done.synchronize()
        return iter(range(len(self._planes["mask"])))

    def buffers(self, view: int) -> Buffers:
        """One view's buffers."""
        own = {name: self._planes[name][view] for name in ("colour", "alpha", "depth", "normal", "part")}
        return Buffers(mask=self._planes["mask"][view].view(np.bool_), **own)

    def controls(self, view: int) -> Controls:
        """One view's control pictures."""
        names = ("render", "edge", "line", "mask", "normal", "depth", "part")
        own = {name: self._planes[f"control.{name}"][view] for name in names}
        own |= {name: own[name].view(np.uint16) for name in ("depth", "part")}
        scale, offset = self._planes["control.scales"][view].tolist()
        return Controls(depth_scale=scale, depth_offset=offset, **own)

    def reach(self, view: int) -> tuple[float, ...]:
        """The plane `reach` of one view."""
        return tuple(self._planes["reach"][view].tolist())
