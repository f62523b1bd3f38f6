"""The card: YAML that types the release, true counts, every source and licence, and code that runs."""

from __future__ import annotations

import io
import re
import tarfile
from pathlib import Path

import pytest
import yaml
from _fake_run import CLASSES, fake_run
from PIL import Image

from dst3d_datasets.attribution import attribution_page, cell
from dst3d_datasets.card import card_text, render_card, source_texts
from dst3d_datasets.columns import columns
from dst3d_datasets.recipe import ALL_CONTROLS
from dst3d_datasets.release import make_release
from dst3d_datasets.release_index import ModelUse
from dst3d_datasets.schema import LABEL


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("card")
    splits = {"train": 0.5, "test": 0.5, "never": 0.0}
    fake_run(folder / "run", models=4, skip="m1", release={"shard_bytes": 60_000, "splits": splits})
    make_release(folder / "run", folder / "out")
    return folder / "out"


def header(text: str) -> dict:
    """The YAML between the first two lines of dashes."""
    return yaml.safe_load(text.split("---\n")[1])


def test_header_is_what_the_hub_reads(release):
    data = header((release / "README.md").read_text())
    assert data["license"] == "other"
    assert data["license_link"] == "ATTRIBUTION.md"
    assert data["size_categories"] == ["n<1K"]
    assert data["configs"][0]["data_files"] == [
        {"split": name, "path": f"data/{name}/*.tar"} for name in ("train", "test")
    ]
    assert [config["config_name"] for config in data["configs"]] == ["default", "labels"]
    info = data["dataset_info"][0]
    assert info["features"] == columns(ALL_CONTROLS)
    for split in info["splits"]:
        tars = list((release / "data" / split["name"]).glob("*.tar"))
        assert split["num_bytes"] == sum(path.stat().st_size for path in tars)
    assert sum(split["num_examples"] for split in info["splits"]) == 36


def test_body_says_what_is_in_it(release):
    text = (release / "README.md").read_text()
    for field in LABEL:
        assert f"| `{field.name}` |" in text
    for _, name, _ in CLASSES:
        assert cell(name) in text
    assert "36 images of 3 classes" in text
    assert "No model fell into the split never." in text
    assert "| `no_faces` | 3 | 12 |" in text
    assert "arXiv:2306.08103" in text
    assert "$" not in text.replace("${", "")
    assert not re.findall(r"\bNone\b", re.sub(r"```python.*?```", "", text, flags=re.DOTALL))


def test_linked_files_are_there_and_the_grid_is_a_picture(release):
    text = (release / "README.md").read_text()
    for target in re.findall(r"\]\(([^)<>:]+)\)", text):
        assert (release / target).is_file(), target
    image = Image.open(io.BytesIO((release / "assets/grid.jpg").read_bytes()))
    with tarfile.open(min((release / "data/train").glob("*.tar"))) as archive:
        rows = min(6, sum(name.endswith(".json") for name in archive.getnames()))
    assert image.width >= 7 * 160  # picture, pose and five controls
    assert image.height >= rows * 160
    assert len(image.getcolors(1 << 24)) > 100


def test_its_python_runs_but_for_the_endless_part(release, monkeypatch, tmp_path):
    from _hf import isolate

    isolate(monkeypatch, tmp_path)
    code = re.search(r"```python\n(.*?)```", (release / "README.md").read_text(), re.DOTALL).group(1)
    code = code.replace('"path/to/this/folder"', repr(str(release))).replace("num_workers=4", "num_workers=0")
    try:
        import timm  # noqa: F401
    except (ImportError, RuntimeError):  # it wants a torchvision that fits the torch; see _timm_reader
        code = re.sub(r"# timm.*?\n\n", "images = list(dataset)\n", code, flags=re.DOTALL)
    found: dict = {}
    exec(compile(code, "card", "exec"), found)
    assert found["row"]["jpg"].size == (32, 32)
    assert found["label"]["schema"] == "dst3d/1"
    assert found["batch"]["K"].shape[1:] == (3, 3)
    assert len(found["images"]) == found["dataset"].info.splits["train"].num_examples


def test_every_built_in_source_and_generator_has_its_text():
    for kind in ("primitives", "shapenet", "objaverse", "objaverse_xl", "omniobject3d", "folder"):
        terms, text = source_texts({"sources": [{"kind": kind}]})
        assert terms.startswith("| collection | licence |")
        assert text.startswith("### ")
    for kind in ("render", "controlnet"):
        assert card_text(f"generators/{kind}.md")
    assert source_texts({"sources": [{"kind": "a_plugin"}]}) == []


def test_strangers_words_cannot_break_out_of_a_table():
    assert cell("a|b\n<img src=x>`c`") == "a\\|b \\<img src=x\\>\\`c\\`"
    model = ModelUse("p", "train", "n1", "x", 0, "objaverse", "id", "T](x)", "A", "CC0", "javascript:alert(1)")
    page = attribution_page([(model, 3)], []).decode()
    assert "T\\](x)" in page
    assert "javascript" not in page


def test_large_releases_fold_and_point_to_the_table(release):
    from dst3d_datasets.release import open_release

    manifest = open_release(release).manifest
    models = [
        ModelUse(f"p{n}", "train", f"n{n}", f"class {n}", n, "objaverse", f"id{n}", "", "A", "CC0", "")
        for n in range(2100)
    ]
    uses = [(model, 2) for model in models]
    card = render_card(manifest, uses, ["picture"])
    assert "<details><summary>2,100 classes</summary>" in card
    page = attribution_page(uses, []).decode()
    assert "The 2,100 models are listed in `attribution.csv`." in page
    assert len(page) < 5000
