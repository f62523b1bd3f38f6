"""Small classes for the tests of K-fold consistency: toy cars of coloured boxes, drawn in milliseconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dst3d_datasets.bench.kcf_data import Pictures
from dst3d_datasets.camera import camera_of, project
from dst3d_datasets.nouns import View
from dst3d_datasets.seeds import uniforms

_SIDES = ((0, 1, 3, 2), (4, 5, 7, 6), (0, 1, 5, 4), (2, 3, 7, 6), (0, 2, 6, 4), (1, 3, 7, 5))
Box = tuple[tuple[float, float, float], tuple[float, float, float], tuple[int, int, int]]  # low, high, colour


class Kept(dict[str, dict[str, NDArray[Any]]]):
    """A `Scratch` in memory; `budget` saves succeed, the next one is a kill."""

    budget: float = float("inf")

    def load(self, name: str) -> dict[str, NDArray[Any]] | None:
        return self.get(name)

    def save(self, name: str, arrays: Mapping[str, NDArray[Any]]) -> None:
        if self.budget <= 0:
            raise KeyboardInterrupt
        self.budget -= 1
        self[name] = {key: np.array(value) for key, value in arrays.items()}


def car(model: int) -> list[Box]:
    """A body, a cabin towards the back, lamps in front (-y) and behind; the model changes the proportions."""
    u = uniforms("toy car", model, count=6).tolist()
    wide, low, high = 0.18 + 0.06 * u[0], -0.02 + 0.06 * u[1], 0.14 + 0.06 * u[2]
    paint = tuple(int(60 + 180 * value) for value in u[3:])
    return [
        ((-wide, -0.5, -0.15), (wide, 0.5, low), paint),
        ((-0.9 * wide, -0.1, low), (0.9 * wide, 0.42, high), (40, 50, 60)),
        ((-wide, -0.505, -0.08), (wide, -0.5, low), (255, 250, 200)),
        ((-wide, 0.5, -0.08), (wide, 0.505, low), (200, 20, 20)),
    ]


def mug(model: int) -> list[Box]:
    """A block whose handle is always on the right (+x), and is no mirror image of itself."""
    u = uniforms("toy mug", model, count=4).tolist()
    wide = 0.2 + 0.06 * u[0]
    paint = tuple(int(60 + 180 * value) for value in u[1:])
    return [((-wide, -wide, -0.3), (wide, wide, 0.3), paint), ((wide, -0.05, -0.2), (0.5, 0.05, 0.2), paint)]


def drawn(boxes: Sequence[Box], view: View, size: int, seed: int) -> NDArray[np.uint8]:
    """(size, size, 3): the boxes' sides from far to near, in flat colours, on a noisy ground; seed 0: a grey one."""
    noise = np.random.default_rng(seed).integers(0, 255, (6, 6, 3), dtype=np.uint8)
    image = cv2.resize(noise if seed else np.full_like(noise, 128), (size, size))
    camera, faces = camera_of(view, size, size), []
    for low, high, colour in boxes:
        corners = np.array([[x, y, z] for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2])])
        pixels, depth = project(camera, corners)
        for number, side in enumerate(_SIDES):
            faces.append((depth[list(side)].mean(), pixels[list(side)], np.array(colour) * (0.6 + 0.07 * number)))
    for _, polygon, colour in sorted(faces, key=lambda face: -face[0]):
        cv2.fillConvexPoly(image, np.round(polygon).astype(np.int32), [float(value) for value in colour])
    return image


def toy(
    models: int, views: int, size: int = 64, shape: Any = car, symmetry: int = 1, sides: Sequence[float] = ()
) -> Pictures:
    """A class of toy objects from all around, or on grey from some `sides` (azimuths) at elevation 20."""
    labels: list[dict[str, Any]] = []
    images = []
    for model in range(models):
        for index in range(views):
            u = uniforms("toy view", model, index, count=2).tolist()
            azimuth = sides[index % len(sides)] if sides else 360.0 * u[0]
            elevation = 20.0 if sides else 5.0 + 35.0 * u[1]
            view = View(index=index, azimuth=azimuth, elevation=elevation, theta=0.0, distance=1.5)
            images.append(drawn(shape(model), view, size, 0 if sides else 1 + 1000 * model + index))
            labels.append(
                {"key": f"toy-{model:03d}-{index:03d}", "cad_source": "toy", "cad_id": f"m{model}", "theta": 0.0}
                | {"azimuth": view.azimuth, "elevation": view.elevation, "symmetry": symmetry}
            )
    return Pictures(class_id="toy", labels=labels, images=np.stack(images), planted=np.full(len(labels), "", "U8"))


def changed(pictures: Pictures, rows: Mapping[int, Mapping[str, Any]] | None = None, **all_rows: Any) -> Pictures:
    """The same with other labels: some rows, or all."""
    labels = [{**label, **all_rows, **(rows or {}).get(i, {})} for i, label in enumerate(pictures.labels)]
    return replace(pictures, labels=labels)
