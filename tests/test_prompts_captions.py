"""Captions from CSV files: chosen by seed, read in place, and clear about what is missing."""

from __future__ import annotations

import csv
import pickle
import tracemalloc
from collections import Counter

import pytest

from dst3d_datasets.errors import RecipeError
from dst3d_datasets.nouns import ModelRef
from dst3d_datasets.prompts.captions import Captions
from dst3d_datasets.recipe.options import CaptionsPromptOptions

ROWS = [
    ("n02690373", "an airliner over the sea"),
    ("coffee mug", 'a mug, "hot"'),
    ("n02690373", "an airliner\nat the gate, raining"),
    ("Coffee_Mug", "ein Becher für Tee ☕"),
    ("n02690373", "  "),
    ("n02690373", "an airliner in a hangar"),
]


def write(path, rows=ROWS, header=("class", "caption"), encoding="utf-8", **style):
    with path.open("w", newline="", encoding=encoding) as file:
        writer = csv.writer(file, **style)
        writer.writerow(header)
        writer.writerows(rows)
    return path


def captions(path, **options):
    return Captions(CaptionsPromptOptions(kind="captions", file=str(path), **options))


def plane(**fields):
    return ModelRef(**{"source": "s", "model_id": "m", "class_name": "airliner", "synset": "n02690373", **fields})


MUG = ModelRef(source="s", model_id="m", class_name="coffee mug", synset="n03063599")


@pytest.mark.parametrize("style", [{}, {"encoding": "utf-8-sig"}, {"lineterminator": "\n"}, {"quoting": csv.QUOTE_ALL}])
def test_every_caption_is_reachable_and_nothing_else(tmp_path, style):
    prompter = captions(write(tmp_path / "c.csv", **style))
    texts = Counter(prompter.prompt(plane(), seed).text for seed in range(300))
    assert set(texts) == {
        "an airliner over the sea", "an airliner at the gate, raining", "an airliner in a hangar"
    }  # fmt: skip
    assert min(texts.values()) > 60
    assert {prompter.prompt(MUG, seed).text for seed in range(50)} == {'a mug, "hot"', "ein Becher für Tee ☕"}
    assert prompter.counts() == {}


def test_the_seed_alone_chooses(tmp_path):
    path = write(tmp_path / "c.csv")
    first, second = captions(path), captions(path)
    forwards = [first.prompt(plane(), seed) for seed in range(40)]
    backwards = [second.prompt(plane(), seed) for seed in reversed(range(40))]
    assert forwards == backwards[::-1]


def test_changing_one_class_changes_no_other(tmp_path):
    before = captions(write(tmp_path / "a.csv"))
    rows = [("zebra", "first")] + ROWS[:2] + [("coffee mug", "new")] * 3 + ROWS[2:]
    after = captions(write(tmp_path / "b.csv", rows))
    for seed in range(60):
        assert before.prompt(plane(), seed) == after.prompt(plane(), seed)


def test_a_class_without_captions_falls_back_and_is_counted(tmp_path):
    prompter = captions(write(tmp_path / "c.csv"), fallback="a {class_name}", negative="no {class_name}")
    assert prompter.prompt(plane(class_name="kite", synset=""), 1).text == "a kite"
    assert prompter.prompt(plane(class_name="kite", synset="n1"), 2).negative == "no kite"
    prompter.prompt(plane(), 3)
    assert prompter.counts() == {"no_caption": 2}
    assert prompter.counts() == {}


def test_other_columns_and_short_rows(tmp_path):
    path = write(tmp_path / "c.csv", [("1", "a mug here", "coffee mug"), ("2",)], header=("id", "text", " label "))
    prompter = captions(path, class_column="label", caption_column="text")
    assert prompter.prompt(MUG, 5).text == "a mug here"


def test_it_travels_to_another_process_after_use(tmp_path):
    prompter = captions(write(tmp_path / "c.csv"))
    expected = prompter.prompt(plane(), 9)
    assert pickle.loads(pickle.dumps(prompter)).prompt(plane(), 9) == expected


def test_the_revision_pins_the_words(tmp_path):
    path = write(tmp_path / "c.csv")
    first = captions(path).revision
    assert captions(path).revision == first
    write(path, ROWS[1:])
    assert captions(path).revision != first


def test_texts_are_not_held_in_memory(tmp_path):
    text = "a caption of some length, " * 8
    path = write(tmp_path / "c.csv", ((f"class {i % 50}", f"{text}{i}") for i in range(40_000)))
    assert path.stat().st_size > 8_000_000
    prompter = captions(path)
    tracemalloc.start()
    try:
        prompter.prompt(plane(class_name="class 7", synset=""), 1)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2_000_000


def test_errors_come_at_construction_and_name_the_field(tmp_path):
    with pytest.raises(RecipeError, match=r"prompts\.file.*no such file"):
        captions(tmp_path / "none.csv")
    path = write(tmp_path / "c.csv")
    with pytest.raises(RecipeError, match=r"prompts\.class_column.*'synset'.*it has: class, caption"):
        captions(path, class_column="synset")
    with pytest.raises(RecipeError, match=r"prompts\.caption_column.*'text'"):
        captions(path, caption_column="text")
    with pytest.raises(RecipeError, match=r"prompts\.fallback.*unknown field"):
        captions(path, fallback="{who}")
    (tmp_path / "empty.csv").write_bytes(b"")
    with pytest.raises(RecipeError, match="it has: none"):
        captions(tmp_path / "empty.csv")
    (tmp_path / "utf16.csv").write_bytes("class,caption\nä,b\n".encode("utf-16"))
    with pytest.raises(RecipeError, match="cannot be read as CSV"):
        captions(tmp_path / "utf16.csv")
    with pytest.raises(RecipeError, match="cannot be read as CSV"):
        captions(tmp_path)


def test_a_file_that_breaks_later_says_so(tmp_path):
    path = tmp_path / "c.csv"
    path.write_bytes(b"class,caption\nairliner,fine\nmug,\xff\xfe\n")
    with pytest.raises(RecipeError, match=r"prompts\.file.*cannot be read as CSV"):
        captions(path).prompt(plane(), 1)
