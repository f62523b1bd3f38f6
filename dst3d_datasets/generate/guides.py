"""Controls as ControlNets want them: three channels, 0-255, at the size the pipeline draws at."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ..nouns import Controls

Bytes = NDArray[np.uint8]


def guide(controls: Controls, name: str, height: int, width: int) -> Bytes:
    """One control as a picture (height, width, 3).

    * `edge`, `mask`: grey on three channels. Made smaller by area, and an edge of a quarter pixel's cover stays
      white, so that thin lines survive; made larger by nearest neighbour.
    * `depth`: brightness is inverse depth over the nearest point's, as in MiDaS maps; the background, infinitely far,
      is black. Resized by nearest neighbour: a mean of object and background would be a surface that is not there.
    * `normal`: the control as it is stored (axes right, up, towards the camera); nearest neighbour likewise.
    * `render`: the colour picture; smaller by area, larger by Lanczos.
    """
    if name == "render":
        return resize(controls.render, height, width)
    if name == "normal":
        return _nearest(controls.normal, height, width)
    if name == "depth":
        return _three(_nearest(_inverse_depth(controls), height, width))
    return _three(_lines(controls.edge if name == "edge" else controls.mask, height, width))


def resize(picture: Bytes, height: int, width: int) -> Bytes:
    """A colour picture (H, W, 3) at another size: by area when that is smaller, by Lanczos (4 lobes) when larger."""
    if picture.shape[:2] == (height, width):
        return picture
    smaller = height * width < picture.shape[0] * picture.shape[1]
    return _bytes(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LANCZOS4))


def _inverse_depth(controls: Controls) -> Bytes:
    """(H, W): 255 at the nearest point, falling as 1/z, 0 in the background."""
    seen = controls.depth > 0
    z = controls.depth_offset + controls.depth_scale * controls.depth.astype(np.float64)
    if not seen.any():
        return np.zeros(controls.depth.shape, np.uint8)
    nearest = z[seen].min()
    return np.where(seen, np.floor(255.0 * nearest / np.where(seen, z, 1.0) + 0.5), 0).astype(np.uint8)


def _lines(picture: Bytes, height: int, width: int) -> Bytes:
    if picture.shape == (height, width):
        return picture
    if height * width < picture.size:
        small = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
        return np.where(np.asarray(small) >= 64, 255, 0).astype(np.uint8)
    return _nearest(picture, height, width)


def _nearest(picture: Bytes, height: int, width: int) -> Bytes:
    if picture.shape[:2] == (height, width):
        return picture
    return _bytes(cv2.resize(picture, (width, height), interpolation=cv2.INTER_NEAREST_EXACT))


def _bytes(picture: object) -> Bytes:
    return np.asarray(picture, dtype=np.uint8)


def _three(grey: Bytes) -> Bytes:
    return np.repeat(grey[..., None], 3, axis=2)
