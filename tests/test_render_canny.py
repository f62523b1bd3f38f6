"""Canny: OpenCV's on the CPU, and the torch version equal to it bit for bit."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from dst3d_datasets.render.canny import canny, canny_torch, grey_torch


def pictures(seed: int) -> np.ndarray:
    """One random picture: noise, blurred noise, lines or posterised; 3 to 130 pixels a side; grey or colour."""
    rng = np.random.default_rng(seed)
    height, width = rng.integers(3, 130, 2)
    image = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    kind = seed % 4
    if kind == 1:
        image = cv2.GaussianBlur(image, (0, 0), 2.0)
        image = cv2.normalize(image, None, 0, 255, cv2.NORM_MINMAX)
    elif kind == 2:
        image[:] = rng.integers(0, 256, 3)
        for _ in range(12):
            ends = rng.integers(0, 130, 4).tolist()
            cv2.line(image, ends[:2], ends[2:], rng.integers(0, 256, 3).tolist(), int(rng.integers(1, 5)))
    elif kind == 3:
        image = cv2.GaussianBlur(image, (0, 0), 3.0) // 24 * 24
    return image if seed % 3 else np.ascontiguousarray(image[..., 0])


@pytest.mark.parametrize("block", range(6))
def test_torch_equals_opencv(block: int) -> None:
    seen_edges = 0
    for seed in range(block * 40, block * 40 + 40):
        image = pictures(seed)
        rng = np.random.default_rng(1000 + seed)
        low = int(rng.integers(0, 400))
        high = low + int(rng.integers(0, 400))
        expected = cv2.Canny(image, low, high, apertureSize=3, L2gradient=False)
        tensor = torch.from_numpy(image)[None]
        tensor = tensor.permute(0, 3, 1, 2) if image.ndim == 3 else tensor
        found = canny_torch(tensor, low, high)[0].numpy()
        assert np.array_equal(found, expected > 0), seed
        seen_edges += int(found.sum())
    assert seen_edges > 1000


def test_grey_equals_opencv_for_every_hue() -> None:
    values = np.arange(0, 256, 3, dtype=np.uint8)
    image = np.stack(np.meshgrid(values, values, values, indexing="ij"), -1).reshape(86, -1, 3)
    image = np.concatenate([image, np.random.default_rng(0).integers(0, 256, (300, image.shape[1], 3), dtype=np.uint8)])
    expected = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    assert np.array_equal(grey_torch(torch.from_numpy(image).permute(2, 0, 1)[None])[0].numpy(), expected)


def test_colour_is_turned_to_grey_first() -> None:
    image = pictures(1)
    assert image.ndim == 3
    edges = canny(image, 100, 200)
    assert np.array_equal(edges, cv2.Canny(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), 100, 200))
    grey = grey_torch(torch.from_numpy(image).permute(2, 0, 1)[None])
    assert np.array_equal(canny_torch(grey, 100, 200)[0].numpy(), edges > 0)
    assert set(np.unique(edges)) <= {0, 255}


def spiral() -> np.ndarray:
    """A long chain of weak edges: its contrast is strong only at its inner end."""
    image = np.zeros((96, 96), np.uint8)
    angle = np.linspace(0.0, 10 * np.pi, 4000)
    points = np.stack([48 + angle * 1.3 * np.cos(angle), 48 + angle * 1.3 * np.sin(angle)], -1).round().astype(np.int32)
    for i in range(len(points) - 2, -1, -1):  # from the faint end inwards
        cv2.line(image, points[i].tolist(), points[i + 1].tolist(), max(45, 255 - i // 4), 2)
    return image


def test_a_long_chain_of_weak_edges_is_followed_to_its_end() -> None:
    image = spiral()
    expected = cv2.Canny(image, 60, 400)
    assert np.array_equal(canny_torch(torch.from_numpy(image)[None], 60, 400)[0].numpy(), expected > 0)
    assert (expected > 0).sum() > 300
