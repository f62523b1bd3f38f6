"""The picture of the camera convention on a card, drawn with `camera` itself: what it shows is what labels mean.

An object's box in its canonical frame, the ring of azimuths around it, and a camera at azimuth 60 and elevation 32
degrees, seen from outside by an observer whose camera is made by the same functions.
"""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw, ImageFont

from .boxes import EDGES, box_corners
from .camera import camera_of, centre_of, project
from .nouns import View

AZIMUTH, ELEVATION, DISTANCE = 60.0, 32.0, 2.0  # of the camera that is shown
SIZE = (0.5, 1.0, 0.4)  # of the object's box
_WIDTH, _HEIGHT, _SMOOTH = 720, 420, 3
OBSERVER = View(index=0, azimuth=14.0, elevation=26.0, theta=0.0, distance=6.0, focal=1.55, principal=(-0.1, 0.02))
_INK, _FAINT, _PAPER = (60, 64, 70), (190, 194, 200), (255, 255, 255)
_X, _Y, _Z, _RAY = (214, 48, 49), (39, 150, 72), (41, 98, 210), (230, 126, 20)
_AXES = (("x", _X), ("y", _Y), ("z", _Z))
_RING = 1.3  # radius of the ring of azimuths
_AHEAD = 0.45  # how far before the camera its picture is drawn


class _Sheet:
    """A canvas that is drawn on in the canonical frame."""

    def __init__(self) -> None:
        self.image = Image.new("RGB", (_WIDTH * _SMOOTH, _HEIGHT * _SMOOTH), _PAPER)
        self._draw = ImageDraw.Draw(self.image)
        self._camera = camera_of(OBSERVER, *self.image.size)

    def _pixels(self, points: ArrayLike) -> list[tuple[float, float]]:
        found, _ = project(self._camera, np.asarray(points, np.float64))
        return [(float(x), float(y)) for x, y in found]

    def line(self, points: ArrayLike, colour: tuple[int, int, int], width: float = 1.5) -> None:
        """A line through points (N, 3)."""
        self._draw.line(self._pixels(points), fill=colour, width=round(width * _SMOOTH), joint="curve")

    def fill(self, points: ArrayLike, colour: tuple[int, int, int]) -> None:
        """A filled polygon of points (N, 3)."""
        self._draw.polygon(self._pixels(points), fill=colour)

    def arrow(self, start: NDArray[np.float64], end: NDArray[np.float64], colour: tuple[int, int, int]) -> None:
        """An arrow; its head is made in the sheet."""
        self.line([start, end], colour, 2.5)
        a, b = (np.array(pixel) for pixel in self._pixels([start, end]))
        along = (b - a) / max(float(np.hypot(*(b - a))), 1e-9)
        across, length = np.array([-along[1], along[0]]), 11.0 * _SMOOTH
        corners = [b, b - length * along + 0.4 * length * across, b - length * along - 0.4 * length * across]
        self._draw.polygon([(float(x), float(y)) for x, y in corners], fill=colour)

    def word(self, at: ArrayLike, text: str, colour: tuple[int, int, int], size: float = 15.0) -> None:
        """A text centred at a point (3,)."""
        font = ImageFont.load_default(size * _SMOOTH)
        self._draw.text(self._pixels(np.asarray(at, np.float64)[None])[0], text, colour, font, anchor="mm")


def camera_picture() -> bytes:
    """The picture as a JPEG, 720 x 420."""
    sheet = _Sheet()
    _ring(sheet)
    _object(sheet)
    _camera(sheet)
    buffer = io.BytesIO()
    sheet.image.resize((_WIDTH, _HEIGHT), Image.Resampling.BOX).save(buffer, "JPEG", quality=92, subsampling=0)
    return buffer.getvalue()


def _arc(azimuths: ArrayLike, elevations: ArrayLike, radius: float) -> list[NDArray[np.float64]]:
    pairs = np.broadcast(np.asarray(azimuths, np.float64), np.asarray(elevations, np.float64))
    return [centre_of(float(a), float(e), radius) for a, e in pairs]


def _ring(sheet: _Sheet) -> None:
    sheet.line(_arc(np.linspace(0, 360, 181), 0.0, _RING), _FAINT)
    for azimuth in range(0, 360, 90):
        sheet.line([*_arc(azimuth, 0.0, _RING - 0.04), *_arc(azimuth, 0.0, _RING + 0.04)], _INK)
        sheet.word(centre_of(azimuth, 0.0, _RING + 0.2), f"{azimuth}°", _INK)
    sheet.line([np.zeros(3), centre_of(0.0, 0.0, _RING)], _FAINT)
    sheet.line([np.zeros(3), centre_of(AZIMUTH, 0.0, _RING)], _FAINT)
    sheet.line(_arc(np.linspace(0, AZIMUTH, 61), 0.0, _RING), _RAY, 3.0)
    sheet.word(centre_of(AZIMUTH / 2 + 4, 0.0, _RING + 0.3), "azimuth", _RAY)
    sheet.line(_arc(AZIMUTH, np.linspace(0, ELEVATION, 31), _RING), _RAY, 3.0)
    sheet.word(centre_of(AZIMUTH - 20, ELEVATION / 2 - 2, _RING - 0.1), "elevation", _RAY)


def _object(sheet: _Sheet) -> None:
    corners = box_corners(SIZE)
    sheet.fill(corners[[0, 4, 5, 1]], (255, 226, 190))
    for a, b in EDGES:
        sheet.line(corners[[a, b]], _INK)
    sheet.word((0.0, -SIZE[1] / 2, 0.0), "front", _INK, 13.0)
    for number, (name, colour) in enumerate(_AXES):
        tip = np.zeros(3)
        tip[number] = SIZE[number] / 2 + 0.34
        sheet.arrow(np.zeros(3), tip, colour)
        sheet.word(tip * (1 + 0.1 / tip[number]), name, colour, 19.0)


def _camera(sheet: _Sheet) -> None:
    shown = camera_of(View(index=0, azimuth=AZIMUTH, elevation=ELEVATION, theta=0.0, distance=DISTANCE), 512, 512)
    centre = -shown.R.T @ shown.t
    pixels = np.array([[0, 0, 1], [512, 0, 1], [512, 512, 1], [0, 512, 1]], np.float64)
    frame = (_AHEAD * pixels @ np.linalg.inv(shown.K).T) @ shown.R + centre
    sheet.line([centre, np.zeros(3)], _RAY, 2.5)
    sheet.word(0.5 * centre + np.array([0.0, 0.0, 0.2]), "distance", _RAY)
    sheet.line([*frame, frame[0]], _INK, 2.0)
    for corner in frame:
        sheet.line([centre, corner], _INK, 1.0)
    for number, (name, colour) in enumerate(_AXES):
        tip = centre + 0.5 * shown.R[number]  # the camera's axes are the rows of R
        sheet.arrow(centre, tip, colour)
        sheet.word(centre + 0.6 * shown.R[number], name, colour, 17.0)
    sheet.word(centre + np.array([0.0, 0.0, 0.3]), "camera", _INK)
