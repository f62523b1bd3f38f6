"""Controls as ControlNets want them: three channels, 0-255, at the size the pipeline draws at; see `conventions`."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ..nouns import Shot
from .ade20k import segment_of, segments
from .rays import centre, directions

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]
CLEARANCE = 0.02  # a camera must be this far above the ground to look onto it, longest box sides
_SCALE = 512.0  # picture side that line widths are given for
_SOFT, _THICK = 1.5, 4.0  # standard deviation of soft lines, width of scribbles, pixels


def guide(shot: Shot, name: str, convention: str, height: int, width: int, *, ground: bool = False) -> Bytes:
    """One control as a picture (height, width, 3).

    Args:
        shot: what was rendered; depth, normals and mask come from its exact buffers.
        name: which control.
        convention: how it is drawn, from `conventions.TABLE`.
        height: of the picture.
        width: of the picture.
        ground: depth, normal and segmentation also show the plane that the object stands on, in the camera's exact
            perspective up to the horizon; without effect when the camera is not above it.

    Lines and masks are made smaller by area, and a quarter pixel's cover stays white, so that thin lines survive.
    Depth, normals and segments take the nearest neighbour: a mean of object and background would be a surface that is
    not there.

    Raises:
        RecipeError: segmentation of a class for which ADE20K has no colour.
    """
    if name == "render":
        return resize(shot.controls.render, height, width)
    if name == "normal":
        return _nearest(_normal(shot, convention, ground), height, width)
    if name == "depth":
        return _three(_nearest(_depth(shot, convention, ground), height, width))
    if name == "segmentation":
        return _nearest(_segments(shot, ground), height, width)
    drawn = _lines(getattr(shot.controls, name), height, width)
    return _three(_soft(drawn) if convention == "softedge" else _thick(drawn) if convention == "scribble" else drawn)


def resize(picture: Bytes, height: int, width: int) -> Bytes:
    """A colour picture (H, W, 3) at another size: by area when that is smaller, by Lanczos (4 lobes) when larger."""
    if picture.shape[:2] == (height, width):
        return picture
    smaller = height * width < picture.shape[0] * picture.shape[1]
    return _bytes(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LANCZOS4))


@dataclass(frozen=True, slots=True)
class _Floor:
    """The ground behind the object."""

    inverse: Floats  # (H, W), 1 / z-depth; 0 above the horizon
    share: Floats  # (H, W), how much of the pixel lies below the horizon, 0-1
    normal: Floats  # (3,), camera frame


def _floor(shot: Shot) -> _Floor | None:
    """The plane at the bottom of the object's box; None when the camera is not above it."""
    camera = shot.camera
    above = float(centre(camera)[2]) + 0.5 * float(shot.label["size"][2])
    if above <= CLEARANCE:
        return None
    down = -directions(camera)[2].astype(np.float64)  # of rays whose z in the camera frame is 1
    share = np.clip(0.5 + down * min(camera.K[0, 0], camera.K[1, 1]), 0.0, 1.0)
    return _Floor(np.maximum(down, 0.0) / above, share, camera.R[:, 2])


def _depth(shot: Shot, convention: str, ground: bool) -> Bytes:
    seen, floor = shot.buffers.mask, _floor(shot) if ground else None
    behind = floor.inverse if floor is not None else np.zeros(seen.shape)
    inverse = np.where(seen, 1.0 / np.where(seen, shot.buffers.depth.astype(np.float64), 1.0), behind)
    if not inverse.any():
        return np.zeros(seen.shape, np.uint8)
    if convention == "zoe":
        there = inverse > 0
        depth = 1.0 / np.where(there, inverse, 1.0)
        near, far = np.percentile(depth[there], (2.0, 85.0))
        return _quantised(np.where(there, 1.0 - (depth - near) / max(far - near, 1e-9), 0.0))
    low, high = float(inverse.min()), float(inverse.max())
    return _quantised((inverse - low) / (high - low) if high > low else np.ones(seen.shape))


def _normal(shot: Shot, convention: str, ground: bool) -> Bytes:
    seen, floor = shot.buffers.mask, _floor(shot) if ground else None
    normal = np.zeros((*seen.shape, 3))
    if convention != "stored":
        normal[..., 2] = -1.0
    if floor is not None:
        share = floor.share[..., None]
        normal = normal * (1.0 - share) + floor.normal * share
    normal[seen] = shot.buffers.normal[seen]
    length = np.sqrt((normal * normal).sum(-1, keepdims=True))
    axes = normal / np.maximum(length, 1e-9) * ((1.0, -1.0, -1.0) if convention == "stored" else (-1.0, -1.0, -1.0))
    colour = _quantised(0.5 + 0.5 * axes) * (length > 0)
    return np.ascontiguousarray(colour[..., ::-1]) if convention == "midas" else colour


def _segments(shot: Shot, ground: bool) -> Bytes:
    own, known = segment_of(shot.ref), segments()
    picture = np.empty((*shot.buffers.mask.shape, 3), np.uint8)
    picture[:] = known[own.behind].colour
    floor = _floor(shot) if ground else None
    if floor is not None:
        picture[floor.share > 0.5] = known[own.below].colour
    picture[shot.buffers.mask] = own.colour
    return picture


def _lines(picture: Bytes, height: int, width: int) -> Bytes:
    if picture.shape == (height, width):
        return picture
    if height * width < picture.size:
        small = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
        return np.where(np.asarray(small) >= 64, 255, 0).astype(np.uint8)
    return _nearest(picture, height, width)


def _soft(picture: Bytes) -> Bytes:
    """Lines that fade; the middle of a lone straight one stays white."""
    sigma = _SOFT * max(picture.shape) / _SCALE
    peak = max(1.0, sigma * np.sqrt(2.0 * np.pi))
    return _quantised(
        np.asarray(cv2.GaussianBlur(picture.astype(np.float32), (0, 0), sigma), np.float64) * peak / 255.0
    )


def _thick(picture: Bytes) -> Bytes:
    side = max(1, round(_THICK * max(picture.shape) / _SCALE)) | 1
    return _bytes(cv2.dilate(picture, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))))


def _nearest(picture: Bytes, height: int, width: int) -> Bytes:
    if picture.shape[:2] == (height, width):
        return picture
    return _bytes(cv2.resize(picture, (width, height), interpolation=cv2.INTER_NEAREST_EXACT))


def _quantised(share: Floats) -> Bytes:
    """0-1 to 0-255, halves up; what is outside is clipped."""
    return np.floor(np.clip(share, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)


def _bytes(picture: object) -> Bytes:
    return np.asarray(picture, dtype=np.uint8)


def _three(grey: Bytes) -> Bytes:
    return np.repeat(grey[..., None], 3, axis=2)
