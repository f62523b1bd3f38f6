"""The companion data sets: the aligned catalogue and the captions, as tables that load, differ and are versions."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
import yaml
from _hf import isolate
from _models import put
from _publish import NAME, data_of, hub, outside, released
from minihub import MiniHub

from dst3d_datasets.companion import features_of
from dst3d_datasets.companion_models import write_models
from dst3d_datasets.companion_set import Companion
from dst3d_datasets.errors import ReleaseError, UsageError
from dst3d_datasets.publishable import open_publishable
from dst3d_datasets.release import Release
from dst3d_datasets.release_diff import difference
from dst3d_datasets.sources.catalogue_file import Row, read_catalogue

__all__ = ["hub"]

IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


def rows(count: int = 6) -> list[Row]:
    """Models of two classes, in no order."""
    found = [
        Row(
            line=0,
            synset=("n02690373", "n03063599")[number % 2],
            source="objaverse",
            model_id=f"m{number}",
            distance=1.5,
            strength=1 + number % 2,
            sampling=1,
            alignment=IDENTITY,
            symmetry=None if number % 3 else 0,
            licence=("CC0-1.0", "CC-BY-NC-4.0", "")[number % 3],
            author=f"Zoë | {number}",
            url=f"https://example.org/{number}",
            title="A thing",
            tags=("old", "red") if number else (),
            textureless=None if number % 2 else False,
        )
        for number in range(count)
    ]
    return found[::-1]


def captions(folder: Path, counts: dict[str, int], model: str = "tiny@1") -> Path:
    """A folder as `dst3d captions` leaves it."""
    (folder / "data").mkdir(parents=True)
    of_classes = []
    for name, count in counts.items():
        table = pa.table(
            {
                "class": [name] * count,
                "class_name": [f"the {name}"] * count,
                "caption": [f"a {name} in place {n}" for n in range(count)],
                "model": [model] * count,
            }
        )
        parquet.write_table(table, folder / "data" / f"{name}.parquet", compression="zstd")
        proof = {"class": name, "class_name": f"the {name}", "captions": count, "first_try": count - 1}
        of_classes.append(proof | {"drafts": count + 2, "given_up": 0, "rejected": {"no_class": 2}})
    total = {key: sum(proof[key] for proof in of_classes) for key in ("captions", "first_try", "drafts", "given_up")}
    setting = {"seed": 1, "count": 4, "style": "phrases", "model": model, "tokens": "words", "fingerprint": "ab" * 8}
    facts = (
        setting | {"classes": len(counts), "rejected": {"no_class": 2 * len(counts)}, "of_classes": of_classes} | total
    )
    (folder / "captions.json").write_text(json.dumps(facts))
    return folder


def change_of(a: Companion | Release, b: Companion | Release) -> Any:
    """What two folders differ in."""
    return difference(a.manifest, b.manifest, lambda path: Path(a.path) / path, lambda path: Path(b.path) / path)


def header(text: str) -> dict[str, Any]:
    """The YAML of a card."""
    return yaml.safe_load(text.split("---\n")[1])


def test_a_catalogue_is_a_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = write_models(rows(), tmp_path / "models")
    cache = isolate(monkeypatch, tmp_path)
    found = datasets.load_dataset(str(tmp_path / "models"), split="train", cache_dir=str(cache))
    streamed = list(datasets.load_dataset(str(tmp_path / "models"), split="train", streaming=True))
    assert list(found) == streamed
    assert [row["model"] for row in found] == ["m0", "m2", "m4", "m1", "m3", "m5"]
    first = found[0]
    assert (first["class_name"], first["class_index"], first["symmetry"]) == ("airliner", 404, 0)
    assert (first["alignment"], first["tags"], first["licence"]) == (list(IDENTITY), [], "CC0-1.0")
    assert [found[2]["licence"], found[1]["symmetry"], found[3]["textureless"]] == ["CC-BY-NC-4.0", None, None]
    assert found.features["alignment"] == datasets.List(datasets.Value("float64"), length=9)
    schema = parquet.read_schema(tmp_path / "models/data/models.parquet")
    assert header((tmp_path / "models/README.md").read_text())["dataset_info"][0]["features"] == features_of(schema)
    assert read_catalogue(tmp_path / "models/models.csv")[0] == replace(rows()[-1], line=2)  # what a recipe reads
    again = open_publishable(tmp_path / "models")
    assert isinstance(again, Companion)
    assert (again.kind, again.manifest) == ("models", made.manifest)


def test_its_card_is_true(tmp_path: Path) -> None:
    write_models(rows(), tmp_path / "models")
    text = (tmp_path / "models/README.md").read_text()
    assert "6 CAD models of 2 classes" in text
    assert "> 2 models have licences that rule out commercial use." in text
    assert "> 2 models have a licence that nobody has stated." in text
    assert "| objaverse | CC0-1.0 | 2 |" in text
    assert "| n02690373 | airliner | 3 | 3 |" in text
    assert "| n03063599 | coffee mug | 3 | 0 |" in text
    info = header(text)["dataset_info"][0]["splits"]
    assert [split["num_examples"] for split in info] == [6]
    for column in parquet.read_schema(tmp_path / "models/data/models.parquet").names:
        assert f"`{column}`" in text
    assert "$" not in text


def test_the_same_rows_are_the_same_bytes_and_other_rows_are_refused(tmp_path: Path) -> None:
    one, two = write_models(rows(), tmp_path / "one"), write_models(rows()[::-1], tmp_path / "two")
    assert one.manifest == two.manifest
    assert write_models(rows(), tmp_path / "one").manifest == one.manifest
    with pytest.raises(ReleaseError, match="something else"):
        write_models(rows(5), tmp_path / "one")
    with pytest.raises(ReleaseError, match="no alignment"):
        write_models([replace(rows()[0], alignment=())], tmp_path / "three")
    with pytest.raises(ReleaseError, match="not one model"):
        write_models([], tmp_path / "three")
    with pytest.raises(ReleaseError, match="--release FOLDER"):
        open_publishable(tmp_path / "two/models.csv")
    (tmp_path / "two/models.csv").write_text("damaged")
    with pytest.raises(ReleaseError, match=r"models\.csv is missing or not"):
        open_publishable(tmp_path / "two")


@pytest.mark.parametrize(
    ("change", "kind", "bump"),
    [
        ({"symmetry": 4}, "relabelled", "major"),
        ({"alignment": (0.0, -1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0)}, "relabelled", "major"),
        ({"licence": "CC-BY-4.0"}, "redrawn", "minor"),
    ],
)
def test_what_changed_of_a_model_decides_the_bump(tmp_path: Path, change: dict[str, Any], kind: str, bump: str) -> None:
    one = write_models(rows(), tmp_path / "one")
    two = write_models([replace(row, **change) if row.model_id == "m1" else row for row in rows()], tmp_path / "two")
    found = change_of(one, two)
    assert getattr(found, kind) == {"coffee mug": 1}
    assert found.bump() == bump
    assert found.lines()[0].startswith("1 models whose ")
    grown = change_of(one, write_models(rows(8), tmp_path / "three"))
    assert (grown.added, grown.bump()) == ({"airliner": 1, "coffee mug": 1}, "minor")
    assert grown.lines() == ["2 models added: airliner 1, coffee mug 1"]


def test_models_are_published_as_versions(hub: MiniHub, tmp_path: Path) -> None:
    write_models(rows(), tmp_path / "one").push_to_hub(NAME, "1.0.0", message="The beginning")
    assert set(data_of(hub, "v1.0.0")) == {
        ".gitattributes", "README.md", "data/models.parquet", "manifest.json", "models.csv",
    }  # fmt: skip
    two = write_models(rows(8), tmp_path / "two")
    with pytest.raises(UsageError, match=r"publish it as 1\.1\.0"):
        two.push_to_hub(NAME, "1.0.1")
    told = two.push_to_hub(NAME, "next")
    assert told.version == "1.1.0"
    assert set(hub.repos[NAME].tags) == {"v1.0.0", "v1.1.0"}
    card = hub.repos[NAME].tree("v1.1.0")["README.md"].data.decode()
    assert "### 1.1.0\n\n- 2 models added: airliner 1, coffee mug 1" in card
    assert "### 1.0.0\n\n- The beginning" in card
    assert header(card)["configs"][0]["version"] == "1.1.0"
    assert two.push_to_hub(NAME, "next").was_there
    with pytest.raises(ReleaseError, match="of models and the other is of samples"):
        released(tmp_path / "three", models=1).push_to_hub(NAME, "next")


def test_captions_are_published_as_versions(hub: MiniHub, tmp_path: Path) -> None:
    one = open_publishable(captions(tmp_path / "one", {"mug": 3, "boat": 4}))
    assert isinstance(one, Companion)
    one.push_to_hub(NAME, "1.0.0")
    files = {"captions.json", "data/boat.parquet", "data/mug.parquet"}
    assert set(data_of(hub, "v1.0.0")) == {".gitattributes", "README.md", "manifest.json", *files}
    card = hub.repos[NAME].tree("v1.0.0")["README.md"].data.decode()
    assert card.startswith("---\nlicense: other\n")
    assert "7 captions of 2 classes" in card
    assert "`tiny@1`" in card
    assert f'REPO, REVISION = "{NAME}", "v1.0.0"' in card
    assert f"file: hf://datasets/{NAME}@v1.0.0" in card
    assert "path/to" not in card
    assert "| mug | the mug | 3 | 2 | 5 |" in card
    assert header(card)["dataset_info"][0]["splits"][0]["num_examples"] == 7
    before = hub.received
    told = open_publishable(captions(tmp_path / "two", {"mug": 3, "boat": 6})).push_to_hub(NAME, "next")
    assert (told.version, told.change and told.change.added) == ("1.1.0", {"the boat": 2})
    assert (
        hub.received - before == (tmp_path / "two/data/boat.parquet").stat().st_size
    )  # the other class stays as it is
    other = open_publishable(captions(tmp_path / "three", {"mug": 3, "boat": 6}, model="other"))
    assert change_of(open_publishable(tmp_path / "two"), other).redrawn == {"the boat": 6, "the mug": 3}
    assert not (tmp_path / "one" / "manifest.json").exists()  # nothing is written into their folder


def test_a_folder_of_captions_that_is_not_whole_is_refused(tmp_path: Path) -> None:
    folder = captions(tmp_path / "one", {"mug": 3, "boat": 4})
    (folder / "data/mug.parquet").unlink()
    with pytest.raises(ReleaseError, match=r"hold 4 captions and captions\.json says 7"):
        open_publishable(folder)
    (folder / "data/boat.parquet").unlink()
    with pytest.raises(ReleaseError, match=r"no data/\*\.parquet"):
        open_publishable(folder)
    (folder / "captions.json").write_text("{}")
    with pytest.raises(ReleaseError, match="no folder of captions"):
        open_publishable(folder)


def test_every_python_block_of_their_cards_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch, tmp_path)
    write_models(rows(), tmp_path / "models")
    words = open_publishable(captions(tmp_path / "captions", {"mug": 3}))
    assert isinstance(words, Companion)
    (tmp_path / "captions/README.md").write_bytes(words.texts["README.md"])
    for name in ("models", "captions"):
        code = (tmp_path / name / "README.md").read_text().split("```python\n")[1].split("```")[0]
        found: dict[str, Any] = {}
        exec(code.replace('"path/to/this/folder"', repr(str(tmp_path / name))), found)
        assert len(found[name]) == {"models": 6, "captions": 3}[name]


READ = """
import json, sys
import datasets
datasets.disable_progress_bars()
told = []
for name, revision in (each.split("@") for each in sys.argv[1:]):
    whole = datasets.load_dataset(name, split="train", revision=revision)
    assert list(whole) == list(datasets.load_dataset(name, split="train", revision=revision, streaming=True))
    told.append([len(whole), sorted(whole.features)])
from dst3d_datasets.prompts.rows import Rows  # as a recipe reads `prompts.file`, by the address that the card gives
told.append(sorted(Rows("hf://datasets/me/captions@v1.0.0", "class", "caption"))[0])
print(json.dumps(told))
"""


def test_any_version_loads_with_no_code_of_ours(hub: MiniHub, tmp_path: Path) -> None:
    for name, count in (("one", 6), ("two", 8)):
        write_models(rows(count), tmp_path / name).push_to_hub("me/models", "next")
    open_publishable(captions(tmp_path / "captions", {"mug": 3, "boat": 4})).push_to_hub("me/captions", "1.0.0")
    wanted = ("me/models@v1.0.0", "me/models@v1.1.0", "me/captions@v1.0.0")
    told = json.loads(outside(hub, tmp_path / "home", "-c", READ, *wanted).stdout.splitlines()[-1])
    assert [count for count, _ in told[:3]] == [6, 8, 7]
    assert told[3] == ["boat", "a boat in place 0"]
    assert told[0][1] == sorted(parquet.read_schema(tmp_path / "one/data/models.parquet").names)
    assert told[2][1] == ["caption", "class", "class_name", "model"]


def test_the_verbs_make_propose_accept_and_compare(hub: MiniHub, tmp_path: Path) -> None:
    cli, home = ("-m", "dst3d_datasets.cli"), tmp_path / "home"
    put(tmp_path / "toys", "boat/a.obj", "teapot/b.obj")
    catalogue = ("catalogue", str(tmp_path / "toys"), "--kind", "folder", "--release", str(tmp_path / "models"))
    made = json.loads(outside(hub, home, *cli, *catalogue, "--json").stdout)
    assert (made["taken"], made["release"]) == (2, str(tmp_path / "models"))
    hub.repos.fresh(NAME)
    publish = ("publish", str(tmp_path / "models"), NAME, "--version", "next", "--pull-request")
    told = outside(hub, home, *cli, *publish).stdout
    assert f"next: somebody who may write to it gives: dst3d accept {NAME} 1" in told
    looked = outside(hub, home, *cli, "accept", NAME, "1", "--dry-run").stdout
    assert "every file is what its manifest says" in looked
    assert not hub.repos[NAME].tags
    done = outside(hub, home, *cli, "accept", NAME, "1").stdout  # loads the first row of the tag, too
    assert 'revision="v1.0.0"' in done
    assert list(hub.repos[NAME].tags) == ["v1.0.0"]
    write_models(rows(), tmp_path / "other")
    change = outside(hub, home, *cli, "diff", f"{NAME}@v1.0.0", str(tmp_path / "other"), "--json")
    told = json.loads(change.stdout)
    assert (told["noun"], sum(told["added"].values()), sum(told["dropped"].values())) == ("models", 6, 2)
