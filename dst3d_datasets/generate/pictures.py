"""Backgrounds from pictures: photographs cropped at will, and panoramas seen by the shot's own camera."""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..errors import UsageError
from ..nouns import Shot
from ..pictures import HDR_SUFFIXES, SUFFIXES, Folder, read_panorama, read_picture
from .catcher import is_upright, with_shadow
from .colour import Bytes, Floats, encode
from .noise import Draws
from .rays import directions

_WIDTH = 4096  # of a panorama in memory, pixels
_KEPT = 20  # panoramas, of 25 MB each


class Images:
    """A picture of the folder by seed: a random crop of the shot's shape, perhaps mirrored, scaled to its size.

    Nobody knows where the ground of a photograph is. Where the camera looks down on the object, and stands upright as
    photographers do, the object's shadow is laid on the picture as if its ground were the object's.
    """

    def __init__(self, folder: str, shadow: bool) -> None:
        self._folder, self._shadow = Folder(folder, SUFFIXES, "generator.folder"), shadow
        self.digest = self._folder.digest

    def draw(self, shot: Shot) -> Bytes:
        """(H, W, 3) sRGB.

        Raises:
            PictureError: no usable picture was found.
        """
        names = ("background", "images", shot.seed)
        picture = self._crop(self._folder.first_usable(read_picture, *names), shot, Draws(*names))
        return with_shadow(picture, shot) if self._shadow and is_upright(shot.camera) else picture

    def _crop(self, image: Image.Image, shot: Shot, draws: Draws) -> Bytes:
        height, width = shot.buffers.alpha.shape
        scale = min(image.width / width, image.height / height)  # picture pixels per pixel of the largest crop
        scale *= draws.number("crop", 0.6, 1.0)
        left = (image.width - width * scale) * draws.number("left")
        top = (image.height - height * scale) * draws.number("top")
        box = (left, top, left + width * scale, top + height * scale)
        crop = image.resize((width, height), Image.Resampling.LANCZOS, box=box)
        pixels = np.asarray(crop, dtype=np.uint8)
        return np.ascontiguousarray(pixels[:, ::-1] if draws.number("mirror") < 0.5 else pixels)

    def counts(self) -> dict[str, int]:
        """`bad_picture`: files found unusable since the last call."""
        return self._folder.counts()


class Surroundings:
    """The panorama that the object is lit by (`Lights.panorama`), with the turn it is lit with."""

    digest = ""

    def __init__(self, shadow: bool) -> None:
        self._shadow = shadow

    def draw(self, shot: Shot) -> Bytes:
        """(H, W, 3) sRGB.

        Raises:
            UsageError: no panorama lights this shot.
        """
        panorama = shot.lights.panorama
        if panorama is None:
            raise UsageError(
                "generator: background: panorama needs `render: {light: environment}`, whose panorama it shows, "
                "or a `folder` of its own"
            )
        seen = look(panorama.pixels, directions(shot.camera), shot.lights.turn)
        picture = np.floor(seen + 0.5).astype(np.uint8)
        return with_shadow(picture, shot) if self._shadow else picture

    def counts(self) -> dict[str, int]:
        """The panoramas were read, and their faults counted, by who lit the object: always empty."""
        return {}


class Panoramas:
    """An equirectangular panorama by seed, turned to a heading by seed, seen through the shot's camera.

    Row v of the picture (height h) looks at elevation 90 - 180 (v + 0.5) / h degrees; column u (width w) at heading
    360 (u + 0.5) / w - 180 degrees, counted clockwise from above, 0 being the picture's middle. Panoramas are
    infinitely far away: only the camera's rotation and K matter. HDR pictures (.hdr) are exposed so that their
    median is mid-grey (0.18), and what is above 1 is clipped.
    """

    def __init__(self, folder: str, shadow: bool) -> None:
        self._folder, self._shadow = Folder(folder, SUFFIXES + HDR_SUFFIXES, "generator.folder"), shadow
        self.digest = self._folder.digest
        self._read = lru_cache(maxsize=_KEPT)(_exposed)

    def draw(self, shot: Shot) -> Bytes:
        """(H, W, 3) sRGB.

        Raises:
            PictureError: no usable picture was found.
        """
        names = ("background", "panorama", shot.seed)
        panorama = self._folder.first_usable(self._read, *names)
        heading = Draws(*names).number("heading", 0.0, 360.0)
        picture = np.floor(look(panorama, directions(shot.camera), heading) + 0.5).astype(np.uint8)
        return with_shadow(picture, shot) if self._shadow else picture

    def counts(self) -> dict[str, int]:
        """`bad_picture`: files found unusable since the last call."""
        return self._folder.counts()


def _exposed(path: Path) -> Bytes:
    """A panorama as sRGB bytes (h, 2 h, 3)."""
    picture = read_panorama(path, _WIDTH)
    if picture.dtype == np.uint8:
        return picture  # type: ignore[return-value]
    middle = float(np.median(picture.mean(axis=2)))
    return encode(np.asarray(picture * np.float32(0.18 / max(middle, 1e-6)), dtype=np.float32))


def look(panorama: NDArray[np.uint8] | Floats, rays: Floats, heading: float) -> Floats:
    """Sample an equirectangular picture along rays, bilinearly; its columns wrap, its rows stop at the poles.

    Args:
        panorama: (h, w, 3).
        rays: (3, H, W), canonical frame (z up), any length.
        heading: degrees; what the panorama shows in its middle lies towards the canonical direction
            (sin heading, cos heading, 0).

    Returns:
        (H, W, 3) float32, in the panorama's own values.
    """
    height, width = panorama.shape[:2]
    x, y, z = (rays[i].astype(np.float64) for i in range(3))
    azimuth = np.arctan2(x, y) - math.radians(heading)
    elevation = np.arctan2(z, np.sqrt(x * x + y * y))
    column = np.mod(azimuth / (2.0 * math.pi) + 0.5, 1.0) * width - 0.5
    row = np.clip((0.5 - elevation / math.pi) * height - 0.5, 0.0, height - 1.0)
    left, top = np.floor(column), np.floor(row)
    right_share = (column - left).astype(np.float32)[..., None]
    low_share = (row - top).astype(np.float32)[..., None]
    x0, y0 = left.astype(np.int64) % width, top.astype(np.int64)
    x1, y1 = (x0 + 1) % width, np.minimum(y0 + 1, height - 1)
    flat = panorama.reshape(-1, panorama.shape[2])

    def at(rows: NDArray[np.int64], columns: NDArray[np.int64]) -> Floats:
        return np.asarray(np.take(flat, rows * width + columns, axis=0), dtype=np.float32)

    upper = at(y0, x0) * (1 - right_share) + at(y0, x1) * right_share
    lower = at(y1, x0) * (1 - right_share) + at(y1, x1) * right_share
    sampled: Floats = upper * (1 - low_share) + lower * low_share
    return sampled
