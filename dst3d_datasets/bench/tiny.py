"""The tiny generator put to the test: does it follow edges and words, how fast, how varied, and where does it fail."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ..nouns import Shot
from ..recipe import Recipe
from ..registry import lookup
from ..seeds import seed_of
from .generate import FAST
from .result import Cell, Measured
from .tiny_edges import agreement
from .tiny_judge import CLASSES, Judge, colour_of, load_judge, perceptual
from .tiny_shots import held_out, real

Picture = NDArray[np.uint8]
EDGES = ("precision", "recall", "F1", "shuffled F1")
COLUMNS = ("pictures of", "steps", "number", *EDGES, "class", "colour", "s/image", "CPU s/image")
FAILED = 0.7  # F1 below which a picture counts as one that ignores its edges
REAL = Path(__file__).resolve().parents[3] / "shared" / "cad"


@dataclass(frozen=True, slots=True)
class Drawn:
    """Pictures, and the seconds that each took: of the clock, and of processor time."""

    pictures: list[Picture]
    wall: float = 0.0
    cpu: float = 0.0


def run(quick: bool) -> Measured:
    """Held-out primitives in exact mode at 20 and 4 steps and in fast mode, real CAD models where they lie beside the
    checkout, and renders.
    """
    judge = load_judge()
    recipe, shots = held_out(1 if quick else 3)
    shots = shots[:8] if quick else shots
    rows = [_row("renders (ceiling)", 0, shots, Drawn([shot.controls.render for shot in shots]), judge)]
    first = drawn(recipe, shots)
    rows.append(_row("held-out primitives", recipe.generator.steps, shots, first, judge))
    notes = [
        "Edges are Canny's of the picture against the control's, within 2 pixels; shuffled: against another picture's.",
        "Class and colour: share of pictures in which a small classifier sees what the prompt says; its own hits on "
        "renders are the ceiling.",
        "Seconds are of one thread, weights loaded; `dst3d build` runs one such worker a core.",
        _diversity(recipe, shots[:2] if quick else shots[:8], judge, 3 if quick else 4),
        _failures("held-out primitives", shots, first.pictures, judge),
    ]
    if quick:
        return Measured(COLUMNS, rows, [*notes, "4 steps, fast mode and real CAD models: left out by --quick."])
    rows.append(_row("held-out primitives", 4, shots, drawn(recipe, shots, steps=4), judge))
    for steps in (8, FAST["steps"]):
        fast = drawn(recipe, shots, **FAST | {"steps": steps})
        rows.append(_row("held-out primitives, fast mode", steps, shots, fast, judge))
    if (REAL / "models.csv").is_file():
        recipe, shots = real(REAL, 1)
        scans = drawn(recipe, shots)
        rows.append(_row("real CAD models", recipe.generator.steps, shots, scans, None))
        notes.append(_failures("real CAD models", shots, scans.pictures, None))
    else:
        notes.append("Real CAD models: there are none beside the checkout.")
    return Measured(COLUMNS, rows, notes)


def drawn(recipe: Recipe, shots: Sequence[Shot], **changes: object) -> Drawn:
    """The generator's pictures (128, 128, 3) of some shots, with the recipe's options, changed where asked."""
    options = recipe.generator.model_copy(update=changes)
    generator = lookup("generate", options.kind)(options)
    size, threads = generator.batch_size, torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        assert generator.untrained == ""  # loads the weights before the clock starts
        wall, cpu = time.perf_counter(), time.process_time()
        pictures = [p for at in range(0, len(shots), size) for p in generator.generate(shots[at : at + size])]
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    finally:
        torch.set_num_threads(threads)
    return Drawn(pictures, wall / len(shots), cpu / len(shots))


def edges_of(shots: Sequence[Shot], pictures: Sequence[Picture], shift: int = 0) -> NDArray[np.float64]:
    """(N, 3) precision, recall and F1 of each picture's edges against the control `shift` places further."""
    from ..render.canny import canny

    wanted = [shot.controls.edge > 0 for shot in shots]
    found = [canny(picture, 100, 200) > 0 for picture in pictures]
    return np.array([agreement(a, wanted[(i + shift) % len(wanted)]) for i, a in enumerate(found)])


def by_view(shots: Sequence[Shot], failed: Sequence[bool]) -> dict[str, tuple[int, int]]:
    """(failed, all) pictures by where the camera stood: its height, and its side of the object."""
    bins: dict[str, list[bool]] = {}
    for shot, bad in zip(shots, failed, strict=True):
        height = shot.view.elevation
        side = ("front", "right", "back", "left")[int(((shot.view.azimuth + 45) % 360) // 90)]
        level = "below" if height < -20 else "level" if height < 30 else "above"
        bins.setdefault(level, []).append(bad)
        bins.setdefault(side, []).append(bad)
    return {name: (sum(values), len(values)) for name, values in sorted(bins.items())}


def words_of(
    shots: Sequence[Shot], pictures: Sequence[Picture], judge: Judge
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """In which pictures the judge sees the prompt's class (N,), and its main colour, of those where one is named."""
    with torch.inference_mode():
        kinds, colours = judge(_tensor(pictures))
    right = [CLASSES[k] == shot.ref.class_name for k, shot in zip(kinds.argmax(1).tolist(), shots, strict=True)]
    named = [(colour_of(shot.ref.keywords), c) for shot, c in zip(shots, colours.argmax(1).tolist(), strict=True)]
    return np.array(right), np.array([wanted == found for wanted, found in named if wanted >= 0])


def diversity(pictures: Sequence[Picture], seeds: int, judge: Judge) -> tuple[float, float]:
    """Mean perceptual distance of pictures of one shot with other seeds, and of pictures of different shots.

    Args:
        pictures: (N * seeds) of them, the seeds of a shot one after another.
        seeds: how many a shot.
        judge: whose features are compared.
    """
    images = _tensor(pictures)
    owner = torch.arange(len(images)) // seeds
    first, second = torch.triu_indices(len(images), len(images), 1)
    with torch.inference_mode():
        apart = torch.cat(
            [perceptual(judge, images[a], images[b]) for a, b in zip(first.split(64), second.split(64), strict=True)]
        )
    same = owner[first] == owner[second]
    return float(apart[same].mean()), float(apart[~same].mean())


def _row(name: str, steps: int, shots: Sequence[Shot], made: Drawn, judge: Judge | None) -> tuple[Cell, ...]:
    edges = edges_of(shots, made.pictures).mean(0).tolist()
    other = float(edges_of(shots, made.pictures, max(1, len(shots) // 2))[:, 2].mean())
    words: tuple[Cell, ...] = ("-", "-")
    if judge is not None:
        words = tuple(float(hits.mean()) for hits in words_of(shots, made.pictures, judge))
    return (name, steps, len(shots), *edges, other, *words, made.wall, made.cpu)


def _tensor(pictures: Sequence[Picture]) -> torch.Tensor:
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float().div(127.5).sub(1)


def _diversity(recipe: Recipe, shots: Sequence[Shot], judge: Judge, seeds: int) -> str:
    many = [replace(shot, seed=seed_of(shot.seed, "diversity", number)) for shot in shots for number in range(seeds)]
    within, between = diversity(drawn(recipe, many).pictures, seeds, judge)
    return (
        f"Diversity over {seeds} seeds: mean perceptual distance {within:.2f} within a prompt and control, "
        f"{between:.2f} between different ones."
    )


def _failures(name: str, shots: Sequence[Shot], pictures: Sequence[Picture], judge: Judge | None) -> str:
    kinds = {f"F1 below {FAILED}": edges_of(shots, pictures)[:, 2] < FAILED}
    if judge is not None:
        kinds["another class seen"] = ~words_of(shots, pictures, judge)[0]
    texts = []
    for what, failed in kinds.items():
        counts = (f"{place} {bad} of {count}" for place, (bad, count) in by_view(shots, failed.tolist()).items())
        texts.append(f"{what}: {', '.join(counts)}")
    return f"Failures by where the camera stood, {name}: {'; '.join(texts)}."
