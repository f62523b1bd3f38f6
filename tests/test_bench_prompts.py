"""Measures of diversity by hand, and the prompts bench without a language model."""

from __future__ import annotations

import numpy as np
import pytest

from dst3d_datasets import bench
from dst3d_datasets.bench.prompts_diversity import distinct_2, mean_distance, self_bleu
from dst3d_datasets.errors import MissingDependency


def test_distinct_2_counts_pairs_of_words():
    assert distinct_2(["a b c", "a b d"]) == pytest.approx(3 / 4)
    assert distinct_2(["A b.", "a, b"]) == pytest.approx(1 / 2)
    assert distinct_2(["a"]) == 0.0


def test_self_bleu_is_one_for_the_same_and_small_for_different_texts():
    assert self_bleu(["a red car on a road"] * 3) == pytest.approx(1.0)
    different = self_bleu(["one two three four five", "six seven eight nine ten"])
    assert different == 0.0
    mixed = self_bleu(["a red car on a road", "a red car in a field"])
    assert 0.2 < mixed < 0.9
    assert self_bleu(["one"]) == 0.0


def test_mean_distance_is_that_of_all_pairs():
    vectors = np.random.default_rng(0).normal(size=(9, 5)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    pairs = [1 - float(vectors[i] @ vectors[j]) for i in range(9) for j in range(9) if i != j]
    assert mean_distance(vectors) == pytest.approx(np.mean(pairs), abs=1e-6)
    assert mean_distance(vectors[:1]) == 0.0


def test_the_bench_runs_without_a_language_model(monkeypatch):
    def absent(*args):
        raise MissingDependency("no model here")

    monkeypatch.setattr("dst3d_datasets.bench.prompts._written", absent)
    monkeypatch.setattr("dst3d_datasets.bench.prompts._distance", lambda: lambda texts: 0.0)
    result = bench.run("prompts", quick=True)
    rows = {row["how"]: row for row in result.to_json()["rows"]}
    assert rows["template: reference"]["x template"] == pytest.approx(1.0)
    assert rows["template: class and keywords"]["x template"] > 2
    assert rows["template: class and keywords"]["self-BLEU"] < rows["template: reference"]["self-BLEU"]
    assert any("no model here" in note for note in result.measured.notes)
