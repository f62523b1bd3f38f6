"""Croissant metadata, as the reference reader sees it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from _publish import NAME, hub, released
from minihub import MiniHub

__all__ = ["hub"]


def test_the_reference_reader_iterates_the_labels(tmp_path: Path) -> None:
    mlc = pytest.importorskip("mlcroissant")
    release = released(tmp_path / "one")
    found = mlc.Dataset(jsonld=str(tmp_path / "one" / "croissant.json"))  # raises on any error of validation
    assert not found.metadata.ctx.issues.errors
    table = "labels/train/train-00000"
    rows = list(found.records(table))
    assert len(rows) == release.num_samples
    by_key = {row[f"{table}/key"].decode(): row for row in rows}
    assert len(by_key) == len(rows)
    row = next(iter(by_key.values()))
    assert len(row[f"{table}/R"]) == 9
    assert 0.0 <= row[f"{table}/azimuth"] < 360.0
    assert row[f"{table}/shard"].decode().startswith("data/train/")


def test_a_version_names_itself_and_its_files(hub: MiniHub, tmp_path: Path) -> None:
    released(tmp_path / "one").push_to_hub(NAME, "1.0.0")
    tree = hub.repos[NAME].tree("v1.0.0")
    told = json.loads(tree["croissant.json"].data)
    assert told["version"] == "1.0.0"
    assert told["url"] == f"{hub.url}/datasets/{NAME}"
    files = {entry["@id"]: entry for entry in told["distribution"]}
    assert files.keys() == {path for path in tree if path.endswith(".parquet") or path.startswith("data/")}
    for path, entry in files.items():
        assert entry["sha256"] == tree[path].sha256
        assert entry["contentUrl"] == f"{told['url']}/resolve/v1.0.0/{path}"
