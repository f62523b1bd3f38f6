"""What a plan's views are like: their numbers, by class, from plan data alone."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UsageError
from ..plan import ModelViews, Plan, ShardSpec
from ..recipe import Recipe
from .columns import Angles, Floats
from .draw import draw
from .quotas import inside

NAMES = ("azimuth", "elevation", "theta", "distance", "focal", "right", "down", "visible")


@dataclass(frozen=True, slots=True)
class QuotaCount:
    """What a quota asked for and what came of it."""

    name: str
    asked: float  # share of the views
    drawn: int  # views drawn for it
    inside: int  # views in its region, those of other quotas and of the sampling included


@dataclass(frozen=True, slots=True)
class Survey:
    """The numbers of N views; see `columns.Columns` for each."""

    title: str
    num_views: int  # in the plan, of which those here may be a part
    num_models: int  # whose views are here
    classes: tuple[str, ...]  # names of the classes
    columns: dict[str, Floats]  # name -> (N,)
    quota: NDArray[np.int64]  # (N,)
    class_of: NDArray[np.int64]  # (N,): index into `classes`
    recipe: Recipe

    def __len__(self) -> int:
        return len(self.quota)

    def quotas(self, of_class: int | None = None) -> list[QuotaCount]:
        """How the recipe's quotas came out, over all views or over those of one class."""
        here = np.ones(len(self), np.bool_) if of_class is None else self.class_of == of_class
        angles = Angles(*(self.columns[name][here] for name in Angles._fields))
        return [
            QuotaCount(
                asked.name, asked.share, int((self.quota[here] == index).sum()), int(inside(asked, angles).sum())
            )
            for index, asked in enumerate(self.recipe.views.quotas)
        ]

    def class_rows(self) -> list[tuple[str, int, str, str, int]]:
        """A row a class: name, views, elevations at 5, 50 and 95 %, least and greatest distance, truncated views."""
        rows = []
        for index, name in enumerate(self.classes):
            here = self.class_of == index
            elevation, distance = (self.columns[column][here] for column in ("elevation", "distance"))
            low, middle, high = np.percentile(elevation, (5, 50, 95))
            rows.append(
                (
                    name,
                    int(here.sum()),
                    f"{low:.0f} / {middle:.0f} / {high:.0f}",
                    f"{distance.min():.2f} - {distance.max():.2f}",
                    int((self.columns["visible"][here] < 1.0).sum()),
                )
            )
        return rows


def survey(plan: Plan, only: Collection[str] = (), most: int = 100_000) -> Survey:
    """Look at a plan's views.

    Args:
        plan: the plan.
        only: ids or names of the classes to look at; none: all.
        most: about how many views to look at, whole shards spread evenly over the plan.

    Raises:
        UsageError: the plan has no such class.
        RecipeError: the table of a prior is missing or wrong.
    """
    specs, total = _specs(plan, only, most)
    jobs = [job for spec in specs for job in spec.jobs]
    names: dict[str, int] = {}
    parts, quotas, owners = [], [], []
    for job in jobs:
        drawn = draw(plan.recipe, job.ref, job.first, job.count)
        parts.append([getattr(drawn, name) for name in NAMES])
        quotas.append(drawn.quota)
        owners.append(np.full(job.count, names.setdefault(job.ref.class_name, len(names))))
    columns = {name: np.concatenate([part[index] for part in parts]) for index, name in enumerate(NAMES)}
    return Survey(
        title=plan.recipe.name,
        num_views=total,
        num_models=len({job.ref.uid for job in jobs}),
        classes=tuple(names),
        columns=columns,
        quota=np.concatenate(quotas),
        class_of=np.concatenate(owners),
        recipe=plan.recipe,
    )


def _specs(plan: Plan, only: Collection[str], most: int) -> tuple[list[ShardSpec], int]:
    """Shards to look at, and the number of samples in the classes they were taken from."""
    if not only:
        step = max(1, round(plan.num_samples / most))
        return plan[::step], plan.num_samples
    known: dict[str, str] = {}
    specs = []
    for spec in plan:
        name = spec.jobs[0].ref.class_name
        known[name] = spec.class_id
        if spec.class_id in only or name in only:
            specs.append(spec)
    for wanted in only:
        if wanted not in known and wanted not in known.values():
            some = ", ".join(sorted(known)[:20]) + (", ..." if len(known) > 20 else "")
            raise UsageError(f"the plan has no class {wanted!r}; it has: {some}")
    total = sum(spec.num_samples for spec in specs)
    return specs[:: max(1, round(total / most))], total


def of_one(recipe: Recipe, job: ModelViews, title: str) -> Survey:
    """The views of one model, for pictures of a sampler."""
    drawn = draw(recipe, job.ref, job.first, job.count)
    columns: dict[str, Any] = {name: getattr(drawn, name) for name in NAMES}
    return Survey(
        title, job.count, 1, (job.ref.class_name,), columns, drawn.quota, np.zeros(job.count, np.int64), recipe
    )
