"""A model, its cameras and lights packed for the Triton kernels: few tables, so that few pointers are passed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..nouns import Camera, Lights
from .environment import polynomials_of
from .scene import Scene
from .shade import encode_table


@dataclass(frozen=True, slots=True)
class Packed:
    """A scene's columns as rows. V vertices, T triangles, P parts, L texture levels."""

    position: Tensor  # (V, 3) float64
    normal: Tensor  # (V, 3) float32
    faces: Tensor  # (T, 3) int32
    used: Tensor  # (U,) int32, the vertices of faces
    parts: Tensor  # (T,) int32
    uv: Tensor  # (V, 2) float32; one number when nothing is textured
    colour: Tensor  # (V, 4) float32; one number when no vertex has a colour
    material: Tensor  # (P, 10) float32: R, G, B, A, metallic, roughness, unlit, cutoff, texels, wrap
    texels: Tensor  # (M,) int32, as in `texture.Atlas`
    levels: Tensor  # (P * L, 3) int32: start, width, height
    num_levels: int  # L
    decode: Tensor  # sRGB to linear, float32
    encode: Tensor  # linear to sRGB, uint8
    textured: bool
    coloured: bool
    cut: bool


def pack(scene: Scene) -> Packed:
    """Copy a scene's columns into tables on its device."""
    none = torch.zeros(1, dtype=torch.float32, device=scene.device)
    empty = torch.zeros(3, dtype=torch.int32, device=scene.device)
    atlas, materials = scene.atlas, scene.materials
    area = torch.zeros_like(materials.metallic) if atlas is None else atlas.area
    wrap = torch.zeros_like(area) if atlas is None or atlas.wrap is None else atlas.wrap.float()
    columns = [*materials.colour, materials.metallic, materials.roughness, materials.unlit.float(), materials.cutoff]
    levels = empty if atlas is None else torch.stack([atlas.start, atlas.width, atlas.height], 1).int()
    faces = torch.stack(scene.faces, 1)
    return Packed(
        position=torch.stack(scene.position, 1).contiguous(),
        normal=torch.stack(scene.normal, 1).contiguous(),
        faces=faces.int().contiguous(),
        used=torch.unique(faces).int(),
        parts=scene.part.int(),
        uv=none if scene.uv is None else torch.stack(scene.uv, 1).contiguous(),
        colour=none if scene.colour is None else torch.stack(scene.colour, 1).contiguous(),
        material=torch.stack([*columns, area, wrap], 1).contiguous(),
        texels=empty if atlas is None else atlas.texels,
        levels=levels,
        num_levels=1 if atlas is None else atlas.levels,
        decode=none if atlas is None else atlas.decode,
        encode=encode_table(scene.device),
        textured=atlas is not None,
        coloured=scene.colour is not None,
        cut=scene.cut,
    )


def view_table(cameras: Sequence[Camera], device: torch.device) -> Tensor:
    """Cameras as rows (B, 18) float64: R by rows, t, fx, skew, cx, fy, cy, and fx * fy."""
    rows = np.empty((len(cameras), 18), np.float64)
    for row, camera in zip(rows, cameras, strict=True):
        row[:9] = camera.R.reshape(-1)
        row[9:12] = camera.t
        row[12:17] = camera.K[[0, 0, 0, 1, 1], [0, 1, 2, 1, 2]]
        row[17] = camera.K[0, 0] * camera.K[1, 1]
    return torch.from_numpy(rows).to(device, non_blocking=True)


def light_table(cameras: Sequence[Camera], lights: Sequence[Lights], device: torch.device) -> Tensor:
    """Lights as rows (B, 66) float32, camera frame: key and fill direction, key and fill colour, environment.

    The environment's 2 x 9 terms (matt, mirrored) are RGB each; see `environment.polynomials`.
    """
    turn = np.stack([camera.R for camera in cameras], -1)
    rows = np.empty((len(cameras), 66), np.float32)
    for column, name in ((0, "key_direction"), (3, "fill_direction")):
        given = [getattr(light, name) for light in lights]
        size = np.array([sum(float(value) ** 2 for value in direction) ** 0.5 or 1.0 for direction in given])
        x, y, z = np.array(given, np.float64).T
        for i in range(3):
            rows[:, column + i] = (0.0 + turn[i, 0] * x + turn[i, 1] * y + turn[i, 2] * z) / size
    rows[:, 6:9] = [light.key_colour for light in lights]
    rows[:, 9:12] = [light.fill_colour for light in lights]
    rows[:, 12:] = np.moveaxis(polynomials_of(lights, cameras), 2, 0).reshape(len(cameras), 54)
    return torch.from_numpy(rows).to(device, non_blocking=True)
