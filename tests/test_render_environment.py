"""Light from all around: the harmonics against integrals done the slow way, and every engine against the formula."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from _render_shapes import camera, sphere

from dst3d_datasets.nouns import Lights, hemisphere
from dst3d_datasets.render import pyrender_context, shade
from dst3d_datasets.render.environment import basis, evaluate, polynomials
from dst3d_datasets.render.raster import TorchRenderer
from dst3d_datasets.render.texture import srgb_encode

SKY, GROUND = (0.6, 0.7, 0.9), (0.3, 0.2, 0.1)
DARK = Lights(key_colour=(0.0, 0.0, 0.0), fill_colour=(0.0, 0.0, 0.0), environment=((0.0,) * 3,) * 9)


def around(seed: int = 0) -> Lights:
    """No lamps; a different colour from every side, never negative."""
    rng = np.random.default_rng(seed)
    coefficients = rng.uniform(-0.25, 0.25, (9, 3))
    coefficients[0] = 2.5
    return dataclasses.replace(DARK, environment=tuple(tuple(row) for row in coefficients.tolist()))


def directions(count: int) -> np.ndarray:
    """(3, count) unit vectors."""
    found = np.random.default_rng(1).normal(size=(3, count))
    return found / np.linalg.norm(found, axis=0)


def grid(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors (3, n) all over the sphere, and their solid angles (n,)."""
    z = (np.arange(size) + 0.5) / size * 2.0 - 1.0
    phi = (np.arange(2 * size) + 0.5) / size * np.pi
    z, phi = (a.reshape(-1) for a in np.meshgrid(z, phi))
    level = np.sqrt(1.0 - z * z)
    return np.stack([level * np.cos(phi), level * np.sin(phi), z]), np.full(len(z), 4.0 * np.pi / len(z))


def test_the_basis_is_orthonormal() -> None:
    points, area = grid(128)
    values = basis(*points)
    np.testing.assert_allclose((values * area) @ values.T, np.eye(9), atol=2e-3)


def test_the_hemisphere_is_sky_above_and_ground_below_and_linear_between() -> None:
    values = np.einsum("lc,ln->nc", np.array(hemisphere(SKY, GROUND)), basis(*directions(100)))
    share = directions(100)[2][:, None] * 0.5 + 0.5
    np.testing.assert_allclose(values, np.array(GROUND) * (1.0 - share) + np.array(SKY) * share, atol=1e-7)


@pytest.mark.parametrize("view", [camera(), camera(200, -50, 1.5, theta=130)], ids=["plain", "turned"])
def test_the_polynomials_are_the_harmonics_in_the_cameras_frame(view) -> None:
    lights, points = around(3), directions(200)
    expected = np.einsum("lc,ln->cn", np.array(lights.environment), basis(*points))
    x, y, z = view.R @ points
    matt, mirrored = polynomials(lights, view)
    for channel in range(3):
        np.testing.assert_allclose(evaluate(matt[:, channel].tolist(), x, y, z), expected[channel], atol=1e-6)
    flat = dataclasses.replace(DARK, environment=hemisphere(SKY, GROUND))
    matt, flat_mirrored = polynomials(flat, view)
    assert not matt[4:].any()
    np.testing.assert_array_equal(evaluate(matt[:4, 0].tolist(), x, y, z), evaluate(matt[:, 0].tolist(), x, y, z))
    up, level, down = (evaluate(flat_mirrored[:, 0].tolist(), *(view.R @ [0, 0, z])) for z in (1, 0, -1))
    assert up > SKY[0] > level > GROUND[0] > down > 0  # sharper than what a matt surface gathers
    assert np.ptp(mirrored, axis=0).min() > np.ptp(polynomials(lights, view)[0], axis=0).min()


def test_the_torch_renderer_paints_what_the_formula_says() -> None:
    """A matt, unmirroring surface: colour = tone(base * AMBIENT * E(n)), n the exact normal of a ball."""
    lights, view = around(5), camera(70, 25, 2.0, 128, theta=20)
    ball = sphere(96, roughness=1.0, base_colour=(0.5, 0.5, 0.5, 1.0))
    seen = next(iter(TorchRenderer("cpu").render(ball, [view], [lights])))
    inside = (seen.alpha == 255) & seen.mask
    canonical = seen.normal[inside].astype(np.float64) @ view.R
    light = np.einsum("lc,ln->nc", np.array(lights.environment), basis(*canonical.T))
    assert np.ptp(light, axis=0).min() > 0.3
    v, u = np.nonzero(inside)
    rays = np.stack([u + 0.5, v + 0.5, np.ones_like(u)], -1) @ np.linalg.inv(view.K).T
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    n = seen.normal[inside].astype(np.float64)
    mirror = (rays - 2.0 * (rays * n).sum(1, keepdims=True) * n) @ view.R
    bands = np.array([1.0, *[1.2405] * 3, *[1.6540] * 5])[:, None]
    mirrored = np.einsum("lc,ln->nc", np.array(lights.environment) * bands, basis(*mirror.T))
    value = shade.AMBIENT * (0.5 * light + 0.04 * mirrored)
    over = np.maximum(value - 0.6, 0.0) / 0.4
    expected = 255.0 * srgb_encode(np.minimum(value, 0.6) + 0.4 * over / (1.0 + over))
    assert np.abs(seen.colour[inside] - expected).max() < 1.5


def test_a_batch_gives_the_bytes_of_single_views() -> None:
    views = [camera(50 * i, 10 * i, 2.0, 64) for i in range(4)]
    lights = [around(1), dataclasses.replace(DARK, environment=hemisphere(SKY, GROUND)), around(2), Lights()]
    engine = TorchRenderer("cpu")
    alone = [next(iter(engine.render(sphere(), [v], [x]))).colour for v, x in zip(views, lights, strict=True)]
    from dst3d_datasets.render import raster

    before = raster.BATCH["cpu"]
    try:
        raster.BATCH["cpu"] = 4
        together = [seen.colour for seen in engine.render(sphere(), views, lights)]
    finally:
        raster.BATCH["cpu"] = before
    for one, other in zip(alone, together, strict=True):
        assert np.abs(one.astype(int) - other).max() <= 1


def test_bytes_do_not_depend_on_threads() -> None:
    before, pictures = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            pictures.append(next(iter(TorchRenderer("cpu").render(sphere(64), [camera()], [around(4)]))).colour)
    finally:
        torch.set_num_threads(before)
    np.testing.assert_array_equal(*pictures)


@pytest.mark.parametrize("look", [{"roughness": 0.9}, {"metallic": 1.0, "roughness": 0.2}], ids=["matt", "metal"])
def test_pyrender_agrees(look: dict[str, float]) -> None:
    pytest.importorskip("pyrender", reason="pyrender is not installed")
    if not (pyrender_context.egl_works() or pyrender_context.osmesa_works()):
        pytest.skip("neither EGL nor OSMesa works on this machine")
    from dst3d_datasets.render.pyrender import PyrenderRenderer

    views = [camera(30, 20, 2.0, 128), camera(200, -50, 1.7, 128, theta=130)]
    ours, theirs = (
        list(engine.render(sphere(64, **look), views, [around(6), around(7)]))
        for engine in (TorchRenderer("cpu"), PyrenderRenderer())
    )
    for one, other in zip(ours, theirs, strict=True):
        both = (one.alpha == 255) & (other.alpha == 255)
        assert np.ptp(one.colour[both].astype(int), axis=0).min() > 20
        assert np.abs(one.colour.astype(int) - other.colour)[both].max() <= 3
