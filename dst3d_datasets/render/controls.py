"""From a renderer's buffers to the control pictures, as `nouns.Controls` documents them."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from ..nouns import Buffers, Camera, Controls
from ..recipe.base import Colour
from ..recipe.rendering import ControlOptions, Edges
from .canny import canny
from .lines import lines

GREYS = (255, 0, 128, 192, 64)  # the candidates of "contrast"; earlier ones win ties
FAINTEST = 0.05  # share of the silhouette that may stand out less than the score says
BAND = 3  # width of the silhouette's band, pixels
_AXES = np.array([127.5, -127.5, -127.5, 0.0])  # OpenCV axes to right, up, towards the camera
_CROSS = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], np.uint8)
FINEST = 2.0**-30  # depth scale of flat pictures; never 0


def make_controls(buffers: Buffers, camera: Camera, options: ControlOptions) -> Controls:
    """All control pictures of one view; `camera` is the one that `buffers` were seen from."""
    render = render_control(buffers, options.background)
    depth, scale, offset = encode_depth(buffers.depth, buffers.mask)
    return Controls(
        render=render,
        edge=_edges(render, buffers, options.edges),
        line=lines(buffers, camera, options.lines),
        mask=np.where(buffers.mask, np.uint8(255), np.uint8(0)),
        part=encode_part(buffers.part),
        depth=depth,
        normal=encode_normal(buffers.normal, buffers.mask),
        depth_scale=scale,
        depth_offset=offset,
    )


def render_control(buffers: Buffers, background: Literal["contrast"] | Colour) -> NDArray[np.uint8]:
    """The render control (H, W, 3): the colour over one grey, or another colour."""
    if background == "contrast":
        grey = contrast_grey(buffers)
        background = (grey, grey, grey)
    return composite(buffers.colour, buffers.alpha, background)


def _edges(render: NDArray[np.uint8], buffers: Buffers, options: Edges) -> NDArray[np.uint8]:
    edge = canny(render, options.low, options.high)
    return with_outline(edge, buffers.mask | (buffers.alpha > 0)) if options.outline else edge


def with_outline(edge: NDArray[np.uint8], seen: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Edges (H, W), and the outline of what is `seen` (H, W) wherever it is far from any edge.

    The outline is what has a neighbour above, below, left or right that is not seen. Where no edge lies within 2 pixels
    of it, it is added, with the 2 pixels of outline on either side that join it to the edges. `seen` holds every pixel
    with any opacity, so wires much thinner than a pixel count, and glass, and white before white.
    """
    near = np.ones((5, 5), np.uint8)
    # BORDER_CONSTANT with 1s: what is cut by the image's edge is no outline.
    inner = cv2.erode(seen.astype(np.uint8), _CROSS, borderType=cv2.BORDER_CONSTANT, borderValue=1)
    outline = seen & (inner == 0)
    missing = outline & (cv2.dilate(edge, near) == 0)
    if not missing.any():
        return edge
    joined = outline & (cv2.dilate(missing.astype(np.uint8), near) > 0)
    return np.where(joined, np.uint8(255), edge)


def composite(
    colour: NDArray[np.uint8], alpha: NDArray[np.uint8], background: tuple[int, int, int]
) -> NDArray[np.uint8]:
    """Straight colour (H, W, 3) with alpha (H, W) over one colour, in sRGB values: (c a + b (255 - a) + 127) // 255."""
    channels = []
    box = _box(alpha)
    a = alpha[box].astype(np.uint16)
    for channel, behind in enumerate(background):
        plane = np.full(alpha.shape, behind, np.uint8)
        x = colour[..., channel][box] * a + np.uint16(behind) * (255 - a) + np.uint16(127)
        plane[box] = (x + 1 + (x >> 8)) >> 8  # = x // 255 for x below 65535
        channels.append(plane)
    return np.asarray(cv2.merge(channels), np.uint8)


def _box(mask: NDArray[np.generic]) -> tuple[slice, slice]:
    """The rows and columns that hold all that is not 0: work on the object, not on the background."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return slice(0, 0), slice(0, 0)
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


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
    box = _box(mask)
    inside = mask[box]
    if not inside.size:
        return result, FINEST, 0.0
    z = depth[box].astype(np.float64)
    near, far = float(z.min(where=inside, initial=np.inf)), float(z.max(where=inside, initial=-np.inf))
    scale = max((far - near) / 65534.0, FINEST)
    offset = near - scale
    result[box] = np.rint((z - offset) / scale).clip(1, 65535) * inside
    return result, scale, offset


def encode_part(part: NDArray[np.int32]) -> NDArray[np.uint16]:
    """Part indices (H, W), -1 outside, as 1 + index with 0 outside; parts beyond the 65,535th share the last value."""
    return np.minimum(part + 1, 65535).astype(np.uint16)


def encode_normal(normal: NDArray[np.float32], mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Normals (H, W, 3), OpenCV axes, as colours: 127.5 (n + 1), axes (right, up, towards the camera); 0 outside."""
    result = np.zeros(normal.shape, np.uint8)
    box = _box(mask)
    if not mask[box].size:
        return result
    turned = np.asarray(cv2.multiply(normal[box], _AXES), np.float32)
    turned += np.float32(127.5)
    colour = np.rint(turned, out=turned).clip(0, 255).astype(np.uint8)
    result[box] = cv2.copyTo(colour, mask[box].astype(np.uint8))
    return result
