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


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """An index of the test's own."""
    monkeypatch.setenv("DST3D_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


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
    (tmp_path / "bare").mkdir()
    with pytest.raises(RecipeError, match="bare holds no"):
        captions(tmp_path / "bare")


def test_a_file_that_breaks_later_says_so(tmp_path):
    path = tmp_path / "c.csv"
    path.write_bytes(b"class,caption\nairliner,fine\nmug,\xff\xfe\n")
    with pytest.raises(RecipeError, match=r"prompts\.file.*cannot be read as CSV"):
        captions(path).prompt(plane(), 1)


def test_parquet_and_folders_say_what_csv_says(tmp_path):
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    rows = [*ROWS, ("coffee mug", None)]
    columns = {"class": [row[0] for row in rows], "id": list(range(len(rows))), "caption": [row[1] for row in rows]}
    parquet.write_table(pa.table(columns), tmp_path / "c.parquet", row_group_size=2)
    of_csv, of_parquet = captions(write(tmp_path / "c.csv")), captions(tmp_path / "c.parquet")
    folder = tmp_path / "two"
    folder.mkdir()
    write(folder / "a.csv", ROWS[:3])
    parquet.write_table(pa.table(columns).slice(3), folder / "b.parquet")
    (folder / "README.md").write_text("nothing")
    of_folder = captions(folder)
    for model in (plane(), MUG):
        for seed in range(40):
            said = of_csv.prompt(model, seed)
            assert of_parquet.prompt(model, seed) == said
            assert of_folder.prompt(model, seed) == said
    with pytest.raises(RecipeError, match=r"no column 'text'; it has: class, id, caption"):
        captions(tmp_path / "c.parquet", caption_column="text")
    (tmp_path / "no.parquet").write_bytes(b"PAR1")
    with pytest.raises(RecipeError, match="cannot be read as Parquet"):
        captions(tmp_path / "no.parquet")


def test_an_address_is_read_as_a_file_is(tmp_path):
    """Any file system of fsspec will do; the Hub's differs in nothing but its name."""
    fsspec = pytest.importorskip("fsspec")
    memory = fsspec.filesystem("memory")
    local = write(tmp_path / "c.csv")
    memory.pipe("/captions-test/c.csv", local.read_bytes())
    try:
        remote = captions("memory://captions-test/c.csv")
        for seed in range(20):
            assert remote.prompt(plane(), seed) == captions(local).prompt(plane(), seed)
        before = remote.revision
        memory.pipe("/captions-test/c.csv", local.read_bytes() + b"zebra,one more\n")
        assert captions("memory://captions-test/c.csv").revision != before
    finally:
        memory.rm("/captions-test", recursive=True)


def test_the_index_is_made_once_and_by_content(tmp_path, home):
    path = write(tmp_path / "c.csv")
    captions(path).prompt(plane(), 1)
    (made,) = (home / "captions").iterdir()
    before = (made / "texts").stat().st_mtime_ns
    captions(path).prompt(plane(), 2)
    assert (made / "texts").stat().st_mtime_ns == before
    write(path, ROWS[1:])
    captions(path).prompt(plane(), 2)
    assert len(list((home / "captions").iterdir())) == 2


def test_a_pass_that_dies_leaves_no_index(tmp_path):
    from dst3d_datasets.prompts.caption_index import make_index

    def dying():
        yield "a", "one"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_index(dying(), tmp_path / "index")
    assert list(tmp_path.iterdir()) == []
    assert make_index([("a", "one"), ("A", "two")], tmp_path / "index").caption("a", 1) == "two"


def test_memory_is_flat_in_the_number_of_captions(tmp_path):
    from dst3d_datasets.prompts.caption_index import make_index

    def peak(count):
        tracemalloc.start()
        try:
            rows = ((f"class {i * 7919 % 50}", f"caption {i}") for i in range(count))
            index = make_index(rows, tmp_path / str(count))
            assert index.count("class 3") == count // 50
            assert index.caption("class_3", 5) == f"caption {next(i for i in range(count) if i * 7919 % 50 == 3) + 250}"
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(200_000) < 1.5 * peak(50_000)


def test_keywords_go_behind_the_name(tmp_path):
    rows = [("n02690373", "an airliner over the sea"), ("n02690373", "AIRLINERS in a row"), ("coffee mug", "no name")]
    prompter = captions(write(tmp_path / "c.csv", rows), keywords=2)
    jet = plane(keywords=("wide_body", "lowpoly", "sea", "white", "old"))
    assert {prompter.prompt(jet, seed).text for seed in range(30)} == {
        "an airliner (wide body, white) over the sea", "AIRLINERS (wide body, sea) in a row"
    }  # fmt: skip
    assert prompter.prompt(ModelRef(**{**MUG_FIELDS, "keywords": ("red",)}), 1).text == "no name"
    assert {prompter.prompt(plane(), seed).text for seed in range(30)} == {rows[0][1], rows[1][1]}


MUG_FIELDS = {"source": "s", "model_id": "m", "class_name": "coffee mug", "synset": "n03063599"}
