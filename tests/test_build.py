"""Builds with toy drawers: what is made, what is kept, and what is said when something goes wrong."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from typing import Any

import pytest
from _toy import ToyGenerator, ToySource, refusal, toy_recipe

from dst3d_datasets import build, schema
from dst3d_datasets.errors import BusyError, RecipeError, StoreError, UsageError
from dst3d_datasets.plan import Plan
from dst3d_datasets.recipe import load_recipe
from dst3d_datasets.store import Store
from dst3d_datasets.tar import read_index, read_sample

pytestmark = pytest.mark.usefixtures("toys")


def shard_files(run: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((run / "shards").rglob("*.tar"))}


def labels(run: Path) -> dict[str, dict[str, Any]]:
    store, found = Store(run), {}
    for receipt in store.receipts():
        with store.open(receipt) as stream:
            for entry in read_index(stream):
                sample = read_sample(stream, entry)
                found[sample.key] = json.loads(dict(sample.members)["json"])
    return found


def test_a_whole_build(tmp_path: Path) -> None:
    events: list[tuple[str, dict[str, Any]]] = []
    recipe = toy_recipe()
    report = build.build(recipe, tmp_path / "run", workers=1, on_event=lambda kind, **data: events.append((kind, data)))
    assert (report.num_shards, report.num_made, report.num_samples, report.failed) == (9, 9, 30, {})
    assert events[0] == ("plan", {"total_samples": 30, "done_samples": 0, "shards": 9})
    assert sum(data["n"] for kind, data in events if kind == "samples") == 30
    assert set(report.seconds) == {"load", "render", "controls", "generate", "encode", "write", "wall"}
    plan, missing = build.plan_for(recipe)
    assert missing == []
    found = labels(tmp_path / "run")
    assert sorted(found) == sorted(key for spec in plan for key in spec.keys())  # noqa: SIM118
    for key, label in found.items():
        schema.check(label)
        assert label["key"] == key
        assert label["generator"] == "toy"
    state = build.status(tmp_path / "run")
    assert (state.num_done, state.num_samples_done, state.building) == (9, 30, False)
    assert load_recipe(tmp_path / "run" / "recipe.yaml") == recipe


def test_members_are_what_the_contract_says(tmp_path: Path) -> None:
    build.build(toy_recipe(), tmp_path, workers=1, limit=1)
    store = Store(tmp_path)
    receipt = next(iter(store.receipts()))
    with store.open(receipt) as stream:
        extensions = [extension for extension, _, _ in next(read_index(stream)).members]
    controls = ["depth.png", "edge.png", "line.png", "mask.png", "normal.png", "part.png", "render.jpg"]
    assert extensions == sorted(["cls", "jpg", "json", "txt", *controls])


def test_a_second_build_does_nothing(tmp_path: Path) -> None:
    build.build(toy_recipe(), tmp_path, workers=1)
    before, calls = shard_files(tmp_path), len(ToyGenerator.calls)
    report = build.build(toy_recipe(), tmp_path, workers=1)
    assert (report.num_done_before, report.num_made) == (9, 0)
    assert len(ToyGenerator.calls) == calls
    assert shard_files(tmp_path) == before


def test_slices_together_equal_the_whole(tmp_path: Path) -> None:
    build.build(toy_recipe(), tmp_path / "whole", workers=1)
    for part in (2, 0, 1):
        build.build(toy_recipe(), tmp_path / "parts", workers=1, part=part, parts=3)
    assert shard_files(tmp_path / "whole") == shard_files(tmp_path / "parts")


def test_one_bad_model_is_skipped_with_its_reason(tmp_path: Path) -> None:
    ToySource.bad["airliner-001"] = refusal()
    report = build.build(toy_recipe(), tmp_path, workers=1)
    assert report.failed == {}
    assert {(row.uid, row.reason) for row in report.skipped} == {("n02690373/primitives/airliner-001", "unreadable")}
    assert sum(row.num_views for row in report.skipped) == 5
    state = build.status(tmp_path)
    assert (state.num_samples_done, state.skipped_by_reason) == (25, {"unreadable": 5})


def test_a_class_of_bad_models_gives_receipts_without_files(tmp_path: Path) -> None:
    ToySource.bad.update({"airliner-000": refusal(), "airliner-001": refusal()})
    build.build(toy_recipe(), tmp_path, workers=1)
    receipt = Store(tmp_path).receipt("n02690373-00000")
    assert receipt is not None
    assert (receipt.num_samples, receipt.path) == (0, "")
    assert build.verify(tmp_path).damaged == {}
    assert build.build(toy_recipe(), tmp_path, workers=1).num_made == 0


def test_a_failed_shard_is_named_and_the_others_are_made(tmp_path: Path) -> None:
    plan, _ = build.plan_for(toy_recipe())
    ToyGenerator.explode_on.add(next(iter(plan[3].keys())))
    report = build.build(toy_recipe(), tmp_path, workers=1)
    assert list(report.failed) == [plan[3].shard_id]
    assert "toy generator broke" in report.failed[plan[3].shard_id]
    assert report.num_made == 8
    assert build.status(tmp_path).num_done == 8
    ToyGenerator.explode_on.clear()
    ToyGenerator.calls.clear()
    again = build.build(toy_recipe(), tmp_path, workers=1)
    assert (again.num_done_before, again.num_made) == (8, 1)
    assert sorted(ToyGenerator.calls) == sorted(plan[3].keys())


def test_pictures_do_not_depend_on_how_samples_are_cut_into_shards(tmp_path: Path) -> None:
    build.build(toy_recipe(), tmp_path / "a", workers=1)
    build.build(toy_recipe(shards={"samples": 7}), tmp_path / "b", workers=1)
    assert labels(tmp_path / "a") == labels(tmp_path / "b")


def test_another_recipe_in_the_same_folder_is_refused_unless_extended(tmp_path: Path) -> None:
    build.build(toy_recipe(), tmp_path, workers=1)
    larger = toy_recipe(sources=[{"kind": "primitives", "models_per_class": 3}])
    with pytest.raises(UsageError) as caught:
        build.build(larger, tmp_path, workers=1)
    assert "models_per_class: 2 -> 3" in str(caught.value)
    assert "--extend" in str(caught.value)
    before = shard_files(tmp_path)
    report = build.build(larger, tmp_path, workers=1, extend=True)
    assert report.num_done_before == 6, "two full shards of each class stay"
    assert len(labels(tmp_path)) == 45
    assert set(before) & set(shard_files(tmp_path))
    assert build.verify(tmp_path).damaged == {}
    swept = build.sweep(tmp_path)
    assert len(swept) == 3, "the shorter third shards were replaced"
    assert build.status(tmp_path).num_done == 12


def test_a_changed_pixel_setting_keeps_no_shard(tmp_path: Path) -> None:
    build.build(toy_recipe(), tmp_path, workers=1)
    with pytest.raises(UsageError, match="0 of 9 shards would stay"):
        build.build(toy_recipe(seed=1), tmp_path, workers=1)


def test_limit_is_a_run_of_its_own(tmp_path: Path) -> None:
    build.build(toy_recipe(), tmp_path, workers=1, limit=4)
    assert build.status(tmp_path).num_samples_done == 4
    with pytest.raises(UsageError, match="limit 4 there"):
        build.build(toy_recipe(), tmp_path, workers=1)


def test_a_strangers_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("ten years of work")
    with pytest.raises(UsageError, match="not empty and not a run folder"):
        build.build(toy_recipe(), tmp_path, workers=1)
    for call in (build.status, build.verify, build.sweep):
        with pytest.raises(UsageError, match="not a run folder"):
            call(tmp_path)
    assert (tmp_path / "thesis.tex").read_text() == "ten years of work"


def test_two_builds_at_once(tmp_path: Path) -> None:
    build.build(toy_recipe(), tmp_path, workers=1, limit=3)
    with (tmp_path / "locks" / "build-0-of-1.lock").open("a+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(BusyError, match="is building here already"):
            build.build(toy_recipe(), tmp_path, workers=1, limit=3)
        with pytest.raises(BusyError, match="sweep when it has ended"):
            build.sweep(tmp_path)
        assert build.status(tmp_path).building
    assert build.build(toy_recipe(), tmp_path, workers=1, limit=3).num_done_before > 0
    assert not build.status(tmp_path).building


def test_a_flipped_byte_is_found_and_that_shard_alone_made_again(tmp_path: Path) -> None:
    build.build(toy_recipe(), tmp_path, workers=1)
    before = shard_files(tmp_path)
    victim = sorted((tmp_path / "shards").rglob("*.tar"))[4]
    data = bytearray(victim.read_bytes())
    data[len(data) // 2] ^= 0x40
    victim.write_bytes(data)
    found = build.verify(tmp_path, repair=False)
    assert (found.num_checked, len(found.damaged), found.repaired) == (9, 1, [])
    ToyGenerator.calls.clear()
    repaired = build.verify(tmp_path, workers=1)
    assert repaired.repaired == list(found.damaged)
    assert len(ToyGenerator.calls) <= 4
    assert shard_files(tmp_path) == before
    assert build.verify(tmp_path).damaged == {}


def test_a_vanished_shard_is_made_again_by_build(tmp_path: Path) -> None:
    build.build(toy_recipe(), tmp_path, workers=1)
    before = shard_files(tmp_path)
    next((tmp_path / "shards").rglob("*.tar")).unlink()
    assert build.build(toy_recipe(), tmp_path, workers=1).num_made == 1
    assert shard_files(tmp_path) == before


def test_a_full_disk_stops_with_one_message_and_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build.build(toy_recipe(), tmp_path, workers=1, part=0, parts=3)
    before, real, calls = shard_files(tmp_path), os.fsync, []

    def full_after_two(fd: int) -> None:
        calls.append(fd)
        if len(calls) > 6:
            raise OSError(28, "No space left on device")
        real(fd)

    monkeypatch.setattr("dst3d_datasets.store.os.fsync", full_after_two)
    with pytest.raises(StoreError, match="disk is full"):
        build.build(toy_recipe(), tmp_path, workers=1)
    monkeypatch.undo()
    assert before.items() <= shard_files(tmp_path).items()


def test_a_read_only_folder(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_text("")
    with pytest.raises(StoreError, match="cannot make this folder"):
        build.build(toy_recipe(), target / "run", workers=1)


@pytest.mark.parametrize("text", ["", "{", '{"schema": "dst3d-run/9"}', '{"schema": "dst3d-run/1"}'])
def test_a_damaged_run_file_is_named(tmp_path: Path, text: str) -> None:
    build.build(toy_recipe(), tmp_path, workers=1, limit=1)
    (tmp_path / "run.json").write_text(text)
    with pytest.raises((StoreError, UsageError), match=str(tmp_path)):
        build.status(tmp_path)


def test_unknown_engine_and_generator_name_the_choices(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"no 'slurm'; known: local"):
        build.build(toy_recipe(), tmp_path / "a", engine="slurm")
    recipe = toy_recipe(render={"engine": "povray", "size": 64})
    with pytest.raises(RecipeError, match=r"no 'povray'; known: .*torch"):
        build.build(recipe, tmp_path / "b", workers=1)


def test_other_file_systems(tmp_path: Path) -> None:
    build.build(toy_recipe(), tmp_path / "run", workers=1)
    url = f"memory://{tmp_path.name}/run"
    build.build(toy_recipe(), url, workers=1)
    local = {receipt.path: receipt.sha256 for receipt in Store(tmp_path / "run").receipts()}
    assert {receipt.path: receipt.sha256 for receipt in Store(url).receipts()} == local
    assert build.verify(url, repair=False).damaged == {}


def test_plan_of_the_run_is_the_plan(tmp_path: Path) -> None:
    recipe = toy_recipe()
    build.build(recipe, tmp_path, workers=1)
    plan, _ = build.plan_for(recipe)
    assert isinstance(plan, Plan)
    _, run = build.read_run(Store(tmp_path))
    assert run.shards == {spec.shard_id: (spec.digest, spec.num_samples) for spec in plan}
    assert run.plan == plan.digest


def test_a_changed_caption_file_is_another_run(tmp_path: Path) -> None:
    captions = tmp_path / "captions.csv"
    captions.write_text("class,caption\nairliner,an airliner on the runway\n")
    recipe = toy_recipe(prompts={"kind": "captions", "file": str(captions)})
    build.build(recipe, tmp_path / "run", workers=1)
    texts = {label["prompt"] for label in labels(tmp_path / "run").values()}
    assert "an airliner on the runway" in texts
    assert build.build(recipe, tmp_path / "run", workers=1).num_made == 0
    captions.write_text("class,caption\nairliner,an airliner in the clouds\n")
    with pytest.raises(UsageError, match="the prompts"):
        build.build(recipe, tmp_path / "run", workers=1)
    build.build(recipe, tmp_path / "run", workers=1, extend=True)
    assert "an airliner in the clouds" in {label["prompt"] for label in labels(tmp_path / "run").values()}


def test_a_catalogue_of_unknown_models_names_them(tmp_path: Path) -> None:
    table = tmp_path / "models.csv"
    table.write_text("synset,model,distance,azimuth,elevation,strength,sampling\nn07749582,nosuch,1.5,0,0,1,1\n")
    with pytest.raises(RecipeError, match=r"not one of the catalogue's 1 models was found.*n07749582/nosuch"):
        build.plan_for(toy_recipe(catalogue={"file": str(table)}))


def test_a_file_that_a_stage_cannot_read_is_not_a_full_disk(tmp_path: Path) -> None:
    """An OSError of a source or generator fails its own shard; the others are made."""
    ToySource.bad["teapot-001"] = FileNotFoundError(2, "No such file or directory", "/models/teapot.png")
    report = build.build(toy_recipe(), tmp_path, workers=1)
    assert len(report.failed) == 2, "the two shards that hold views of it"
    assert all("teapot.png" in message for message in report.failed.values())
    assert report.num_made == 7
