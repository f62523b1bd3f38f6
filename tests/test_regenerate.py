"""Rejected samples are drawn again: same key, pose and controls, another seed; recorded, killable, and released."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from _fake_run import tree
from _scorers import install_scorers
from _toy import ToyGenerator, ToySource, refusal, toy_recipe
from test_build import shard_files
from test_release import labels_of

from dst3d_datasets import build
from dst3d_datasets.cli import main
from dst3d_datasets.errors import UsageError
from dst3d_datasets.export.samples import open_samples
from dst3d_datasets.recipe import Keep
from dst3d_datasets.regeneration import regenerate
from dst3d_datasets.release import make_release
from dst3d_datasets.retries import read_retries
from dst3d_datasets.run import read_run
from dst3d_datasets.scoring import score, score_status
from dst3d_datasets.scoring.collect import verdicts_of
from dst3d_datasets.seeds import sample_seed
from dst3d_datasets.store import Store
from dst3d_datasets.tar import read_index, read_sample

BAR = {"threshold": 0.6, "at_least": 0.0}


@pytest.fixture(autouse=True)
def toys_and_scorers(toys: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_scorers(tmp_path / "site", monkeypatch)


def recipe(**sections: Any):
    """24 samples in 6 shards, 8 of each of 3 classes."""
    small = {"views": {"per_model": 4}, "render": {"size": 32}, "release": {"shard_bytes": 60_000}}
    return toy_recipe(**{"scores": ["toy"], "keep": BAR, **small, **sections})


def members(run: Path) -> dict[tuple[str, int], dict[str, bytes]]:
    """(key, attempt) -> the members of every sample of a run."""
    store, found = Store(run), {}
    outline = read_run(store)[1]
    for receipt in store.receipts():
        if receipt.num_samples:
            with store.open(receipt) as stream:
                for entry in read_index(stream):
                    attempt = outline.attempts.get(receipt.shard_id, 0)
                    found[entry.key, attempt] = dict(read_sample(stream, entry).members)
    return found


def test_rejected_samples_are_drawn_again_and_the_best_kept_attempt_is_released(tmp_path: Path) -> None:
    run = tmp_path / "run"
    build.build(recipe(), run, workers=1)
    before = shard_files(run)
    score(run, workers=1)
    first = verdicts_of(run)[2]
    assert 0 < sum(map(len, first.rejected.values())) < 24
    report = regenerate(run, rounds=3, workers=1)
    assert list(report.drawn) == [1, 2, 3]
    assert report.drawn[1] == sum(map(len, first.rejected.values()))
    assert report.drawn[1] > report.drawn[2] > report.drawn[3]
    assert before.items() <= shard_files(run).items(), "old shards stay as they are"
    found = members(run)
    for (key, attempt), sample in found.items():
        label, old = json.loads(sample["json"]), json.loads(found[key, 0]["json"])
        uid = f"{label['synset']}/primitives/{label['cad_id']}"
        assert label["seed"] == sample_seed(0, uid, label["view"], attempt)
        same = set(label) - {"seed", "prompt"}
        assert {name: label[name] for name in same} == {name: old[name] for name in same}
        assert (sample["jpg"] == found[key, 0]["jpg"]) == (attempt == 0)
        for control in ("depth.png", "edge.png", "mask.png", "render.jpg"):
            assert sample[control] == found[key, 0][control]
    release = make_release(run, tmp_path / "out")
    released = {key: label for key, (_, label) in labels_of(tmp_path / "out").items()}
    verdicts = verdicts_of(run)[2]
    for key in {key for key, _ in found}:
        rows = [row for row, name in enumerate(verdicts.keys) if name == key]
        best = max(rows, key=lambda row: verdicts.scores["toy"][row])
        if verdicts.scores["toy"][best] >= 0.6:
            kept = [row for row in rows if verdicts.decision.keep[row]]
            assert released[key]["scores"]["toy"] == max(verdicts.scores["toy"][row] for row in kept)
            attempt = int(verdicts.samples.attempt[best])
            assert released[key]["seed"] == json.loads(found[key, attempt]["json"])["seed"]
        else:
            assert key not in released
    left = sum(report.rejected.values())
    told = release.manifest["verdicts"]
    assert (told["samples"], told["kept"]) == (24, 24 - left)
    assert told["retried"] == report.drawn[1] - left
    assert "drawn again after a rejection" in (tmp_path / "out/README.md").read_text()


def test_status_verify_and_sweep_know_retries(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    build.build(recipe(), run, workers=1)
    regenerate(run, workers=1)
    state = build.status(run)
    assert (state.num_done, state.num_samples_done) == (6, 24)
    assert state.num_retries == state.num_retries_done == len(read_retries(Store(run))) > 0
    assert score_status(run).scored == {"toy": 3}
    assert main(["status", str(run)]) == 0
    assert "samples drawn again" in capsys.readouterr().out
    files = shard_files(run)
    swept = [name for name, _ in build.sweep(run)]
    assert len(swept) == 3, "the tables of scores from before the retries"
    assert all(name.startswith("scores/") for name in swept)
    assert build.sweep(run) == []
    assert build.verify(run).num_checked == 6 + state.num_retries
    victim = next(path for path in sorted((run / "shards").rglob("*.tar")) if "retry1" in path.name)
    victim.write_bytes(victim.read_bytes()[:-700] + bytes(700))
    victim.write_bytes(victim.read_bytes()[:2000] + b"x" + victim.read_bytes()[2001:])
    repaired = build.verify(run, workers=1)
    assert repaired.repaired == list(repaired.damaged)
    assert len(repaired.repaired) == 1
    assert shard_files(run) == files


def test_another_bar_is_taken_by_build_too_and_exports_take_first_attempts(tmp_path: Path) -> None:
    run = tmp_path / "run"
    build.build(recipe(), run, workers=1)
    regenerate(run, workers=1)
    report = build.build(recipe(keep={"rate": 0.5}), run, workers=1)
    assert (report.num_made, report.num_done_before) == (0, 6)
    assert verdicts_of(run)[1].keep == Keep(rate=0.5)
    assert read_retries(Store(run)), "the retries stay"
    keys = [row.key for row in open_samples(str(run)).rows(None, None)]
    assert len(keys) == len(set(keys)) == 24


def test_rounds_count_what_earlier_calls_did_and_the_way_there_does_not_matter(tmp_path: Path) -> None:
    for name in ("at_once", "step_by_step"):
        build.build(recipe(), tmp_path / name, workers=1)
    regenerate(tmp_path / "at_once", rounds=2, workers=1)
    assert list(regenerate(tmp_path / "step_by_step", rounds=1, workers=1).drawn) == [1]
    assert regenerate(tmp_path / "step_by_step", rounds=1, workers=1).drawn == {}
    assert list(regenerate(tmp_path / "step_by_step", rounds=2, workers=1).drawn) == [2]
    assert shard_files(tmp_path / "at_once") == shard_files(tmp_path / "step_by_step")
    assert (tmp_path / "at_once/retries.json").read_bytes() == (tmp_path / "step_by_step/retries.json").read_bytes()


def test_a_cut_round_is_gone_on_with(tmp_path: Path) -> None:
    run = tmp_path / "run"
    build.build(recipe(), run, workers=1)
    score(run, workers=1)
    victim = next(iter(verdicts_of(run)[2].rejected.values()))[0]
    ToyGenerator.explode_on.add(victim)
    report = regenerate(run, rounds=2, workers=1)
    assert len(report.failed) == 1
    assert "broke on" in next(iter(report.failed.values()))
    assert list(report.drawn) == [1]
    state = build.status(run)
    assert state.num_retries_done == state.num_retries - 1
    with pytest.raises(Exception, match="shards are not made yet"):
        make_release(run, tmp_path / "out")
    ToyGenerator.explode_on.clear()
    ToyGenerator.calls.clear()
    again = regenerate(run, rounds=1, workers=1)
    assert again.failed == {}
    assert set(ToyGenerator.calls) < {key for shard in read_retries(Store(run)) for key in shard.keys}
    build.build(recipe(), tmp_path / "whole", workers=1)
    regenerate(tmp_path / "whole", rounds=1, workers=1)
    assert shard_files(run) == shard_files(tmp_path / "whole")


def test_an_extended_run_keeps_its_retries(tmp_path: Path) -> None:
    run = tmp_path / "run"
    build.build(recipe(), run, workers=1)
    regenerate(run, workers=1)
    retries = read_retries(Store(run))
    larger = recipe(sources=[{"kind": "primitives", "models_per_class": 3}])
    build.build(larger, run, workers=1, extend=True)
    assert read_retries(Store(run)) == retries
    assert build.status(run).num_retries_done == len(retries)
    regenerate(run, rounds=2, workers=1)
    release = make_release(run, tmp_path / "out")
    assert release.manifest["verdicts"]["samples"] == 36
    build.build(recipe(seed=1), run, workers=1, extend=True)
    assert read_retries(Store(run)) == ()
    assert {name for name, _ in build.sweep(run)} >= {f"receipts/{shard.shard_id}.json" for shard in retries}


def test_what_the_floor_alone_has_kept_is_drawn_again_too(tmp_path: Path) -> None:
    run = tmp_path / "run"
    build.build(recipe(keep={"threshold": 0.6, "at_least": 1.0}), run, workers=1)
    score(run, workers=1)
    before = verdicts_of(run)[2]
    rescued = int(before.decision.rescued.sum())
    assert (before.rejected, rescued > 5) == ({}, True)
    report = regenerate(run, rounds=2, workers=1)
    assert report.drawn[1] == rescued
    after = verdicts_of(run)[2].decision
    assert (after.chosen & after.keep).sum() == 24
    assert (after.chosen & after.rescued).sum() < rescued


def test_a_model_that_is_gone_leaves_its_retries_out(tmp_path: Path) -> None:
    run = tmp_path / "run"
    build.build(recipe(), run, workers=1)
    ToySource.bad["airliner-000"] = refusal()
    report = regenerate(run, workers=1)
    assert report.failed == {}
    assert build.status(run).num_retried_samples < report.drawn[1]
    make_release(run, tmp_path / "out")


def test_what_cannot_be_drawn_again_is_told(tmp_path: Path) -> None:
    run = tmp_path / "run"
    build.build(recipe(), run, workers=1, part=0, parts=2)
    with pytest.raises(UsageError, match=r"3 of 6 shards are not made yet"):
        regenerate(run)
    build.build(recipe(), run, workers=1)
    ToySource.bad.clear()
    with pytest.raises(UsageError, match="nothing is rejected"):
        regenerate(run, overrides=["keep=null"])


TOY_CLI = """\
import sys, pytest
from _toy import install_toys
install_toys(pytest.MonkeyPatch())
from dst3d_datasets.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("victim", ["second n03891251", "n03891251-primitives-park_bench-000-00001"])
def test_killed_in_the_middle_of_a_round(tmp_path: Path, victim: str) -> None:
    """Kill -9 while it scores or draws: the end is that of an undisturbed run, byte for byte."""
    build.build(recipe(), tmp_path / "whole", workers=1)
    score(tmp_path / "whole", workers=1)
    rejected = [key for keys in verdicts_of(tmp_path / "whole")[2].rejected.values() for key in keys]
    assert victim in rejected or victim.startswith("second")
    shutil.copytree(tmp_path / "whole", tmp_path / "killed")
    if victim.startswith("second"):
        shutil.rmtree(tmp_path / "killed" / "scores")
    path = os.pathsep.join([str(tmp_path / "site"), str(Path(__file__).parent)])
    command = [sys.executable, "-c", TOY_CLI, "regenerate", str(tmp_path / "killed"), "--rounds", "2", "--workers", "1"]
    ended = subprocess.run(command, env={**os.environ, "PYTHONPATH": path, "TOY_KILL": victim}, timeout=300)
    assert ended.returncode == -signal.SIGKILL
    for name in ("whole", "killed"):
        regenerate(tmp_path / name, rounds=2, workers=1)
        make_release(tmp_path / name, tmp_path / f"out-{name}")
    assert shard_files(tmp_path / "whole") == shard_files(tmp_path / "killed")
    assert tree(tmp_path / "out-whole") == tree(tmp_path / "out-killed")
