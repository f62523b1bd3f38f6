"""The pass that writes captions ahead of generation: by class, resumable, and by seeds alone."""

from __future__ import annotations

import hashlib
import json
from collections import Counter

import pytest

from dst3d_datasets.cli import main
from dst3d_datasets.nouns import ModelRef
from dst3d_datasets.prompts import scenes
from dst3d_datasets.prompts.caption_table import Setting, count_done, topics_of, write_table
from dst3d_datasets.prompts.gate import faults, names_class
from dst3d_datasets.prompts.tokens import estimate
from dst3d_datasets.prompts.writer import Writer

SETTING = Setting(seed=3, count=40, style="phrases", model="fake@1", tokens="upper estimate")


TABLE = "data/train-00000-of-00001.parquet"


class Fake:
    """A model that finds longer endings likelier when they share letters with the beginning."""

    wide = 1

    def __init__(self):
        self.asked = 0

    def likelihood(self, beginning, endings):
        self.asked += 1
        return [float(sum(c in beginning for c in ending)) - len(ending) for ending in endings]

    def complete(self, beginning, rows, seeds, *, unsaid=()):
        self.asked += 1
        places = ("wooden table", "coastal road", "stone bridge", "field with a dog", "side view of", "quiet lake")
        more = ("soft light", "thin fog", "red sunset", "bare trees", "fresh snow", "warm evening", "dry grass")
        return [f"{places[s % 6]}, {more[s // 6 % 7]}, {more[s // 42 % 7]}" for s in seeds]


def refs(*names):
    return [ModelRef(source="s", model_id=f"{name}{i}", class_name=name, keywords=("red", "lowpoly", f"k {name}"))
            for name in names for i in range(2)]  # fmt: skip


def topics(*names):
    return topics_of(refs(*names), estimate)


def written(folder):
    parquet = pytest.importorskip("pyarrow.parquet")
    return [row for path in sorted((folder / "data").glob("*.parquet")) for row in parquet.read_table(path).to_pylist()]


def captions_of(folder, name):
    return [row["caption"] for row in written(folder) if row["class_name"] == name]


def write(folder, *names, setting=SETTING, model=None, style="phrases"):
    return write_table(folder, topics(*names), setting, lambda: Writer(model or Fake(), style))


def test_every_caption_passes_the_gate_and_none_is_double(tmp_path):
    facts = write(tmp_path, "teapot", "park bench", "goldfish")
    rows = written(tmp_path)
    assert facts["captions"] == len(rows) > 0.9 * 3 * SETTING.count
    by_class = {topic.class_id: topic.subject for topic in topics("teapot", "park bench", "goldfish")}
    for row in rows:
        assert faults(row["caption"], by_class[row["class"]]) == []
    assert max(Counter(row["caption"] for row in rows).values()) == 1
    assert facts["first_try"] <= facts["captions"] <= facts["drafts"]
    assert facts["drafts"] <= facts["first_try"] + sum(facts["rejected"].values()) + facts["captions"]


def test_a_class_is_written_by_its_own_names_alone(tmp_path):
    write(tmp_path / "a", "teapot", "park bench")
    write(tmp_path / "b", "zebra", "park bench", "airliner")
    assert captions_of(tmp_path / "a", "park bench") == captions_of(tmp_path / "b", "park bench")
    write(tmp_path / "c", "park bench", setting=Setting(4, 40, "phrases", "fake@1", "upper estimate"))
    assert captions_of(tmp_path / "a", "park bench") != captions_of(tmp_path / "c", "park bench")


def test_it_goes_on_where_it_stopped(tmp_path):
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    write(whole, "teapot", "park bench")

    class Stops(Fake):
        def likelihood(self, beginning, endings):
            if "teapot" in beginning:
                raise KeyboardInterrupt
            return super().likelihood(beginning, endings)

    with pytest.raises(KeyboardInterrupt):
        write(halves, "park bench", "teapot", model=Stops())
    assert count_done(halves, topics("park bench", "teapot"), SETTING) == 1
    assert not (halves / "captions.json").exists()
    write(halves, "park bench", "teapot")
    for name in (TABLE, "captions.json"):
        assert (halves / name).read_bytes() == (whole / name).read_bytes()


def test_nothing_is_written_twice_and_damage_is_mended(tmp_path):
    write(tmp_path, "teapot", "park bench")
    before = (tmp_path / TABLE).read_bytes()

    def no_model():
        raise AssertionError("nothing was missing")

    write_table(tmp_path, topics("teapot", "park bench"), SETTING, no_model)
    part = next(path for path in (tmp_path / "parts").glob("teapot*.parquet"))
    part.write_text("broken")
    write(tmp_path, "teapot", "park bench")
    assert (tmp_path / TABLE).read_bytes() == before


def test_another_setting_or_keyword_is_another_part(tmp_path):
    write(tmp_path, "teapot")
    assert count_done(tmp_path, topics("teapot"), SETTING) == 1
    assert count_done(tmp_path, topics("teapot"), Setting(3, 41, "phrases", "fake@1", "upper estimate")) == 0
    assert count_done(tmp_path, topics("teapot"), Setting(3, 40, "phrases", "fake@2", "upper estimate")) == 0
    other = topics_of([ModelRef(source="s", model_id="m", class_name="teapot", keywords=("brass",))], estimate)
    assert count_done(tmp_path, other, SETTING) == 0


def test_free_captions_are_retried_and_counted_by_reason(tmp_path):
    facts = write(tmp_path, "teapot", style="free", setting=Setting(3, 40, "free", "fake@1", "upper estimate"))
    assert {"second", "double"} <= set(facts["rejected"])
    assert "viewpoint" in facts["rejected"] or "broken" in facts["rejected"]
    assert facts["first_try"] < facts["captions"] <= 40
    assert facts["captions"] + facts["given_up"] == 40
    assert all(text.startswith("a photo of a teapot, ") for text in captions_of(tmp_path, "teapot"))


def test_only_the_phrases_that_suit_best_are_used():
    scored = [(f"place {i}", float(-i)) for i in range(50)]
    kept = scenes.best(scored, 0.1)
    assert [phrase for phrase, _ in kept] == [f"place {i}" for i in range(5)]
    weights = [weight for _, weight in kept]
    assert (weights[0], weights[-1]) == (3.0, 1.0)
    suited = scenes.Suited((("on a desk by a window", 1.0),), (("red", 1.0),))
    texts = [scenes.compose("teapot", "a", suited, seed) for seed in range(300)]
    assert all("on a desk by a window" in text and names_class(text, ("teapot",)) for text in texts)
    assert 0.4 < sum("red teapot" in text for text in texts) / 300 < 0.8
    assert not any("  " in text or "{" in text or " a a" in text for text in texts)


def test_every_phrase_passes_the_gate():
    subject = topics("teapot")[0].subject
    for kind in scenes.table():
        for text in scenes.phrases(kind) if kind != "frame" else ():
            if kind.startswith("place"):
                said = [f"a photo of a teapot {text}"]
            elif kind == "look":
                said = [f"a photo of a {text} teapot in a garden"]
            else:
                said = [f"a photo of a teapot in a garden {how} {text}" for how in (",", "in", "and", "with")]
            for caption in said:
                assert faults(caption.replace(" ,", ","), subject) == [], caption


def test_topics_know_number_and_keywords():
    found = topics_of(
        [ModelRef(source="s", model_id=str(i), class_name="sunglasses", synset="n04356056", class_index=837,
                  keywords=("dark", "round") if i else ("dark", "free")) for i in range(3)]
        + [ModelRef(source="s", model_id="g", class_name="goldfish", synset="n01443537", class_index=1),
           ModelRef(source="s", model_id="b", class_name="broccoli", synset="n07714990", class_index=937)],
        estimate,
    )  # fmt: skip
    by_name = {topic.name: topic for topic in found}
    assert by_name["sunglasses"].article == "a pair of"
    assert by_name["sunglasses"].keywords == ("dark", "round")
    assert by_name["sunglasses"].has_looks
    assert not by_name["goldfish"].has_looks
    assert not by_name["broccoli"].has_looks
    assert (by_name["broccoli"].class_index, by_name["broccoli"].synset) == (937, "n07714990")


def test_the_verb(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("dst3d_datasets.cli.captions._writer", lambda weights, args: Writer(Fake()))
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text("{}")
    words = ["captions", "quickstart", "-o", str(tmp_path / "t"), "-n", "10", "--model", str(model), "--json"]
    words += ["--set", "catalogue.classes=[teapot, airliner]"]
    assert main(words) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["classes"] == 2
    assert facts["model"].startswith("model@sha256:")
    card = (tmp_path / "t" / "README.md").read_text()
    assert "{" not in card.replace("{kind", "")
    assert f"{facts['captions']} captions of 2 classes" in card
    assert "| `attempts` | int32 | drafts that it took, 1 or more |" in card
    assert str(tmp_path) not in card
    assert main(["captions", "--names", "--json"]) == 0
    assert {"synset": "n03126707", "wordnet": "crane", "name": "construction crane", "number": "one",
            "from": "own"} in json.loads(capsys.readouterr().out)["names"]  # fmt: skip
    assert main(["captions", "quickstart"]) == 2


def test_the_manifest_tells_of_the_tables(tmp_path):
    facts = write_table(tmp_path, topics("teapot", "park bench"), SETTING, lambda: Writer(Fake()), recipe="abc")
    assert facts == json.loads((tmp_path / "captions.json").read_text())
    assert (facts["format"], facts["recipe"], facts["model"]) == ("dst3d-captions/1", "abc", "fake@1")
    (file,) = facts["files"]
    data = (tmp_path / file["path"]).read_bytes()
    assert (file["bytes"], file["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
    rows = written(tmp_path)
    assert file["rows"] == len(rows) == facts["captions"] == sum(one["captions"] for one in facts["of_classes"])
    counts = Counter(row["class"] for row in rows)
    assert {one["class"]: one["captions"] for one in facts["of_classes"]} == counts
    assert list(rows[0]) == list(facts["columns"])
    assert {row["attempts"] == 1 for row in rows} == {True, False}
    assert sum(row["attempts"] == 1 for row in rows) == facts["first_try"]
    assert {(row["model"], row["revision"], row["style"]) for row in rows} == {("fake", "1", "phrases")}
    assert len({(row["class"], row["number"]) for row in rows}) == len({row["seed"] for row in rows}) == len(rows)


def test_tables_are_cut_between_classes_and_leave_nothing_old(tmp_path, monkeypatch):
    from dst3d_datasets.prompts import caption_files

    names = ("teapot", "park bench", "goldfish")
    write(tmp_path, *names)
    before = written(tmp_path)
    (tmp_path / "captions.csv").write_text("class,class_name,caption\nt,teapot,old\n")  # what version 1 wrote
    (tmp_path / "data" / ".train-00000-of-00009.parquet.77").write_text("half")  # what a killed pass left
    (tmp_path / "data" / "notes.txt").write_text("mine")
    monkeypatch.setattr(caption_files, "ROWS", 50)
    facts = write(tmp_path, *names)
    assert [file["path"] for file in facts["files"]] == [f"data/train-0000{i}-of-00003.parquet" for i in range(3)]
    names = {path.name for path in (tmp_path / "data").iterdir()}
    assert names == {"notes.txt", *(file["path"].removeprefix("data/") for file in facts["files"])}
    assert written(tmp_path) == before
    assert not (tmp_path / "captions.csv").exists()
    (tmp_path / "captions.csv").write_text("class,caption\n")  # somebody's own
    write(tmp_path, "teapot")
    assert (tmp_path / "captions.csv").exists()


def test_what_is_written_is_read_by_the_recipe_and_by_datasets(tmp_path, monkeypatch):
    datasets = pytest.importorskip("datasets")
    isolate = pytest.importorskip("_hf").isolate
    from dst3d_datasets.prompts.captions import Captions
    from dst3d_datasets.recipe.options import CaptionsPromptOptions

    isolate(monkeypatch, tmp_path)
    monkeypatch.setattr("dst3d_datasets.cli.captions._writer", lambda weights, args: Writer(Fake()))
    (tmp_path / "model").mkdir()
    folder = tmp_path / "table"
    words = ["captions", "quickstart", "-o", str(folder), "-n", "12", "--model", str(tmp_path / "model"), "--quiet"]
    assert main([*words, "--set", "catalogue.classes=[teapot, airliner]"]) == 0
    rows = written(folder)
    for streaming in (False, True):
        loaded = datasets.load_dataset(str(folder), split="train", streaming=streaming)
        assert loaded.features["attempts"] == datasets.Value("int32")
        assert list(loaded) == rows
    prompter = Captions(CaptionsPromptOptions(kind="captions", file=str(folder)))
    teapot = ModelRef(source="s", model_id="m", class_name="teapot", synset="n04398044")
    said = {prompter.prompt(teapot, seed).text for seed in range(200)}
    assert said == {row["caption"] for row in rows if row["synset"] == "n04398044"}
    assert prompter.counts() == {}
