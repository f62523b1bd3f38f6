"""The GPU's way through the `torch` engine: views drawn by Triton kernels, batch by batch, and sent to the host."""

from __future__ import annotations

import importlib.util
import os
import shutil
import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from ..boxes import Box
from ..camera import camera_of
from ..nouns import Buffers, Camera, Lights, View
from ..recipe.rendering import ControlOptions
from .device_views import DeviceViews, HostViews
from .scene import NEAR, Scene

if TYPE_CHECKING:
    from .triton_scene import Packed

TOGETHER = 64  # views drawn at a time, at most
SENT = 16  # the same where the pictures go to the host: two such batches are under way at once
PIXELS = 1 << 24  # of the views drawn at a time, and TRIANGLES, unless one view alone has more
TRIANGLES = 1 << 26


def cannot() -> str:
    """Why the kernels cannot run on this machine's GPU; empty if they can."""
    if not torch.cuda.is_available() or torch.version.cuda is None:
        return "there is no CUDA device"
    if importlib.util.find_spec("triton") is None:
        return "Triton is not installed"
    if not (os.environ.get("CC") or any(map(shutil.which, ("cc", "gcc", "clang")))):
        return "Triton needs a C compiler (cc, gcc or clang) on the PATH"
    return ""


class Kernels:
    """Draws scenes that are not seen through on one CUDA device. Used by one thread at a time."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._packed: tuple[Scene, Packed] | None = None
        self._works: dict[tuple[bool, ...], bool] = {}  # by kind of scene; see `can`
        self._copier: torch.cuda.Stream | None = None

    def can(self, scene: Scene) -> bool:
        """Whether they draw this scene: found by drawing one small view of the first scene of its kind.

        That is also what compiles the kernels: once for each kind, in about 20 s, and kept on disk by Triton. Should
        that fail, a warning tells why, once.
        """
        kind = (scene.see_through, scene.atlas is not None, scene.colour is not None, scene.cut)
        if kind not in self._works:
            self._works[kind] = not scene.see_through and self._tried(scene)
        return self._works[kind]

    def _tried(self, scene: Scene) -> bool:
        camera = camera_of(View(index=0, azimuth=30.0, elevation=20.0, theta=0.0, distance=2.0), 32, 32)
        try:
            next(self.views(scene, [camera], [Lights()], ControlOptions()))["mask"].sum().item()
        except Exception as error:  # the compiler's errors have no common class
            told = f"{type(error).__name__}: {error}".splitlines()[0]
            warnings.warn(f"plain torch draws on {self.device}, as its kernels do not work: {told}", stacklevel=2)
            return False
        return True

    def views(
        self,
        scene: Scene,
        cameras: Sequence[Camera],
        lights: Sequence[Lights],
        options: ControlOptions | None,
        together: int = TOGETHER,
    ) -> Iterator[DeviceViews]:
        """Batches of views on the device, with all controls if there are `options`; nothing waits for the GPU."""
        from .triton_draw import draw

        packed = self._pack(scene)
        for begin, end in self.batches(scene, cameras, together):
            yield draw(packed, cameras[begin:end], lights[begin:end], options)

    def host(
        self, scene: Scene, cameras: Sequence[Camera], lights: Sequence[Lights], options: ControlOptions | None
    ) -> Iterator[tuple[HostViews, int]]:
        """The views on the host, one by one: a batch is sent while the next one is drawn."""
        if self._copier is None and self.device.type == "cuda":
            self._copier = torch.cuda.Stream(self.device)  # type: ignore[no-untyped-call]
        under_way: deque[HostViews] = deque()
        for drawn in self.views(scene, cameras, lights, options, SENT):
            under_way.append(drawn.send(self._copier))
            if len(under_way) > 1:
                batch = under_way.popleft()
                yield from ((batch, view) for view in batch)
        for batch in under_way:
            yield from ((batch, view) for view in batch)

    def buffers(self, scene: Scene, cameras: Sequence[Camera], lights: Sequence[Lights]) -> Iterator[Buffers]:
        """Only the buffers, on the host."""
        for batch, view in self.host(scene, cameras, lights, None):
            yield batch.buffers(view)

    def silhouette(self, scene: Scene, camera: Camera) -> NDArray[np.bool_]:
        """The mask (H, W) of one camera."""
        from .triton_draw import silhouette

        found: NDArray[np.bool_] = silhouette(self._pack(scene), camera).cpu().numpy()
        return found

    @staticmethod
    def batches(scene: Scene, cameras: Sequence[Camera], together: int) -> Iterator[tuple[int, int]]:
        """Ranges of equally large views in a row, as many as one batch may hold."""
        begin = 0
        while begin < len(cameras):
            shape = cameras[begin].height, cameras[begin].width
            most = min(together, PIXELS // (shape[0] * shape[1]), TRIANGLES // max(1, scene.num_triangles))
            end = begin + 1
            while end < min(len(cameras), begin + most) and (cameras[end].height, cameras[end].width) == shape:
                end += 1
            yield begin, end
            begin = end

    def _pack(self, scene: Scene) -> Packed:
        from .triton_scene import pack

        if self._packed is None or self._packed[0] is not scene:
            self._packed = (scene, pack(scene))
        return self._packed[1]


def box_of(reach: Sequence[float]) -> Box | None:
    """The projected box from a view's `reach`; None where something lies behind the near plane, which cuts it."""
    x0, y0, x1, y1, z = reach
    return (x0, y0, -x1, -y1) if z >= NEAR else None
