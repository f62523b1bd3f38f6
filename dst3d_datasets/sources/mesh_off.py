"""OFF (Geomview's Object File Format): polygons of any size, vertex normals and colours, face colours.

Read by us and not by trimesh, which (5.2) fails on polygons of five corners and drops the colours.
"""

from __future__ import annotations

import re

import numpy as np

from ..errors import ModelRefused, Reason
from ..nouns import Material
from .mesh_polygons import triangulate
from .mesh_types import Bounds, Floats, RawPart, linear_of_srgb

_HEADER = re.compile(rb"^(ST)?(C)?(N)?(4)?(n)?OFF\b\s*(BINARY)?", re.IGNORECASE)


def read_off(data: bytes, bounds: Bounds) -> tuple[list[RawPart], list[str]]:
    """The one part of an OFF file in its own frame and in double precision; no warnings.

    Raises:
        ModelRefused, ValueError, IndexError: see `mesh.load`.
    """
    lines = [line for raw in data.splitlines() if (line := raw.partition(b"#")[0].strip())]
    header = _HEADER.match(lines[0])
    if header is None:
        raise ModelRefused(Reason.UNREADABLE, "the file does not begin as an OFF does")
    if header[4] or header[5] or header[6]:
        raise ModelRefused(Reason.UNSUPPORTED, "OFF in binary or in four or more dimensions")
    rest = lines[0][header.end() :].split()
    lines = lines[1:]
    if not rest:
        rest, lines = lines[0].split(), lines[1:]
    num_vertices, num_faces = int(rest[0]), int(rest[1])
    if num_faces > bounds.max_faces:
        raise ModelRefused(Reason.TOO_MANY_FACES, f"{num_faces} faces; the limit is {bounds.max_faces}")
    if num_faces == 0:
        raise ModelRefused(Reason.NO_FACES, "the OFF has no faces")
    if num_vertices < 3 or num_vertices + num_faces > len(lines):
        raise ValueError(f"{num_vertices} vertices and {num_faces} faces promised, and {len(lines)} lines there")
    rows = [line.split() for line in lines[:num_vertices]]
    numbers = np.array([row[: len(rows[0])] for row in rows], dtype=np.float64)
    if numbers.shape[1] < 3:
        raise ValueError("a vertex has fewer than three numbers")
    faces = [line.split() for line in lines[num_vertices : num_vertices + num_faces]]
    return [_part(numbers, faces, bool(header[2]), bool(header[3]), bounds)], []


def _part(numbers: Floats, faces: list[list[bytes]], coloured: bool, lit: bool, bounds: Bounds) -> RawPart:
    """One part from vertex rows (V, 3 or more) and face lines (count, indices, perhaps a colour)."""
    sizes = np.array([int(face[0]) for face in faces], dtype=np.int64)
    if (sizes < 0).any() or any(len(face) <= size for face, size in zip(faces, sizes, strict=True)):
        raise ValueError("a face has fewer corners than it promises")
    corners = np.array([index for face, size in zip(faces, sizes, strict=True) for index in face[1 : size + 1]])
    corners = corners.astype(np.int64)
    if len(corners) and (int(corners.max()) >= len(numbers) or int(corners.min()) < 0):
        raise ValueError(f"a face names vertex {int(corners.max())} of {len(numbers)}")
    points = numbers[:, :3]
    triangles, owner = triangulate(corners, sizes, points)
    if len(triangles) > bounds.max_faces:
        raise ModelRefused(Reason.TOO_MANY_FACES, f"{len(triangles)} faces; the limit is {bounds.max_faces}")
    triangles = corners[triangles]
    at = 6 if lit else 3
    normals = numbers[:, 3:6] if lit and numbers.shape[1] >= 6 else None
    white = Material(base_colour=(1.0, 1.0, 1.0, 1.0))
    if coloured and numbers.shape[1] >= at + 3:
        colours = _linear(numbers[:, at : at + 4])
        return RawPart(vertices=points, faces=triangles, normals=normals, colours=colours, material=white)
    extra = [face[size + 1 : size + 5] for face, size in zip(faces, sizes, strict=True)]
    if min(map(len, extra)) >= 3:
        colours = _linear(np.array([words[:3] for words in extra], dtype=np.float64))
        return RawPart(
            vertices=points[triangles.reshape(-1)],
            faces=np.arange(triangles.size, dtype=np.int64).reshape(-1, 3),
            colours=np.repeat(colours[owner], 3, axis=0),
            material=white,
        )
    return RawPart(vertices=points, faces=triangles, normals=normals)


def _linear(colours: Floats) -> Floats:
    """sRGB in 0-1 or 0-255, (n, 3 or 4), as linear RGBA (n, 4)."""
    scaled = np.clip(np.nan_to_num(colours) / (255.0 if np.nanmax(colours, initial=0.0) > 1.0 else 1.0), 0.0, 1.0)
    alpha = scaled[:, 3:4] if scaled.shape[1] == 4 else np.ones((len(scaled), 1))
    return np.concatenate([linear_of_srgb(scaled[:, :3]), alpha], axis=1)
