"""Models of known rotation symmetry, as sources give them: centre of the box at the origin, longest side 1."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from _render_shapes import model_of, part_of
from numpy.typing import ArrayLike, NDArray

from dst3d_datasets.camera import rotation_z
from dst3d_datasets.nouns import CadModel, Material, Part

VASE = ((0.0, 0.0), (0.3, 0.0), (0.45, 0.4), (0.2, 0.9), (0.28, 1.2))  # radius, height
RED, BLUE = (0.8, 0.1, 0.1, 1.0), (0.1, 0.1, 0.8, 1.0)


def canonical(*parts: Part) -> CadModel:
    """Centred and scaled."""
    points = np.concatenate([part.vertices for part in parts])
    low, high = points.min(0), points.max(0)
    middle, longest = (low + high) / 2, (high - low).max()
    return model_of(*(replace(part, vertices=(part.vertices - middle) / longest) for part in parts))


def lathe(profile: ArrayLike = VASE, sides: int = 96, wave: float = 0.0, waves: int = 5, **fields: Any) -> Part:
    """A profile (P, 2) of radius and height, turned about z; the radius may have waves. uv: once around, once along."""
    radius, height = np.asarray(profile, np.float64).T
    share = np.linspace(0.0, 1.0, sides + 1)[:, None]
    angle = 2 * np.pi * share
    r = radius * (1.0 + wave * np.cos(waves * angle))
    points = np.stack([r * np.cos(angle), r * np.sin(angle), height + 0.0 * angle], -1).reshape(-1, 3)
    u, v = np.broadcast_arrays(share, np.linspace(0.0, 1.0, len(radius))[None])
    i, j = (k.reshape(-1) for k in np.mgrid[:sides, : len(radius) - 1])
    a, b = i * len(radius) + j, (i + 1) * len(radius) + j
    faces = np.concatenate([np.stack([a, b, b + 1], 1), np.stack([a, b + 1, a + 1], 1)])
    fields.setdefault("uv", np.stack([u, v], -1).reshape(-1, 2))
    return part_of(points, faces, **fields)


def block(low: ArrayLike, high: ArrayLike, degrees: float = 0.0, **fields: Any) -> Part:
    """A box from corner to corner, then turned about z."""
    unit = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], np.float64)
    points = (np.asarray(low) + unit * (np.asarray(high, np.float64) - low)) @ rotation_z(degrees).T
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    return part_of(points, [t for a, b, c, d in quads for t in ((a, b, c), (a, c, d))], **fields)


def fan(blades: int, paint: tuple[tuple[float, ...], ...] = (RED,), first: float = 1.0) -> CadModel:
    """Blades about a hub, the first `first` times as long as the others, in colours that take turns."""
    made = [
        block(
            [0.1, -0.03, -0.02],
            [first if k == 0 else 1.0, 0.05, 0.02],
            degrees=10.0 + 360.0 * k / blades,
            material=Material(base_colour=paint[k % len(paint)]),  # type: ignore[arg-type]
        )
        for k in range(blades)
    ]
    return canonical(lathe(((0.0, -0.2), (0.12, -0.2), (0.12, 0.2), (0.0, 0.2))), *made)


def striped(stripes: int, **material: Any) -> CadModel:
    """A vase with as many red stripes around it; none is a plain one with a texture."""
    texture = np.full((8, 1024, 4), 255, np.uint8)
    for k in range(stripes):
        start = 1024 * k // stripes
        texture[:, start : start + 1024 // (3 * stripes), 1:3] = 40
    return canonical(lathe(material=Material(texture=texture, **material)))


def noisy(model: CadModel, size: float) -> CadModel:
    """Vertices moved by up to `size` in every direction."""
    dice = np.random.default_rng(0)
    return model_of(
        *(
            replace(part, vertices=(part.vertices + dice.uniform(-size, size, part.vertices.shape)).astype(np.float32))
            for part in model.parts
        )
    )


def recut(model: CadModel, seed: int = 0) -> CadModel:
    """The same surface in other triangles: those of one side cut in three, twice, and all in another order."""
    dice = np.random.default_rng(seed)
    return replace(model, parts=tuple(_recut(part, dice) for part in model.parts))


def _recut(part: Part, dice: np.random.Generator) -> Part:
    corners = part.vertices[part.faces]
    uv = None if part.uv is None else part.uv[part.faces]
    for _ in range(2):
        weights = dice.dirichlet((3, 3, 3), len(corners))[:, None].astype(np.float32)
        left = corners[:, :, 0].mean(1) < 0
        corners = _split(corners, left, weights)
        uv = None if uv is None else _split(uv, left, weights)
    order = dice.permutation(len(corners))
    points = corners[order].reshape(-1, 3)
    texture = {} if uv is None else {"uv": uv[order].reshape(-1, 2)}
    return part_of(points, np.arange(len(points)).reshape(-1, 3), material=part.material, **texture)


def _split(corners: NDArray[Any], which: NDArray[np.bool_], weights: NDArray[Any]) -> NDArray[Any]:
    a, b, c = corners[which].transpose(1, 0, 2)
    middle = (weights[which] @ corners[which])[:, 0]
    pieces = [np.stack(piece, 1) for piece in ((a, b, middle), (b, c, middle), (c, a, middle))]
    return np.concatenate([corners[~which], *pieces])
