"""Backgrounds from folders of pictures: photographs cropped at will, and panoramas seen by the shot's own camera."""

from __future__ import annotations

import hashlib
import math
import os
import warnings
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..errors import UsageError
from ..nouns import Shot
from .colour import Floats, encode
from .noise import Draws
from .rays import directions

Bytes = NDArray[np.uint8]

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
HDR_SUFFIXES = (".hdr", ".exr")
MAX_PIXELS = 200_000_000  # a 20k x 10k panorama; larger pictures are not opened
_TRIES = 16  # bad files passed over for one sample before giving up


class PictureError(UsageError):
    """A folder of backgrounds that cannot be used."""


class Folder:
    """The pictures of a folder and its sub-folders, sorted by relative path; nothing is opened before it is needed.

    Args:
        folder: the folder.
        suffixes: which files are pictures, in lower case.

    Raises:
        PictureError: no such folder, or no picture in it.
    """

    def __init__(self, folder: str, suffixes: tuple[str, ...]) -> None:
        self.root = Path(folder)
        if not self.root.is_dir():
            raise PictureError(f"generator.folder: there is no folder {folder}")
        found = (p for p in self.root.rglob("*") if p.suffix.lower() in suffixes and not p.name.startswith("."))
        self.names = sorted(p.relative_to(self.root).as_posix() for p in found if p.is_file())
        if not self.names:
            raise PictureError(f"generator.folder: no picture ({', '.join(suffixes)}) in {folder}")
        listing = "\n".join(f"{name}\t{(self.root / name).stat().st_size}" for name in self.names)
        self.digest = hashlib.sha256(listing.encode()).hexdigest()[:16]  # of names and sizes, not of pixels
        self.bad: set[str] = set()
        self._counted: set[str] = set()

    def candidates(self, draws: Draws) -> list[str]:
        """Names in the order in which they should be tried; each seed has its own."""
        return [self.names[draws.index(f"picture {attempt}", len(self.names))] for attempt in range(_TRIES)]

    def none_usable(self, last: str) -> PictureError:
        """The error when every candidate was bad."""
        return PictureError(
            f"generator.folder: {self.root}: {_TRIES} pictures in a row cannot be used; the last one: {last}"
        )

    def counts(self) -> dict[str, int]:
        """`bad_picture`: files found unusable since the last call."""
        new, self._counted = self.bad - self._counted, set(self.bad)
        return {"bad_picture": len(new)} if new else {}


def read_picture(path: Path) -> Image.Image:
    """Open a picture as RGB, bounded in pixels before a single one is decoded.

    Raises:
        ValueError: not a picture, broken, or too large.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's own, lower limit
            image = Image.open(path)
            if image.width * image.height > MAX_PIXELS:
                raise ValueError(f"{path.name}: {image.width} x {image.height} pixels are too many")
            return image.convert("RGB")
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path.name}: {error}") from error


class Images:
    """A picture of the folder by seed: a random crop of the shot's shape, perhaps mirrored, scaled to its size."""

    def __init__(self, folder: str) -> None:
        self._folder = Folder(folder, SUFFIXES)
        self.digest = self._folder.digest

    def draw(self, shot: Shot) -> Bytes:
        """(H, W, 3) sRGB.

        Raises:
            PictureError: no usable picture was found.
        """
        draws = Draws("background", "images", shot.seed)
        last = ""
        for name in self._folder.candidates(draws):
            try:
                return self._crop(read_picture(self._folder.root / name), shot, draws)
            except ValueError as error:
                self._folder.bad.add(name)
                last = str(error)
        raise self._folder.none_usable(last)

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


class Panoramas:
    """An equirectangular panorama by seed, turned to a heading by seed, seen through the shot's camera.

    Row v of the picture (height h) looks at elevation 90 - 180 (v + 0.5) / h degrees; column u (width w) at heading
    360 (u + 0.5) / w - 180 degrees, counted clockwise from above, 0 being the picture's middle. Panoramas are
    infinitely far away: only the camera's rotation and K matter. HDR pictures (.hdr, .exr) are exposed so that their
    median is mid-grey.
    """

    def __init__(self, folder: str) -> None:
        self._folder = Folder(folder, SUFFIXES + HDR_SUFFIXES)
        self.digest = self._folder.digest
        self._read = lru_cache(maxsize=2)(_read_panorama)

    def draw(self, shot: Shot) -> Bytes:
        """(H, W, 3) sRGB.

        Raises:
            PictureError: no usable picture was found.
        """
        draws = Draws("background", "panorama", shot.seed)
        last = ""
        for name in self._folder.candidates(draws):
            try:
                panorama = self._read(self._folder.root / name, float(shot.camera.K[0, 0]))
            except ValueError as error:
                self._folder.bad.add(name)
                last = str(error)
                continue
            seen = look(panorama, directions(shot.camera), draws.number("heading", 0.0, 360.0))
            return encode(seen) if panorama.dtype == np.float32 else np.floor(seen + 0.5).astype(np.uint8)
        raise self._folder.none_usable(last)

    def counts(self) -> dict[str, int]:
        """`bad_picture`: files found unusable since the last call."""
        return self._folder.counts()


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


def _read_panorama(path: Path, focal: float) -> NDArray[np.uint8] | Floats:
    """(h, w, 3): sRGB bytes, or linear light in float32 for HDR files.

    Where a camera of `focal` pixels would skip pixels it is shrunk, by area and a whole factor.
    """
    hdr = path.suffix.lower() in HDR_SUFFIXES
    picture = _read_hdr(path) if hdr else np.asarray(read_picture(path), dtype=np.uint8)
    height, width = picture.shape[:2]
    if abs(width - 2 * height) > max(2, width // 100):
        raise ValueError(f"{path.name}: {width} x {height} is not 2:1, so it is no equirectangular panorama")
    factor = int(width / (2.0 * math.pi * focal))
    if factor < 2:
        return picture
    size = (2 * (height // factor), height // factor)
    shrunk: NDArray[Any] = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=picture.dtype)
    return shrunk


def _read_hdr(path: Path) -> Floats:
    os.environ.setdefault("OPENCV_IO_ENABLE_OPENEXR", "1")  # OpenCV reads it when first asked for an .exr
    try:
        picture = cv2.imread(str(path), cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
    except cv2.error as error:
        raise ValueError(f"{path.name}: OpenCV cannot read it: {' '.join(str(error).split())[:200]}") from error
    if picture is None or picture.size > 3 * MAX_PIXELS:
        raise ValueError(f"{path.name}: OpenCV cannot read it, or it is too large")
    light = np.nan_to_num(np.asarray(picture, dtype=np.float32)[..., ::-1], posinf=1e4, neginf=0.0)
    middle = float(np.median(light.mean(axis=2)))
    return np.ascontiguousarray(np.clip(light * np.float32(0.18 / max(middle, 1e-6)), 0.0, 1.0))
