"""The torch rasteriser: exact positions, whatever the camera, the mesh and the number of threads."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from _raycast import Cast, degrees_between, iou
from _render_shapes import LIGHTS, camera, changed, close, cube, model_of, part_of, soup, sphere, square

from dst3d_datasets.nouns import Buffers, CadModel, Camera, Material
from dst3d_datasets.render.raster import TorchRenderer

FIELDS = ("colour", "alpha", "mask", "depth", "normal", "part")


def draw(model: CadModel, view: Camera) -> Buffers:
    """One view on the CPU."""
    return next(iter(TorchRenderer("cpu").render(model, [view], [LIGHTS])))


def agree(model: CadModel, view: Camera, differing: int = 2) -> Buffers:
    """Draw, and compare with Embree."""
    seen, cast = draw(model, view), Cast(model, view)
    assert cast.mask.any()
    assert (seen.mask ^ cast.mask).sum() <= differing
    assert iou(seen.mask, cast.mask) >= 0.995
    both = seen.mask & cast.mask
    depth = np.abs(seen.depth - cast.depth)[both]
    # Where triangles cross, two neighbours in depth may swap within a float32's rounding.
    assert np.quantile(depth, 0.999) < 1e-4
    same = both & (seen.part == cast.part)
    assert same.sum() >= 0.999 * both.sum()
    assert np.quantile(degrees_between(seen.normal[same], cast.normal[same]), 0.99) < 0.2
    return seen


VIEWS = [
    camera(30, 20),
    camera(200, -35, 1.3, theta=40),
    camera(75, 60, 2.5, (160, 90)),
    changed(camera(10, 5), K=np.array([[150.0, 0.0, 20.3], [0.0, 110.0, 90.7], [0.0, 0.0, 1.0]])),
    changed(camera(10, 5), K=np.array([[140.0, 25.0, 60.0], [0.0, 140.0, 64.0], [0.0, 0.0, 1.0]])),  # skewed
]


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("model", [sphere(), cube(), soup(1, 400), sphere(150)], ids=["sphere", "cube", "soup", "tiny"])
def test_equals_ray_cast(model: CadModel, view: Camera) -> None:
    seen = agree(model, view)
    assert not seen.depth[~seen.mask].any()
    assert not seen.normal[~seen.mask].any()
    assert (seen.part[~seen.mask] == -1).all()


def test_depth_of_a_cube_is_the_slab_formula() -> None:
    view = camera(25, 15, 1.8)
    rows, columns = np.mgrid[:128, :128] + 0.5
    rays = np.stack([columns, rows, np.ones_like(rows)], -1) @ np.linalg.inv(view.K).T @ view.R  # canonical, z = 1
    centre = -view.R.T @ view.t
    one, two = (-0.5 - centre) / rays, (0.5 - centre) / rays
    enter, leave = np.minimum(one, two).max(-1), np.maximum(one, two).min(-1)
    hit = enter < leave
    seen = draw(cube(), view)
    assert (seen.mask ^ hit).sum() == 0
    assert close(seen.depth[hit], enter[hit], 1e-6)
    assert not seen.depth[~hit].any()
    axis = np.minimum(one, two).argmax(-1)
    normal = (-np.sign(rays) * np.eye(3)[axis]) @ view.R.T
    assert close(seen.normal[hit], normal[hit], 1e-5)
    assert not seen.normal[~hit].any()


def test_depth_and_normal_of_a_sphere() -> None:
    view = camera(0, 0, 2.0, 200)
    seen = draw(sphere(200), view)
    rows, columns = np.mgrid[:200, :200] + 0.5
    rays = np.stack([columns, rows, np.ones_like(rows)], -1) @ np.linalg.inv(view.K).T
    a, b, c = (rays**2).sum(-1), rays @ view.t, view.t @ view.t - 0.25
    inside = b * b > a * c
    z = (b - np.sqrt(np.maximum(b * b - a * c, 0.0))) / a
    assert iou(seen.mask, inside) > 0.995
    both = seen.mask & inside & (b * b - a * c > 0.05)  # away from the outline, where facets show
    assert close(seen.depth[both], z[both], 2e-4)
    normal = (rays * z[..., None] - view.t) / 0.5
    assert degrees_between(seen.normal[both], normal[both]).max() < 0.5


def test_floor_through_the_camera_is_cut_at_the_near_plane() -> None:
    floor = square(np.array([[-50, -50, -0.1], [50, -50, -0.1], [50, 50, -0.1], [-50, 50, -0.1]]))
    view = changed(camera(20, 0, 1.0), t=np.zeros(3))  # the camera stands on the floor: half of it lies behind
    seen = agree(model_of(floor), view, differing=130)
    assert seen.mask[70:].all()
    assert not seen.mask[:60].any()
    rows = np.arange(70, 128) + 0.5
    assert close(seen.depth[70:, 64], 0.1 * view.K[1, 1] / (rows - view.K[1, 2]), 1e-4)


def test_camera_inside() -> None:
    view = changed(camera(33, 10), t=np.array([0.05, -0.1, 0.2]))
    seen = agree(cube(), view)
    assert seen.mask.all()
    assert ((seen.normal * np.array([0, 0, 1])).sum(-1) < 0.9).all()


def test_nearer_than_the_near_plane_is_not_seen() -> None:
    lid = square(np.array([[-1, 0.006, -1], [1, 0.006, -1], [1, 0.006, 1], [-1, 0.006, 1]]))
    wall = square(np.array([[-9, 2, -9], [9, 2, -9], [9, 2, 9], [-9, 2, 9]]))
    view = changed(camera(0, 0), t=np.zeros(3))
    seen = draw(model_of(lid, wall), view)
    assert (seen.part == 1).all()
    assert close(seen.depth, 2.0, 1e-6)


def test_behind_the_camera_and_out_of_the_image() -> None:
    for shift in ([0.0, 0.0, -3.0], [9.0, 0.0, 2.0], [0.0, -9.0, 2.0]):
        seen = draw(cube(), changed(camera(), t=np.array(shift)))
        assert not seen.mask.any()
        assert not seen.alpha.any()
        assert (seen.part == -1).all()


def facing_grid(step: float, size: int) -> tuple[CadModel, Camera]:
    """A sheet of triangles whose corners project onto points `step` pixels apart, starting on a pixel's centre."""
    view = changed(camera(), R=np.eye(3), t=np.array([0.0, 0.0, 1.0]), K=np.diag([64.0, 64.0, 1.0]))
    n = int(size / step) + 1
    y, x = np.mgrid[:n, :n] * step + 8.5
    points = np.stack([x / 64.0, y / 64.0, 0 * x], -1).reshape(-1, 3)
    i, j = np.mgrid[: n - 1, : n - 1]
    a, b, c, d = i * n + j, i * n + j + 1, (i + 1) * n + j + 1, (i + 1) * n + j
    faces = np.concatenate([np.stack([a, b, c], -1), np.stack([a, c, d], -1)]).reshape(-1, 3)
    return model_of(part_of(points, faces)), view


@pytest.mark.parametrize("step", [1.0, 0.5, 0.25, 4.0, 1.0 / 3.0])
def test_no_cracks_where_corners_and_edges_lie_on_pixel_centres(step: float) -> None:
    model, view = facing_grid(step, 40)
    inside = draw(model, view).mask[9:48, 9:48]
    assert inside.all()


def test_no_cracks_in_a_fan_of_slivers() -> None:
    angles = np.linspace(0.0, 2.0 * np.pi, 3001)
    rim = np.stack([np.cos(angles), 0 * angles, np.sin(angles)], -1) * 0.5
    faces = np.stack([np.full(3000, 3001), np.arange(3000), np.arange(3000) + 1], -1)
    seen = draw(model_of(part_of(np.concatenate([rim, [[0, 0, 0]]]), faces)), camera(0, 0, 2.0, 129))
    rows, columns = np.mgrid[:129, :129] + 0.5
    inside = np.hypot(rows - 64.5, columns - 64.5) < 0.5 / 2.0 * camera(size=129).K[0, 0] - 1
    assert seen.mask[inside].all()


def test_equal_depths_go_to_the_first_triangle() -> None:
    red = square(np.array([[-1, 0, -1], [1, 0, -1], [1, 0, 1], [-1, 0, 1]]) * 0.4)
    turned = part_of(red.vertices, red.faces[::-1, [1, 2, 0]], red.normals)
    seen = draw(model_of(red, turned), camera(17, 23))
    assert set(np.unique(seen.part)) == {-1, 0}


def test_order_of_triangles_changes_no_pixel() -> None:
    model = soup(3, 300)
    shuffled = []
    for part in model.parts:
        order = np.random.default_rng(0).permutation(len(part.faces))
        shuffled.append(part_of(part.vertices, part.faces[order], part.normals))
    one, two = draw(model, camera()), draw(model_of(*shuffled), camera())
    for name in FIELDS:
        assert np.array_equal(getattr(one, name), getattr(two, name)), name


def test_bytes_do_not_depend_on_threads_batch_or_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    from dst3d_datasets.render import raster, rasterise

    texture = np.random.default_rng(0).integers(0, 255, (64, 64, 4), dtype=np.uint8)
    grid, view = facing_grid(1.3, 90)
    sheet = grid.parts[0]
    look = Material(texture=texture)
    painted = part_of(sheet.vertices, sheet.faces, sheet.normals, uv=sheet.vertices[:, :2] * 3, material=look)
    models = [soup(5, 2000), sphere(90, metallic=0.5, roughness=0.3), model_of(painted)]
    views = [camera(a, 10, size=257) for a in (0, 70, 250)] + [view]
    before = torch.get_num_threads()
    results = []
    try:
        for threads, batch, fragments in ((1, 1, 1 << 20), (2, 1, 1 << 20), (2, 3, 1 << 20), (1, 1, 1 << 12)):
            torch.set_num_threads(threads)
            monkeypatch.setitem(raster.BATCH, "cpu", batch)
            monkeypatch.setattr(rasterise, "FRAGMENTS", fragments)
            pictures = [b for model in models for b in TorchRenderer("cpu").render(model, views, [LIGHTS] * len(views))]
            results.append([getattr(b, name).tobytes() for b in pictures for name in FIELDS])
    finally:
        torch.set_num_threads(before)
    for other in results[1:]:
        assert results[0] == other


def test_square_roots_are_rounded_right_on_every_machine() -> None:
    """Torch's own are off by a bit here and there where it uses MKL: one in five of float32."""
    from dst3d_datasets.render.surface import root

    x = np.random.default_rng(0).uniform(0, 4, 1 << 16).astype(np.float32)
    exact = np.sqrt(x.astype(np.float64)).astype(np.float32)
    assert np.array_equal(root(torch.from_numpy(x)).numpy(), exact)
    wide = root(torch.from_numpy(x.astype(np.float64))).numpy()
    for value, found in zip(x[:500].tolist(), wide[:500].tolist(), strict=True):
        assert found == math.sqrt(value)  # the C library's, which IEEE 754 binds


def test_silhouette_is_the_mask_at_any_size() -> None:
    renderer = TorchRenderer("cpu")
    for view in VIEWS:
        seen = next(iter(renderer.render(cube(), [view], [LIGHTS])))
        assert np.array_equal(renderer.silhouette(cube(), view), seen.mask)
    large = changed(camera(), K=camera().K * np.array([[8], [8], [1]]), width=1024, height=1024)
    assert renderer.silhouette(cube(), large).shape == (1024, 1024)
    renderer.close()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here")
def test_plain_torch_on_cuda_agrees_with_the_cpu() -> None:
    """What draws where there is no Triton; its kernels are tested in test_render_device."""
    views = [camera(a, 10 + a / 9, size=129) for a in (0, 70, 110, 250)]
    for model in (soup(5, 500), sphere(60, metallic=0.3), cube()):
        ours, cpu = TorchRenderer("cuda"), TorchRenderer("cpu")
        ours._kernels = None
        plain = ours.render(model, views, [LIGHTS] * 4)
        for one, two in zip(plain, cpu.render(model, views, [LIGHTS] * 4), strict=True):
            assert (one.mask ^ two.mask).sum() <= 1
            same = one.part == two.part
            assert same.mean() > 0.999
            assert close(one.depth[same], two.depth[same], 1e-5)
            assert close(one.normal[same], two.normal[same], 1e-3)
            assert np.abs(one.colour.astype(int) - two.colour)[same].max() <= 8
