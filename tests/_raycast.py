"""An independent witness for the renderers: Embree rays through pixel centres, in NumPy. For tests only."""

from __future__ import annotations

import numpy as np
from embreex import rtcore_scene
from embreex.mesh_construction import TriangleMesh
from numpy.typing import NDArray

from dst3d_datasets.nouns import CadModel, Camera


class Cast:
    """What rays through pixel centres hit: mask, depth along z (H, W), and normals (H, W, 3) in the camera frame."""

    def __init__(self, model: CadModel, camera: Camera) -> None:
        starts = np.cumsum([0] + [len(part.vertices) for part in model.parts])
        vertices = np.concatenate([part.vertices for part in model.parts]).astype(np.float64)
        normals = np.concatenate([part.normals for part in model.parts]).astype(np.float64)
        faces = np.concatenate([part.faces + start for part, start in zip(model.parts, starts, strict=False)])
        owner = np.repeat(np.arange(len(model.parts)), [len(part.faces) for part in model.parts])
        rows, columns = np.mgrid[: camera.height, : camera.width] + 0.5
        rays = np.stack([columns, rows, np.ones_like(rows)], -1).reshape(-1, 3) @ np.linalg.inv(camera.K).T
        # Embree counts in float32: the camera sits at the origin, so that nothing is lost to a large offset.
        eye = vertices @ camera.R.T + camera.t
        scene = rtcore_scene.EmbreeScene()
        TriangleMesh(scene, np.ascontiguousarray(eye[faces], np.float32))
        origins = np.zeros_like(rays, dtype=np.float32)
        hit = scene.run(origins, rays.astype(np.float32), output=True)
        triangle = hit["primID"].astype(np.int64)
        seen = triangle >= 0
        shape = (camera.height, camera.width)
        self.mask: NDArray[np.bool_] = seen.reshape(shape)
        depth, part, normal = np.zeros(len(rays)), np.full(len(rays), -1), np.zeros((len(rays), 3))
        # Rays have z = 1, so the distance along the ray is z. Embree weights the corners by 1 - u - v, u, v.
        depth[seen] = hit["tfar"][seen]
        part[seen] = owner[triangle[seen]]
        u, v = hit["u"][seen, None], hit["v"][seen, None]
        n0, n1, n2 = (normals[faces[triangle[seen], corner]] @ camera.R.T for corner in range(3))
        a, b, c = (eye[faces[triangle[seen], corner]] for corner in range(3))
        n = (1 - u - v) * n0 + u * n1 + v * n2
        n /= np.maximum(np.linalg.norm(n, axis=1, keepdims=True), 1e-12)
        flat = np.cross(b - a, c - a)
        flat *= -np.sign((flat * a).sum(1, keepdims=True))  # the side the camera is on
        normal[seen] = n * np.where((n * flat).sum(1, keepdims=True) < 0, -1.0, 1.0)
        self.depth = depth.reshape(shape)
        self.part = part.reshape(shape)
        self.normal = normal.reshape(*shape, 3)


def rays_between(
    model: CadModel, camera: Camera, rows: NDArray[np.intp], columns: NDArray[np.intp], axis: int, count: int = 33
) -> NDArray[np.float64]:
    """Depths (N, count) along the way from the centres of pixels (N,) to their right (0) or lower (1) neighbours."""
    share = np.linspace(0.0, 1.0, count)
    x = columns[:, None] + 0.5 + (share if axis == 0 else 0 * share)
    y = rows[:, None] + 0.5 + (share if axis == 1 else 0 * share)
    rays = np.stack([x, y, np.ones_like(x)], -1).reshape(-1, 3) @ np.linalg.inv(camera.K).T
    corners = np.concatenate([part.vertices.astype(np.float64)[part.faces] for part in model.parts])
    scene = rtcore_scene.EmbreeScene()
    TriangleMesh(scene, np.ascontiguousarray(corners @ camera.R.T + camera.t, np.float32))
    hit = scene.run(np.zeros_like(rays, dtype=np.float32), rays.astype(np.float32), output=True)
    return np.where(hit["primID"] >= 0, hit["tfar"], 1e3).reshape(x.shape)


def iou(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    """Intersection over union of two masks; 1 when both are empty."""
    union = (a | b).sum()
    return float((a & b).sum() / union) if union else 1.0


def degrees_between(a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.float64]:
    """Angles (N,) between unit vectors (N, 3)."""
    return np.degrees(np.arccos(np.clip((a * b).sum(-1, dtype=np.float64), -1.0, 1.0)))
