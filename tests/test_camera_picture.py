"""The picture of the camera convention: what is drawn where, by the colours of its pixels."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dst3d_datasets.camera import camera_of, centre_of, project
from dst3d_datasets.camera_picture import AZIMUTH, DISTANCE, ELEVATION, OBSERVER, SIZE, camera_picture


def near(picture: NDArray[np.float64], point: NDArray[np.float64], colour: tuple[int, int, int]) -> bool:
    """Whether a colour is within 3 px of where the observer sees a point of the canonical frame."""
    (pixel,), _ = project(camera_of(OBSERVER, picture.shape[1], picture.shape[0]), point[None])
    x, y = (round(float(value)) for value in pixel)
    patch = picture[y - 3 : y + 4, x - 3 : x + 4].reshape(-1, 3)
    return bool((np.abs(patch - np.array(colour)).max(1) < 60).any())


def test_it_shows_the_convention() -> None:
    data = camera_picture()
    assert data == camera_picture()
    image = Image.open(io.BytesIO(data))
    picture = np.asarray(image, np.float64)
    assert image.size == (720, 420)
    red, green, blue, front = (214, 48, 49), (39, 150, 72), (41, 98, 210), (255, 226, 190)
    for axis, colour in enumerate((red, green, blue)):
        along = np.eye(3)[axis] * (SIZE[axis] / 2 + 0.2)
        assert near(picture, along, colour)
        assert not near(picture, -along, colour)
    assert near(picture, np.array([0.15, -SIZE[1] / 2, -0.12]), front)  # the front faces -y
    centre = centre_of(AZIMUTH, ELEVATION, DISTANCE)
    turn = camera_of(replace(OBSERVER, azimuth=AZIMUTH, elevation=ELEVATION), 512, 512).R
    for axis, colour in enumerate((red, green, blue)):
        assert near(picture, centre + 0.25 * turn[axis], colour)
    assert near(picture, 0.3 * centre, (230, 126, 20))  # the camera looks at the origin
