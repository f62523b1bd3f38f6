"""Scorers that ask a network: tiny random or fitted ones by folder, pinned by content; what they refuse."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("cv2")
transformers = pytest.importorskip("transformers")

from _planted import Kept, Listed, planted  # noqa: E402

from dst3d_datasets.generate.weights import TINY  # noqa: E402
from dst3d_datasets.recipe.filter_options import ClipScoreOptions, LookScoreOptions  # noqa: E402
from dst3d_datasets.scores.clip import ClipScorer, names_for  # noqa: E402
from dst3d_datasets.scores.look import LookScorer  # noqa: E402
from dst3d_datasets.scores.networks import Network, around_object  # noqa: E402
from dst3d_datasets.weights import WeightsError  # noqa: E402

SMALL = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 48}


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random CLIP with the tokenizer of the tiny generator, and a preprocessor of its own."""
    folder = tmp_path_factory.mktemp("clip")
    tokenizer = transformers.AutoTokenizer.from_pretrained(TINY / "tokenizer")
    ends = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    text = {**SMALL, **ends, "vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id}
    vision = {**SMALL, "image_size": 32, "patch_size": 16}
    torch.manual_seed(0)
    config = transformers.CLIPConfig(text_config=text, vision_config=vision, projection_dim=16)
    transformers.CLIPModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    look = {"image_mean": [0.5, 0.4, 0.3], "image_std": [0.2, 0.3, 0.4], "crop_size": {"height": 32, "width": 32}}
    (folder / "preprocessor_config.json").write_text(json.dumps(look))
    return folder


def _options(clip: Path, **changes: Any) -> ClipScoreOptions:
    names = {"templates": ("a {class_name}",), "distractors": ("teapot", "school bus", "airliner")}
    return ClipScoreOptions(**{"model": str(clip), "device": "cpu", "crop": False, **names, **changes})


def test_clip_is_the_softmax_of_the_network_itself(clip: Path) -> None:
    """Against transformers' own forward pass; batches and the class among the distractors change nothing."""
    rows = planted()["good"]
    judged = ClipScorer(_options(clip)).judge(Listed(rows), Kept())
    assert not any(judged.reasons)
    model = transformers.CLIPModel.from_pretrained(clip).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(clip)
    for index, row in enumerate(rows):
        names = [row.label["class_name"], *(n for n in ("teapot", "school bus", "airliner"))]
        names = list(dict.fromkeys(names))
        words = tokenizer([f"a {name}" for name in names], padding="max_length", max_length=77, return_tensors="pt")
        pixels = Network(str(clip), "main", "x", "cpu").tensor([row.image])
        with torch.no_grad():
            logits = model(pixel_values=pixels, **words).logits_per_image[0].double()
        assert judged.scores["clip_margin"][index] == pytest.approx(float(logits.softmax(0)[0]), abs=1e-4)
        assert judged.details["clip_logit_margin"][index] == pytest.approx(
            float(logits[0] - logits[1:].max()), abs=1e-3
        )
        assert judged.details["clip_other"][index] == names[1 + int(logits[1:].argmax())]
    one_by_one = ClipScorer(_options(clip, batch_size=1)).judge(Listed(rows), Kept())
    assert np.allclose(one_by_one.scores["clip_margin"], judged.scores["clip_margin"], atol=1e-5)


def test_pictures_are_laid_before_a_network_as_it_states(clip: Path) -> None:
    network = Network(str(clip), "main", "x", "cpu")
    picture = np.full((40, 60, 3), (255, 0, 51), np.uint8)
    pixels = network.tensor([picture, picture[:20]])
    assert pixels.shape == (2, 3, 32, 32)
    expected = torch.tensor([(1.0 - 0.5) / 0.2, (0.0 - 0.4) / 0.3, (0.2 - 0.3) / 0.4])
    assert torch.allclose(pixels[0, :, 5, 7], expected, atol=1e-4)
    assert network.tensor([picture], 48).shape == (1, 3, 48, 48)


def test_a_network_is_pinned_by_its_content(clip: Path, tmp_path: Path) -> None:
    first = ClipScorer(_options(clip)).revision
    assert first.startswith("1-sha256:")
    other = tmp_path / "other"
    other.mkdir()
    for path in clip.iterdir():
        (other / path.name).write_bytes(path.read_bytes())
    assert ClipScorer(_options(other)).revision == first
    (other / "config.json").write_text((other / "config.json").read_text() + " ")
    assert ClipScorer(_options(other)).revision != first


def test_names_stand_against_all_of_imagenet() -> None:
    names = names_for("n02690373", "airliner")
    assert names[0] == "airliner"
    assert len(names) == len(set(names)) > 950
    assert names.count("airliner") == 1
    assert names_for("", "space station")[0] == "space station"
    assert names_for("n02012849", "crane")[0] == "crane, a wading bird"  # and not the machine
    assert names_for("", "mug", ("cup", "mug", "cup", "pot")) == ["mug", "cup", "pot"]


def test_the_object_is_cut_out_with_a_margin() -> None:
    image = np.arange(100 * 100 * 3, dtype=np.uint32).reshape(100, 100, 3).astype(np.uint8)
    cut = around_object(image, {"bbox_visible": [40.0, 40.0, 60.0, 50.0]})
    assert cut.shape == (26, 26, 3)
    assert np.array_equal(cut, image[32:58, 37:63])
    assert around_object(image, {"bbox_visible": [90.0, 0.0, 100.0, 10.0]}).shape == (12, 12, 3)
    assert around_object(image, {"bbox_visible": [0.0] * 4}).shape == image.shape


@pytest.fixture(scope="module")
def classifiers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One of two labels, and one that gives a mark; their heads look at nothing but how bright a picture is."""
    found = {}
    for name, labels in (("two", ["nsfw", "normal"]), ("mark", ["mark"])):
        torch.manual_seed(1)
        config = transformers.ViTConfig(**SMALL, image_size=32, patch_size=16, num_labels=len(labels))
        config.id2label = dict(enumerate(labels))
        config.label2id = {label: index for index, label in enumerate(labels)}
        found[name] = tmp_path_factory.mktemp(name)
        transformers.ViTForImageClassification(config).save_pretrained(found[name])
    return found


def test_the_named_label_is_the_score(classifiers: dict[str, Path]) -> None:
    rows = planted()["good"]
    both = {"aesthetic": str(classifiers["mark"]), "aesthetic_range": (-2.0, 2.0), "device": "cpu"}
    scorer = LookScorer(LookScoreOptions(safe=str(classifiers["two"]), **both))
    assert scorer.scores == ("aesthetic", "safe")
    judged = scorer.judge(Listed(rows), Kept())
    other = LookScorer(LookScoreOptions(safe=str(classifiers["two"]), safe_label="nsfw", device="cpu"))
    assert other.scores == ("safe",)
    assert np.allclose(judged.scores["safe"] + other.judge(Listed(rows), Kept()).scores["safe"], 1.0)
    model = transformers.ViTForImageClassification.from_pretrained(classifiers["mark"]).eval()
    with torch.no_grad():
        marks = model(Network(str(classifiers["mark"]), "main", "x", "cpu").tensor([row.image for row in rows])).logits
    assert np.allclose(judged.scores["aesthetic"], (marks[:, 0].numpy() + 2.0) / 4.0, atol=1e-5)
    assert scorer.revision.count("sha256:") == 2


def test_what_is_no_such_network(clip: Path, classifiers: dict[str, Path], tmp_path: Path) -> None:
    rows = Listed(planted()["good"][:1])
    with pytest.raises(WeightsError, match="none of its labels: nsfw, normal"):
        LookScorer(LookScoreOptions(safe=str(classifiers["two"]), safe_label="fine", device="cpu")).judge(rows, Kept())
    with pytest.raises(WeightsError, match="does not compare pictures with words"):
        ClipScorer(_options(classifiers["two"])).judge(rows, Kept())
    with pytest.raises(WeightsError, match=r"scores\.clip\.model.*cannot be loaded"):
        ClipScorer(_options(tmp_path)).judge(rows, Kept())
    with pytest.raises(WeightsError, match="no folder"):
        ClipScorer(_options(tmp_path / "nothing"))
    with pytest.raises(ValueError, match="name a classifier"):
        LookScoreOptions()
    with pytest.raises(ValueError, match="class_name"):
        ClipScoreOptions(templates=("a photo",))


def test_a_sample_of_another_name_is_asked_about_by_its_own(clip: Path) -> None:
    first = planted()["good"][0]
    renamed = replace(first, label={**first.label, "class_name": "space station", "synset": ""})
    same, other = ClipScorer(_options(clip)).judge(Listed([first, renamed]), Kept()).scores["clip_margin"]
    assert same != other
