"""From the reference's camera, about the raw CAD model, to ours about the aligned one.

The two models are the same surface: X_raw = (A^T X - c) / l, with A the catalogue's turn and c and l the centre and the
longest side of the box of A^T X, which is the raw model's own. So x = R X_raw + t becomes

    l x = (R A^T) X + (l t - R c)

and that is exact, whatever the columns are: the elevation column, which the reference adds to the camera's polar angle
as if that were a turn of the model, does no harm here, because the camera is taken from where it truly stood.

Our labels have the object's centre on the optical axis. A turn that is no multiple of 90 degrees gives the box another
centre, and the reference looked at the raw one's: such views are refused where that shows.

The reference takes the raw box from Blender's boxes of objects, which are looser than ours where a file's nodes are
turned by other angles than right ones. The object is then smaller in its render than here, `proof` sees it, and the
views are refused too: nothing in the annotation tells by how much.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..boxes import box_corners
from ..camera import alignment_of, camera_of, project, view_of
from ..errors import ModelRefused, Reason
from ..nouns import CadModel, Camera, View
from .annotation import RawCamera

MOST_PIXELS = 0.25  # by which a corner of the box may lie elsewhere in our label than under the reference's camera
_AT = 512  # pixels, the size this is counted at


def raw_box(model: CadModel) -> tuple[NDArray[np.float64], float]:
    """Centre (3,) and longest side of the box of a canonical model that is turned back to its raw frame.

    Both are in the model's own unit. Without a turn, or with one by right angles, they are 0 and 1.
    """
    turn = alignment_of(model.ref)
    clouds = [part.vertices.astype(np.float64) @ turn for part in model.parts if len(part.vertices)]  # rows: A^T X
    low = np.min([cloud.min(axis=0) for cloud in clouds], axis=0)
    high = np.max([cloud.max(axis=0) for cloud in clouds], axis=0)
    return (low + high) / 2.0, float((high - low).max())


def canonical_view(model: CadModel, camera: RawCamera, number: int, box: tuple[NDArray[np.float64], float]) -> View:
    """The view of a reference camera, as our labels state it.

    Args:
        model: the CAD model, aligned.
        camera: the reference's, about the raw model.
        number: of the view.
        box: `raw_box(model)`.

    Raises:
        ModelRefused: `unsupported` where the camera looks past the object's centre by more than a label can say.
    """
    centre, longest = box
    R = camera.R @ alignment_of(model.ref).T
    t = longest * camera.t - camera.R @ centre
    along = view_of(R, (0.0, 0.0, 1.0))  # the angles of R alone: those of a camera that looks straight at the centre
    view = View(
        index=number,
        azimuth=along.azimuth,
        elevation=along.elevation,
        theta=along.theta,
        distance=float(t[2]),
        focal=camera.focal,
        principal=camera.principal,
    )
    if view.distance <= 0.0:
        raise ModelRefused(Reason.UNSUPPORTED, "the camera does not look at the object")
    ours = camera_of(view, _AT, _AT)
    theirs = Camera(K=ours.K, R=R, t=t, width=_AT, height=_AT)
    off = _apart(ours, theirs, model.size)
    if off > MOST_PIXELS:
        raise ModelRefused(
            Reason.UNSUPPORTED,
            "the catalogue's turn of this model is none by right angles and moves the middle of its box: the reference "
            f"looked past it by {off:.2f} pixels, and labels look at it",
        )
    return view


def _apart(one: Camera, other: Camera, size: tuple[float, float, float]) -> float:
    """The most that a corner of the box moves from one camera's picture to the other's, pixels."""
    corners = box_corners(size)
    corners = corners[(corners @ other.R.T + other.t)[:, 2] > 0.05]
    if not len(corners):
        return np.inf
    return float(np.linalg.norm(project(one, corners)[0] - project(other, corners)[0], axis=1).max())
