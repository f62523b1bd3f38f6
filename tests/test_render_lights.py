"""The light of a view is drawn from its seed, within bounds."""

from __future__ import annotations

import math

import numpy as np

from dst3d_datasets.nouns import Lights
from dst3d_datasets.render.lights import lights_of


def test_fixed_is_the_studio() -> None:
    assert lights_of(1, "fixed") == lights_of(2, "fixed") == Lights()


def test_same_seed_same_light_and_other_seed_other_light() -> None:
    assert lights_of(7, "random") == lights_of(7, "random")
    assert len({lights_of(seed, "random").key_direction for seed in range(50)}) == 50


def test_bounds() -> None:
    azimuths = []
    for seed in range(300):
        lights = lights_of(seed, "random")
        for direction in (lights.key_direction, lights.fill_direction):
            assert math.isclose(math.hypot(*direction), 1.0, rel_tol=1e-9)
        assert math.sin(math.radians(20)) <= lights.key_direction[2] <= math.sin(math.radians(65))
        key, fill = (np.array(d[:2]) / np.hypot(*d[:2]) for d in (lights.key_direction, lights.fill_direction))
        assert key @ fill < math.cos(math.radians(100))  # from the other side
        assert max(lights.fill_colour) < 0.75 * max(lights.key_colour)
        ambient, _, upward, *others = np.array(lights.environment)
        assert (upward > 0).all()  # more from the sky than from the ground
        assert np.allclose(0.2821 * ambient, 0.47, atol=0.12)
        assert not np.any(others)
        azimuths.append(math.atan2(*key))
    assert np.histogram(azimuths, 6, (-math.pi, math.pi))[0].min() > 25  # from all around
