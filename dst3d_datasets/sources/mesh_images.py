"""Textures: encoded bytes to RGBA pixels, within bounds."""

from __future__ import annotations

import io
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from ..errors import ModelRefused, Reason

# What models carry. Not every format that Pillow knows: its EPS reader, for one, starts another program.
_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TGA", "GIF", "TIFF", "PPM")


def decode(data: bytes, max_pixels: int, label: str) -> NDArray[np.uint8]:
    """Decode a picture.

    Returns:
        (h, w, 4) uint8, sRGB-encoded RGB and straight alpha; row 0 is the top.

    Raises:
        ModelRefused: more than `max_pixels` pixels, known from the header before anything is inflated; or KTX2.
        ValueError: not a picture, or damaged; the message says how.
    """
    if data.startswith(b"\xabKTX"):
        raise ModelRefused(Reason.UNSUPPORTED, f"{label}: a KTX texture; there is no decoder for it here")
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            width, height = image.size
            if width * height > max_pixels:
                raise ModelRefused(
                    Reason.TEXTURE_TOO_LARGE, f"{label}: {width} x {height} pixels; the limit is {max_pixels}"
                )
            if width * height == 0:
                raise ValueError(f"{label}: {width} x {height} pixels")
            return _rgba(image)
    except Image.DecompressionBombError as error:
        raise ModelRefused(Reason.TEXTURE_TOO_LARGE, f"{label}: {error}") from error
    except (ModelRefused, MemoryError):
        raise
    except Exception as error:
        # Pillow's decoders raise OSError, SyntaxError, struct.error, IndexError and others on damaged files.
        text = "not a picture" if isinstance(error, UnidentifiedImageError) else str(error)
        raise ValueError(f"{label}: {text or type(error).__name__}") from error


def bound_total(images: Iterable[NDArray[np.uint8] | None], max_pixels: int) -> None:
    """Refuse a model whose textures together have more than four times the pixels that one may have."""
    total = sum(image.shape[0] * image.shape[1] for image in images if image is not None)
    if total > 4 * max_pixels:
        raise ModelRefused(
            Reason.TEXTURE_TOO_LARGE, f"textures of {total} pixels together; the limit is {4 * max_pixels}"
        )


def _rgba(image: Image.Image) -> NDArray[np.uint8]:
    if image.mode.startswith("I") or image.mode == "F":
        grey = np.asarray(image, dtype=np.float64)
        top = 65535.0 if image.mode.startswith("I") else 1.0
        level = np.clip(np.rint(grey * (255.0 / top)), 0, 255).astype(np.uint8)
        return np.dstack([level, level, level, np.full_like(level, 255)])
    if image.mode in ("CMYK", "YCbCr", "LAB", "HSV"):
        image = image.convert("RGB")
    return np.array(image.convert("RGBA"), dtype=np.uint8)
