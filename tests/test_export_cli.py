"""`dst3d export` on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from _fake_run import fake_run

from dst3d_datasets.cli import main
from dst3d_datasets.release import make_release


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes, one of them outside ImageNet, 5 models each, 4 views a model, in two splits; and its release."""
    folder = tmp_path_factory.mktemp("export")
    fake_run(folder / "run", models=5, release={"shard_bytes": 60_000, "splits": {"train": 0.6, "test": 0.4}})
    make_release(folder / "run", folder / "release")
    return folder / "run"


def test_models_that_the_recipe_has_not_are_named(run, tmp_path, capsys):
    assert main(["export", "bop", str(run), "-o", str(tmp_path / "out"), "--models", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["models_written"] == 0
    assert told["models_absent"]["primitives/m0"] == "the recipe has no such model"
    assert (tmp_path / "out" / "models" / "models_info.json").exists()  # the data set is whole all the same


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["coco", "{run}", "--split", "dev"], "there is no split 'dev'; it has test, train"),
        (["coco", "{run}", "--millimetres", "5"], "--millimetres is for bop"),
        (["bop", "{run}", "--millimetres", "-5"], "write a length in mm"),
        (["coco", "{run}", "--models"], "coco has no place for CAD models; bop and pascal3d have"),
        (["coco", "{tmp}"], "no release, no run and no tars are here"),
        (["coco", "hf://datasets/owner/name"], "fetch the data set first"),
        (["kitti", "{run}"], "invalid choice: 'kitti'"),
    ],
)
def test_the_command_line_refuses(run, tmp_path, capsys, words, message):
    words = [word.format(run=run, tmp=tmp_path) for word in words]
    assert main(["export", *words, "-o", str(tmp_path / "out")]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_command_line_tells_what_it_wrote(run, tmp_path, capsys):
    assert main(["export", "pascal3d", str(run.parent / "release"), "-o", str(tmp_path / "out"), "--limit", "5"]) == 0
    assert "5 samples of 15 CAD models, as pascal3d" in capsys.readouterr().out
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == [
        "ATTRIBUTION.md",
        "Annotations",
        "Image_sets",
        "Images",
        "README.md",
        "attribution.csv",
        "objects.json",
    ]
    listed = [name for path in (tmp_path / "out" / "Image_sets").iterdir() for name in path.read_text().split()]
    assert len(listed) == 5
    for kind, ending in (("Annotations", "mat"), ("Images", "jpg")):
        assert {path.stem for path in (tmp_path / "out" / kind).glob(f"*_dst3d/*.{ending}")} == set(listed)
