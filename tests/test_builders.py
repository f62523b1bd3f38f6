"""The builder: our shards are its shards, a crash costs one of them, and no cache is ever stale."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import datasets
import pytest
from _fake_run import fake_recipe, fake_refs, fake_run, fake_shard
from _hf import isolate
from _scorers import install_scorers
from dst3d_datasets.builders import dst3d, registration

import dst3d_datasets
from dst3d_datasets.errors import RecipeError, UsageError
from dst3d_datasets.plan import Plan
from dst3d_datasets.recipe import builtin_recipes, to_yaml
from dst3d_datasets.release import make_release

HERE = str(Path(__file__).parent)


@pytest.fixture(autouse=True)
def made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Shards without a renderer. Gives a file that gets one line, the shard's id, each time a shard is made."""
    isolate(monkeypatch, tmp_path)
    log = tmp_path / "made.txt"
    log.touch()

    def make(recipe, spec, store, expected=None):
        with log.open("a") as stream:  # a file, because other processes make shards too
            stream.write(f"{spec.shard_id}\n")
        if spec.shard_id == os.environ.get("FAIL"):
            raise RuntimeError("the card fell off the bus")
        return fake_shard(recipe, spec, store)

    monkeypatch.setattr(dst3d, "make_shard", make)
    monkeypatch.setattr(dst3d, "plan_for", lambda recipe, limit=None: (Plan(recipe, fake_refs(), limit), []))
    return log


def rows_of(split) -> dict[str, dict]:
    """Key -> label; every key once."""
    labels = [row["json"] for row in split.select_columns(["json"])]
    assert len({label["key"] for label in labels}) == len(labels)
    return {label["key"]: label for label in labels}


def test_streaming_makes_shards_as_they_are_read_and_once(made):
    builder = dst3d_datasets.load_builder(fake_recipe())
    rows = builder.as_streaming_dataset(split="train")
    assert made.read_text() == ""
    assert rows.num_shards == 9
    assert rows.features == dst3d_datasets.features()
    next(iter(rows))
    assert len(made.read_text().split()) == 1
    assert len(rows_of(rows)) == 36
    assert len(rows_of(rows)) == 36
    assert len(made.read_text().split()) == 9


def test_two_processes_prepare_what_streaming_gives(made):
    builder = dst3d_datasets.load_builder(fake_recipe())
    builder.download_and_prepare(num_proc=2)
    prepared = builder.as_dataset(split="train")
    assert prepared.features == dst3d_datasets.features()
    assert rows_of(prepared) == rows_of(dst3d_datasets.load(fake_recipe(), "train", streaming=True))
    assert sorted(made.read_text().split()) == sorted(set(made.read_text().split()))
    assert prepared[0]["jpg"].size == (32, 32)


@pytest.mark.parametrize("num_proc", [None, 2])
def test_a_crash_costs_one_shard(made, monkeypatch, num_proc):
    recipe = fake_recipe()
    last = Plan(recipe, fake_refs())[8].shard_id
    monkeypatch.setenv("FAIL", last)
    with pytest.raises(datasets.exceptions.DatasetGenerationError):
        dst3d_datasets.load_builder(recipe).download_and_prepare(num_proc=num_proc)
    before = made.read_text().split()
    finished = {receipt.shard_id for receipt in dst3d_datasets.load_builder(recipe).store.receipts()}
    assert last in before
    assert last not in finished
    assert finished >= set(before[:4]) - {last}
    monkeypatch.delenv("FAIL")
    assert len(dst3d_datasets.load(recipe, "train", num_proc=num_proc)) == 36
    again = made.read_text().split()[len(before) :]
    assert set(again).isdisjoint(finished)
    assert last in again


def test_rows_and_splits_are_those_of_a_release(tmp_path, made):
    release = {"splits": {"train": 0.5, "test": 0.5}, "controls": ["edge", "mask"]}
    fake_run(tmp_path / "run", release=release)
    make_release(tmp_path / "run", tmp_path / "out")
    released = dst3d_datasets.load_release(tmp_path / "out")
    built = dst3d_datasets.load(fake_recipe(release=release), streaming=True)
    assert set(built) == set(released) == {"train", "test"}
    for name, split in built.items():
        assert split.features == released[name].features
        assert rows_of(split) == rows_of(released[name])
    paths = [{row["jpg"]["path"] for row in rows["test"].decode(False)} for rows in (built, released)]
    assert paths[0] == paths[1]


def test_shards_of_a_finished_run_are_used(tmp_path, made):
    fake_run(tmp_path / "run")
    assert len(dst3d_datasets.load(fake_recipe(), "train", store=tmp_path / "run")) == 36
    assert made.read_text() == ""
    with pytest.raises(UsageError, match="holds another run"):
        dst3d_datasets.load(fake_recipe(seed=1), "train", store=tmp_path / "run")


def test_what_the_builder_made_can_be_released(tmp_path):
    builder = dst3d_datasets.load_builder(fake_recipe())
    builder.download_and_prepare()
    assert make_release(builder.store.url, tmp_path / "out").num_samples == 36


def test_a_changed_recipe_or_catalogue_has_another_cache(monkeypatch):
    first = dst3d_datasets.load_builder(fake_recipe())
    assert dst3d_datasets.load_builder(fake_recipe()).cache_dir == first.cache_dir
    changes = [
        {"seed": 1},
        {"views": {"per_model": 5}},
        {"release": {"splits": {"a": 0.5, "b": 0.5}}},
        {"release": {"controls": []}},
    ]
    caches = {dst3d_datasets.load_builder(fake_recipe(**change)).cache_dir for change in changes}
    caches.add(dst3d_datasets.load_builder(fake_recipe(), limit=6).cache_dir)
    monkeypatch.setattr(dst3d, "plan_for", lambda recipe, limit=None: (Plan(recipe, fake_refs(4), limit), []))
    caches.add(dst3d_datasets.load_builder(fake_recipe()).cache_dir)
    assert len(caches - {first.cache_dir}) == 6


def test_names_files_and_overrides(tmp_path):
    (tmp_path / "mine.yaml").write_text(to_yaml(fake_recipe(seed=5)))
    mine = dst3d_datasets.load_builder(tmp_path / "mine.yaml", overrides=["seed=6"], limit=4)
    assert mine.config.name == dst3d.CUSTOM
    labels = rows_of(mine.as_streaming_dataset(split="train")).values()
    given = rows_of(dst3d_datasets.load(fake_recipe(seed=6), "train", limit=4, streaming=True)).values()
    assert list(labels) == list(given)
    assert len(labels) == 4
    assert {"quickstart", dst3d.CUSTOM} <= set(dst3d.Dst3d.builder_configs)
    assert dst3d_datasets.load_builder().config.name == "quickstart"
    with pytest.raises(RecipeError, match="no built-in recipe"):
        dst3d_datasets.load_builder("quikstart")
    with pytest.raises(UsageError, match="not both"):
        dst3d.Dst3d(config_name="quickstart", recipe=fake_recipe())
    with pytest.raises(UsageError, match="model_copy"):
        dst3d_datasets.load_builder(fake_recipe(), overrides=["seed=1"])


def test_a_stream_is_resumed_without_making_anything_again(made):
    rows = dst3d_datasets.load(fake_recipe(), "train", streaming=True)
    whole = list(rows_of(rows))
    iterator = iter(rows)
    first = [next(iterator)["json"]["key"] for _ in range(13)]
    again = dst3d_datasets.load(fake_recipe(), "train", streaming=True)
    again.load_state_dict(rows.state_dict())
    assert first + [row["json"]["key"] for row in again] == whole
    assert len(made.read_text().split()) == 9


def test_registered_it_loads_by_name(monkeypatch, tmp_path, made):
    dst3d_datasets.register()
    dst3d_datasets.register()
    assert registration.NAME == "dst3d"
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    Path("recipe.yaml").write_text(to_yaml(fake_recipe()))
    for name in builtin_recipes()[:1]:
        assert next(iter(datasets.load_dataset("dst3d", name, split="train", streaming=True)))["json"]["schema"]
    assert datasets.load_dataset("dst3d", split="train", limit=7).num_rows == 7
    by_file = datasets.load_dataset("dst3d", data_files="recipe.yaml", split="train", num_proc=2)
    by_word = datasets.load_dataset("dst3d", recipe="recipe.yaml", split="train", streaming=True)
    assert rows_of(by_file) == rows_of(by_word)
    with pytest.raises(UsageError, match="not 2 files"):
        datasets.load_dataset("dst3d", data_files=["recipe.yaml", "other.yaml"])
    Path("table.csv").write_text("a,b\n1,2\n")
    assert datasets.load_dataset("csv", data_files="table.csv", split="train").num_rows == 1


SPAWN = """
import sys
sys.path.insert(0, {here!r})
import multiprocess
import dst3d_datasets
from dst3d_datasets.builders import dst3d
from dst3d_datasets.plan import Plan
from _fake_run import fake_recipe, fake_refs
dst3d.plan_for = lambda recipe, limit=None: (Plan(recipe, fake_refs(), limit), [])
if __name__ == "__main__":
    multiprocess.set_start_method("spawn", force=True)
    from datasets import load_dataset
    dst3d_datasets.register()
    from dst3d_datasets.recipe import to_yaml
    open({recipe!r}, "w").write(to_yaml(fake_recipe()))
    rows = load_dataset("dst3d", recipe={recipe!r}, store={store!r}, split="train", num_proc=2)
    import torch
    assert not torch.cuda.is_initialized()
    print(rows.num_rows)
"""


def test_spawned_workers_find_the_builder(tmp_path):
    fake_run(tmp_path / "run")
    script = tmp_path / "spawn.py"
    script.write_text(SPAWN.format(here=HERE, recipe=str(tmp_path / "recipe.yaml"), store=str(tmp_path / "run")))
    env = {**os.environ, "HF_DATASETS_CACHE": str(tmp_path / "cache"), "HF_HUB_OFFLINE": "1"}
    ended = subprocess.run([sys.executable, script], env=env, capture_output=True, text=True, check=False)
    assert ended.stdout.strip() == "36", ended.stderr[-2000:]


def test_recipes_with_scores_are_refused(monkeypatch, tmp_path):
    install_scorers(tmp_path / "site", monkeypatch)
    with pytest.raises(dst3d_datasets.builders.dst3d.ReleaseError, match="filters judge whole classes"):
        dst3d_datasets.load(fake_recipe(scores=["toy"]), streaming=True)


def test_each_process_takes_a_gpu_of_its_own(monkeypatch):
    """Processes of `num_proc` are numbered from 1; the parent keeps every GPU, and without GPUs nothing is set."""
    import multiprocess.process

    gpus = ["GPU-a", "GPU-b"]
    monkeypatch.setattr(dst3d, "visible_gpus", lambda: gpus)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "untouched")
    dst3d.take_a_gpu()
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "untouched"
    taken = []
    for number in (1, 2, 3):
        monkeypatch.setattr(multiprocess.process.current_process(), "_identity", (number,))
        dst3d.take_a_gpu()
        taken.append(os.environ["CUDA_VISIBLE_DEVICES"])
    assert taken == ["GPU-a", "GPU-b", "GPU-a"]
    gpus.clear()
    dst3d.take_a_gpu()
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "GPU-a"


def test_planning_never_touches_cuda(tmp_path):
    """`datasets` forks its processes: a parent that had started CUDA would break every one of them."""
    code = """
import torch
def refuse(*_, **__): raise AssertionError("CUDA was asked for")
for name in ("is_available", "device_count", "init", "current_device", "get_device_name"):
    setattr(torch.cuda, name, refuse)
import dst3d_datasets
builder = dst3d_datasets.load_builder("quickstart", limit=2)
builder._split_generators(None)
"""
    environment = {**os.environ, "DST3D_HOME": str(tmp_path)}
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert ended.returncode == 0, ended.stderr[-1000:]
