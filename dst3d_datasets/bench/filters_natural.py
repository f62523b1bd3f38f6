"""Failures that nobody planted: pictures of the shipped generator, some of which were rated by hand.

The recipe is `filters_natural.yaml`. A picture is bad in which, looking at it beside its render, one does not see the
class in the label's pose: another pose or class, no object or two, or a shape so broken or faded that its pose cannot
be told. Views 0 to 9 of every model were rated twice by one rater, an AI model that looked at shuffled contact sheets,
before any score was looked at; the second pass followed within minutes of the first, so that the agreement of the two
is an upper bound.
"""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Sequence
from importlib.resources import as_file, files

import numpy as np
from numpy.typing import NDArray

from ..build import build
from ..engines.pool import available_cores
from ..errors import Dst3dError
from ..recipe import Recipe, load_recipe
from ..run import read_run
from ..scoring.jobs import classes_of
from ..scoring.samples import RunSamples
from ..store import Store
from .filters_data import MemorySamples

RECIPE, RATINGS = "filters_natural.yaml", "filters_ratings.tsv"
CONTROLS = ("edge", "mask", "render")
BAD = "natural"  # the kind of all that was rated bad
Rated = tuple[MemorySamples, list[str], NDArray[np.bool_]]  # samples, what is wrong, and whether that is known


def recipe_of(overrides: Sequence[str] = ()) -> Recipe:
    """The recipe of the pictures."""
    with as_file(files(__package__) / RECIPE) as path:
        return load_recipe(path, overrides)


def ratings() -> dict[str, tuple[bool, bool]]:
    """Key -> whether it was good in the first and in the second pass."""
    found: dict[str, dict[str, bool]] = {}
    text = (files(__package__) / RATINGS).read_text(encoding="utf-8")
    for row in csv.DictReader(text.splitlines(), delimiter="\t"):
        found.setdefault(row["key"], {})[row["pass"]] = row["good"] == "1"
    return {key: (passes["1"], passes["2"]) for key, passes in found.items()}


def agreement(found: Sequence[tuple[bool, bool]]) -> tuple[float, float]:
    """The share of samples that both passes rated alike, and Cohen's kappa."""
    first, second = np.array(found, dtype=bool).T
    same = float((first == second).mean())
    chance = float(first.mean() * second.mean() + (~first).mean() * (~second).mean())
    return same, (same - chance) / (1.0 - chance) if chance < 1.0 else 1.0


def rated_classes(overrides: Sequence[str] = (), workers: int = 0) -> list[Rated]:
    """Draw the pictures (on the CPU, wherever this runs) and join them with the ratings, class by class.

    A sample on which the two passes disagree counts as not rated.

    Args:
        overrides: changes of the recipe, for tests.
        workers: processes; 0: one a core, as no GPU takes part.

    Raises:
        Dst3dError: not all pictures could be drawn.
    """
    known = ratings()
    with tempfile.TemporaryDirectory(prefix="dst3d-natural-") as folder:
        made = build(recipe_of(overrides), folder, workers=workers or available_cores())
        if made.failed:
            raise Dst3dError(f"natural failures: {len(made.failed)} shards failed, {next(iter(made.failed.values()))}")
        store = Store(folder)
        classes = classes_of(store, read_run(store)[1]).all()
        return [_rated(_loaded(RunSamples(store, shards, CONTROLS)), known) for _, shards in sorted(classes.items())]


def _loaded(samples: RunSamples) -> MemorySamples:
    all_of = list(samples)
    controls = {name: np.stack([each.controls[name] for each in all_of]) for name in CONTROLS}
    pictures = np.stack([each.image for each in all_of])
    return MemorySamples(samples.class_id, [each.label for each in all_of], pictures, controls)


def _rated(samples: MemorySamples, known: dict[str, tuple[bool, bool]]) -> Rated:
    kinds, rated = [], []
    for label in samples.labels:
        first, second = known.get(label["key"], (True, False))
        rated.append(first == second)
        kinds.append("" if first else BAD)
    return samples, kinds, np.array(rated)
