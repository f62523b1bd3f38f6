"""Views drawn from a table of real ones: whole rows at a time, each view somewhere around its row.

A row's angles belong together (an aeroplane seen from below is seen from the side), so a view takes all of them from
one row, chosen by weight. The spread around it is a kernel: for the camera's place a von Mises-Fisher distribution of
concentration 1 / kernel^2 on the sphere, so that it is as wide at a pole as at the equator; for theta a normal one.
Where rows are bins, a view is even within its bin instead, in area.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ..camera import wrap_180, wrap_360
from ..errors import RecipeError
from ..nouns import ModelRef
from ..recipe import Prior, Recipe
from .angles import SPHERE, by_distributions
from .columns import Angles, Floats, Span
from .distributions import between_latitudes, each, standard_normal
from .prior_table import ClassName, Table, key, read_table


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of a table to draw from: degrees, the table's unit of distance; every column (N,)."""

    azimuth: Floats
    elevation: Floats
    theta: Floats
    distance: Floats
    ends: Floats  # cumulated weights, the last one 1

    def choose(self, u: Floats) -> NDArray[np.int64]:
        """Rows (M,) for uniform numbers (M,), by weight."""
        return np.minimum(np.searchsorted(self.ends, u, side="right"), len(self.ends) - 1)


def inputs(recipe: Recipe) -> str:
    """A digest of the table that a recipe's views come from; empty where there is none.

    Raises:
        RecipeError: the table is missing or wrong, or distances are to come from it and cannot.
    """
    prior = recipe.views.prior
    if prior is None:
        return ""
    table = _table(prior)
    if recipe.views.distance == "prior":
        _check_distances(prior, table)
    return f"prior {table.digest}"


def _check_distances(prior: Prior, table: Table) -> None:
    if not table.has_distance:
        raise RecipeError(f"views.distance: prior: {prior.file} has no column 'distance'")
    least = min(min(columns["distance"]) for columns in table.rows.values())
    nearest = least * prior.distance_scale * (1.0 - prior.distance_spread)
    if nearest <= 0.5:
        raise RecipeError(
            f"views.distance: prior: the table's least distance, {least:g}, puts the camera {nearest:.3g} longest box "
            "sides from the object's centre, inside its box; see views.prior.distance_scale"
        )


def from_prior(span: Span) -> tuple[Angles, Floats | None]:
    """Angles of views after a table, and distances in longest box sides where the recipe takes them from it too.

    Raises:
        RecipeError: the table is missing or wrong.
    """
    prior = span.recipe.views.prior
    assert prior is not None
    rows = rows_for(prior, span.ref)
    chosen = (rows or _all_rows(_source(prior))).choose(span.u("prior row"))
    drawn = _around(span, prior, rows, chosen) if rows else by_distributions(span, SPHERE)
    if prior.sphere:
        anywhere = by_distributions(span, SPHERE)
        is_any = span.u("prior sphere") < prior.sphere
        drawn = Angles(*(np.where(is_any, a, b) for a, b in zip(anywhere, drawn, strict=True)))
    if span.recipe.views.distance != "prior":
        return drawn, None
    known = (rows or _all_rows(_source(prior))).distance[chosen] * prior.distance_scale
    spread = 1.0 + prior.distance_spread * (2.0 * span.u("prior distance") - 1.0)
    return drawn, known * spread


def rows_for(prior: Prior, ref: ModelRef) -> Rows | None:
    """The rows that a model's views come from; None: it has none, and the fallback is the sphere.

    Those of its synset; else those of its class name, as `prior.classes` translates it; else all.
    """
    source = _source(prior)
    table = _table(prior)
    written = {key(ours): key(theirs) for ours, theirs in prior.classes.items()}
    for name in (key(ref.synset), key(ref.class_name)):
        groups = tuple(sorted(group for group in table.rows if name and written.get(name, name) in group))
        if groups:
            return _rows(source, groups)
    is_for_all = set(table.rows) == {("", "")}
    return _all_rows(source) if is_for_all or prior.fallback == "all" else None


def _around(span: Span, prior: Prior, rows: Rows, chosen: NDArray[np.int64]) -> Angles:
    azimuth, elevation, theta = rows.azimuth[chosen], rows.elevation[chosen], rows.theta[chosen]
    u, v, w = (span.u(f"prior {name}") for name in ("azimuth", "elevation", "theta"))
    has_theta = _table(prior).has_theta
    if prior.bins:
        wide, high, turned = prior.bins
        low, top = np.maximum(elevation - high / 2.0, -90.0), np.minimum(elevation + high / 2.0, 90.0)
        azimuth = azimuth + (u - 0.5) * wide
        bounds = zip(low.tolist(), top.tolist(), v.tolist(), strict=True)
        elevation = np.array([float(between_latitudes(a, b, np.array([c]))[0]) for a, b, c in bounds])
        theta = theta + (w - 0.5) * turned if has_theta else theta
    else:
        concentration = 1.0 / math.radians(prior.kernel) ** 2
        places = zip(azimuth.tolist(), elevation.tolist(), u.tolist(), v.tolist(), strict=True)
        azimuth, elevation = np.array([near(*place, concentration) for place in places]).reshape(-1, 2).T
        theta = theta + standard_normal(w) * prior.kernel if has_theta else theta
    return Angles(each(wrap_360, azimuth), elevation, each(wrap_180, theta))


def near(azimuth: float, elevation: float, u: float, v: float, concentration: float) -> tuple[float, float]:
    """A direction by the von Mises-Fisher distribution around another, degrees in and out.

    Its cosine w to the mean is 1 + log(u + (1 - u) exp(-2 c)) / c, the inverse of its distribution function on the
    sphere (Ulrich, Applied Statistics 33, 1984); v gives the direction to go.
    """
    w = 1.0 + math.log(u + (1.0 - u) * math.exp(-2.0 * concentration)) / concentration
    w = min(1.0, max(-1.0, w))
    s, turn = math.sqrt(1.0 - w * w), 2.0 * math.pi * v
    ce, se = math.cos(math.radians(elevation)), math.sin(math.radians(elevation))
    east, north = s * math.cos(turn), s * math.sin(turn)
    up, out = w * se + north * ce, w * ce - north * se
    return azimuth + math.degrees(math.atan2(east, out)), math.degrees(math.atan2(up, math.hypot(east, out)))


_Source = tuple[str, int, int, str | None]  # path, when it was changed, bytes, unit


def _source(prior: Prior) -> _Source:
    """What a table that was read is kept under: a file that changes is read again."""
    try:
        state = os.stat(prior.file)
    except OSError as error:
        raise RecipeError(f"views.prior.file: {prior.file}: {error.strerror or error}") from None
    return prior.file, state.st_mtime_ns, state.st_size, prior.unit


def _table(prior: Prior) -> Table:
    return _read(_source(prior))


@lru_cache(maxsize=4)
def _read(source: _Source) -> Table:
    return read_table(source[0], source[3])


@lru_cache(maxsize=4096)
def _rows(source: _Source, groups: tuple[ClassName, ...]) -> Rows:
    table = _read(source)

    def column(name: str) -> Floats:
        return np.concatenate([np.frombuffer(table.rows[group][name], np.float64) for group in groups])

    ends = np.cumsum(column("weight"))
    return Rows(column("azimuth"), column("elevation"), column("theta"), column("distance"), ends / ends[-1])


def _all_rows(source: _Source) -> Rows:
    return _rows(source, tuple(sorted(_read(source).rows)))
