"""Subsets of ImageNet as configs: whole tars, no picture twice, and they stay whole when a release grows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import datasets
import pytest
import yaml
from _hf import isolate
from _publish import released

from dst3d_datasets import imagenet, subsets
from dst3d_datasets.tar import read_index

AIRLINER, MUG = "n02690373", "n03063599"
WANTED = {"release": {"shard_bytes": 60_000, "subsets": ["imagenet-100", "imagenet-200"]}}


@pytest.fixture(autouse=True)
def two_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    """The made-up run has two classes of ImageNet: airliners in both lists, mugs in one."""
    lists = {"imagenet-100": frozenset({AIRLINER}), "imagenet-200": frozenset({AIRLINER, MUG})}
    monkeypatch.setattr(subsets, "subsets", lambda: lists)


def classes_of(path: Path) -> set[str]:
    """The classes in a tar, by its keys."""
    with path.open("rb") as stream:
        return {entry.key.split("-")[0] for entry in read_index(stream)}


def test_a_subset_is_a_set_of_whole_tars(tmp_path: Path) -> None:
    release = released(tmp_path / "one", **WANTED)
    groups = {"imagenet-100_imagenet-200": {AIRLINER}, "imagenet-200": {MUG}}
    for path in sorted((tmp_path / "one").glob("data/*/*.tar")):
        group = path.name.rpartition("-")[0]
        found = classes_of(path)
        assert found == groups.get(group, found - {AIRLINER, MUG})
    keys = [entry for path in (tmp_path / "one").glob("data/*/*.tar") for entry in read_index(path.open("rb"))]
    assert len(keys) == release.num_samples == len({entry.key for entry in keys})


def test_configs_load_and_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch, tmp_path)
    folder = tmp_path / "one"
    released(folder, **WANTED)
    head: dict[str, Any] = yaml.safe_load((folder / "README.md").read_text().split("---\n")[1])
    assert [config["config_name"] for config in head["configs"]] == [
        "default",
        "labels",
        "imagenet-100",
        "imagenet-200",
    ]
    for config, count in (("default", 36), ("labels", 36), ("imagenet-100", 12), ("imagenet-200", 24)):
        rows = datasets.load_dataset(str(folder), config, split="train")  # counts are checked against the card's
        assert len(rows) == count
        assert {row["json"]["synset"] for row in rows.select_columns(["json"])} <= {AIRLINER, MUG, ""}


def test_a_grown_release_keeps_its_groups(tmp_path: Path) -> None:
    released(tmp_path / "one", **WANTED, models=2)
    released(tmp_path / "two", follows=tmp_path / "one", **WANTED, models=3)
    old, new = (
        {p.relative_to(f).as_posix(): p.read_bytes() for p in f.glob("data/*/*.tar")}
        for f in (tmp_path / "one", tmp_path / "two")
    )
    assert all(new[path] == data for path, data in old.items())
    assert len(new) > len(old)


def test_the_true_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    lists = subsets.subsets()
    assert {name: len(synsets) for name, synsets in lists.items()} == {"imagenet-100": 100, "imagenet-200": 200}
    assert set.union(*map(set, lists.values())) <= set(imagenet.by_synset())
    assert len(lists["imagenet-100"] & lists["imagenet-200"]) == 19
