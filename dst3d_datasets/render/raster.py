"""The default renderer: an exact rasteriser on torch tensors. Needs nothing but torch; runs on CPU and CUDA."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import UsageError
from ..nouns import Buffers, CadModel, Camera, Lights
from ..recipe.rendering import ControlOptions
from . import Drawn
from .antialias import antialias
from .controls import make_controls
from .device import Kernels, box_of, cannot
from .layers import colour_of
from .rasterise import EMPTY, Discard, both, depth_of, fill
from .scene import NEAR, Rig, Scene, corners_of, rig_of, scene_of
from .surface import Seen, discard_of
from .triangles import Window, prepare
from .visibility import projected_box

if TYPE_CHECKING:
    from .device_views import DeviceViews

BATCH = {"cpu": 1, "cuda": 16}  # views worked on at a time by plain torch


@dataclass(frozen=True, slots=True)
class Sight:
    """The samples at pixel centres that see the model (N of them), in the order of the window's pixels."""

    pixel: Tensor  # (N,) int64
    depth: Tensor  # (N,) float32
    seen: Seen


class TorchRenderer:
    """Draws a model exactly, on a CPU with plain torch operations, on a CUDA GPU with Triton kernels.

    * Mask, depth, normal and part are sampled at pixel centres, exactly as a ray cast would.
    * Colour has one sample at the centre, and four more (2 x 2) wherever that picture is not smooth.
    * Alpha: "mask" parts have holes where alpha is below the cutoff. "blend" parts are holes below 0.05; elsewhere they
      are solid for mask, depth and normal, and their colour is laid over what is behind them.
    * On a CPU the bytes do not depend on the number of threads, and the kernels give the same bytes. On a GPU without
      Triton, and for models that are seen through, plain torch operations draw there too, equal to within rounding.
    """

    name = "torch"

    def __init__(self, device: str = "auto") -> None:
        """`device`: "cpu", "cuda", "cuda:1", ... or "auto": cuda if there is one."""
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        self.device = torch.device(device)
        self._kept: tuple[CadModel, Scene] | None = None
        self._kernels = Kernels(self.device) if self.device.type == "cuda" and not cannot() else None

    def render(self, model: CadModel, cameras: Sequence[Camera], lights: Sequence[Lights]) -> Iterator[Buffers]:
        """Yield one `Buffers` a camera, in order; `lights` has one entry a camera."""
        scene = self._scene(model)
        if (kernels := self._for(scene)) is not None:
            yield from kernels.buffers(scene, cameras, lights)
            return
        for begin, end in _batches(cameras, BATCH.get(self.device.type, 1)):
            with torch.no_grad():
                buffers = _draw(scene, cameras[begin:end], lights[begin:end])
            yield from buffers

    def on_device(self, model: CadModel) -> bool:
        """Whether a GPU's kernels draw this model: `render_controlled` then makes the controls there too."""
        return self._for(self._scene(model)) is not None

    def render_controlled(
        self, model: CadModel, cameras: Sequence[Camera], lights: Sequence[Lights], options: ControlOptions
    ) -> Iterator[Drawn]:
        """Yield buffers, controls and projected box of each camera, in order.

        On a GPU all of it is made there, and sent in one piece a batch.
        """
        scene = self._scene(model)
        if (kernels := self._for(scene)) is None:
            for camera, buffers in zip(cameras, self.render(model, cameras, lights), strict=True):
                controls = make_controls(buffers, camera, options)
                yield Drawn(buffers=buffers, controls=controls, box=projected_box(model, camera))
            return
        for camera, (batch, view) in zip(cameras, kernels.host(scene, cameras, lights, options), strict=True):
            box = box_of(batch.reach(view)) or projected_box(model, camera)  # the near plane cuts edges: rare
            yield Drawn(buffers=batch.buffers(view), controls=batch.controls(view), box=box)

    def render_on_device(
        self,
        model: CadModel,
        cameras: Sequence[Camera],
        lights: Sequence[Lights],
        options: ControlOptions | None = None,
    ) -> Iterator[DeviceViews]:
        """Yield batches of views as tensors on the GPU, with all controls if there are `options`; nothing is copied.

        For a generator on the same GPU: `batch["control.edge"]` is (B, H, W) uint8, `batch["colour"]` (B, H, W, 3); all
        names are in `device_views`.

        Raises:
            UsageError: the kernels cannot draw here, or not this model.
        """
        scene = self._scene(model)
        if (kernels := self._for(scene)) is None:
            why = "the model is seen through" if scene.see_through else cannot() or f"no kernels on {self.device}"
            raise UsageError(f"views cannot stay on the device: {why}; use render or render_controlled")
        yield from kernels.views(scene, cameras, lights, options)

    def silhouette(self, model: CadModel, camera: Camera) -> NDArray[np.bool_]:
        """Only the mask (H, W) of one camera, of any image size."""
        scene = self._scene(model)
        if (kernels := self._for(scene)) is not None:
            return kernels.silhouette(scene, camera)
        with torch.no_grad():
            rig = rig_of(scene, [camera], [Lights()])
            window = _window(scene, rig)
            mask = np.zeros((camera.height, camera.width), np.bool_)
            if window is not None:
                keys = fill(prepare(corners_of(scene, rig), window, 1), window, discard_of(scene, rig))
                found = (keys != EMPTY).view(window.height, window.width).cpu().numpy()
                mask[window.y : window.y + window.height, window.x : window.x + window.width] = found
        return mask

    def close(self) -> None:
        """Forget the model."""
        self._kept = None
        if self._kernels is not None:
            self._kernels = Kernels(self.device)

    def _scene(self, model: CadModel) -> Scene:
        if self._kept is None or self._kept[0] is not model:
            self._kept = None
            self._kept = (model, scene_of(model, self.device))
        return self._kept[1]

    def _for(self, scene: Scene) -> Kernels | None:
        """The kernels, if they can draw this."""
        return self._kernels if self._kernels is not None and self._kernels.can(scene) else None


def _batches(cameras: Sequence[Camera], size: int) -> Iterator[tuple[int, int]]:
    """Ranges of at most `size` cameras in a row whose images are equally large."""
    begin = 0
    while begin < len(cameras):
        end = begin + 1
        shape = (cameras[begin].height, cameras[begin].width)
        while end < min(len(cameras), begin + size) and (cameras[end].height, cameras[end].width) == shape:
            end += 1
        yield begin, end
        begin = end


def _window(scene: Scene, rig: Rig) -> Window | None:
    """The box of pixels that can see the model in any of the views; None when there is none."""
    width, height = rig.cameras[0].width, rig.cameras[0].height
    whole = Window(0, 0, width, height, len(rig.cameras))
    x, y, z = rig.eye
    if not len(z):
        return None
    if float(z.min()) < NEAR:
        return whole
    count = len(scene.position[0])
    left, top, right, bottom = float(width), float(height), 0.0, 0.0
    for b, camera in enumerate(rig.cameras):
        own = slice(b * count, (b + 1) * count)
        u, v = x[own] / z[own], y[own] / z[own]
        px = u * float(camera.K[0, 0]) + v * float(camera.K[0, 1]) + float(camera.K[0, 2])
        py = v * float(camera.K[1, 1]) + float(camera.K[1, 2])
        left, right = min(left, float(px.min())), max(right, float(px.max()))
        top, bottom = min(top, float(py.min())), max(bottom, float(py.max()))
    # One pixel more on each side: antialiasing looks at neighbours.
    x0, y0 = max(int(left) - 1, 0), max(int(top) - 1, 0)
    x1, y1 = min(int(right) + 2, width), min(int(bottom) + 2, height)
    return Window(x0, y0, x1 - x0, y1 - y0, len(rig.cameras)) if x1 > x0 and y1 > y0 else None


def _draw(scene: Scene, cameras: Sequence[Camera], lights: Sequence[Lights]) -> list[Buffers]:
    """One batch of views."""
    rig = rig_of(scene, cameras, lights)
    window = _window(scene, rig)
    if window is None:
        return [_buffers(camera, None, {}, 0) for camera in cameras]
    corners = corners_of(scene, rig)
    discard = discard_of(scene, rig)
    centred = prepare(corners, window, 1)
    keys = fill(centred, window, discard)
    pixel = (keys != EMPTY).nonzero()[:, 0]
    found = keys.index_select(0, pixel)

    def refill(behind: Discard, wanted: Tensor) -> Tensor:
        return fill(centred, window, both(discard, behind)).index_select(0, wanted)

    centre, seen = colour_of(scene, rig, window, 1, pixel, found, refill)
    colour = antialias(scene, rig, window, corners, discard, centre)
    planes = _planes(window, Sight(pixel, depth_of(found), seen), colour)
    return [_buffers(camera, window, planes, b) for b, camera in enumerate(cameras)]


def _planes(window: Window, sight: Sight, colour: tuple[list[Tensor], Tensor]) -> dict[str, NDArray[np.generic]]:
    """Dense pictures of the window, (views, height, width, ...), as NumPy arrays."""
    shape = (window.views, window.height, window.width)

    def dense(values: Tensor, background: float) -> Tensor:
        plane = torch.full((window.pixels(), *values.shape[1:]), background, dtype=values.dtype, device=values.device)
        return plane.index_copy_(0, sight.pixel, values).view(*shape, *values.shape[1:])

    planes = {
        "colour": torch.stack(colour[0], -1).view(*shape, 3),
        "alpha": colour[1].view(shape),
        "mask": dense(torch.ones_like(sight.pixel, dtype=torch.bool), False),
        "depth": dense(sight.depth, 0.0),
        "normal": dense(torch.stack(sight.seen.normal, -1), 0.0),
        "part": dense(sight.seen.part.int(), -1),
    }
    return {name: plane.cpu().numpy() for name, plane in planes.items()}


def _buffers(camera: Camera, window: Window | None, planes: dict[str, NDArray[np.generic]], view: int) -> Buffers:
    """The whole image of one view: the window's picture in its place, background elsewhere."""
    shape = (camera.height, camera.width)
    empty: dict[str, NDArray[np.generic]] = {
        "colour": np.zeros((*shape, 3), np.uint8),
        "alpha": np.zeros(shape, np.uint8),
        "mask": np.zeros(shape, np.bool_),
        "depth": np.zeros(shape, np.float32),
        "normal": np.zeros((*shape, 3), np.float32),
        "part": np.full(shape, -1, np.int32),
    }
    if window is not None:
        box = np.s_[window.y : window.y + window.height, window.x : window.x + window.width]
        for name, image in empty.items():
            image[box] = planes[name][view]
    return Buffers(**empty)  # type: ignore[arg-type]
