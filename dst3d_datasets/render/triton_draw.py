"""The Triton kernels in their order: from a packed model to the buffers of a batch of views, without leaving the GPU.

The same pictures as the plain version's on a CPU, to the bit. Models that are seen through are not drawn here.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor

from ..nouns import Camera, Lights
from ..recipe.rendering import ControlOptions
from .controls_device import fill_controls
from .device_views import DeviceViews, Planes, buffer_planes, control_planes
from .rasterise import EMPTY
from .triton_box import reach
from .triton_raster import fill_large, fill_small
from .triton_scene import Packed, light_table, view_table
from .triton_shade import list_rough, shade_centres, shade_rough
from .triton_surface import EXACT


@dataclass(frozen=True, slots=True)
class Launch:
    """How kernels are cut up; changes no result."""

    triangles: int = 32  # a program, one lane each
    limit: tuple[int, int] = (24, 40)  # samples across of what one lane draws, at scale 1 and 2
    rows: int = 32  # of a block of a large triangle
    columns: int = 32
    pixels: int = 128  # a program
    rough: int = 64  # pixels a program
    programs: int = 2112  # of kernels that work off a list, in all: four times what an H100 runs at once
    sharing: int = 4  # programs that share a large triangle


LAUNCH = Launch()


def draw(
    packed: Packed,
    cameras: Sequence[Camera],
    lights: Sequence[Lights],
    options: ControlOptions | None = None,
    launch: Launch | None = None,
) -> DeviceViews:
    """Draw equally large views of one model, with all controls if there are `options`; nothing waits for the GPU."""
    launch = launch or LAUNCH
    device = packed.position.device
    width, height = size = cameras[0].width, cameras[0].height
    layout = buffer_planes(height, width) | ({} if options is None else control_planes(height, width))
    planes = Planes.empty(layout, len(cameras), device)
    views, lit = view_table(cameras, device), light_table(cameras, lights, device)
    with torch.cuda.device(device) if device.type == "cuda" else nullcontext():
        _shade(packed, nearest(packed, views, size, launch), planes, views, lit, size, launch)
        if options is not None:
            fill_controls(planes, views, cameras, options)
            planes["reach"].copy_(reach(packed.position, packed.used, views))
    return DeviceViews(planes)


def nearest(packed: Packed, views: Tensor, size: tuple[int, int], launch: Launch | None = None) -> Tensor:
    """The z-buffer at pixel centres (B, H, W) int64 of the rows of a `view_table`; `size` is (width, height)."""
    width, height = size
    keys = torch.full((len(views), height, width), EMPTY, dtype=torch.int64, device=views.device)
    _fill(packed, views, keys, keys, size, 1, launch or LAUNCH)
    return keys


def _fill(
    packed: Packed, views: Tensor, keys: Tensor, slots: Tensor, size: tuple[int, int], scale: int, launch: Launch
) -> None:
    """Lower the keys by all triangles; at scale 2 those of the four samples of pixels that have a number in `slots`."""
    num, count = len(packed.faces), len(views)
    work = torch.empty(num * count, dtype=torch.int32, device=views.device)
    listed = torch.zeros(1, dtype=torch.int32, device=views.device)
    given = (
        *(keys, slots, work, listed, packed.position, packed.faces, packed.parts, packed.uv, packed.colour),
        *(packed.material, packed.texels, packed.levels, packed.num_levels, views, num, *size),
        *(scale, packed.cut, packed.textured, packed.coloured),
    )
    blocks = -(-num // launch.triangles)
    fill_small[(blocks, count)](*given, launch.limit[scale - 1], launch.triangles, num_warps=1, **EXACT)
    programs = max(1, launch.programs // launch.sharing)
    fill_large[(programs, launch.sharing)](*given, launch.rows, launch.columns, num_warps=4, **EXACT)


def _shade(
    packed: Packed, keys: Tensor, planes: Planes, views: Tensor, lit: Tensor, size: tuple[int, int], launch: Launch
) -> None:
    """Colours of centres, then of the four samples of rough pixels."""
    count, device = len(views), views.device
    width, pixels = size[0], size[0] * size[1]
    colour, alpha = planes["colour"], planes["alpha"]
    model = (
        *(packed.position, packed.normal, packed.faces, packed.parts, packed.uv, packed.colour, packed.material),
        *(packed.texels, packed.levels, packed.num_levels, packed.decode, packed.encode, views, lit, width, pixels),
        *(packed.textured, packed.coloured),
    )
    blocks = (-(-pixels // launch.pixels), count)
    centres = [planes[name] for name in ("colour", "alpha", "mask", "depth", "normal", "part")]
    shade_centres[blocks](keys, *centres, *model, launch.pixels, num_warps=4, **EXACT)
    slots = torch.empty((count, pixels), dtype=torch.int32, device=device)
    rough, fine = torch.empty_like(slots), keys.new_empty((count, pixels, 4))
    counted = torch.zeros(count, dtype=torch.int32, device=device)
    list_rough[blocks](colour, alpha, slots, rough, counted, fine, width, pixels, launch.pixels, num_warps=4, **EXACT)
    _fill(packed, views, fine, slots, size, 2, launch)
    programs = max(1, launch.programs // count)
    shade_rough[(programs, count)](fine, rough, counted, colour, alpha, *model, launch.rough, num_warps=2, **EXACT)


def silhouette(packed: Packed, camera: Camera, launch: Launch | None = None) -> Tensor:
    """The mask (H, W) bool of one camera."""
    device = packed.position.device
    with torch.cuda.device(device) if device.type == "cuda" else nullcontext():
        views = view_table([camera], device)
        return (nearest(packed, views, (camera.width, camera.height), launch) != EMPTY)[0]
