"""From a file's frame to the canonical one: z up, front facing -y, box centre at the origin, longest side 1."""

from __future__ import annotations

from typing import Literal

import numpy as np

from ..camera import alignment_of, rotation_z
from ..nouns import CadModel, ModelRef, Part
from .mesh_types import Floats, RawModel, turned

Up = Literal["y", "z"]
Front = Literal["-y", "+y", "+x", "-x"]

# Blender's importers for y-up formats: (x, y, z) -> (x, -z, y). glTF's front, +z, becomes -y.
_Y_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
_TO_FRONT = {"-y": 0.0, "+y": 180.0, "+x": -90.0, "-x": 90.0}  # degrees about z that bring this side to -y


def frame(ref: ModelRef, up: Up, front: Front = "-y") -> Floats:
    """The rigid turn (3, 3) from the file's frame: importer, then front, then the catalogue's alignment."""
    importer = _Y_UP if up == "y" else np.eye(3)
    return alignment_of(ref) @ rotation_z(_TO_FRONT[front]) @ importer


def canonicalise(model: RawModel, ref: ModelRef, up: Up = "y", front: Front = "-y") -> CadModel:
    """Turn, centre and scale a loaded model; float64 until the last step.

    Args:
        model: parts in the file's frame.
        ref: its alignment turns the model.
        up: which axis of the file points up.
        front: where the front faces once z is up (before the catalogue's turn).
    """
    turn = frame(ref, up, front)
    points = [turned(part.vertices, turn) for part in model.parts]
    low = np.min([cloud.min(axis=0) for cloud in points], axis=0)
    high = np.max([cloud.max(axis=0) for cloud in points], axis=0)
    longest = float((high - low).max())
    centre = low + (high - low) / 2.0
    parts = []
    for part, cloud in zip(model.parts, points, strict=True):
        assert part.normals is not None
        parts.append(
            Part(
                vertices=((cloud - centre) / longest).astype(np.float32),
                faces=part.faces.astype(np.int32),
                normals=turned(part.normals, turn).astype(np.float32),
                uv=None if part.uv is None else part.uv.astype(np.float32),
                colours=None if part.colours is None else part.colours.astype(np.float32),
                material=part.material,
            )
        )
    x, y, z = ((high - low) / longest).tolist()
    return CadModel(ref=ref, parts=tuple(parts), size=(x, y, z), warnings=model.warnings)
