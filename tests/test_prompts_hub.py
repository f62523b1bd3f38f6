"""A language model by its Hub id: fetched by the true client from a Hub on this machine, and pinned to its commit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("huggingface_hub")
transformers = pytest.importorskip("transformers")
torch = pytest.importorskip("torch")

from _publish import hub  # noqa: E402
from huggingface_hub import HfFileSystem  # noqa: E402
from minihub import MiniHub  # noqa: E402

from dst3d_datasets.cli import main  # noqa: E402
from dst3d_datasets.errors import RecipeError  # noqa: E402
from dst3d_datasets.nouns import ModelRef  # noqa: E402
from dst3d_datasets.prompts.captions import Captions  # noqa: E402
from dst3d_datasets.prompts.language_hub import pin  # noqa: E402
from dst3d_datasets.prompts.language_place import find_weights  # noqa: E402
from dst3d_datasets.recipe.options import CaptionsPromptOptions  # noqa: E402

__all__ = ["hub"]

WORDS = "a photo of on in the with light kitchen table road teapot airliner soft morning red blue , . wooden sky"


def model_files(folder: Path, seed: int) -> dict[str, bytes]:
    """A causal language model with random weights and its tokenizer, as `save_pretrained` writes them."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    words = ["<unk>", "</s>", *(f" {word}" for word in WORDS.split())]
    tokenizer = Tokenizer(models.WordLevel({word: number for number, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_next")
    tokenizer.decoder = decoders.Fuse()
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", eos_token="</s>")
    torch.manual_seed(seed)
    config = transformers.LlamaConfig(
        vocab_size=len(words), hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=1, max_position_embeddings=512, initializer_range=0.5,
    )  # fmt: skip
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    fast.save_pretrained(folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def models(hub: MiniHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MiniHub:
    """A Hub with two versions of a model; `main` is the second."""
    from transformers.utils import hub as client

    monkeypatch.setattr(client, "_hf_api", None, raising=False)  # it keeps the address of the Hub that it saw first
    hub.repos["me/tiny-lm"] = {
        "v1": model_files(tmp_path / "v1", 1),
        "main": model_files(tmp_path / "v2", 2),
    }
    return hub


def written(folder: Path, *more: str) -> dict:
    words = ["captions", "quickstart", "-o", str(folder), "-n", "5", "--model", "me/tiny-lm", "--json", "--quiet"]
    assert main([*words, "--set", "catalogue.classes=[teapot]", *more]) == 0
    return json.loads((folder / "captions.json").read_text())


def test_captions_by_a_model_of_the_hub(models: MiniHub, tmp_path: Path) -> None:
    facts = written(tmp_path / "main")
    assert facts["model"] == f"me/tiny-lm@{models.repos['me/tiny-lm'].branches['main']}"
    assert facts["captions"] == 5
    assert any("/me/tiny-lm/resolve/" in path and path.endswith("model.safetensors") for _, path, *_ in models.calls)
    first = written(tmp_path / "v1", "--revision", "v1")
    assert first["model"] == f"me/tiny-lm@{models.repos['me/tiny-lm'].tags['v1']}"
    assert first["fingerprint"] != facts["fingerprint"]
    tables = [(tmp_path / name / "data" / "train-00000-of-00001.parquet").read_bytes() for name in ("main", "v1")]
    assert tables[0] != tables[1]


def test_a_branch_that_moved_is_another_model(models: MiniHub, tmp_path: Path) -> None:
    before = written(tmp_path / "t")
    sent = len(models.calls)
    assert written(tmp_path / "t") == before
    assert not any("safetensors" in path for _, path, *_ in models.calls[sent:])  # nothing was missing
    repo = models.repos["me/tiny-lm"]
    repo.commit("main", dict(repo.tree("v1")), "weights of another day")
    after = written(tmp_path / "t")
    assert after["model"] == f"me/tiny-lm@{repo.branches['main']}" != before["model"]
    commit = before["model"].partition("@")[2]
    assert written(tmp_path / "again", "--revision", commit)["fingerprint"] == before["fingerprint"]


def test_style_free_by_a_model_of_the_hub(models: MiniHub, tmp_path: Path) -> None:
    facts = written(tmp_path / "free", "--style", "free")
    assert facts["drafts"] >= 5
    assert facts["captions"] + facts["given_up"] == 5


def test_what_is_not_there_is_said(models: MiniHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RecipeError, match="me/no-model"):
        pin(find_weights("me/no-model"))
    with pytest.raises(RecipeError, match=r"me/tiny-lm.*v9"):
        pin(find_weights("me/tiny-lm", "v9"))
    commit = "0" * 40
    assert pin(find_weights("me/tiny-lm", commit)).revision == commit  # asked of nobody
    words = ["captions", "quickstart", "-o", str(tmp_path / "t"), "--model", "me/no-model", "--quiet"]
    assert main(words) == 2
    assert "me/no-model" in capsys.readouterr().err


def test_captions_of_a_data_set_on_the_hub(hub: MiniHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gated, in two Parquet tables, at a revision: read by the same prompter as a file beside the recipe."""
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    monkeypatch.setenv("DST3D_HOME", str(tmp_path / "home"))
    HfFileSystem.clear_instance_cache()  # it keeps the address of the Hub that it saw first
    texts = [f"a teapot number {number}" for number in range(6)]
    files = {}
    for number in range(2):
        half = texts[3 * number : 3 * number + 3]
        parquet.write_table(pa.table({"class": ["n04398044"] * 3, "caption": half}), tmp_path / "part")
        files[f"data/train-0000{number}-of-00002.parquet"] = (tmp_path / "part").read_bytes()
    hub.repos["me/captions"] = {"v1.0.0": files, "main": {"captions.csv": b"class,caption\nteapot,another day\n"}}
    hub.gated.add("me/captions")
    teapot = ModelRef(source="s", model_id="m", class_name="teapot", synset="n04398044")

    def said(address: str) -> set[str]:
        prompter = Captions(CaptionsPromptOptions(kind="captions", file=address))
        return {prompter.prompt(teapot, seed).text for seed in range(100)}

    assert said("hf://datasets/me/captions@v1.0.0") == set(texts)
    assert said("hf://datasets/me/captions") == {"another day"}
    with pytest.raises(RecipeError, match=r"prompts\.file: hf://datasets/me/none"):
        said("hf://datasets/me/none")
    HfFileSystem.clear_instance_cache()
