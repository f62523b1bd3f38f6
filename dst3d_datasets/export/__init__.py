"""Exports: a data set in the files that other tools read. `export` is what the command line calls.

The pictures are copied as they are; the numbers go through `convert`, which tests every formula against the other
system's own.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from ..convert.bop import MILLIMETRES
from ..errors import ModelRefused, UsageError
from ..nouns import CadModel, ModelRef
from ..recipe import Recipe
from ..stream import ordered_map
from .folder import new_folder, write_bytes, write_json
from .samples import Row, Samples, open_samples
from .survey import Model, Survey

Format = Literal["bop", "coco", "pascal3d"]
FORMATS: tuple[Format, ...] = ("bop", "coco", "pascal3d")
WORKERS = 4  # threads that decode and compress
WITH_MODELS: tuple[Format, ...] = ("bop", "pascal3d")

__all__ = ["FORMATS", "WITH_MODELS", "Exported", "export"]


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export wrote."""

    path: str
    format: Format
    num_samples: int
    splits: dict[str, int]  # samples of each
    num_models: int  # that the data set has; all are in `objects.json`
    dropped: int  # samples of the data set that its filters did not keep
    models_written: int
    models_absent: dict[str, str]  # why, by "source/model" (with `models`)


class _Writer(Protocol):
    def prepare(self, row: Row) -> Any: ...  # on several threads at once
    def add(self, prepared: Any) -> None: ...  # in order
    def finish(self) -> None: ...


class _Models(Protocol):
    def add(self, model: Model, cad: CadModel) -> None: ...
    def finish(self) -> None: ...


def export(
    place: str | os.PathLike[str],
    out: str | os.PathLike[str],
    format: Format,
    *,
    split: str | None = None,
    limit: int | None = None,
    millimetres: float = MILLIMETRES,
    models: bool | Recipe = False,
    start: Callable[[int], None] = lambda total: None,
    progress: Callable[[int], None] = lambda done: None,
) -> Exported:
    """Write a data set in another format, whole or not at all.

    Args:
        place: a release, a run, or a folder of released tars.
        out: a folder that is not there yet, or is empty.
        format: which.
        split: of which split; None for all.
        limit: at most this many samples, the first ones; None for all.
        millimetres: what the longest box side of each object is said to be in a BOP data set.
        models: write the CAD models too, opened by the recipe that made the samples, or by the one given.
        start: told how many samples will be written.
        progress: told how many more samples are written.

    Raises:
        UsageError: the place or the folder cannot be used, there is no such split, or a control is not there.
        StoreError: a tar is damaged, or the disk is full.
        SourceError: the models are asked for, and their source is not on this machine.
        MissingDependency: PASCAL3D+ is asked for and scipy is not installed.
    """
    if models and format not in WITH_MODELS:
        raise UsageError(f"{format} has no place for CAD models; {' and '.join(WITH_MODELS)} have")
    samples = open_samples(os.fspath(place))
    survey = samples.survey()
    if split is not None and split not in survey.counts:
        raise UsageError(f"{samples.place}: there is no split {split!r}; it has {', '.join(sorted(survey.counts))}")
    recipe = samples.recipe() if models is True else models or None
    refs = _find_models(recipe)
    total = sum(survey.counts.values()) if split is None else survey.counts[split]
    with new_folder(Path(out)) as folder:
        writer = _writer(format, folder, survey, millimetres)
        start(total if limit is None else min(total, limit))
        splits: dict[str, int] = {}
        for name, prepared in ordered_map(
            lambda row: (row.split, writer.prepare(row)), samples.rows(split, limit), WORKERS, 2 * WORKERS
        ):
            writer.add(prepared)
            splits[name] = splits.get(name, 0) + 1
            progress(1)
        writer.finish()
        _write_objects(folder, survey, samples)
        written, absent = _write_models(format, folder, survey, millimetres, recipe, refs) if recipe else (0, {})
    return Exported(
        path=os.fspath(out),
        format=format,
        num_samples=sum(splits.values()),
        splits=splits,
        num_models=len(survey.models),
        dropped=survey.dropped,
        models_written=written,
        models_absent=absent,
    )


def _writer(format: Format, folder: Path, survey: Survey, millimetres: float) -> _Writer:
    if format == "bop":
        from .bop import BopWriter

        return BopWriter(folder, survey, millimetres)
    if format == "coco":
        from .coco import CocoWriter

        return CocoWriter(folder, survey)
    from .pascal3d import Pascal3DWriter

    return Pascal3DWriter(folder, survey)


def _write_objects(folder: Path, survey: Survey, samples: Samples) -> None:
    """`objects.json`, and the licences and authors as the data set states them."""
    objects: dict[str, Any] = {str(model.number): asdict(model) for model in survey.models.values()}
    write_json(folder / "objects.json", objects)
    for path in samples.terms:
        write_bytes(folder / path.name, path.read_bytes())


def _find_models(recipe: Recipe | None) -> dict[str, ModelRef]:
    """Before anything is written: whoever asked for models is told at once that their source is not here."""
    if recipe is None:
        return {}
    from .models import find_models

    return find_models(recipe)


def _write_models(
    format: Format, folder: Path, survey: Survey, millimetres: float, recipe: Recipe, refs: Mapping[str, ModelRef]
) -> tuple[int, dict[str, str]]:
    from .models import BopModels, Pascal3DModels, load_models

    writer: _Models = BopModels(folder, millimetres) if format == "bop" else Pascal3DModels(folder)
    written, absent = 0, {}
    for model, cad in load_models(recipe, refs, survey):
        if isinstance(cad, CadModel):
            writer.add(model, cad)
            written += 1
        else:
            why = str(cad) if isinstance(cad, ModelRefused) else "the recipe has no such model"
            absent[f"{model.source}/{model.model_id}"] = why
    writer.finish()
    return written, absent
