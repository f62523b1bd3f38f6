"""Objects partly outside the picture: how far the principal point moves so that a given share stays inside."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..camera import camera_of
from ..nouns import CadModel, View
from . import Renderer
from .visibility import projected_box, whole_silhouette


def truncated(model: CadModel, view: View, width: int, height: int, renderer: Renderer) -> View:
    """A view whose object leaves the picture until `view.visible` of its silhouette is left, if it asks for that.

    The principal point moves in the direction `view.towards`, by the most whole pixels with which at least that share
    is inside. Where the camera stands and looks stays as it was, so R, t and the angles do too. An object of which the
    picture shows less from the start, or nothing that could be counted, stays where it is. Engines whose silhouettes
    differ by a pixel may differ by a pixel here too; the label's K is always the one that the picture was made with.

    Args:
        model: the model.
        view: the view as it was drawn.
        width: of the image, pixels.
        height: of the image, pixels.
        renderer: draws one silhouette.

    Returns:
        The view with its final principal point.
    """
    if view.visible >= 1.0:
        return view
    camera = camera_of(view, width, height)
    box = projected_box(model, camera)
    if box is None:
        return view
    mask, columns, rows = whole_silhouette(model, camera, renderer, box)
    if not mask.any():
        return view
    y, x = np.nonzero(mask)
    columns, rows = columns[x], rows[y]
    towards = math.cos(math.radians(view.towards)), math.sin(math.radians(view.towards))

    def moved(way: int) -> tuple[int, int]:
        return int(way * towards[0]), int(way * towards[1])  # towards zero: never further than `way`

    def share(way: int) -> float:
        right, down = moved(way)
        return float((_inside(columns + right, width) & _inside(rows + down, height)).mean())

    near, far = 0, math.ceil(math.hypot(width, height) + math.hypot(box[2] - box[0], box[3] - box[1]))
    if share(0) < view.visible:
        return view
    while far - near > 1:  # `near` always leaves enough inside
        middle = (near + far) // 2
        near, far = (middle, far) if share(middle) >= view.visible else (near, middle)
    right, down = moved(near)
    side = max(width, height)
    return replace(view, principal=(view.principal[0] + right / side, view.principal[1] + down / side))


def _inside(places: NDArray[np.float64], end: int) -> NDArray[np.bool_]:
    inside: NDArray[np.bool_] = (places > 0) & (places < end)
    return inside
