"""Between a label's fields and a `Camera`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..camera import view_of
from ..nouns import Camera


def camera_of_label(label: Mapping[str, Any]) -> Camera:
    """The camera that a label states: its `K`, `R`, `t`, `width` and `height` (see `schema.LABEL`)."""
    K, R, t = (np.asarray(label[name], dtype=np.float64) for name in ("K", "R", "t"))
    return Camera(K=K, R=R, t=t, width=int(label["width"]), height=int(label["height"]))


def pose_fields(camera: Camera) -> dict[str, Any]:
    """The label's fields that follow from a camera: plain numbers under the names of `schema.LABEL`.

    The angles are those of `camera.view_of`: they are the whole pose where the optical axis meets the object's centre,
    as it does in all our samples; elsewhere `K`, `R` and `t` still are.
    """
    view = view_of(camera.R, camera.t)
    return {
        "azimuth": view.azimuth,
        "elevation": view.elevation,
        "theta": view.theta,
        "distance": view.distance,
        "K": camera.K.tolist(),
        "R": camera.R.tolist(),
        "t": camera.t.tolist(),
        "width": camera.width,
        "height": camera.height,
    }
