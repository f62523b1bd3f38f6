"""Where the whole object lies in the image plane, and how much of it the image shows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..boxes import NEAR, Box
from ..nouns import CadModel, Camera
from . import Renderer

LONGEST = 1536  # longest side of the picture in which an object that leaves the image is measured, pixels


def box_and_visible(model: CadModel, camera: Camera, renderer: Renderer, box: Box | None = None) -> tuple[Box, float]:
    """The box of the whole projected object, and the share of its silhouette that the image shows.

    Args:
        model: the model.
        camera: the camera.
        renderer: draws the silhouette of objects that leave the image; not asked for others.
        box: the projected box where it is known already.

    No other object stands before this one, and what it hides of itself does not count: the share says how much the
    image's edge has cut away, as the `visib_fract` of BOP (Hodan et al., ECCV 2018) without occluders.

    Returns:
        (x0, y0, x1, y1) in pixels, exact, of all that lies in front of the near plane, which may leave the image (all 0
        if nothing does), and a share 0-1: the silhouette inside the image over the whole silhouette.
    """
    box = box or projected_box(model, camera)
    if box is None:
        return (0.0, 0.0, 0.0, 0.0), 0.0
    x0, y0, x1, y1 = box
    if x0 >= 0 and y0 >= 0 and x1 <= camera.width and y1 <= camera.height:
        return box, 1.0
    if x1 <= 0 or y1 <= 0 or x0 >= camera.width or y0 >= camera.height:
        return box, 0.0
    return box, _share_inside(model, camera, renderer, box)


def projected_box(model: CadModel, camera: Camera) -> Box | None:
    """Box of the projected triangles, cut at the near plane; None when all of them lie behind it."""
    low, high = np.full(2, np.inf), np.full(2, -np.inf)
    for part in model.parts:
        x, y, z = _eye(part.vertices, camera)
        used = np.zeros(len(z), np.bool_)
        used[part.faces.reshape(-1)] = True
        kept = used & (z >= NEAR)
        pieces = [(x[kept], y[kept], z[kept])]
        if (used & ~kept).any():
            pieces += [_crossings(x, y, z, part.faces[:, [a, b]]) for a, b in ((0, 1), (1, 2), (2, 0))]
        for piece in pieces:
            pixels = _pixels(camera, *piece)
            low, high = np.minimum(low, pixels.min(1, initial=np.inf)), np.maximum(high, pixels.max(1, initial=-np.inf))
    if not np.isfinite(low).all():
        return None
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


Axes = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]


def _eye(vertices: NDArray[np.float32], camera: Camera) -> Axes:
    """Vertices in the camera frame. Products are written out, so that no BLAS may reorder them."""
    x, y, z = (vertices[:, axis].astype(np.float64) for axis in range(3))
    a, b, c = (x * r[0] + y * r[1] + z * r[2] + t for r, t in zip(camera.R, camera.t, strict=True))
    return a, b, c


def _crossings(
    x: NDArray[np.float64], y: NDArray[np.float64], z: NDArray[np.float64], edges: NDArray[np.int32]
) -> Axes:
    """Where edges (E, 2) pierce the near plane."""
    a, b = edges[:, 0], edges[:, 1]
    through = (z[a] >= NEAR) != (z[b] >= NEAR)
    a, b = a[through], b[through]
    share = (NEAR - z[a]) / (z[b] - z[a])
    return x[a] + (x[b] - x[a]) * share, y[a] + (y[b] - y[a]) * share, np.full(len(a), NEAR)


def _pixels(
    camera: Camera, x: NDArray[np.float64], y: NDArray[np.float64], z: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Pixel coordinates (2, N)."""
    u, v = x / z, y / z
    K = camera.K
    return np.stack([u * K[0, 0] + v * K[0, 1] + K[0, 2], v * K[1, 1] + K[1, 2]])


def whole_silhouette(
    model: CadModel, camera: Camera, renderer: Renderer, box: Box
) -> tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.float64]]:
    """The silhouette on a picture that holds the whole box.

    Args:
        model: the model.
        camera: the camera.
        renderer: draws the silhouette.
        box: of the projected object, from `projected_box`; where it is larger than `LONGEST`, fewer pixels are taken.

    Returns:
        A mask (H, W), and where its columns (W,) and rows (H,) lie in the camera's own picture, pixels.
    """
    x0, y0 = int(np.floor(box[0])), int(np.floor(box[1]))
    width, height = int(np.ceil(box[2])) - x0, int(np.ceil(box[3])) - y0
    scale = min(1.0, LONGEST / max(width, height, 1))
    size = max(1, int(np.ceil(width * scale))), max(1, int(np.ceil(height * scale)))
    K = camera.K.copy()
    K[0, 2] -= x0
    K[1, 2] -= y0
    K[:2] *= scale
    larger = Camera(K=K, R=camera.R, t=camera.t, width=size[0], height=size[1])
    mask = renderer.silhouette(model, larger)
    columns, rows = (np.arange(side, dtype=np.float64) + 0.5 for side in size)
    return mask, columns / scale + x0, rows / scale + y0


def _share_inside(model: CadModel, camera: Camera, renderer: Renderer, box: Box) -> float:
    """Count what of the whole silhouette lies inside the image."""
    mask, columns, rows = whole_silhouette(model, camera, renderer, box)
    total = int(mask.sum())
    if not total:  # thinner than a pixel everywhere: the boxes must do
        inside = [
            max(0.0, min(box[2 + i], end) - max(box[i], 0.0)) for i, end in enumerate((camera.width, camera.height))
        ]
        return float(np.clip(inside[0] * inside[1] / max((box[2] - box[0]) * (box[3] - box[1]), 1e-12), 0.0, 1.0))
    seen = mask[(rows > 0) & (rows < camera.height)][:, (columns > 0) & (columns < camera.width)]
    return int(seen.sum()) / total
