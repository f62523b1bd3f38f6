"""A model to measure renderers with: a bumpy torus with a texture, of any number of faces."""

from __future__ import annotations

import math

import numpy as np

from ..nouns import CadModel, Material, ModelRef, Part


def bumpy_torus(faces: int, texture: int = 512) -> CadModel:
    """A closed surface whose bumps hide one another.

    Args:
        faces: about how many triangles (rounded to a grid).
        texture: side of its texture, pixels.

    Returns:
        One part with normals, UV and a texture; longest box side 1, box centre at the origin.
    """
    ring = max(3, round(math.sqrt(faces / 4)))
    tube = max(3, round(faces / (2 * ring)))
    u, v = np.meshgrid(np.linspace(0, 1, ring + 1), np.linspace(0, 1, tube + 1), indexing="ij")
    a, b = 2 * np.pi * u, 2 * np.pi * v
    radius = 0.16 * (1.0 + 0.12 * np.sin(9 * a) * np.sin(5 * b))
    out = 0.33 + radius * np.cos(b)
    points = np.stack([out * np.cos(a), out * np.sin(a), radius * np.sin(b)], -1)
    low, high = points.min(axis=(0, 1)), points.max(axis=(0, 1))
    points = (points - (low + high) / 2) / (high - low).max()
    along, across = np.gradient(points, axis=0), np.gradient(points, axis=1)
    normals = np.cross(along, across)
    normals /= np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-12)
    corner = np.arange((ring + 1) * (tube + 1)).reshape(ring + 1, tube + 1)
    p00, p10, p01, p11 = corner[:-1, :-1], corner[1:, :-1], corner[:-1, 1:], corner[1:, 1:]
    triangles = np.concatenate(
        [np.stack([p00, p10, p11], -1).reshape(-1, 3), np.stack([p00, p11, p01], -1).reshape(-1, 3)]
    )
    part = Part(
        vertices=points.reshape(-1, 3).astype(np.float32),
        faces=triangles.astype(np.int32),
        normals=normals.reshape(-1, 3).astype(np.float32),
        uv=np.stack([u * 4, v * 2], -1).reshape(-1, 2).astype(np.float32),
        material=Material(texture=_checks(texture)),
    )
    ref = ModelRef(source="bench", model_id=f"torus-{len(triangles)}", class_name="torus")
    extents = (high - low) / (high - low).max()
    return CadModel(ref=ref, parts=(part,), size=(float(extents[0]), float(extents[1]), float(extents[2])))


def _checks(side: int) -> np.ndarray:
    y, x = np.mgrid[0:side, 0:side]
    dark = ((x * 8 // side) + (y * 8 // side)) % 2 == 0
    picture = np.empty((side, side, 4), np.uint8)
    picture[...] = np.where(dark[..., None], (52, 110, 160, 255), (236, 200, 140, 255))
    picture[..., 0] = np.clip(picture[..., 0] + 20 * np.sin(x / 7.0), 0, 255)
    return picture
