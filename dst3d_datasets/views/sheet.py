"""Pictures of view sampling: a sheet for a plan, and every sampler side by side. From plan data alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from .chart import ASKED, FAINT, INK, MID, Canvas
from .columns import Floats
from .panels import frame, histogram, sphere_map, table
from .survey import Survey

_WIDTH, _MARGIN = 1180, 28
_CLASSES = 12  # rows of the table of classes


def even_elevation(bins: int = 18) -> Floats:
    """Shares (bins,) of an even spread over the sphere between circles of latitude that lie evenly in degrees."""
    return np.diff(np.sin(np.radians(np.linspace(-90.0, 90.0, bins + 1)))) / 2.0


def sheet(found: Survey) -> Image.Image:
    """One picture of what a plan's views are like: RGB, 1180 pixels wide."""
    quotas, classes = found.quotas(), found.class_rows()
    lines = max(len(quotas) + 1 if quotas else 0, min(len(classes), _CLASSES) + 2)
    canvas = Canvas(_WIDTH, 720 + 17 * lines + 40)
    columns = found.columns
    canvas.text((_MARGIN, 18), canvas.fitted(f"Views of {found.title}", 20, _WIDTH - 2 * _MARGIN), 20)
    canvas.text((_MARGIN, 46), _said(found), 12, MID)
    canvas.text((_MARGIN, 76), "camera positions (equal-area map; sides are the object's own)", 12)
    sphere_map(canvas, (_MARGIN, 94, 700, 340), columns["azimuth"], columns["elevation"])
    right = _MARGIN + 740
    title = "object's centre in the picture (before truncation)"
    frame(canvas, (right, 76, 380, 300), title, columns["right"], columns["down"])
    _truncation(canvas, (right, 366), columns["visible"])
    _angles(canvas, 450, columns)
    _lens(canvas, 590, columns)
    bottom = 730
    if quotas:
        rows = [("quota", "asked", "drawn", "in its region")]
        size = max(1, len(found))
        rows += [
            (each.name, f"{each.asked:.2%}", f"{each.drawn / size:.2%}", f"{each.inside / size:.2%}") for each in quotas
        ]
        table(canvas, (_MARGIN, bottom), rows, (250, 60, 80, 110))
    left = _MARGIN + (540 if quotas else 0)
    shown = classes[:_CLASSES]
    head = ("class", "views", "elevation 5/50/95 %", "distance", "truncated")
    rows_of = [head, *((name, f"{n:,}", e, d, f"{cut:,}") for name, n, e, d, cut in shown)]
    end = table(canvas, (left, bottom), rows_of, (180, 70, 140, 110, 84))
    if len(classes) > len(shown):
        canvas.text((left, end), f"... and {len(classes) - len(shown):,} more classes", 11, FAINT)
    return canvas.finished()


def _said(found: Survey) -> str:
    of = f"{len(found):,} of its {found.num_views:,} views" if len(found) < found.num_views else f"{len(found):,} views"
    classes = found.classes[0] if len(found.classes) == 1 else f"{len(found.classes):,} classes"
    return f"{of}, {found.num_models:,} models of {classes}; nothing was rendered for this picture"


def _truncation(canvas: Canvas, at: tuple[float, float], visible: Floats) -> None:
    cut = visible < 1.0
    if cut.any():
        said = (
            f"truncated: {cut.mean():.1%} of the views, to {visible[cut].min():.0%} - {visible[cut].max():.0%} visible"
        )
        canvas.text(at, said, 11, MID)
    else:
        canvas.text(at, "truncated on purpose: none", 11, MID)


def _angles(canvas: Canvas, top: float, columns: dict[str, Floats]) -> None:
    width = (_WIDTH - 2 * _MARGIN) / 3
    boxes = [(_MARGIN + index * width, top, width - 16, 126) for index in range(3)]
    azimuth = columns["azimuth"]
    quarters = (0, 90, 180, 270, 360)
    histogram(
        canvas, boxes[0], "azimuth, degrees", azimuth, (0, 360), bins=24, ticks=quarters, even=np.full(24, 1 / 24)
    )
    elevations = (-90, -45, 0, 45, 90)
    histogram(
        canvas,
        boxes[1],
        "elevation, degrees",
        columns["elevation"],
        (-90, 90),
        bins=18,
        ticks=elevations,
        even=even_elevation(),
    )
    histogram(
        canvas,
        boxes[2],
        "theta, in-plane rotation, degrees",
        columns["theta"],
        (-180, 180),
        ticks=(-180, -90, 0, 90, 180),
    )
    x = boxes[1][0] + boxes[1][2]
    canvas.text((x, top), "line: even over the sphere", 10, ASKED, "ra")


def _lens(canvas: Canvas, top: float, columns: dict[str, Floats]) -> None:
    width = (_WIDTH - 2 * _MARGIN) / 3
    size = columns["focal"] / columns["distance"]
    numbers = (
        ("distance, longest box sides", columns["distance"]),
        ("focal length, image widths", columns["focal"]),
        ("one box side at the centre, image widths", size),
    )
    for index, (title, values) in enumerate(numbers):
        box = (_MARGIN + index * width, top, width - 16, 126)
        histogram(canvas, box, title, values, _span(values), digits=2)


def _span(values: Floats) -> tuple[float, float]:
    """Ends of an axis that holds all values, on tenths."""
    low, high = np.floor(values.min() * 10.0) / 10.0, np.ceil(values.max() * 10.0) / 10.0
    return float(low), float(high if high > low else low + 0.1)


def gallery(found: Sequence[Survey], across: int = 4) -> Image.Image:
    """Samplers side by side: for each its map of the sphere, and its elevations and thetas."""
    width, height = 316, 284
    rows = -(-len(found) // across)
    canvas = Canvas(across * width + 2 * _MARGIN, rows * height + 84)
    canvas.text((_MARGIN, 18), "View samplers", 20)
    canvas.text(
        (_MARGIN, 46),
        f"{len(found[0]):,} views each. Equal-area maps of where the cameras stand: the front is in the middle, the "
        "object's left side to the right, from above at the top; darker is more. Line: even over the sphere.",
        12,
        MID,
    )
    for index, each in enumerate(found):
        x, y = _MARGIN + index % across * width, 76 + index // across * height
        title, _, detail = each.title.partition(": ")
        canvas.text((x, y), title, 13, INK)
        canvas.text((x, y + 17), detail, 10, MID)
        columns = each.columns
        sphere_map(canvas, (x, y + 22, width - 20, 166), columns["azimuth"], columns["elevation"], legend=False)
        half = (width - 20) / 2
        histogram(
            canvas, (x, y + 190, half, 92), "elevation", columns["elevation"], (-90, 90), bins=18, even=even_elevation()
        )
        histogram(canvas, (x + half, y + 190, half, 92), "theta", columns["theta"], (-180, 180), bins=18)
    return canvas.finished()
