"""Shots without a renderer: an ellipsoid traced exactly, for tests of generators."""

from __future__ import annotations

import dataclasses

import numpy as np

from dst3d_datasets.camera import camera_of
from dst3d_datasets.nouns import Buffers, Controls, Lights, ModelRef, Prompt, Shot, View


def _trace(camera, axes, offset):
    """Where rays through pixel corner + offset first meet the ellipsoid: hit (H, W), z-depth, normal (canonical)."""
    v, u = np.mgrid[0 : camera.height, 0 : camera.width] + np.array(offset, np.float64)[:, None, None]
    K = camera.K
    rays = np.stack([(u - K[0, 2]) / K[0, 0], (v - K[1, 2]) / K[1, 1], np.ones_like(u)], axis=-1) @ camera.R
    eye = -camera.R.T @ camera.t
    d, c = rays / axes, eye / axes
    a, b, e = (d * d).sum(-1), (d * c).sum(-1), (c * c).sum() - 1.0
    under = b * b - a * e
    hit = under > 0
    depth = (-b - np.sqrt(np.where(hit, under, 0.0))) / a
    normal = (eye + depth[..., None] * rays) / axes**2
    return hit, depth, normal / np.linalg.norm(normal, axis=-1, keepdims=True)


def ball_shot(
    seed: int = 0,
    *,
    azimuth: float = 30.0,
    elevation: float = 20.0,
    theta: float = 0.0,
    distance: float = 2.0,
    size: int = 96,
    box: tuple[float, float, float] = (0.6, 1.0, 0.7),
    text: str = "a red ball",
) -> Shot:
    """A shot of an ellipsoid that fills `box`."""
    view = View(index=0, azimuth=azimuth, elevation=elevation, theta=theta, distance=distance)
    camera = camera_of(view, size, size)
    axes = np.array(box) / 2.0
    hit, depth, normal = _trace(camera, axes, (0.5, 0.5))
    cover = np.mean([_trace(camera, axes, (y, x))[0] for y in (1 / 6, 0.5, 5 / 6) for x in (1 / 6, 0.5, 5 / 6)], axis=0)
    light = np.clip(normal @ np.array(Lights().key_direction), 0.1, 1.0)
    colour = np.floor(np.array([210.0, 90.0, 70.0]) * light[..., None]).astype(np.uint8)
    buffers = Buffers(
        colour=colour,
        alpha=np.floor(255 * cover + 0.5).astype(np.uint8),
        mask=hit,
        depth=np.where(hit, depth, 0.0).astype(np.float32),
        normal=np.where(hit[..., None], normal @ camera.R.T, 0.0).astype(np.float32),
        part=np.where(hit, 0, -1).astype(np.int32),
    )
    rim = hit & ~(np.roll(hit, 1, 0) & np.roll(hit, -1, 0) & np.roll(hit, 1, 1) & np.roll(hit, -1, 1))
    offset, scale = float(depth[hit].min()) - 1e-3, 1e-4
    controls = Controls(
        render=np.where(hit[..., None], colour, 0).astype(np.uint8),
        edge=np.where(rim, 255, 0).astype(np.uint8),
        line=np.where(rim, 255, 0).astype(np.uint8),
        mask=np.where(hit, 255, 0).astype(np.uint8),
        part=hit.astype(np.uint16),
        depth=np.where(hit, (depth - offset) / scale + 0.5, 0).astype(np.uint16),
        normal=np.where(hit[..., None], 127.5 * (normal + 1.0), 0).astype(np.uint8),
        depth_scale=scale,
        depth_offset=offset,
    )
    ref = ModelRef(source="primitives", model_id="ball", class_name="ball")
    return Shot(
        key=ref.key(seed), ref=ref, view=view, camera=camera, lights=Lights(), buffers=buffers, controls=controls,
        prompt=Prompt(text=text, negative="blurry"), seed=seed, label={"size": list(box)},
        surface=_spread(axes).astype(np.float32),
    )  # fmt: skip


def _spread(axes, count=4000):
    """Points all over an ellipsoid, (count, 3)."""
    z = 1.0 - 2.0 * (np.arange(count) + 0.5) / count
    turn = np.arange(count) * np.pi * (3.0 - np.sqrt(5.0))
    level = np.sqrt(1.0 - z * z)
    return np.stack([level * np.cos(turn), level * np.sin(turn), z], axis=-1) * axes


def with_seed(shot: Shot, seed: int) -> Shot:
    """The same shot under another seed."""
    return dataclasses.replace(shot, seed=seed)
