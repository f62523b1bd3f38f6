"""The tiny generator put to the test: does it follow edges and words, how fast, how varied, and where does it fail."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ..nouns import Shot
from ..recipe import Recipe
from ..registry import lookup
from ..seeds import seed_of
from .result import Cell, Measured
from .tiny_edges import agreement
from .tiny_judge import CLASSES, Judge, colour_of, load_judge
from .tiny_shots import held_out, real

Picture = NDArray[np.uint8]
COLUMNS = ("pictures of", "steps", "number", "precision", "recall", "F1", "shuffled F1", "class", "colour", "s/image")
FAILED = 0.7  # F1 below which a picture counts as one that ignores its edges
REAL = Path(__file__).resolve().parents[3] / "shared" / "cad"


def run(quick: bool) -> Measured:
    """Held-out primitives at 20 and 4 steps, real CAD models where they lie beside the checkout, and renders."""
    judge = load_judge()
    recipe, shots = held_out(1)
    shots = shots[:8] if quick else [*shots, *held_out(3)[1][len(shots) :]]
    rendered = _rendered(shots)
    rows: list[tuple[Cell, ...]] = [_row("renders (ceiling)", 0, shots, rendered, judge, 0.0)]
    seconds = time.perf_counter()
    pictures = drawn(recipe, shots)
    rows.append(
        _row("held-out primitives", recipe.generator.steps, shots, pictures, judge, time.perf_counter() - seconds)
    )
    facts = {"failures": failures(shots, pictures)}
    if not quick:
        seconds = time.perf_counter()
        few = drawn(recipe, shots, steps=4)
        rows.append(_row("held-out primitives", 4, shots, few, judge, time.perf_counter() - seconds))
    notes = [
        "Edges are Canny's of the picture against the control's, within 2 pixels; shuffled: against another picture's.",
        "Class and colour: share of pictures in which a small classifier sees what the prompt says; its own hits on "
        "renders are the ceiling.",
        _diversity(recipe, shots[:2] if quick else shots[:8], judge, 3 if quick else 4),
        *(f"F1 below {FAILED}, {name}: {bad} of {count}" for name, (bad, count) in facts["failures"].items()),
    ]
    if (REAL / "models.csv").is_file() and not quick:
        recipe, shots = real(REAL, 1)
        seconds = time.perf_counter()
        pictures = drawn(recipe, shots)
        rows.append(
            _row("real CAD models", recipe.generator.steps, shots, pictures, None, time.perf_counter() - seconds)
        )
    else:
        notes.append(
            "Real CAD models: left out" + (" by --quick." if quick else ", there are none beside the checkout.")
        )
    return Measured(COLUMNS, rows, notes, facts)


def drawn(recipe: Recipe, shots: Sequence[Shot], **changes: object) -> list[Picture]:
    """The generator's pictures (128, 128, 3) of some shots, with the recipe's options, changed where asked."""
    options = recipe.generator.model_copy(update=changes)
    generator = lookup("generate", options.kind)(options)
    size = generator.batch_size
    return [p for at in range(0, len(shots), size) for p in generator.generate(shots[at : at + size])]


def edges_of(shots: Sequence[Shot], pictures: Sequence[Picture], shift: int = 0) -> NDArray[np.float64]:
    """(N, 3) precision, recall and F1 of each picture's edges against the control `shift` places further."""
    from ..render.canny import canny

    wanted = [shot.controls.edge > 0 for shot in shots]
    found = [canny(picture, 100, 200) > 0 for picture in pictures]
    return np.array([agreement(a, wanted[(i + shift) % len(wanted)]) for i, a in enumerate(found)])


def failures(shots: Sequence[Shot], pictures: Sequence[Picture]) -> dict[str, tuple[int, int]]:
    """(failed, all) pictures by where the camera stood."""
    scores = edges_of(shots, pictures)[:, 2]
    bins: dict[str, list[float]] = {}
    for shot, score in zip(shots, scores.tolist(), strict=True):
        height = shot.view.elevation
        side = ("front", "right", "back", "left")[int(((shot.view.azimuth + 45) % 360) // 90)]
        level = "below" if height < -20 else "level" if height < 30 else "above"
        bins.setdefault(f"seen from {level}", []).append(score)
        bins.setdefault(f"seen from the {side}", []).append(score)
    return {name: (sum(v < FAILED for v in values), len(values)) for name, values in sorted(bins.items())}


def words_of(shots: Sequence[Shot], pictures: Sequence[Picture], judge: Judge) -> tuple[float, float]:
    """Shares of pictures whose class and whose main colour (where the prompt names one) the judge sees."""
    with torch.inference_mode():
        kinds, colours = judge(_tensor(pictures))
    right = [CLASSES[k] == shot.ref.class_name for k, shot in zip(kinds.argmax(1).tolist(), shots, strict=True)]
    named = [(colour_of(shot.ref.keywords), c) for shot, c in zip(shots, colours.argmax(1).tolist(), strict=True)]
    same = [wanted == found for wanted, found in named if wanted >= 0]
    return float(np.mean(right)), float(np.mean(same)) if same else float("nan")


def _row(
    name: str, steps: int, shots: Sequence[Shot], pictures: Sequence[Picture], judge: Judge | None, seconds: float
) -> tuple[Cell, ...]:
    precision, recall, both = edges_of(shots, pictures).mean(0).tolist()
    other = float(edges_of(shots, pictures, max(1, len(shots) // 2))[:, 2].mean())
    words: tuple[Cell, ...] = ("-", "-")
    if judge is not None:
        words = words_of(shots, pictures, judge)
    return (name, steps, len(shots), precision, recall, both, other, *words, seconds / len(shots))


def _rendered(shots: Sequence[Shot]) -> list[Picture]:
    """The shots' own renders over the grey that their controls were made against."""
    return [shot.controls.render for shot in shots]


def _tensor(pictures: Sequence[Picture]) -> torch.Tensor:
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float().div(127.5).sub(1)


def _diversity(recipe: Recipe, shots: Sequence[Shot], judge: Judge, seeds: int) -> str:
    """How far apart pictures of one shot with several seeds are, beside pictures of different shots."""
    many = [replace(shot, seed=seed_of(shot.seed, "diversity", number)) for shot in shots for number in range(seeds)]
    with torch.inference_mode():
        seen = judge.features(_tensor(drawn(recipe, many)))
    apart = 1.0 - seen @ seen.T
    owner = torch.arange(len(many)) // seeds
    same = (owner[:, None] == owner) & ~torch.eye(len(many), dtype=torch.bool)
    within, between = float(apart[same].mean()), float(apart[owner[:, None] != owner].mean())
    return (
        f"Diversity over {seeds} seeds: mean cosine distance of the judge's features {within:.3f} within a prompt and "
        f"control, {between:.3f} between different ones."
    )
