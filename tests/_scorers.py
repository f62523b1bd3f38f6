"""Toy scorers, and a third party's package that offers them: what `pip install` would put beside ours."""

from __future__ import annotations

import hashlib
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dst3d_datasets.scores import NOT_JUDGED, ClassSamples, Judgement, Scratch
from dst3d_datasets.seeds import uniform

POINTS = {"toy": "ToyScorer", "toy_late": "ToyFused", "toy_bad": "ToyBad"}


def install_scorers(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Offer the scorers by entry points, to this process and to its workers."""
    info = folder / "toy_scorers-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-scorers\nVersion: 1\n")
    lines = [f"{kind} = _scorers:{name}" for kind, name in POINTS.items()]
    (info / "entry_points.txt").write_text("\n".join(["[dst3d_datasets.scores]", *lines, ""]))
    monkeypatch.syspath_prepend(folder)
    monkeypatch.syspath_prepend(Path(__file__).parent)


def note(word: str) -> None:
    """Tell a test what is done, from whatever process."""
    if os.environ.get("TOY_NOTES"):
        with open(os.environ["TOY_NOTES"], "a") as stream:
            stream.write(f"{word}\n")


class ToyScorer:
    """A number by the picture's bytes; keys in `options.unjudged` are not judged, and two steps of work are saved."""

    name = "toy"
    scores = ("toy",)
    controls = ("mask",)

    def __init__(self, options: Any) -> None:
        self.options = options

    @property
    def revision(self) -> str:
        return str(getattr(self.options, "revision", "1"))

    def judge(
        self, samples: ClassSamples, scratch: Scratch, progress: Callable[[float], None] = lambda share: None
    ) -> Judgement:
        note(f"judge {samples.class_id}")
        for step in ("first", "second"):
            if scratch.load(step) is None:
                note(f"{step} {samples.class_id}")
                scratch.save(step, {"text": np.array([samples.class_id]), "number": np.arange(3)})
            if os.environ.get("TOY_KILL") == f"{step} {samples.class_id}":
                os.kill(os.getpid(), signal.SIGKILL)
        values, reasons, areas = [], [], []
        unjudged = getattr(self.options, "unjudged", [])
        for number, candidate in enumerate(samples):
            assert candidate.label["key"] == candidate.key
            assert candidate.image.dtype == np.uint8
            areas.append(int(candidate.controls["mask"].sum()))
            value = uniform("toy", hashlib.sha256(candidate.image.tobytes()).hexdigest())
            left_out = candidate.key in unjudged
            values.append(NOT_JUDGED if left_out else value)
            reasons.append("told so" if left_out else "")
            progress((number + 1) / len(samples))
        return Judgement(
            scores={"toy": np.array(values)}, reasons=reasons, details={"toy_area": np.array(areas, np.int64)}
        )


class ToyFused:
    """The complement of `toy`."""

    name = "toy_late"
    scores = ("toy_late",)
    controls = ()
    revision = "1"

    def __init__(self, options: Any) -> None:
        self.options = options

    def fuse(self, table: dict[str, np.ndarray]) -> Judgement:
        note("fuse")
        toy = table["toy"]
        return Judgement(
            scores={"toy_late": np.where(toy == NOT_JUDGED, NOT_JUDGED, 1.0 - toy)},
            reasons=["told so" if value == NOT_JUDGED else "" for value in toy],
        )


class ToyBad:
    """Breaks on a class; else gives something that no score can be."""

    name = "toy_bad"
    scores = ("toy_bad",)
    controls = ()
    revision = "1"

    def __init__(self, options: Any) -> None:
        self.options = options

    def judge(
        self, samples: ClassSamples, scratch: Scratch, progress: Callable[[float], None] = lambda share: None
    ) -> Judgement:
        if samples.class_id == self.options.breaks_on:
            raise ZeroDivisionError("the toy scorer broke")
        wrong = getattr(self.options, "gives", 0.5)
        return Judgement(scores={"toy_bad": np.full(len(samples), wrong)}, reasons=[""] * len(samples))
