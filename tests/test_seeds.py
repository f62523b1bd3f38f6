"""Randomness by name."""

from __future__ import annotations

import numpy as np

from dst3d_datasets.seeds import seed_of, shuffle_key, uniform, uniforms


def test_a_longer_column_begins_with_the_shorter_one() -> None:
    np.testing.assert_array_equal(uniforms(7, "a", count=1000)[:13], uniforms(7, "a", count=13))


def test_names_are_not_run_together() -> None:
    names = [("ab", "c"), ("a", "bc"), ("abc",), (1, "2"), ("1", "2"), ("1", 2), (12,), ("12",)]
    assert len({seed_of(*name) for name in names}) == len(names)
    assert len({float(uniforms(*name, count=1)[0]) for name in names}) == len(names)


def test_values_are_pinned_forever() -> None:
    """A changed value would change every published pose: these were written down once."""
    assert seed_of(0, "n02690373/primitives/airliner-00000", "sample", 0) == PINNED_SEED
    np.testing.assert_array_equal(uniforms(0, "x", "view", "azimuth", count=3), PINNED_UNIFORMS)


def test_uniform_in_the_open_interval_and_even() -> None:
    values = uniforms("many", count=200_000)
    assert values.min() > 0.0
    assert values.max() < 1.0
    counts, _ = np.histogram(values, bins=20, range=(0, 1))
    chi_square = float(((counts - 10_000.0) ** 2 / 10_000.0).sum())
    assert chi_square < 50.0  # 19 degrees of freedom: p = 1e-4 at 50
    assert 0.0 < uniform("one") < 1.0


def test_seeds_fit_json_and_torch() -> None:
    seeds = [seed_of(index) for index in range(1000)]
    assert min(seeds) >= 0
    assert max(seeds) < 2**63
    assert len(set(seeds)) == 1000
    assert shuffle_key("a") != shuffle_key("b")


PINNED_SEED = 3904895962240356055
PINNED_UNIFORMS = [0.2853867275652845, 0.8751466775457862, 0.8659844062264236]
