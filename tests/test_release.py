"""Releases: the same bytes from the same run, splits by model, and manifests that tell the truth."""

from __future__ import annotations

import csv
import json
import tarfile
from pathlib import Path

import pytest
from _fake_run import CLASSES, fake_run, tree

from dst3d_datasets.recipe import load_recipe
from dst3d_datasets.release import make_release
from dst3d_datasets.release_files import num_shards, shard_ranges
from dst3d_datasets.splits import split_of


def keys_of(folder: Path) -> dict[str, list[str]]:
    """The keys in every tar of a release."""
    found = {}
    for path in sorted(folder.glob("data/*/*.tar")):
        with tarfile.open(path) as archive:
            found[path.name] = [name.removesuffix(".json") for name in archive.getnames() if name.endswith(".json")]
    return found


def labels_of(folder: Path) -> dict[str, tuple[str, dict]]:
    """Key -> (split, label) of every sample of a release."""
    found = {}
    for path in sorted(folder.glob("data/*/*.tar")):
        with tarfile.open(path) as archive:
            for info in archive:
                if info.name.endswith(".json"):
                    label = json.loads(archive.extractfile(info).read())
                    found[label["key"]] = (path.parent.name, label)
    return found


SPLITS = {"shard_bytes": 60_000, "splits": {"train": 0.6, "test": 0.4}}


def test_same_run_same_bytes_whatever_the_order(tmp_path):
    for order in (0, 1):
        fake_run(tmp_path / f"run{order}", order=order, models=5, release=SPLITS)
        make_release(tmp_path / f"run{order}", tmp_path / f"out{order}")
    again = make_release(tmp_path / "run0", tmp_path / "again")
    first = tree(tmp_path / "out0")
    assert first == tree(tmp_path / "out1") == tree(tmp_path / "again")
    assert again.num_samples == 60
    assert set(again.splits) == {"train", "test"}
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_release_holds_every_sample_once_and_mixes_classes(tmp_path):
    fake_run(tmp_path / "run", models=11)
    release = make_release(tmp_path / "run", tmp_path / "out")
    shards = keys_of(tmp_path / "out")
    keys = [key for found in shards.values() for key in found]
    assert len(keys) == len(set(keys)) == 132 == release.num_samples
    assert release.num_shards == len(shards) % 8 * 8 + len(shards)
    assert {len(found) for found in shards.values()} <= {132 // len(shards), 132 // len(shards) + 1}
    classes = [key.split("-")[0] for key in keys]
    assert len(set(classes[:12])) == 3
    assert keys != sorted(keys)


def test_splits_are_by_cad_model_and_a_new_model_moves_no_other(tmp_path):
    fake_run(tmp_path / "few", models=6, release=SPLITS)
    fake_run(tmp_path / "many", models=7, release=SPLITS)
    make_release(tmp_path / "few", tmp_path / "out_few")
    make_release(tmp_path / "many", tmp_path / "out_many")
    few, many = labels_of(tmp_path / "out_few"), labels_of(tmp_path / "out_many")
    by_model: dict[str, set[str]] = {}
    for split, label in many.values():
        by_model.setdefault(label["cad_id"], set()).add(split)
    assert all(len(splits) == 1 for splits in by_model.values())  # the same model under three classes, too
    assert set.union(*by_model.values()) == {"train", "test"}
    assert {key: split for key, (split, _) in few.items()} == {key: many[key][0] for key in few}


def test_split_shares_are_kept_and_a_share_of_zero_gets_nothing():
    shares = {"train": 0.7, "none": 0.0, "test": 0.3}
    names = [split_of(shares, 0, "objaverse", str(number)) for number in range(4000)]
    assert abs(names.count("test") / 4000 - 0.3) < 0.03
    assert "none" not in names
    assert split_of({"none": 0.0, "all": 1.0, "last": 0.0}, 0, "a", "b") == "all"


def test_labels_say_keep_and_carry_only_the_controls_of_the_recipe(tmp_path):
    fake_run(tmp_path / "run", release={"shard_bytes": 60_000, "controls": ["edge", "depth"]})
    make_release(tmp_path / "run", tmp_path / "out")
    labels = labels_of(tmp_path / "out")
    assert all(label["keep"] is True and "scores" not in label for _, label in labels.values())
    with tarfile.open(next((tmp_path / "out" / "data").rglob("*.tar"))) as archive:
        names = archive.getnames()[:6]
    assert [name.split(".", 1)[1] for name in names] == ["cls", "depth.png", "edge.png", "jpg", "json", "txt"]


def test_manifest_info_and_attribution_tell_the_truth(tmp_path):
    fake_run(tmp_path / "run", skip="m1")
    release = make_release(tmp_path / "run", tmp_path / "out")
    manifest, files = release.manifest, tree(tmp_path / "out")
    assert {row["path"]: row["sha256"] for row in manifest["files"]} == {
        k: v for k, v in files.items() if k != "manifest.json"
    }
    assert all((tmp_path / "out" / row["path"]).stat().st_size == row["bytes"] for row in manifest["files"])
    assert manifest["skipped"] == {"no_faces": {"models": 3, "samples": 12}}
    info = json.loads((tmp_path / "out/_info.json").read_text())["splits"]["train"]
    assert info["num_samples"] == sum(info["shard_lengths"]) == 24
    with (tmp_path / "out/attribution.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 6
    assert {row["class_name"] for row in rows} == {name for _, name, _ in CLASSES}
    assert rows[0]["author"] == "Zoë | <b>Émile</b>"
    assert sum(int(row["images"]) for row in rows) == 24
    page = (tmp_path / "out/ATTRIBUTION.md").read_text()
    assert "[airliner 0](<https://example.org/airliner/0>)" in page
    assert "<b>" not in page.replace("\\<b\\>", "")


def test_no_path_of_this_machine_is_in_a_release(tmp_path):
    pictures = tmp_path / "secret_place"
    pictures.mkdir()
    fake_run(tmp_path / "run", generator={"kind": "render", "background": "images", "folder": str(pictures)})
    make_release(tmp_path / "run", tmp_path / "out")
    for path in (tmp_path / "out").rglob("*"):
        if path.is_file():
            assert str(tmp_path).encode() not in path.read_bytes()
            assert b"secret_place" not in path.read_bytes()
    text = (tmp_path / "out/recipe.yaml").read_text()
    assert "folder: ${GENERATOR_FOLDER}" in text
    assert load_recipe(str(tmp_path / "out/recipe.yaml")).generator.background == "images"


@pytest.mark.parametrize(
    ("samples", "num_bytes", "expected"),
    [
        (1, 10, 1),
        (5, 10_000, 4),
        (60, 250, 4),
        (63, 90, 1),
        (64, 90, 8),
        (10**6, 10**4, 104),
        (2000, 799, 8),
        (9, 900, 8),
    ],
)
def test_shard_counts(samples, num_bytes, expected):
    assert num_shards(samples, num_bytes, shard_bytes=100) == expected


def test_shard_ranges_are_balanced_and_cover_everything():
    for count in (1, 3, 8):
        ranges = shard_ranges(29, count)
        assert [number for span in ranges for number in span] == list(range(29))
        assert max(map(len, ranges)) - min(map(len, ranges)) <= 1
