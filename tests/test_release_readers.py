"""What we release is read, with the same types and rows, by the libraries that people have: no code of ours between."""

from __future__ import annotations

import importlib.util
import io
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import datasets
import numpy as np
import pytest
import webdataset
from _fake_run import SIZE, fake_run
from _hf import isolate
from datasets.distributed import split_dataset_by_node
from PIL import Image
from torch.utils.data import DataLoader

import dst3d_datasets
from dst3d_datasets.columns import CONTROL_MEMBERS
from dst3d_datasets.release import make_release

NUM_SAMPLES = 132


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release of two splits, the larger in 8 tars or more."""
    folder = tmp_path_factory.mktemp("release")
    fake_run(folder / "run", models=11, release={"shard_bytes": 200_000, "splits": {"train": 0.7, "test": 0.3}})
    make_release(folder / "run", folder / "out")
    return folder / "out"


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    return str(isolate(monkeypatch, tmp_path))


def same(a: object, b: object) -> bool:
    """Equal, pictures by mode and pixels."""
    if isinstance(a, Image.Image) and isinstance(b, Image.Image):
        return a.mode == b.mode and np.array_equal(np.asarray(a), np.asarray(b))
    return type(a) is type(b) and a == b


def key(row: dict) -> str:
    """A row's key, as a `collate_fn` that passes rows on."""
    return row["json"]["key"]


def test_streaming_or_not_the_same_typed_rows(release, cache):
    whole = datasets.load_dataset(str(release), cache_dir=cache)
    streamed = datasets.load_dataset(str(release), streaming=True)
    assert sorted(whole) == sorted(streamed) == ["test", "train"]
    assert sum(split.num_rows for split in whole.values()) == NUM_SAMPLES
    for name in whole:
        assert whole[name].features == streamed[name].features == dst3d_datasets.features()
        for a, b in zip(whole[name], streamed[name], strict=True):
            assert a.keys() == b.keys()
            assert all(same(a[column], b[column]) for column in a)
    features = whole["train"].features
    assert features["json"]["K"] == datasets.List(datasets.List(datasets.Value("float64"), length=3), length=3)
    assert features["cls"] == datasets.Value("int64")
    assert features["depth.png"] == datasets.Image()
    row = whole["train"][0]
    assert [row[name].mode for name in ("jpg", "depth.png", "edge.png")] == ["RGB", "I;16", "L"]


def test_the_builder_of_webdataset_with_our_features_does_without_the_card(release, cache):
    files = sorted(str(path) for path in release.rglob("train-*.tar"))
    rows = datasets.load_dataset(
        "webdataset", data_files=files, features=dst3d_datasets.features(), split="train", cache_dir=cache
    )
    assert rows.features == dst3d_datasets.features()
    assert rows[0]["json"]["keep"] is True


def test_chosen_columns_stream_into_arrow(release):
    rows = datasets.load_dataset(str(release), split="train", streaming=True).select_columns(["jpg", "json", "cls"])
    tables = list(rows.with_format("arrow").iter(batch_size=16))
    assert sum(table.num_rows for table in tables) == rows.info.splits["train"].num_examples


def test_ranks_read_their_own_tars(release):
    rows = datasets.load_dataset(str(release), split="train", streaming=True)
    assert rows.num_shards % 8 == 0
    for world in (2, 8):
        parts = [split_dataset_by_node(rows, rank, world) for rank in range(world)]
        assert {part.num_shards for part in parts} == {rows.num_shards // world}
        seen = Counter(key(row) for part in parts for row in part)
        assert set(seen.values()) == {1}
        assert len(seen) == rows.info.splits["train"].num_examples


def test_two_loader_workers_see_every_sample_once(release):
    rows = datasets.load_dataset(str(release), split="train", streaming=True)
    loader = DataLoader(rows, batch_size=7, num_workers=2, collate_fn=dst3d_datasets.collate)
    seen, shapes = Counter(), set()
    for batch in loader:
        seen.update(batch["key"])
        shapes.add(batch["image"].shape[1:])
    assert set(seen.values()) == {1}
    assert len(seen) == rows.info.splits["train"].num_examples
    assert shapes == {(SIZE, SIZE, 3)}


def test_a_stream_is_resumed_where_it_stopped(release):
    rows = datasets.load_dataset(str(release), split="train", streaming=True)
    whole = [key(row) for row in rows]
    iterator = iter(rows)
    first = [key(next(iterator)) for _ in range(17)]
    state = rows.state_dict()
    again = datasets.load_dataset(str(release), split="train", streaming=True)
    again.load_state_dict(state)
    assert first + [key(row) for row in again] == whole


def test_webdataset_alone(release):
    tars = sorted(str(path) for path in release.glob("data/*/*.tar"))
    samples = list(webdataset.WebDataset(tars, shardshuffle=False))
    assert len(samples) == len({sample["__key__"] for sample in samples}) == NUM_SAMPLES
    sample = samples[0]
    label = json.loads(sample["json"])
    assert label["key"] == sample["__key__"]
    assert int(sample["cls"]) == label["class_index"]
    assert Image.open(io.BytesIO(sample["jpg"])).size == (label["width"], label["height"])
    assert set(CONTROL_MEMBERS.values()) <= sample.keys()


@pytest.mark.parametrize("split", ["train", "test"])
def test_timm_reads_it(release, split):
    if importlib.util.find_spec("timm") is None:
        pytest.skip("timm is not installed: pip install --no-deps timm")
    program = [sys.executable, str(Path(__file__).with_name("_timm_reader.py")), str(release), split]
    run = subprocess.run(program, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    info = json.loads((release / "_info.json").read_text())["splits"][split]
    assert found["length"] == len(found["rows"]) == info["num_samples"]
    assert {row[3] for row in found["rows"]} == {404, 504, -1}
    assert found["rows"][0][:3] == ["RGB", SIZE, SIZE]


def test_load_release_is_load_dataset(release, cache):
    streamed = dst3d_datasets.load_release(release, "test")
    whole = dst3d_datasets.load_release(release, "test", streaming=False, cache_dir=cache)
    assert [key(row) for row in streamed] == [key(row) for row in whole]
