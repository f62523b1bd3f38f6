"""What lies at a sample: barycentric coordinates, normal, colour and alpha of the triangle seen there.

Barycentrics come from the triangle's own three planes through the eye (2D homogeneous rasterisation, Olano and Greer,
1997), which need no clipping: near-plane crossings are no special case here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from ..nouns import Camera, Lights
from .rasterise import Discard
from .scene import Rig, Scene, Triple
from .texture import sample


@dataclass(frozen=True, slots=True)
class Seen:
    """N samples; all float32 but for `part` and `view`."""

    ray: tuple[Tensor, Tensor]  # x/z and y/z of the sample's ray, camera frame
    normal: Triple  # unit, camera frame, facing the camera
    colour: Triple  # linear RGB
    alpha: Tensor  # (N,) 0-1; only looked up when the model is see-through
    part: Tensor  # (N,) int64
    view: Tensor | None  # (N,) int64; None when there is one view


@dataclass(frozen=True, slots=True)
class Planes:
    """The triangles at hand (M rows): their planes through the eye, in pixel coordinates, and their corners."""

    planes: tuple[Triple, Triple, Triple]  # weight of corner i at pixel (x, y) ~ p[i] . (x, y, 1); float64
    corners: Triple  # 3 x (M,) int64, vertex numbers in the model
    part: Tensor  # (M,) int64
    points: tuple[Triple, Triple, Triple]  # corners in the camera frame, float64
    view: Tensor | None


def planes_of(scene: Scene, rig: Rig, triangle: Tensor) -> Planes:
    """Set up triangles given by their numbers (M,) in the batch."""
    view = None if len(rig.cameras) == 1 else torch.div(triangle, scene.num_triangles, rounding_mode="floor")
    own = triangle if view is None else triangle - view * scene.num_triangles
    corners = tuple(f.index_select(0, own) for f in scene.faces)
    shift = 0 if view is None else view * len(scene.position[0])
    points = [tuple(axis.index_select(0, f + shift) for axis in rig.eye) for f in corners]
    fx, skew, cx, fy, cy = rig.intrinsics(view)
    planes = []
    for i in range(3):
        a, b, c = cross(points[(i + 1) % 3], points[(i + 2) % 3])  # type: ignore[arg-type]
        a = a / fx
        b = (b - a * skew) / fy
        planes.append((a, b, c - a * cx - b * cy))
    return Planes(tuple(planes), corners, scene.part.index_select(0, own), tuple(points), view)  # type: ignore[arg-type]


def cross(a: Triple, b: Triple) -> Triple:
    """Cross product, written out."""
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


def dot(a: Triple, b: Triple) -> Tensor:
    """Dot product, written out."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def root(x: Tensor) -> Tensor:
    """Square root as IEEE 754 rounds it. Torch's own on a CPU may be MKL's, which is off by a bit one time in five."""
    return torch.from_numpy(np.sqrt(x.numpy())) if x.device.type == "cpu" else torch.sqrt(x)


def barycentrics(planes: Planes, local: Tensor, x: Tensor, y: Tensor) -> Triple:
    """Perspective-correct weights 3 x (N,) float32 of the corners of rows `local` (N,) at pixels (x, y)."""
    weights = []
    for plane in planes.planes:
        a, b, c = (values.index_select(0, local) for values in plane)
        weights.append(x * a + y * b + c)
    total = weights[0] + weights[1] + weights[2]
    total = torch.where(total == 0, 1.0, total)
    # A sample on an edge may come out a rounding error outside: never extrapolate.
    second = (weights[1] / total).clamp(0.0, 1.0)
    third = torch.minimum((weights[2] / total).clamp(min=0.0), 1.0 - second)
    return (1.0 - second - third).float(), second.float(), third.float()


def mix(weights: Triple, values: Triple | list[Tensor]) -> Tensor:
    """Weighted sum of three corners' values."""
    return weights[0] * values[0] + weights[1] * values[1] + weights[2] * values[2]


def compact(scene: Scene, rig: Rig, triangle: Tensor) -> tuple[Planes, Tensor]:
    """Set up only the triangles named in (N,); also the row of each entry."""
    used = torch.zeros(scene.num_triangles * len(rig.cameras), dtype=torch.bool, device=scene.device)
    used[triangle] = True
    listed = used.nonzero()[:, 0]
    rows = torch.zeros(len(used), dtype=torch.int64, device=scene.device)
    rows[listed] = torch.arange(len(listed), device=scene.device)
    return planes_of(scene, rig, listed), rows.index_select(0, triangle)


def look(scene: Scene, rig: Rig, triangle: Tensor, x: Tensor, y: Tensor, depth: Tensor, scale: int) -> Seen:
    """What is at samples (N,) that see `triangle` at pixels (x, y), `depth` away; scale^2 samples a pixel."""
    planes, local = compact(scene, rig, triangle)
    weights = barycentrics(planes, local, x, y)
    view = None if planes.view is None else planes.view.index_select(0, local)
    fx, skew, cx, fy, cy = rig.intrinsics(view)
    ray_y = (y - cy) / fy
    ray = (((x - cx - ray_y * skew) / fx).float(), ray_y.float())
    normal = _normals(scene, rig, planes, local, weights, ray)
    part = planes.part.index_select(0, local)
    density = None
    if scene.atlas is not None:
        focal = rig.single(lambda c, _: float(c.K[0, 0] * c.K[1, 1]) * scale * scale, view)
        slant = (-(normal[0] * ray[0] + normal[1] * ray[1] + normal[2])).clamp(min=0.3)
        density = _texel_density(scene, planes).index_select(0, local) * (depth * depth / (slant * focal)).float()
    channels = (0, 1, 2, 3) if scene.see_through else (0, 1, 2)
    colour = _colour(scene, planes, local, weights, part, density, channels)
    alpha = colour[3] if scene.see_through else torch.ones_like(colour[0])
    return Seen(ray, normal, (colour[0], colour[1], colour[2]), alpha, part, view)


def _colour(
    scene: Scene,
    planes: Planes,
    local: Tensor,
    weights: Triple,
    part: Tensor,
    density: Tensor | None,
    channels: tuple[int, ...],
) -> list[Tensor]:
    """Material colour x vertex colour x texture, for some of R, G, B, A: (N,) float32 each, linear, 0-1."""
    result = [scene.materials.colour[channel].index_select(0, part) for channel in channels]
    if scene.colour is not None:
        for i, channel in enumerate(channels):
            result[i] = result[i] * _at_corners(planes, local, weights, scene.colour[channel]).clamp(0.0, 1.0)
    if scene.atlas is not None and scene.uv is not None and density is not None:
        textured = scene.atlas.area.index_select(0, part) > 0
        if bool(textured.all()):
            u, v = (_at_corners(planes, local, weights, axis) for axis in scene.uv)
            texture = sample(scene.atlas, part, u, v, density, channels)
            return [value * texel for value, texel in zip(result, texture, strict=True)]
        chosen = textured.nonzero()[:, 0]
        if len(chosen):
            pick = (values.index_select(0, chosen) for values in (local, *weights, part, density))
            some, w0, w1, w2, few, thin = pick
            u, v = (_at_corners(planes, some, (w0, w1, w2), axis) for axis in scene.uv)
            texture = sample(scene.atlas, few, u, v, thin, channels)
            for i, texel in enumerate(texture):
                result[i] = result[i].index_copy(0, chosen, result[i].index_select(0, chosen) * texel)
    return result


def _at_corners(planes: Planes, local: Tensor, weights: Triple, values: Tensor) -> Tensor:
    """Interpolate a vertex attribute (V,) at the samples."""
    return mix(weights, [values.index_select(0, corner).index_select(0, local) for corner in planes.corners])


def _normals(
    scene: Scene, rig: Rig, planes: Planes, local: Tensor, weights: Triple, ray: tuple[Tensor, Tensor]
) -> Triple:
    """Interpolated vertex normals in the camera frame, unit, facing the camera."""
    p0, p1, p2 = planes.points
    edge1 = tuple(b - a for a, b in zip(p0, p1, strict=True))
    edge2 = tuple(b - a for a, b in zip(p0, p2, strict=True))
    face = cross(edge1, edge2)  # type: ignore[arg-type]
    length = root(dot(face, face)).clamp(min=1e-30)
    side = torch.where(dot(face, p0) > 0, -1.0, 1.0) / length
    towards = tuple((axis * side).float() for axis in face)
    turn = [[rig.single(_entry_of_R(i, j), planes.view) for j in range(3)] for i in range(3)]
    corners = []
    for corner in planes.corners:
        n = tuple(axis.index_select(0, corner) for axis in scene.normal)
        n = tuple((n[0] * row[0] + n[1] * row[1] + n[2] * row[2]).float() for row in turn)
        # Both sides are seen: a corner's normal is turned to the side the camera is on. Missing ones are the face's.
        sign = torch.where(dot(n, towards) < 0, -1.0, 1.0)  # type: ignore[arg-type]
        absent = dot(n, n) < 0.25  # type: ignore[arg-type]
        corners.append([torch.where(absent, t, a * sign) for a, t in zip(n, towards, strict=True)])
    normal = tuple(mix(weights, [corner[axis].index_select(0, local) for corner in corners]) for axis in range(3))
    # At a silhouette an interpolated normal may point away from the camera; it is brought back to just grazing.
    away = (normal[0] * ray[0] + normal[1] * ray[1] + normal[2]).clamp(min=0.0)
    away = away / (ray[0] * ray[0] + ray[1] * ray[1] + 1.0)
    normal = normal[0] - away * ray[0], normal[1] - away * ray[1], normal[2] - away
    scale = 1.0 / root(dot(normal, normal)).clamp(min=1e-12)
    return tuple(axis * scale for axis in normal)  # type: ignore[return-value]


def _entry_of_R(row: int, column: int) -> Callable[[Camera, Lights], float]:  # noqa: N802
    return lambda camera, _lights: float(camera.R[row, column])


def _texel_density(scene: Scene, planes: Planes) -> Tensor:
    """Texels (of level 0) per unit of surface area, (M,) float32."""
    assert scene.uv is not None
    assert scene.atlas is not None
    p0, p1, p2 = planes.points
    face = cross(tuple(b - a for a, b in zip(p0, p1, strict=True)), tuple(b - a for a, b in zip(p0, p2, strict=True)))  # type: ignore[arg-type]
    (u0, u1, u2), (v0, v1, v2) = (
        [axis.index_select(0, corner).double() for corner in planes.corners] for axis in scene.uv
    )
    texels = ((u1 - u0) * (v2 - v0) - (u2 - u0) * (v1 - v0)).abs() * scene.atlas.area.index_select(0, planes.part)
    return (texels / root(dot(face, face)).clamp(min=1e-12)).float()


def alpha_test(scene: Scene, rig: Rig, triangle: Tensor, _sample: Tensor, x: Tensor, y: Tensor, _key: Tensor) -> Tensor:
    """Which fragments (N,) are there at all: alpha at or above the part's cutoff. The finest texture level decides."""
    num = scene.num_triangles
    own = triangle if len(rig.cameras) == 1 else triangle % num
    cutoff = scene.materials.cutoff.index_select(0, scene.part.index_select(0, own))
    kept = cutoff <= 0
    doubtful = (~kept).nonzero()[:, 0]
    if len(doubtful):
        planes, local = compact(scene, rig, triangle.index_select(0, doubtful))
        weights = barycentrics(planes, local, x.index_select(0, doubtful), y.index_select(0, doubtful))
        part = planes.part.index_select(0, local)
        density = torch.zeros_like(weights[0])
        (alpha,) = _colour(scene, planes, local, weights, part, density, (3,))
        kept[doubtful] = alpha >= cutoff.index_select(0, doubtful)
    return kept


def discard_of(scene: Scene, rig: Rig) -> Discard | None:
    """The rasteriser's `discard` for this model; None when it has no holes."""
    return partial(alpha_test, scene, rig) if scene.cut else None
