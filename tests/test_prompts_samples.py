"""From a caption table to samples: chosen by the sample's seed, and each class's captions are its own affair."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from _toy import toy_recipe

from dst3d_datasets import build
from dst3d_datasets.nouns import ModelRef
from dst3d_datasets.prompts.caption_index import CaptionIndex
from dst3d_datasets.prompts.caption_table import Setting, topics_of, write_table
from dst3d_datasets.prompts.tokens import estimate
from dst3d_datasets.prompts.writer import Writer
from dst3d_datasets.seeds import seed_of
from dst3d_datasets.store import Store
from dst3d_datasets.tar import read_index, read_sample

pytest.importorskip("pyarrow")
pytestmark = pytest.mark.usefixtures("toys")

SETTING = Setting(seed=1, count=30, style="phrases", model="m@1", tokens="upper estimate")


class Likes:
    """A model that finds endings likely which hold a letter."""

    wide = 1

    def __init__(self, letter: str) -> None:
        self.letter = letter

    def likelihood(self, beginning: str, endings: list[str]) -> list[float]:
        return [float(ending.count(self.letter) if "teapot" in beginning else len(ending)) for ending in endings]


def table(folder: Path, letter: str) -> Path:
    """Captions of three classes; only the teapot's depend on the letter."""
    names = (("n02690373", "airliner", 404), ("n03891251", "park bench", 703), ("n04398044", "teapot", 849))
    refs = [
        ModelRef(source="s", model_id=name, class_name=name, synset=synset, class_index=index)
        for synset, name, index in names
    ]
    write_table(folder, topics_of(refs, estimate), SETTING, lambda: Writer(Likes(letter)))
    return folder


def samples(captions: Path, run: Path) -> dict[str, dict[str, bytes]]:
    """key -> members of every sample of a build."""
    recipe = toy_recipe(prompts={"kind": "captions", "file": str(captions)})
    assert build.build(recipe, run, workers=1).failed == {}
    store, found = Store(run), {}
    for receipt in store.receipts():
        with store.open(receipt) as stream:
            for entry in read_index(stream):
                sample = read_sample(stream, entry)
                found[sample.key] = dict(sample.members)
    return found


def test_one_classs_captions_change_no_other_classs_samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DST3D_HOME", str(tmp_path / "home"))
    before = samples(table(tmp_path / "a", "o"), tmp_path / "run-a")
    after = samples(table(tmp_path / "b", "e"), tmp_path / "run-b")
    assert before.keys() == after.keys()
    assert len(before) == 30
    changed = {key for key in before if before[key] != after[key]}
    teapots = {key for key in before if json.loads(before[key]["json"])["class_name"] == "teapot"}
    assert len(teapots) == 10
    assert changed <= teapots
    assert len(changed) >= 5  # some of the words are the same in both
    for key in teapots:  # the words alone are other ones: pose, seed and controls stay
        assert {name for name in before[key] if before[key][name] != after[key][name]} <= {"txt", "json"}


def test_a_samples_seed_chooses_its_caption(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DST3D_HOME", str(tmp_path / "home"))
    made = samples(table(tmp_path / "t", "o"), tmp_path / "run")
    (folder,) = (tmp_path / "home" / "captions").iterdir()
    index = CaptionIndex(folder)
    for members in made.values():
        label = json.loads(members["json"])
        number = seed_of("caption", seed_of(label["seed"], "prompt")) % index.count(label["synset"])
        assert label["prompt"] == members["txt"].decode() == index.caption(label["synset"], number)
    assert len({members["txt"] for members in made.values()}) > 20
