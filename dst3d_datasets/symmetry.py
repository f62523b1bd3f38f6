"""A model's rotation symmetry about its vertical axis: as its catalogue states it, or found by turning it onto itself.

The estimate lays points evenly over the surface (`symmetry_surface`), so it does not depend on how the surface is cut
into triangles. A turn keeps the *shape* if all but `SHARE` of the turned points lie on the surface, to within
`TOLERANCE` along its normal; it keeps the *look* if there they also find their own colour, to within `LOOK`. What
turns by a few angles of no meaning keep is a body of revolution. Else the order is a product of primes up to 13.

How others write the same:

* Orient Anything V2 (2026): its number of fronts is our `look` where that is 1, 2 or 4, and its 0 is our 0.
* BOP: `symmetries_discrete` of a `models_info.json` are our turns but the first, as 4 x 4 matrices about `axis`; a body
  of revolution is one `symmetries_continuous` with the axis (0, 0, 1).
* NOCS (Wang et al., CVPR 2019) treats bottles, bowls and cans as bodies of revolution: our `shape` 0, whatever is
  printed on them.
* PASCAL3D+, ObjectNet3D and ImageNet3D label one azimuth and no symmetry.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from .nouns import CadModel, Symmetry
from .symmetry_surface import Floats, Indices, Surface, sample

TOLERANCE = 0.01  # units of the longest box side: 4 pixels where the object fills a picture of 512
LOOK = 0.1  # of sRGB's range in any channel, of opacity or of metallic
SHARE = 0.002  # of the surface that may be elsewhere: a screw, no handle

_POINTS = 30_000
_FEW, _MANY = 400, 3_000  # points that are turned: most turns fail with the few
_HOPELESS = 0.01  # share of the few from which the many are not asked
_ANY = (7.3, 23.7, 41.9, 68.2, 100.7)  # degrees, near no fraction of a turn with a small denominator
_PRIMES = (2, 2, 2, 2, 3, 3, 5, 7, 11, 13)  # that may divide an order, smallest first

What = Literal["shape", "look"]
Axis = tuple[float, float]
_ORIGIN = (0.0, 0.0)


def with_symmetry(model: CadModel) -> CadModel:
    """The model with its `symmetry` known, so that it is looked for once and not for every view."""
    return replace(model, symmetry=symmetry_of(model))


def symmetry_of(model: CadModel) -> Symmetry:
    """The model's symmetry. A stated `ModelRef.symmetry` wins; then `shape` is at least that."""
    if model.symmetry is not None:
        return model.symmetry
    shape, look, centre = estimate(model)
    stated = model.ref.symmetry
    if stated is not None:
        look = stated
        shape = shape if _holds(shape, stated) else stated
    axis = centre if shape % 2 == 1 and shape > 1 else _ORIGIN
    return Symmetry(
        look=look, shape=shape, axis=axis, source="estimated" if stated is None else model.ref.symmetry_source
    )


def _holds(order: int, other: int) -> bool:
    """Whether the turns of `order` hold those of `other`."""
    return order == 0 or (other > 0 and order % other == 0)


def estimate(model: CadModel) -> tuple[int, int, Axis]:
    """Orders of the shape and of the look, and x, y of the centre of area, about which odd orders turn.

    An object of an even order turns about the centre of its box; the box of a tripod has its centre elsewhere.
    """
    surface = sample(model, _POINTS)
    if surface is None:
        return 1, 1, _ORIGIN
    search = _Search(_Grid(surface), surface.centre)
    if surface.look is not None and search.worst("look") <= SHARE:
        return 0, 0, surface.centre
    shape = search.order("shape", within=0)
    if surface.look is None or shape == 1:
        return shape, shape, surface.centre
    return shape, search.order("look", within=shape), surface.centre


@dataclass(slots=True)
class _Search:
    """Tries turns of a surface."""

    grid: _Grid
    centre: Axis

    def order(self, what: What, within: int) -> int:
        """The order of the shape or the look, of which that of the shape is a multiple: `within`.

        It grows from n to n p if that turn of the new ones is kept which lies farthest from the n old ones: near those,
        any turn is kept.
        """
        worst = self.worst(what) if within == 0 else 1.0
        if worst <= SHARE:
            return 0
        most = min(SHARE, worst / 2.0)  # what no turn changes much is round but for a trifle, and so of no order
        order, failed = 1, 0
        for prime in _PRIMES:
            if prime == failed or within % (order * prime):
                continue
            axis = _ORIGIN if prime == 2 or order % 2 == 0 else self.centre
            if self.lost(what, 360.0 * (prime // 2) / (prime * order), axis) <= most:
                order *= prime
            else:
                failed = prime
        return order

    def worst(self, what: What) -> float:
        """The most that a turn without a meaning loses; a body of revolution loses nothing."""
        worst = 0.0
        for degrees in _ANY:
            worst = max(worst, self.lost(what, degrees, _ORIGIN))
            if worst > _HOPELESS:
                break
        return worst

    def lost(self, what: What, degrees: float, axis: Axis) -> float:
        """The share of the surface that a turn does not keep."""
        share = self.grid.lost(what, degrees, axis, _FEW)
        return share if share > _HOPELESS else self.grid.lost(what, degrees, axis, _MANY)


class _Grid:
    """A surface's points, sorted by the cube of space that they lie in: neighbours are found without a search."""

    def __init__(self, surface: Surface) -> None:
        points = surface.points
        self.side = max(TOLERANCE, 1.5 * surface.spacing)  # on the surface, 7 points are nearer than that
        low, high = float(points[:, 2].min()), float(points[:, 2].max())
        reach = max(_reach(points, axis) for axis in (_ORIGIN, surface.centre))
        self.low = np.array([-reach, -reach, low], np.float32) - np.float32(1.5 * self.side)
        across = math.ceil(2.0 * reach / self.side) + 4  # a cube more on every side, so that neighbours need no check
        self.shape = across, across, math.ceil((high - low) / self.side) + 4
        cubes = self._cubes(points)
        order = np.argsort(cubes, kind="stable")
        self.points, self.normals = points[order], surface.normals[order]
        self.look = None if surface.look is None else surface.look[order]
        self.first = np.zeros(math.prod(self.shape) + 1, np.int64)  # number of the first point of each cube
        np.cumsum(np.bincount(cubes, minlength=len(self.first) - 1), out=self.first[1:])
        x, y = np.mgrid[-1:2, -1:2].reshape(2, -1)
        self.columns = (x * across + y) * self.shape[2]  # (9,), steps to the columns around; the middle is number 4

    def _cubes(self, points: Floats) -> Indices:
        x, y, z = (((points[:, k] - self.low[k]) * np.float32(1.0 / self.side)).astype(np.int64) for k in range(3))
        cubes: Indices = (x * self.shape[1] + y) * self.shape[2] + z
        return cubes

    def lost(self, what: What, degrees: float, axis: Axis, count: int) -> float:
        """The share of `count` turned points that find no surface, or none of their look.

        The column of three cubes about a point is looked into first; few points need the eight others.
        """
        which = np.arange(count) * len(self.points) // count
        turned = _turned(self.points[which], degrees, axis)
        cubes, left = self._cubes(turned), np.arange(count)
        for columns in (self.columns[4:5], self.columns):
            point, other = self._pairs(left, cubes, columns)
            apart = turned[point] - self.points[other]
            along = np.einsum("ij,ij->i", apart, self.normals[other])
            beside = np.einsum("ij,ij->i", apart, apart) - along * along
            on = (np.abs(along) <= TOLERANCE) & (beside <= self.side**2)
            if what == "look" and self.look is not None:
                on[on] = (np.abs(self.look[which[point[on]]] - self.look[other[on]]) <= LOOK).all(1)
            missed = np.ones(count, np.bool_)
            missed[point[on]] = False
            left = left[missed[left]]
        return len(left) / count

    def _pairs(self, left: Indices, cubes: Indices, columns: Indices) -> tuple[Indices, Indices]:
        """Every one of the points `left` with every point of three cubes in each of the columns about it."""
        middle = cubes[left, None] + columns
        start = self.first[middle - 1]
        count = self.first[middle + 2] - start
        ends = np.cumsum(count).reshape(count.shape)
        other = np.arange(int(count.sum())) + np.repeat((start - ends + count).reshape(-1), count.reshape(-1))
        return np.repeat(left, count.sum(1)), other


def _reach(points: Floats, axis: Axis) -> float:
    """How far from the z axis a turn about `axis` can bring the points."""
    away = np.hypot(points[:, 0] - np.float32(axis[0]), points[:, 1] - np.float32(axis[1]))
    return float(away.max()) + math.hypot(*axis)


def _turned(points: Floats, degrees: float, axis: Axis) -> Floats:
    c, s = np.float32(math.cos(math.radians(degrees))), np.float32(math.sin(math.radians(degrees)))
    a, b = np.float32(axis[0]), np.float32(axis[1])
    x, y = points[:, 0] - a, points[:, 1] - b
    return np.stack([c * x - s * y + a, s * x + c * y + b, points[:, 2]], 1)
