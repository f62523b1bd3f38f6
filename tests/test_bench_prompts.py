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
    monkeypatch.setattr("dst3d_datasets.bench.prompts._distance", lambda: (None, "no MiniLM here"))
    result = bench.run("prompts", quick=True)
    rows = {row["how"]: row for row in result.to_json()["rows"]}
    assert rows["template: reference"]["x template"] == pytest.approx(1.0)
    assert rows["template: class and keywords"]["x template"] > 2
    assert rows["template: class and keywords"]["self-BLEU"] < rows["template: reference"]["self-BLEU"]
    assert {row["distance"] for row in rows.values()} == {""}
    for why in ("no model here", "no MiniLM here"):
        assert any(why in note for note in result.measured.notes)
    page = result.markdown()
    assert page.count("### ") == 2
    assert "- *template: reference*: An image of airliner, best quality, extremely detailed" in page


class Knows:
    """A model that likes what is short."""

    wide = 1

    def likelihood(self, beginning, endings):
        return [-float(len(ending)) for ending in endings]


def test_captions_of_a_model_are_compared_with_templates(monkeypatch):
    from dst3d_datasets.bench.prompts import _models, _row, _template, _written
    from dst3d_datasets.prompts.caption_table import topics_of
    from dst3d_datasets.prompts.tokens import estimate

    language = pytest.importorskip("dst3d_datasets.prompts.language")
    monkeypatch.setattr(language, "LanguageModel", lambda *args: Knows())
    monkeypatch.setattr("dst3d_datasets.bench.prompts.find_weights", lambda name: None)
    models = _models(3, 20)
    topics = topics_of([ref for refs in models.values() for ref in refs], estimate)
    assert len(topics) == 3
    (texts,) = _written(topics, {"phrases": (3, 40)})
    assert {len(prompts) for prompts in texts.by_class.values()} == {40}
    assert texts.passed == 1.0 >= texts.first > 0.8
    plain = _template("t", "reference", models, topics)
    base = distinct_2([text for prompts in plain.by_class.values() for text in prompts])
    row = _row(texts, base, lambda prompts: 0.25 if len(prompts) == 20 else 1.0)
    assert row[1] == 120
    assert row[6] > 5  # the goal, on phrases alone
    assert row[8] == pytest.approx(0.25)


def test_the_bench_of_a_device_writes_whole_tables(monkeypatch):
    pytest.importorskip("pyarrow")
    pytest.importorskip("dst3d_datasets.prompts.language")
    from dst3d_datasets.bench import prompts_device
    from dst3d_datasets.prompts import language_random

    small = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2,
             "num_key_value_heads": 1, "vocab_size": 512}  # fmt: skip
    network = language_random.random_network
    monkeypatch.setattr(language_random, "random_network", lambda: network(**small))
    monkeypatch.setattr(prompts_device, "COUNT", 30)

    def absent(name):
        raise MissingDependency("no model here")

    monkeypatch.setattr(prompts_device, "find_weights", absent)
    result = bench.run("prompts-device", quick=True)
    row = result.to_json()["rows"][0]
    assert row["how"] == "random weights: phrases"
    assert row["passed %"] > 90
    assert row["captions/s"] > 0
    assert row["1000 x 500, min"] == pytest.approx(500_000 / row["captions/s"] / 60)
    assert any("no model here" in note for note in result.measured.notes)
    words = language_random.Pieces(49152)
    assert len(words("a photo of a teapot, on a table")["input_ids"]) == 9
    assert len({words.decode([token]) for token in range(49152)}) == 49152
