"""Light and its encoding: sRGB bytes to linear light and back, and the one compositing formula.

Pictures are mixed in *linear* light, as a lens does, so that antialiased edges keep their brightness against any
background (mixing encoded values darkens them).
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.floating[Any]]  # float32 wherever a picture's size is at stake
Bytes = NDArray[np.uint8]

_STEPS = 1 << 14  # entries of the encoding table: less than a third of a byte's step, even in the darks


def to_linear(encoded: ArrayLike) -> Floats:
    """sRGB values in 0-255 to linear light in 0-1, any shape (IEC 61966-2-1)."""
    value = np.asarray(encoded, dtype=np.float64) / 255.0
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return linear.astype(np.float32)


def from_linear(linear: ArrayLike) -> NDArray[np.float64]:
    """Linear light in 0-1 (clipped) to sRGB values in 0-255, not rounded, any shape."""
    value = np.clip(np.asarray(linear, dtype=np.float64), 0.0, 1.0)
    return 255.0 * np.where(value <= 0.0031308, value * 12.92, 1.055 * value ** (1.0 / 2.4) - 0.055)


def tone(linear: Floats) -> Floats:
    """Linear light >= 0 to 0-1 as the renderers do it: itself up to s = 0.6, above it s + (1 - s) o / (1 + o).

    o = (x - s) / (1 - s): the slope stays 1 at s, and nothing reaches 1.
    """
    over = np.maximum(linear - np.float32(0.6), 0.0) * np.float32(1.0 / 0.4)
    return np.asarray(np.minimum(linear, np.float32(0.6)) + np.float32(0.4) * (over / (1.0 + over)), dtype=np.float32)


@cache
def _decode_table() -> Floats:
    return to_linear(np.arange(256))


@cache
def _encode_table() -> Floats:
    return from_linear(np.arange(_STEPS + 1) / _STEPS).astype(np.float32)


def decode(picture: Bytes) -> Floats:
    """`to_linear` of a uint8 picture by table."""
    return _decode_table()[picture]


def encode(linear: Floats, grain: Floats | None = None) -> Bytes:
    """Linear light to sRGB bytes by table.

    Args:
        linear: (H, W, 3), 0-1, clipped.
        grain: (H, W) or (H, W, 3), added in byte steps before rounding: hides banding in soft gradients.
    """
    scaled = linear * np.float32(_STEPS)
    scaled += np.float32(0.5)
    np.clip(scaled, 0, _STEPS, out=scaled)
    value = np.take(_encode_table(), scaled.astype(np.uint16))
    value += np.float32(0.5)
    if grain is not None:
        value += grain[..., None] if grain.ndim == value.ndim - 1 else grain
        np.clip(value, 0, 255, out=value)
    encoded: Bytes = value.astype(np.uint8)
    return encoded


def composite(colour: Bytes, alpha: Bytes, background: Bytes) -> Bytes:
    """Lay a straight (not premultiplied) colour over a background, in linear light.

    out = encode(a * decode(colour) + (1 - a) * decode(background)), a = alpha / 255, rounded to nearest. Pixels
    of alpha 255 are the colour's bytes and pixels of alpha 0 the background's, exactly.

    Args:
        colour: (H, W, 3), sRGB.
        alpha: (H, W), 0-255.
        background: (H, W, 3), sRGB.
    """
    out = np.where(alpha[..., None] == 255, colour, background)
    edge = (alpha > 0) & (alpha < 255)
    a = alpha[edge].astype(np.float64)[:, None] / 255.0
    mixed = a * _decode_table()[colour[edge]] + (1.0 - a) * _decode_table()[background[edge]]
    out[edge] = np.floor(from_linear(mixed) + 0.5).astype(np.uint8)
    return out
