"""From a renderer's buffers to the control pictures, as `nouns.Controls` documents them."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ..nouns import Buffers, Controls
from ..recipe.fields import ControlOptions
from .canny import canny

GREYS = (255, 0, 128, 192, 64)  # the candidates of "contrast"; earlier ones win ties
FAINTEST = 0.05  # share of the silhouette that may stand out less than the score says
BAND = 3  # width of the silhouette's band, pixels
_FINEST = 2.0**-30  # depth scale of flat pictures; never 0


def make_controls(buffers: Buffers, options: ControlOptions) -> Controls:
    """All control pictures of one view."""
    background = options.background
    if background == "contrast":
        grey = contrast_grey(buffers)
        background = (grey, grey, grey)
    render = composite(buffers.colour, buffers.alpha, background)
    depth, scale, offset = encode_depth(buffers.depth, buffers.mask)
    return Controls(
        render=render,
        edge=canny(render, options.edges.low, options.edges.high),
        mask=np.where(buffers.mask, np.uint8(255), np.uint8(0)),
        depth=depth,
        normal=encode_normal(buffers.normal, buffers.mask),
        depth_scale=scale,
        depth_offset=offset,
    )


def composite(
    colour: NDArray[np.uint8], alpha: NDArray[np.uint8], background: tuple[int, int, int]
) -> NDArray[np.uint8]:
    """Straight colour (H, W, 3) with alpha (H, W) over one colour, in sRGB values: (c a + b (255 - a) + 127) // 255."""
    result = np.empty_like(colour)
    result[:] = np.asarray(background, np.uint8)
    some = alpha > 0
    a = alpha[some].astype(np.uint32)[:, None]
    behind = np.asarray(background, np.uint32)
    result[some] = (colour[some] * a + behind * (255 - a) + 127) // 255
    return result


def contrast_grey(buffers: Buffers) -> int:
    """The grey of `GREYS` that stands out most from the model's own silhouette.

    A grey's score is the 5 % quantile of |grey - luma| over the mask's pixels within 3 pixels of background: nearly the
    whole outline stands out at least that much. An image without object or without background gets the first grey.
    """
    # BORDER_CONSTANT with 1s: what is cut by the image's edge is no silhouette.
    eroded = cv2.erode(
        buffers.mask.astype(np.uint8),
        np.ones((2 * BAND - 1,) * 2, np.uint8),
        borderType=cv2.BORDER_CONSTANT,
        borderValue=1,
    )
    band = buffers.mask & (eroded == 0) & (buffers.alpha > 0)
    if not band.any():
        return GREYS[0]
    luma = cv2.cvtColor(buffers.colour[band][None], cv2.COLOR_RGB2GRAY)[0].astype(np.int16)
    rank = int(len(luma) * FAINTEST)
    scores = [int(np.partition(np.abs(luma - grey), rank)[rank]) for grey in GREYS]
    return GREYS[int(np.argmax(scores))]


def encode_depth(depth: NDArray[np.float32], mask: NDArray[np.bool_]) -> tuple[NDArray[np.uint16], float, float]:
    """Depth as 16-bit values with z = offset + scale x value; the object's values are 1-65535, background is 0.

    The object's own range is spread over all values. Returns (H, W) uint16, scale (> 0 always) and offset.
    """
    result = np.zeros(depth.shape, np.uint16)
    z = depth[mask].astype(np.float64)
    if not len(z):
        return result, _FINEST, 0.0
    near, far = float(z.min()), float(z.max())
    scale = max((far - near) / 65534.0, _FINEST)
    offset = near - scale
    result[mask] = np.clip(np.rint((z - offset) / scale), 1, 65535).astype(np.uint16)
    return result, scale, offset


def encode_normal(normal: NDArray[np.float32], mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Normals (H, W, 3), OpenCV axes, as colours: 127.5 (n + 1), axes (right, up, towards the camera); 0 outside."""
    result = np.zeros(normal.shape, np.uint8)
    turned = normal[mask] * np.array([1.0, -1.0, -1.0], np.float32)
    result[mask] = np.clip(np.rint((turned + 1.0) * 127.5), 0, 255).astype(np.uint8)
    return result
