"""Backgrounds from pictures: photographs cropped at will, and panoramas seen by the shot's own camera."""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from PIL import Image

from ..errors import UsageError
from ..nouns import Shot
from ..pictures import HDR_SUFFIXES, SUFFIXES, Folder, read_panorama, read_picture
from .catcher import is_upright, with_shadow
from .colour import Bytes, Floats, encode, tone
from .noise import Draws
from .stage import Stage

Pixels = TypeVar("Pixels", Bytes, Floats)

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
        if not self._shadow or not is_upright(shot.camera):
            return picture
        return with_shadow(picture, Stage.of(shot, Draws(*names)))

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
        stage = Stage.of(shot, Draws("background", "panorama", shot.seed))
        picture = look(panorama.pixels, stage.rays, shot.lights.turn)
        return with_shadow(picture, stage) if self._shadow else picture

    def counts(self) -> dict[str, int]:
        """The panoramas were read, and their faults counted, by who lit the object: always empty."""
        return {}


class Panoramas:
    """An equirectangular panorama by seed, turned to a heading by seed, seen through the shot's camera.

    Row v of the picture (height h) looks at elevation 90 - 180 (v + 0.5) / h degrees; column u (width w) at heading
    360 (u + 0.5) / w - 180 degrees, counted clockwise from above, 0 being the picture's middle. Panoramas are
    infinitely far away: only the camera's rotation and K matter. HDR pictures (.hdr) are exposed so that their
    median is mid-grey (0.18) and go through `colour.tone`.
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
        stage = Stage.of(shot, Draws(*names))
        picture = look(panorama, stage.rays, stage.draws.number("heading", 0.0, 360.0))
        return with_shadow(picture, stage) if self._shadow else picture

    def counts(self) -> dict[str, int]:
        """`bad_picture`: files found unusable since the last call."""
        return self._folder.counts()


def _exposed(path: Path) -> Bytes:
    """A panorama as sRGB bytes (h, 2 h, 3)."""
    picture = read_panorama(path, _WIDTH)
    if picture.dtype == np.uint8:
        return picture  # type: ignore[return-value]
    middle = float(np.median(picture.mean(axis=2)))
    exposure = np.float32(0.18 / max(middle, 1e-6))
    return np.stack([encode(tone(np.asarray(row * exposure, dtype=np.float32))) for row in picture])


def look(panorama: Pixels, rays: Floats, heading: float) -> Pixels:
    """Sample an equirectangular picture along rays, bilinearly; its columns wrap, its rows stop at the poles.

    Args:
        panorama: (h, w, 3), uint8 or float32; fewer than 32768 pixels wide.
        rays: (3, H, W), canonical frame (z up), any length.
        heading: degrees; what the panorama shows in its middle lies towards the canonical direction
            (sin heading, cos heading, 0).

    Returns:
        (H, W, 3), in the panorama's own values and type; between its pixels in steps of 1/32 (OpenCV's remap).
    """
    height, width = panorama.shape[:2]
    x, y, z = rays
    azimuth = np.arctan2(x, y) - np.float32(math.radians(heading))
    elevation = np.arctan2(z, np.sqrt(x * x + y * y))
    column = np.mod(azimuth * np.float32(0.5 / math.pi) + np.float32(0.5), 1.0) * np.float32(width) - np.float32(0.5)
    row = (np.float32(0.5) - elevation * np.float32(1.0 / math.pi)) * np.float32(height) - np.float32(0.5)
    row = np.clip(row, 0.0, height - 1.0)
    return cv2.remap(panorama, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)  # type: ignore[return-value]
