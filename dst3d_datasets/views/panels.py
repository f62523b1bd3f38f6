"""The panels that a sheet of views is made of: each draws one thing in a box of a canvas."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .chart import ASKED, BAR, FAINT, INK, LINE, MID, PAPER, Box, Canvas, hammer, ramp, unhammer
from .columns import Floats

FEW = 2500  # up to so many views are drawn one by one
ACROSS, UP = 36, 18  # cells of the map of the sphere, all of one area
_SIDES = ((-180, "rear"), (-90, "right"), (0, "front"), (90, "left"), (180, "rear"))


def sphere_map(canvas: Canvas, box: Box, azimuth: Floats, elevation: Floats, *, legend: bool = True) -> None:
    """Where the cameras stand, on a map that keeps areas: dots if they are few, else cells of one area by colour.

    The front is in the middle, azimuths grow to the right, and the named sides are the object's own. Colours say how
    many views a cell has in proportion to what an even spread over the sphere would give it, by its square root, so
    that rare ones show.
    """
    x, y, width, height = box
    top, bottom = 14.0, 28.0 if legend else 14.0
    map_height = min(height - top - bottom, width / 2.0)
    inner = (x + (width - 2.0 * map_height) / 2.0, y + top, 2.0 * map_height, map_height)
    is_few = len(azimuth) <= FEW
    density = np.zeros((UP, ACROSS)) if is_few else cells(azimuth, elevation)
    most = max(1.0, float(density.max()))
    canvas.paste(inner, lambda w, h: _map_pixels(w, h, density / most))
    if is_few:
        u, v = hammer(azimuth, elevation)
        canvas.dots(*_on_map(inner, u, v), BAR, 1.3)
    _graticule(canvas, inner, legend)
    middle = inner[0] + inner[2] / 2.0
    if not legend:
        return
    canvas.text((middle, y + top - 3), "above 90°", 10, FAINT, "md")
    canvas.text((middle, inner[1] + inner[3] + 3), "below -90°", 10, FAINT, "ma")
    if is_few:
        canvas.text((middle, inner[1] + inner[3] + 16), f"one dot a view ({len(azimuth):,})", 10, MID, "ma")
    else:
        _legend(canvas, (middle - 90, inner[1] + inner[3] + 18, 180, 7), most)


def cells(azimuth: Floats, elevation: Floats) -> Floats:
    """Views in cells of one area, (UP, ACROSS) from south to north and from azimuth -180 on; 1 is an even spread."""
    column = (((azimuth + 180.0) % 360.0) / 360.0 * ACROSS).astype(np.int64) % ACROSS
    row = np.clip((np.sin(np.radians(elevation)) + 1.0) / 2.0 * UP, 0, UP - 1).astype(np.int64)
    counts = np.bincount(row * ACROSS + column, minlength=UP * ACROSS).astype(np.float64)
    return counts.reshape(UP, ACROSS) * (UP * ACROSS / max(1, len(azimuth)))


def _map_pixels(width: int, height: int, shares: Floats) -> NDArray[np.uint8]:
    v, u = np.mgrid[:height, :width]
    x, y = (u + 0.5) / width * 2.0 - 1.0, 1.0 - (v + 0.5) / height * 2.0
    azimuth, elevation, inside = unhammer(x, y)
    column = (((azimuth + 180.0) % 360.0) / 360.0 * ACROSS).astype(np.int64) % ACROSS
    row = np.clip((np.sin(np.radians(elevation)) + 1.0) / 2.0 * UP, 0, UP - 1).astype(np.int64)
    pixels = ramp(np.sqrt(shares[row, column]))
    pixels[~inside] = PAPER
    return pixels


def _graticule(canvas: Canvas, inner: Box, is_named: bool) -> None:
    lines = [(np.full(61, float(a)), np.linspace(-90, 90, 61)) for a in range(-150, 180, 30)]
    lines += [(np.linspace(-179.999, 179.999, 121), np.full(121, float(e))) for e in (-60, -30, 0, 30, 60)]
    lines += [(np.full(61, a), np.linspace(-90, 90, 61)) for a in (-179.999, 179.999)]
    for azimuth, elevation in lines:
        is_main = elevation[0] == elevation[1] == 0.0 or azimuth[0] == azimuth[1] == 0.0
        points = zip(*(column.tolist() for column in _on_map(inner, *hammer(azimuth, elevation))), strict=True)
        canvas.line(list(points), FAINT if is_main or abs(azimuth[0]) > 179 else LINE, 0.5)
    for degrees, name in _SIDES if is_named else ():
        u, v = _on_map(inner, *hammer(np.array([degrees * 0.99999]), np.array([0.0])))
        anchor = {-180: "rm", 180: "lm"}.get(degrees, "ma")
        shift = {-180: -4.0, 180: 4.0}.get(degrees, 0.0)
        label = f"{name} {degrees % 360}°"
        canvas.text((float(u[0]) + shift, float(v[0]) + (0.0 if shift else 4.0)), label, 10, MID, anchor, halo=True)


def _on_map(inner: Box, u: Floats, v: Floats) -> tuple[Floats, Floats]:
    x, y, width, height = inner
    return x + (u + 1.0) / 2.0 * width, y + (1.0 - v) / 2.0 * height


def _legend(canvas: Canvas, box: Box, most: float) -> None:
    x, y, width, height = box
    canvas.paste(box, lambda w, h: np.broadcast_to(ramp(np.sqrt(np.linspace(0, 1, w))), (h, w, 3)).copy())
    canvas.text((x - 5, y + height / 2), "0", 10, MID, "rm")
    canvas.text((x + width + 5, y + height / 2), f"{most:.1f} times an even spread", 10, MID, "lm")
    if most > 1.2:
        canvas.line([(x + width / most, y - 2), (x + width / most, y + height + 2)], INK, 1.0)
        canvas.text((x + width / most, y + height + 2), "1", 9, MID, "ma")


def histogram(
    canvas: Canvas,
    box: Box,
    title: str,
    values: Floats,
    bounds: tuple[float, float],
    *,
    bins: int = 24,
    ticks: Sequence[float] = (),
    even: Floats | None = None,
    digits: int = 0,
) -> None:
    """Shares of the views by one number; a number that is the same for all is written down instead.

    Args:
        canvas: what to draw on.
        box: where, axes and title included.
        title: what the number is, and its unit.
        values: (N,).
        bounds: ends of the axis; all values lie between them.
        bins: bars.
        ticks: numbers to write under the axis; none: the ends and the middle.
        even: shares (bins,) that a line is to show, for instance those of an even spread over the sphere.
        digits: decimals of the ticks.
    """
    x, y, width, height = box
    canvas.text((x, y), title, 12, INK)
    inner = (x + 34, y + 22, width - 40, height - 40)
    if not len(values):
        canvas.text((x, y + 20), "no view", 11, FAINT)
        return
    if float(values.max() - values.min()) < 1e-9:
        canvas.text((x, y + 20), f"{values[0]:.{max(digits, 2)}f} in every view", 11, MID)
        return
    shares = np.histogram(values, bins=bins, range=bounds)[0] / len(values)
    top = _round_up(max(float(shares.max()), float(even.max()) if even is not None else 0.0))
    _axes(canvas, inner, top, bounds, ticks or (bounds[0], (bounds[0] + bounds[1]) / 2, bounds[1]), digits)
    step = inner[2] / bins
    for index, share in enumerate(shares.tolist()):
        tall = share / top * inner[3]
        canvas.fill((inner[0] + index * step + 0.5, inner[1] + inner[3] - tall, step - 1.0, tall), BAR)
    if even is not None:
        points = []
        for index, share in enumerate(even.tolist()):
            level = inner[1] + inner[3] * (1.0 - share / top)
            points += [(inner[0] + index * step, level), (inner[0] + (index + 1) * step, level)]
        canvas.line(points, ASKED, 1.2)


def _axes(
    canvas: Canvas, inner: Box, top: float, bounds: tuple[float, float], ticks: Sequence[float], digits: int
) -> None:
    x, y, width, height = inner
    for share in (0.0, 0.5, 1.0):
        level = y + height * (1.0 - share)
        canvas.line([(x, level), (x + width, level)], LINE if share else FAINT, 0.5)
        percent = 100.0 * top * share
        canvas.text((x - 4, level), f"{percent:.3g}%", 9, FAINT, "rm")
    for tick in ticks:
        place = x + (tick - bounds[0]) / (bounds[1] - bounds[0]) * width
        canvas.line([(place, y + height), (place, y + height + 3)], FAINT, 0.5)
        canvas.text((place, y + height + 4), f"{tick:.{digits}f}", 9, MID, "ma")


def _round_up(share: float) -> float:
    """The next of 1, 2, 4, 6, 8, 10 times a power of ten, so that the axis ends on a number."""
    power = 10.0 ** np.floor(np.log10(max(share, 1e-6)))
    return float(next(step * power for step in (1, 2, 4, 6, 8, 10) if step * power >= share * (1 - 1e-9)))


def frame(canvas: Canvas, box: Box, title: str, right: Floats, down: Floats) -> None:
    """Where in the picture the object's centre is seen, one dot a view (some of them, if they are many)."""
    x, y, width, height = box
    canvas.text((x, y), title, 12, INK)
    side = min(width, height - 40)
    left, top = x, y + 22
    canvas.line([(left, top), (left + side, top), (left + side, top + side), (left, top + side), (left, top)], FAINT, 1)
    canvas.line([(left + side / 2, top), (left + side / 2, top + side)], LINE, 0.5)
    canvas.line([(left, top + side / 2), (left + side, top + side / 2)], LINE, 0.5)
    some = slice(None, None, max(1, len(right) // FEW))
    u, v = left + (right[some] + 0.5) * side, top + (down[some] + 0.5) * side
    canvas.dots(u, v, BAR, 0.9)


def table(canvas: Canvas, at: tuple[float, float], rows: Sequence[Sequence[str]], widths: Sequence[float]) -> float:
    """Rows of cells, the first one a head; the first column to the left, the others to the right. Returns its end."""
    x, y = at
    for number, row in enumerate(rows):
        place = x
        for column, (cell, width) in enumerate(zip(row, widths, strict=True)):
            colour = FAINT if number == 0 else INK if column == 0 else MID
            anchor, shift = ("la", 0.0) if column == 0 else ("ra", width)
            canvas.text((place + shift, y), canvas.fitted(cell, 11, width - 6), 11, colour, anchor)
            place += width
        y += 17
        if number == 0:
            canvas.line([(x, y - 2), (place, y - 2)], LINE, 0.5)
    return y
