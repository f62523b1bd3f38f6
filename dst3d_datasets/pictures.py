"""Folders of pictures that strangers made: listed once, bounded before they are decoded, bad files passed over."""

from __future__ import annotations

import hashlib
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .errors import UsageError
from .seeds import Name, uniform

Item = TypeVar("Item")
Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
HDR_SUFFIXES = (".hdr",)
_NOT_READ = (".exr",)  # OpenCV 4's reader is switched off for its safety, OpenCV 5's wheels have none
MAX_PIXELS = 200_000_000  # a 20k x 10k panorama; larger pictures are not opened
MAX_HDR_PIXELS = 40_000_000  # 8192 x 4096 and a little; decoded they take twelve bytes a pixel, twice for a moment
_HEADER = 1 << 16  # bytes of a file in which its size must be told
_TRIES = 16  # bad files passed over for one sample before giving up


class PictureError(UsageError):
    """A folder of pictures that cannot be used."""


class Folder:
    """The pictures of a folder and its sub-folders, sorted by relative path; nothing is opened before it is needed.

    Args:
        folder: the folder.
        suffixes: which files are pictures, in lower case.
        option: the recipe's field that named it, for messages.

    Raises:
        PictureError: no such folder, no picture in it, or HDR pictures of a kind that is not read.
    """

    def __init__(self, folder: str, suffixes: tuple[str, ...], option: str) -> None:
        self.root, self._option = Path(folder), option
        if not self.root.is_dir():
            raise PictureError(f"{option}: there is no folder {folder}")
        files = [p for p in self.root.rglob("*") if not p.name.startswith(".") and p.is_file()]
        foreign = sorted(p.name for p in files if p.suffix.lower() in _NOT_READ)
        if foreign and HDR_SUFFIXES[0] in suffixes:
            raise PictureError(
                f"{option}: {folder} holds {foreign[0]}: {', '.join(_NOT_READ)} is not read; make it .hdr"
            )
        self.names = sorted(p.relative_to(self.root).as_posix() for p in files if p.suffix.lower() in suffixes)
        if not self.names:
            raise PictureError(f"{option}: no picture ({', '.join(suffixes)}) in {folder}")
        listing = "\n".join(f"{name}\t{(self.root / name).stat().st_size}" for name in self.names)
        self.digest = hashlib.sha256(listing.encode()).hexdigest()[:16]  # of names and sizes, not of pixels
        self._bad: dict[Path, str] = {}
        self._counted = 0

    def first_usable(self, read: Callable[[Path], Item], *names: Name) -> Item:
        """What `read` makes of the first file that it can read, in an order that `names` decide.

        Args:
            read: told a path; raises ValueError where the file cannot be used, which is then not tried again.
            names: by habit a purpose and a seed.

        Raises:
            PictureError: too many files in a row cannot be used.
        """
        why = ""
        for attempt in range(_TRIES):
            path = self.root / self.names[int(uniform(*names, f"picture {attempt}") * len(self.names))]
            if path not in self._bad:
                try:
                    return read(path)
                except ValueError as error:
                    self._bad[path] = str(error)
            why = self._bad[path]
        raise PictureError(
            f"{self._option}: {self.root}: {_TRIES} pictures in a row cannot be used; the last one: {why}"
        )

    def counts(self) -> dict[str, int]:
        """`bad_picture`: files found unusable since the last call."""
        new, self._counted = len(self._bad) - self._counted, len(self._bad)
        return {"bad_picture": new} if new else {}


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


def read_panorama(path: Path, width: int) -> Bytes | Floats:
    """An equirectangular picture (h, 2 h, 3): sRGB bytes, or for HDR files linear light in float32, finite and >= 0.

    Args:
        path: the file.
        width: pixels; what is more than this wide is shrunk, by area and a whole factor.

    Raises:
        ValueError: not a picture, broken, too large, or not twice as wide as high.
    """
    import cv2

    hdr = path.suffix.lower() in HDR_SUFFIXES
    picture: Bytes | Floats = _read_hdr(path) if hdr else np.asarray(read_picture(path), dtype=np.uint8)
    rows, columns = picture.shape[:2]
    if abs(columns - 2 * rows) > max(2, columns // 100):
        raise ValueError(f"{path.name}: {columns} x {rows} is not 2:1, so it is no equirectangular panorama")
    factor = -(-columns // width)
    if factor > 1:
        size = (2 * (rows // factor), rows // factor)
        shrunk: Bytes | Floats = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
        return shrunk
    return picture


def _read_hdr(path: Path) -> Floats:
    import cv2

    try:
        with path.open("rb") as file:
            columns, rows = _size_of_hdr(file.read(_HEADER))
        if not 0 < columns * rows <= MAX_HDR_PIXELS or min(columns, rows) < 1:
            raise ValueError(f"{path.name}: {columns} x {rows} pixels are too many")
        picture = cv2.imread(str(path), cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
    except (OSError, cv2.error) as error:
        raise ValueError(f"{path.name}: it cannot be read: {' '.join(str(error).split())[:200]}") from error
    if picture is None or picture.dtype != np.float32 or picture.shape != (rows, columns, 3):
        raise ValueError(f"{path.name}: OpenCV cannot read it")
    np.fmin(np.fmax(picture, np.float32(0.0), out=picture), np.float32(1e6), out=picture)  # no NaN, no infinity
    light: Floats = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), dtype=np.float32)
    return light


def _size_of_hdr(header: bytes) -> tuple[int, int]:
    """Width and height from the first bytes of a Radiance file.

    Raises:
        ValueError: it is none, or does not tell them.
    """
    size = re.search(rb"\n-Y (\d{1,9}) \+X (\d{1,9})\n", header)
    if header.startswith(b"#?") and size:
        return int(size[2]), int(size[1])
    raise ValueError("the header of the .hdr file does not tell a size")
