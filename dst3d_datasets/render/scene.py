"""A CAD model as torch tensors, kept between views: one list of vertices, one of triangles, a table of materials."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..nouns import CadModel, Camera, Lights, Part
from .texture import Atlas, build_atlas
from .triangles import Corners, select

NEAR = 0.01  # near plane, units of the longest box side; what lies nearer is cut off
BLEND_HOLE = 0.05  # "blend" surfaces fainter than this are holes

Triple = tuple[Tensor, Tensor, Tensor]


@dataclass(frozen=True, slots=True)
class Materials:
    """One row a part (P rows)."""

    colour: Tensor  # (4, P) float32, linear RGBA
    metallic: Tensor  # (P,) float32
    roughness: Tensor  # (P,) float32
    unlit: Tensor  # (P,) bool
    cutoff: Tensor  # (P,) float32: alpha below it is a hole; 0 for opaque parts
    blend: Tensor  # (P,) bool: seen through, as far as alpha says


@dataclass(frozen=True, slots=True)
class Scene:
    """V vertices and T triangles of all parts together, canonical frame."""

    position: Triple  # 3 x (V,) float64
    normal: Triple  # 3 x (V,) float32
    uv: tuple[Tensor, Tensor] | None  # 2 x (V,) float32; None when no part has a texture
    colour: tuple[Tensor, ...] | None  # 4 x (V,) float32 linear; None when no part has vertex colours
    faces: Triple  # 3 x (T,) int64
    part: Tensor  # (T,) int64
    materials: Materials
    atlas: Atlas | None
    cut: bool  # some part has holes made by alpha
    see_through: bool  # some part is blended
    radius: float  # of the sphere about the origin that holds every vertex

    @property
    def device(self) -> torch.device:
        """Where the tensors live."""
        return self.part.device

    @property
    def num_triangles(self) -> int:
        """T."""
        return len(self.part)


def scene_of(model: CadModel, device: torch.device) -> Scene:
    """Copy a model to `device`."""
    parts = model.parts
    starts = np.cumsum([0] + [len(part.vertices) for part in parts])[:-1]
    faces = np.concatenate([part.faces.astype(np.int64) + start for part, start in zip(parts, starts, strict=True)])
    positions = np.concatenate([part.vertices for part in parts])
    textured = any(part.material.texture is not None and part.uv is not None for part in parts)
    coloured = any(part.colours is not None for part in parts)
    uv = _columns(parts, lambda part: part.uv, (0.0, 0.0)) if textured else None
    colour = _columns(parts, lambda part: part.colours, (1.0, 1.0, 1.0, 1.0)) if coloured else None
    materials, cut = _materials(parts, device)
    return Scene(
        position=_split(positions.astype(np.float64), device),  # type: ignore[arg-type]
        normal=_split(np.concatenate([part.normals for part in parts]).astype(np.float32), device),  # type: ignore[arg-type]
        uv=None if uv is None else _split(uv, device),  # type: ignore[arg-type]
        colour=None if colour is None else _split(colour, device),
        faces=_split(faces, device),  # type: ignore[arg-type]
        part=torch.from_numpy(np.repeat(np.arange(len(parts)), [len(part.faces) for part in parts])).to(device),
        materials=materials,
        atlas=build_atlas(parts, device) if textured else None,
        cut=cut,
        see_through=bool(materials.blend.any()) and cut,
        radius=float(np.sqrt((positions.astype(np.float64) ** 2).sum(1).max(initial=0.0))),
    )


def _split(table: NDArray[np.generic], device: torch.device) -> tuple[Tensor, ...]:
    """Columns of a table as contiguous tensors."""
    return tuple(torch.from_numpy(np.ascontiguousarray(table[:, c])).to(device) for c in range(table.shape[1]))


def _columns(
    parts: Sequence[Part], of: Callable[[Part], NDArray[np.float32] | None], default: tuple[float, ...]
) -> NDArray[np.float32]:
    """One row a vertex of every part; parts without the attribute get `default`. Non-finite entries become 0."""
    rows = []
    for part in parts:
        given = of(part)
        rows.append(np.tile(np.array(default, np.float32), (len(part.vertices), 1)) if given is None else given)
    return np.nan_to_num(np.concatenate(rows).astype(np.float32), posinf=0.0, neginf=0.0)


def _materials(parts: Sequence[Part], device: torch.device) -> tuple[Materials, bool]:
    """The table of materials, and whether any part can have holes."""
    cutoff, blend = [], []
    for part in parts:
        material = part.material
        alphas = [material.base_colour[3]]
        alphas += [] if material.texture is None else [float(material.texture[..., 3].min(initial=255)) / 255.0]
        alphas += [] if part.colours is None else [float(part.colours[:, 3].min(initial=1.0))]
        mode = "opaque" if min(alphas) >= 1.0 else material.alpha_mode
        cutoff.append({"opaque": 0.0, "mask": max(material.alpha_cutoff, 1e-6), "blend": BLEND_HOLE}[mode])
        blend.append(mode == "blend")

    def column(values: list[float] | list[bool]) -> Tensor:
        return torch.tensor(values, device=device, dtype=torch.bool if isinstance(values[0], bool) else torch.float32)

    table = Materials(
        colour=torch.tensor([part.material.base_colour for part in parts], dtype=torch.float32)
        .T.contiguous()
        .to(device),
        metallic=column([float(part.material.metallic) for part in parts]),
        roughness=column([float(part.material.roughness) for part in parts]),
        unlit=column([bool(part.material.unlit) for part in parts]),
        cutoff=column(cutoff),
        blend=column(blend),
    )
    return table, any(value > 0 for value in cutoff)


@dataclass(frozen=True, slots=True)
class Rig:
    """Cameras and lights of a batch of views, and the model's vertices in their frames (OpenCV axes).

    Vertex v of view b has number b * V + v, triangle t has b * T + t.
    """

    cameras: Sequence[Camera]
    lights: Sequence[Lights]
    eye: Triple  # 3 x (B V,) float64

    def value(self, of: Callable[[Camera, Lights], float], view: Tensor | None) -> Tensor | float:
        """One number of each view, where `view` (N,) says which; a plain number when there is one view."""
        numbers = [of(camera, lights) for camera, lights in zip(self.cameras, self.lights, strict=True)]
        if view is None:
            return numbers[0]
        return torch.tensor(numbers, dtype=torch.float64, device=view.device).index_select(0, view)

    def intrinsics(self, view: Tensor | None) -> list[Tensor | float]:
        """fx, skew, cx, fy, cy in pixels."""
        return [self.value(_entry(row, column), view) for row, column in ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2))]

    def single(self, of: Callable[[Camera, Lights], float], view: Tensor | None) -> Tensor | float:
        """The same in float32, for arithmetic that must not turn into float64 when there are several views."""
        number = self.value(of, view)
        return number.float() if isinstance(number, Tensor) else number


def _entry(row: int, column: int) -> Callable[[Camera, Lights], float]:
    return lambda camera, _lights: float(camera.K[row, column])


def rig_of(scene: Scene, cameras: Sequence[Camera], lights: Sequence[Lights]) -> Rig:
    """Move the vertices into each camera's frame. Products are written out, so that no BLAS may reorder them."""
    x, y, z = scene.position
    axes: list[list[Tensor]] = [[], [], []]
    for camera in cameras:
        for axis in range(3):
            a, b, c = (float(value) for value in camera.R[axis])
            axes[axis].append(x * a + y * b + z * c + float(camera.t[axis]))
    eye = tuple(columns[0] if len(columns) == 1 else torch.cat(columns) for columns in axes)
    return Rig(cameras, lights, eye)  # type: ignore[arg-type]


def corners_of(scene: Scene, rig: Rig) -> Corners:
    """All triangles of all views in pixel coordinates, cut at the near plane."""
    x, y, z = rig.eye
    views, num_vertices = len(rig.cameras), len(scene.position[0])
    vertex_view = _numbers(views, num_vertices, scene.device)
    px, py, w = _project(rig, x, y, z, vertex_view)
    faces = scene.faces
    if views > 1:
        offset = torch.arange(views, device=scene.device) * num_vertices
        faces = tuple((f[None] + offset[:, None]).reshape(-1) for f in faces)  # type: ignore[assignment]
    triangle = torch.arange(len(faces[0]), device=scene.device)
    corners = Corners(
        tuple(px.index_select(0, f) for f in faces),  # type: ignore[arg-type]
        tuple(py.index_select(0, f) for f in faces),  # type: ignore[arg-type]
        tuple(w.index_select(0, f) for f in faces),  # type: ignore[arg-type]
        triangle,
        _numbers(views, scene.num_triangles, scene.device),
    )
    if len(z) == 0 or float(z.min()) >= NEAR:
        return corners
    return _clip(rig, faces, corners)


def _numbers(views: int, repeat: int, device: torch.device) -> Tensor | None:
    return None if views == 1 else torch.arange(views, device=device).repeat_interleave(repeat)


def _project(rig: Rig, x: Tensor, y: Tensor, z: Tensor, view: Tensor | None) -> Triple:
    """Pixel coordinates and 1/z; meaningless where z <= 0."""
    fx, skew, cx, fy, cy = rig.intrinsics(view)
    w = 1.0 / z
    u, v = x * w, y * w
    return u * fx + v * skew + cx, v * fy + cy, w


def _clip(rig: Rig, faces: Triple, corners: Corners) -> Corners:
    """Replace the triangles that cross the near plane by what lies behind it as seen from the camera (z >= NEAR)."""
    z = [rig.eye[2].index_select(0, f) for f in faces]
    inside = [(value >= NEAR) for value in z]
    count = inside[0].int() + inside[1].int() + inside[2].int()
    pieces = [select(corners, count == 3)]
    for wanted in (1, 2):
        # Turn each triangle so that the odd one out is its first corner.
        for first in range(3):
            odd = inside[first] if wanted == 1 else ~inside[first]
            chosen = ((count == wanted) & odd).nonzero()[:, 0]
            if len(chosen):
                turned = [faces[(first + c) % 3].index_select(0, chosen) for c in range(3)]
                points = [tuple(axis.index_select(0, f) for axis in rig.eye) for f in turned]
                view = None if corners.view is None else corners.view.index_select(0, chosen)
                pieces += _cut(rig, points, wanted, corners.triangle.index_select(0, chosen), view)  # type: ignore[arg-type]
    return _join(pieces)


def _cut(rig: Rig, points: list[Triple], inside: int, triangle: Tensor, view: Tensor | None) -> list[Corners]:
    """What is left of triangles whose first corner alone is inside (1) or outside (2)."""
    a, b, c = points
    if inside == 1:
        shapes = [(a, _cross(a, b), _cross(a, c))]
    else:
        ab, ac = _cross(b, a), _cross(c, a)
        shapes = [(b, c, ac), (b, ac, ab)]
    result = []
    for shape in shapes:
        projected = [_project(rig, *point, view) for point in shape]
        x, y, w = zip(*projected, strict=True)
        result.append(Corners(x, y, w, triangle, view))
    return result


def _cross(inside: Triple, outside: Triple) -> Triple:
    """Where the edge meets the near plane; always from the inner end, so that neighbours agree bit for bit."""
    share = (inside[2] - NEAR) / (inside[2] - outside[2])
    x, y = (inside[i] + (outside[i] - inside[i]) * share for i in (0, 1))
    return x, y, torch.full_like(x, NEAR)


def _join(pieces: list[Corners]) -> Corners:
    triples = [
        tuple(torch.cat([getattr(piece, name)[c] for piece in pieces]) for c in range(3)) for name in ("x", "y", "w")
    ]
    views = [piece.view for piece in pieces]
    view = None if views[0] is None else torch.cat(views)  # type: ignore[arg-type]
    x, y, w = triples
    return Corners(x, y, w, torch.cat([piece.triangle for piece in pieces]), view)  # type: ignore[arg-type]
