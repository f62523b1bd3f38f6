"""Where the whole object lies in the image plane, and how much of it the image shows."""

from __future__ import annotations

import numpy as np
import pytest
from _render_shapes import camera, changed, close, cube, model_of, part_of, sphere, square

from dst3d_datasets.camera import project
from dst3d_datasets.nouns import CadModel, Camera
from dst3d_datasets.render.raster import TorchRenderer
from dst3d_datasets.render.visibility import box_and_visible


class Counting(TorchRenderer):
    """Counts the silhouettes asked for."""

    asked = 0

    def silhouette(self, model: CadModel, camera: Camera) -> np.ndarray:
        self.asked += 1
        return super().silhouette(model, camera)


def moved(view: Camera, right: float, down: float) -> Camera:
    """The picture pushed to the right and down, in pixels."""
    K = view.K.copy()
    K[0, 2] += right
    K[1, 2] += down
    return changed(view, K=K)


def test_box_is_that_of_the_corners_and_no_picture_is_drawn() -> None:
    view, renderer = camera(33, 21, 2.6), Counting("cpu")
    box, share = box_and_visible(cube(), view, renderer)
    pixels = project(view, cube().parts[0].vertices)[0]
    for part in cube().parts:
        pixels = np.concatenate([pixels, project(view, part.vertices)[0]])
    assert close(box, [*pixels.min(0), *pixels.max(0)], 1e-9)
    assert share == 1.0
    assert renderer.asked == 0
    rows, columns = np.nonzero(TorchRenderer("cpu").silhouette(cube(), view))
    assert box[0] - 1 <= columns.min() <= box[0] + 1
    assert box[3] - 1 <= rows.max() + 1 <= box[3] + 1


@pytest.mark.parametrize("right", [-100.0, -64.0, -30.0, 50.0, 64.0, 90.0])
def test_share_of_a_front_square_is_the_share_of_its_area(right: float) -> None:
    sheet = model_of(square(np.array([[-1, 0, -1], [1, 0, -1], [1, 0, 1], [-1, 0, 1]]) * 0.5))
    view = moved(camera(0, 0, 560 / 512 * 2), right, 0.0)  # 64 pixels wide, from 32 + right
    box, share = box_and_visible(sheet, view, TorchRenderer("cpu"))
    assert close(box, [32 + right, 32, 96 + right, 96], 1e-9)
    visible = max(0.0, min(128.0, 96 + right) - max(0.0, 32 + right)) / 64
    assert abs(share - visible) < 0.01


def test_corner_of_a_sphere() -> None:
    view = moved(camera(0, 0, 2.0, 200), 100.0, 100.0)  # the quarter left of and above the centre is seen
    box, share = box_and_visible(sphere(100), view, TorchRenderer("cpu"))
    assert abs(share - 0.25) < 0.01
    assert box[2] > 200 < box[3]


def test_large_ones_are_measured_on_a_smaller_picture() -> None:
    sheet = model_of(square(np.array([[-20, 0, -20], [20, 0, -20], [20, 0, 20], [-20, 0, 20]]) * 0.5))
    box, share = box_and_visible(sheet, camera(0, 0, 560 / 512 * 2), TorchRenderer("cpu"))
    assert close(box, [64 - 640, 64 - 640, 64 + 640, 64 + 640], 1e-6)
    assert abs(share - 0.01) < 0.001


def test_out_of_the_image_and_behind() -> None:
    renderer = Counting("cpu")
    box, share = box_and_visible(cube(), moved(camera(), 500.0, 0.0), renderer)
    assert box[0] > 128
    assert share == 0.0
    assert box_and_visible(cube(), changed(camera(), t=np.array([0.0, 0.0, -5.0])), renderer) == ((0.0,) * 4, 0.0)
    assert renderer.asked == 0


def test_through_the_near_plane() -> None:
    """A pole from before the camera to behind it: its box ends where the near plane cuts it."""
    pole = model_of(square(np.array([[0.1, -1, 0.0], [0.1, 1, 0.0], [0.1, 1, 0.1], [0.1, -1, 0.1]])))
    view = changed(camera(0, 0), t=np.zeros(3))
    box, share = box_and_visible(pole, view, TorchRenderer("cpu"))
    f = view.K[0, 0]
    assert close(box, [64 + f * 0.1, 64 - f * 0.1 / 0.01, 64 + f * 0.1 / 0.01, 64], 1e-3)
    assert 0.0 < share < 0.2


def test_vertices_without_a_face_do_not_count() -> None:
    part = cube().parts[0]
    loose = part_of(
        np.concatenate([part.vertices, [[9, 9, 9]]]), part.faces, np.concatenate([part.normals, [[0, 0, 1]]])
    )
    view, renderer = camera(), TorchRenderer("cpu")
    assert box_and_visible(model_of(loose), view, renderer) == box_and_visible(model_of(part), view, renderer)


def test_thinner_than_a_pixel() -> None:
    wire = model_of(part_of(np.array([[-5, 0, 0.0011], [5, 0, 0.0011], [5, 0, 0.0012]]), [[0, 1, 2]]))
    _, share = box_and_visible(wire, camera(0, 0, 2.0), TorchRenderer("cpu"))
    assert 0.0 < share < 0.5
