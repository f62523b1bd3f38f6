"""Small models for the render tests, in plain NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dst3d_datasets.camera import camera_of
from dst3d_datasets.nouns import CadModel, Camera, Lights, Material, ModelRef, Part, View

REF = ModelRef(source="test", model_id="m", class_name="thing")
LIGHTS = Lights()


def part_of(vertices: ArrayLike, faces: ArrayLike, normals: ArrayLike | None = None, **fields: Any) -> Part:
    """A part; without normals, triangles are split apart and get their own."""
    v, f = np.asarray(vertices, np.float32), np.asarray(faces, np.int32)
    if normals is None:
        corners = v[f].astype(np.float64)
        flat = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        flat /= np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-12)
        for name in ("uv", "colours"):
            if fields.get(name) is not None:
                fields[name] = np.asarray(fields[name], np.float32)[f.reshape(-1)]
        v, normals = v[f.reshape(-1)], np.repeat(flat, 3, axis=0)
        f = np.arange(len(v), dtype=np.int32).reshape(-1, 3)
    return Part(vertices=v, faces=f, normals=np.asarray(normals, np.float32), **fields)


def model_of(*parts: Part) -> CadModel:
    """A model of these parts, not normalised."""
    points = np.concatenate([part.vertices for part in parts])
    size = tuple(float(value) for value in points.max(0) - points.min(0))
    return CadModel(ref=REF, parts=parts, size=size)  # type: ignore[arg-type]


CUBE = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) / 2.0
SIDES = {  # corners of the cube's six squares, outward
    "-x": (0, 1, 3, 2),
    "+x": (4, 6, 7, 5),
    "-y": (0, 4, 5, 1),
    "+y": (2, 3, 7, 6),
    "-z": (0, 2, 6, 4),
    "+z": (1, 5, 7, 3),
}


def square(corners: ArrayLike, **fields: Any) -> Part:
    """Two triangles over four corners (4, 3); uv runs from corner 0 (0, 0) to corner 2 (1, 1)."""
    fields.setdefault("uv", np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32))
    return part_of(corners, [[0, 1, 2], [0, 2, 3]], **fields)


def cube(colours: dict[str, tuple[float, float, float]] | None = None, scale: float = 1.0, **look: Any) -> CadModel:
    """The unit cube, six parts, each side with its own linear colour."""
    sides = []
    for name, corners in SIDES.items():
        rgb = (colours or {}).get(name, (0.8, 0.8, 0.8))
        sides.append(square(CUBE[list(corners)] * scale, material=Material(base_colour=(*rgb, 1.0), **look)))
    return model_of(*sides)


def sphere(rings: int = 24, radius: float = 0.5, **look: Any) -> CadModel:
    """A smooth sphere of 4 rings (rings - 1) triangles."""
    theta = np.linspace(0.0, np.pi, rings + 1)[:, None]
    phi = np.linspace(0.0, 2.0 * np.pi, 2 * rings, endpoint=False)[None]
    x, y, z = np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta) + 0.0 * phi
    points = np.stack([x, y, z], -1).reshape(-1, 3)
    i, j = np.mgrid[:rings, : 2 * rings]
    k = (j + 1) % (2 * rings)
    a, b, c, d = i * 2 * rings + j, (i + 1) * 2 * rings + j, (i + 1) * 2 * rings + k, i * 2 * rings + k
    faces = np.concatenate([np.stack([a, b, c], -1)[:-1].reshape(-1, 3), np.stack([a, c, d], -1)[1:].reshape(-1, 3)])
    return model_of(part_of(points * radius, faces, points, material=Material(**look)))


def soup(seed: int, count: int, spread: float = 0.5, size: float = 0.3) -> CadModel:
    """Random triangles, some of them slivers, in two parts."""
    rng = np.random.default_rng(seed)
    centres = rng.uniform(-spread, spread, (count, 1, 3))
    shape = rng.normal(size=(count, 3, 3)) * size * rng.uniform(0.001, 1.0, (count, 1, 1))
    shape[::5, 2] = shape[::5, 1] * 1.001  # slivers
    points = (centres + shape).reshape(-1, 3)
    faces = np.arange(3 * count).reshape(-1, 3)
    return model_of(part_of(points, faces[: count // 2]), part_of(points, faces[count // 2 :]))


def camera(
    azimuth: float = 30.0,
    elevation: float = 20.0,
    distance: float = 2.0,
    size: int | tuple[int, int] = 128,
    theta: float = 0.0,
) -> Camera:
    """The project's camera."""
    width, height = (size, size) if isinstance(size, int) else size
    view = View(index=0, azimuth=azimuth, elevation=elevation, theta=theta, distance=distance)
    return camera_of(view, width, height)


def changed(base: Camera, **fields: Any) -> Camera:
    """The camera with some of its fields replaced."""
    return Camera(**{name: fields.get(name, getattr(base, name)) for name in ("K", "R", "t", "width", "height")})


def close(a: ArrayLike, b: ArrayLike, limit: float) -> bool:
    """Whether no entry differs by more than `limit`."""
    return float(np.abs(np.asarray(a, np.float64) - np.asarray(b, np.float64)).max(initial=0.0)) <= limit


Picture = NDArray[np.uint8]
