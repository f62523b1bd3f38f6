"""Toy drawers that need only NumPy: a whole build in milliseconds, for tests of everything around the pictures."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from dst3d_datasets.errors import ModelRefused, Reason
from dst3d_datasets.nouns import Buffers, CadModel, Camera, Lights, ModelRef, Part, Prompt, Shot
from dst3d_datasets.recipe import Recipe, validate

CLASSES = (("n02690373", "airliner", 404), ("n03891251", "park bench", 703), ("n04398044", "teapot", 849))


def _box() -> Part:
    corners = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.3, 0.3) for z in (-0.2, 0.2)], dtype=np.float32)
    faces = np.array([[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5]], dtype=np.int32)
    return Part(vertices=corners, faces=faces, normals=np.tile(np.float32([0, 0, 1]), (8, 1)))


class ToySource:
    """Three classes of boxes; a model id that says what is wrong with it does that."""

    name = "primitives"
    bad: dict[str, Exception] = {}  # noqa: RUF012 - tests fill it

    def __init__(self, options: Any) -> None:
        self.count = options.models_per_class

    def models(self) -> Iterator[ModelRef]:
        for synset, name, index in CLASSES:
            for number in range(self.count):
                yield self._ref(synset, name, index, f"{name.replace(' ', '_')}-{number:03d}")

    def _ref(self, synset: str, name: str, index: int, model_id: str) -> ModelRef:
        return ModelRef(
            source="primitives",
            model_id=model_id,
            class_name=name,
            synset=synset,
            class_index=index,
            licence="CC0-1.0",
            author="toy maker",
        )

    def find(self, synset: str, model_id: str) -> ModelRef | None:
        return next((ref for ref in self.models() if (ref.synset, ref.model_id) == (synset, model_id)), None)

    def open(self, ref: ModelRef) -> CadModel:
        if ref.model_id in self.bad:
            raise self.bad[ref.model_id]
        return CadModel(ref=ref, parts=(_box(),), size=(1.0, 0.6, 0.4))


class ToyRenderer:
    """A square whose place and colour depend on the camera."""

    name = "toy"

    def __init__(self, device: str = "auto") -> None:
        self.device = device

    def render(self, model: CadModel, cameras: Sequence[Camera], lights: Sequence[Lights]) -> Iterator[Buffers]:
        for camera in cameras:
            mask = np.zeros((camera.height, camera.width), dtype=bool)
            middle = camera.height // 2
            mask[middle - 9 : middle + 9, middle - 9 : middle + 9] = True
            tint = np.uint8(np.abs(camera.R).sum(axis=0) * 60 % 256)
            yield Buffers(
                colour=np.broadcast_to(tint, (*mask.shape, 3)).copy(),
                alpha=mask.astype(np.uint8) * 255,
                mask=mask,
                depth=np.where(mask, np.float32(camera.t[2]), np.float32(0)),
                normal=np.where(mask[..., None], np.float32([0, 0, -1]), np.float32(0)),
                part=np.where(mask, 0, -1).astype(np.int32),
            )

    def silhouette(self, model: CadModel, camera: Camera) -> np.ndarray:
        return next(self.render(model, [camera], [Lights()])).mask

    def close(self) -> None:
        """Nothing is held."""


class ToyPrompter:
    """The class name."""

    def __init__(self, options: Any) -> None:
        self.options = options

    def prompt(self, ref: ModelRef, seed: int) -> Prompt:
        return Prompt(text=f"a {ref.class_name} {seed % 10}", negative="blur")

    def counts(self) -> dict[str, int]:
        return {}


class ToyGenerator:
    """Noise by seed with the object on it."""

    name, batch_size, revision, untrained = "toy", 4, "1", ""
    calls: list[str] = []  # noqa: RUF012 - tests look at it
    explode_on: set[str] = set()  # noqa: RUF012 - tests fill it

    def __init__(self, options: Any) -> None:
        self.options = options

    def generate(self, shots: Sequence[Shot]) -> list[np.ndarray]:
        pictures = []
        for shot in shots:
            self.calls.append(shot.key)
            if shot.key in self.explode_on:
                raise RuntimeError(f"the toy generator broke on {shot.key}")
            if os.environ.get("TOY_KILL") == shot.key:
                os.kill(os.getpid(), signal.SIGKILL)
            noise = np.random.default_rng(shot.seed).integers(0, 256, (*shot.controls.mask.shape, 3), dtype=np.uint8)
            pictures.append(np.where(shot.buffers.mask[..., None], shot.buffers.colour, noise))
        return pictures


def toy_recipe(**sections: Any) -> Recipe:
    """A recipe of 3 classes x 2 models x 5 views at 64 px in shards of 4."""
    plain = {
        "sources": [{"kind": "primitives", "models_per_class": 2}],
        "views": {"per_model": 5},
        "render": {"size": 64},
        "shards": {"samples": 4},
        "release": {"shard_bytes": 60_000},
    }
    return validate({**plain, **sections})


def install_toys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the toys where the real drawers' defaults are, for this process."""
    import dst3d_datasets.generate
    import dst3d_datasets.prompts
    import dst3d_datasets.render
    import dst3d_datasets.sources
    from dst3d_datasets import tools

    monkeypatch.setitem(dst3d_datasets.sources.TABLE, "primitives", "_toy:ToySource")
    monkeypatch.setitem(dst3d_datasets.render.TABLE, "torch", "_toy:ToyRenderer")
    monkeypatch.setitem(dst3d_datasets.prompts.TABLE, "template", "_toy:ToyPrompter")
    monkeypatch.setitem(dst3d_datasets.generate.TABLE, "render", "_toy:ToyGenerator")
    monkeypatch.setattr(tools, "_kept", {})
    monkeypatch.setattr(ToySource, "bad", {})
    monkeypatch.setattr(ToyGenerator, "calls", [])
    monkeypatch.setattr(ToyGenerator, "explode_on", set())


def refusal(reason: Reason = Reason.UNREADABLE) -> ModelRefused:
    """What a bad model raises."""
    return ModelRefused(reason, "made to fail")
