"""Scoring a run: tables that are made once, gone on with after a kill, and made anew when they must be."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from _fake_run import fake_refs, fake_run, fake_shard
from _scorers import install_scorers

from dst3d_datasets import build
from dst3d_datasets.cli import main
from dst3d_datasets.errors import BusyError, RecipeError, UsageError
from dst3d_datasets.plan import Plan
from dst3d_datasets.run import lock, read_run
from dst3d_datasets.scores import NOT_JUDGED
from dst3d_datasets.scoring import score, score_status
from dst3d_datasets.scoring.jobs import classes_of
from dst3d_datasets.scoring.samples import RunSamples
from dst3d_datasets.scoring.tables import StoreScratch, read_table
from dst3d_datasets.store import Store


@pytest.fixture(autouse=True)
def scorers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_scorers(tmp_path / "site", monkeypatch)
    monkeypatch.setenv("TOY_NOTES", str(tmp_path / "notes"))


def notes(folder: Path) -> list[str]:
    path = folder / "notes"
    found = path.read_text().split("\n")[:-1] if path.exists() else []
    path.unlink(missing_ok=True)
    return found


def tables(store: Store) -> dict[str, bytes]:
    return {name: store.read(name) or b"" for name, _ in store.files("scores")}


def test_samples_of_a_class_are_sorted_and_can_be_read_again(tmp_path):
    store = fake_run(tmp_path / "run")
    shards = classes_of(store, read_run(store)[1]).whole
    assert len(shards) == 3
    samples = RunSamples(store, shards["n02690373"], ("depth", "mask"))
    assert len(samples) == len(samples.labels) == 12
    first, second = list(samples), list(samples)
    assert [each.key for each in first] == sorted(each.key for each in first) == samples.keys
    assert all((a.image == b.image).all() for a, b in zip(first, second, strict=True))
    assert first[3].controls.keys() == {"depth", "mask"}
    assert first[3].controls["mask"].dtype == bool
    assert (
        first[3].label == samples.labels[3] == samples.labels[-9] == samples.labels[2:5][1] == list(samples.labels)[3]
    )
    assert first[3].label["key"] == first[3].key


def test_every_class_is_scored_once(tmp_path):
    store = fake_run(tmp_path / "run", scores=["toy"])
    events: list[tuple[str, dict]] = []
    report = score(tmp_path / "run", workers=1, on_event=lambda kind, **data: events.append((kind, data)))
    assert (report.num_classes, report.num_done_before, len(report.made), report.failed) == (3, 0, 3, {})
    assert events[0] == ("plan", {"total_samples": 36, "done_samples": 0, "shards": 0})
    assert sum(data["n"] for kind, data in events if kind == "samples") == 36
    assert score_status(tmp_path / "run").scored == {"toy": 3}
    made = tables(store)
    assert len(made) == 3, "scratch of finished tables is gone"
    table = read_table(store, sorted(made)[0])
    assert (table.kind, table.class_id, len(table), list(table.details)) == ("toy", "n02690373", 12, ["toy_area"])
    assert table.facts["key"] == sorted(table.facts["key"])
    assert set(table.facts["class_name"]) == {"airliner"}
    assert (table.scores["toy"] > 0).all()
    assert len(notes(tmp_path)) == 9
    again = score(tmp_path / "run", workers=1)
    assert (again.num_done_before, again.made, notes(tmp_path)) == (3, [], [])
    assert tables(store) == made


def test_workers_make_the_same_bytes(tmp_path):
    one = fake_run(tmp_path / "one", scores=["toy", "toy_late"])
    two = fake_run(tmp_path / "two", scores=["toy", "toy_late"])
    score(tmp_path / "one", workers=1)
    report = score(tmp_path / "two", workers=2)
    assert (len(report.made), report.failed) == (6, {})
    assert tables(one) == tables(two)
    late = next(name for name in tables(one) if "toy_late" in name)
    first = next(name for name in tables(one) if name.startswith(late[:20]) and "toy_late" not in name)
    np.testing.assert_array_equal(read_table(one, late).scores["toy_late"], 1 - read_table(one, first).scores["toy"])


def test_other_options_revisions_and_shards_are_scored_anew(tmp_path):
    store = fake_run(tmp_path / "run", models=2, scores=["toy", "toy_late"])
    score(tmp_path / "run", workers=1)
    before = tables(store)
    report = score(tmp_path / "run", workers=1, overrides=["scores.0={kind: toy, unjudged: []}"])
    assert len(report.made) == 6, "what is fused of it, too"
    assert before.keys() & tables(store).keys() == {name for name in before if "/toy-" in name}, "other options stay"
    report = score(tmp_path / "run", workers=1, overrides=["scores.0={kind: toy, revision: '2'}"])
    assert len(report.made) == 6
    recipe, _ = read_run(store)
    fake_shard(recipe, Plan(recipe, fake_refs(2))[0], store, skip="m0")  # the class's shard is another one now
    assert score_status(tmp_path / "run").scored == {"toy": 2, "toy_late": 2}
    assert len(score(tmp_path / "run", workers=1).made) == 2


def test_other_file_systems(tmp_path):
    url = f"memory://{tmp_path.name}"
    fake_run(url, models=1, scores=["toy"])
    fake_run(tmp_path / "run", models=1, scores=["toy"])
    for run in (url, tmp_path / "run"):
        assert len(score(run, workers=1).made) == 3
    assert tables(Store(url)) == tables(Store(tmp_path / "run"))
    assert sorted(path.suffix for path in (tmp_path / "run/scores").rglob("*") if not path.is_dir()) == [".parquet"] * 3
    assert not [path for path in (tmp_path / "run/scores").glob("*/*") if path.is_dir()], "no empty folders stay"


def test_a_revision_replaces_its_predecessor(tmp_path, monkeypatch):
    import _scorers

    store = fake_run(tmp_path / "run", scores=["toy"])
    score(tmp_path / "run", workers=1)
    before = set(tables(store))
    monkeypatch.setattr(_scorers.ToyScorer, "revision", "2")
    assert len(score(tmp_path / "run", workers=1).made) == 3
    assert len(tables(store)) == 3
    assert not before & set(tables(store))


def test_a_killed_scoring_goes_on_from_what_was_finished(tmp_path):
    fake_run(tmp_path / "run", scores=["toy"])
    victim = "second n03063599"
    command = [sys.executable, "-c", "import sys; from dst3d_datasets.cli import main; sys.exit(main(sys.argv[1:]))"]
    path = os.pathsep.join([str(tmp_path / "site"), str(Path(__file__).parent)])
    environment = {**os.environ, "TOY_KILL": victim, "PYTHONPATH": path}
    ended = subprocess.run([*command, "score", str(tmp_path / "run"), "--workers", "1", "-q"], env=environment)
    assert ended.returncode == -signal.SIGKILL
    assert score_status(tmp_path / "run").scored == {"toy": 1}
    assert victim in notes(tmp_path)
    report = score(tmp_path / "run", workers=1)
    assert (report.num_done_before, len(report.made)) == (1, 2)
    again = notes(tmp_path)
    assert "judge n03063599" in again
    assert "first n03063599" not in again
    assert victim not in again


def test_a_worker_that_keeps_dying_fails_its_class_alone(tmp_path, monkeypatch):
    fake_run(tmp_path / "run", scores=["toy"])
    monkeypatch.setenv("TOY_KILL", "first n03063599")
    monkeypatch.setattr("dst3d_datasets.engines.pool.TRIES", 2)
    report = score(tmp_path / "run", workers=2)
    assert list(report.failed) == ["n03063599 toy"]
    assert "died 2 times (signal 9)" in report.failed["n03063599 toy"]
    assert len(report.made) == 2


def test_a_crash_names_class_and_scorer_and_the_rest_goes_on(tmp_path, capsys):
    fake_run(tmp_path / "run", scores=["toy", {"kind": "toy_bad", "breaks_on": "n03063599"}])
    assert main(["score", str(tmp_path / "run"), "--workers", "1", "--json"]) == 1
    data = json.loads(capsys.readouterr().out)
    assert list(data["failed"]) == ["n03063599 toy_bad"]
    assert "ZeroDivisionError: the toy scorer broke" in data["failed"]["n03063599 toy_bad"]
    assert len(data["made"]) == 5
    assert main(["score", str(tmp_path / "run"), "--workers", "1", "--only", "toy", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["made"] == []


@pytest.mark.parametrize(("gives", "said"), [(1.5, "outside"), (float("nan"), "outside"), (NOT_JUDGED, "no reason")])
def test_a_judgement_that_breaks_the_rules_is_no_table(tmp_path, gives, said, monkeypatch):
    import _scorers

    store = fake_run(tmp_path / "run", models=1, scores=[{"kind": "toy_bad", "breaks_on": ""}])
    monkeypatch.setattr(_scorers.ToyBad, "scores", ("toy_bad",))
    monkeypatch.setattr(_scorers, "getattr", lambda *_: gives, raising=False)
    report = score(tmp_path / "run", workers=1)
    assert len(report.failed) == 3
    assert all(said in why for why in report.failed.values())
    assert tables(store) == {}


def test_what_is_asked_for_must_be_there(tmp_path):
    fake_run(tmp_path / "run", models=1, leave_out=1, scores=["toy"])
    with pytest.raises(UsageError, match="no scorer 'kcf'; it has: toy"):
        score(tmp_path / "run", only=["kcf"])
    with pytest.raises(UsageError, match="no class 'n1' with samples; known: n02690373"):
        score(tmp_path / "run", classes=["n1"])
    with pytest.raises(UsageError, match=r"render\.size: 32 -> 64: that makes other samples"):
        score(tmp_path / "run", overrides=["render.size=64"])
    with pytest.raises(RecipeError, match="no scorer 'nosuch'"):
        score(tmp_path / "run", overrides=["scores=[nosuch]"])
    with pytest.raises(UsageError, match="names no scorer"):
        score(tmp_path / "run", overrides=["scores=[]"])
    with pytest.raises(UsageError, match=r"none\.json: cannot be read"):
        score(tmp_path / "run", overrides=["scores=[{kind: imported, file: none.json}]"])
    assert read_run(Store(tmp_path / "run"))[0].scores[0].kind == "toy", "what cannot be is not noted"
    score(tmp_path / "run", workers=1, overrides=["scores=[toy]"])
    with lock(Store(tmp_path / "run"), "score-0-of-1"):
        with pytest.raises(BusyError, match="is scoring here already"):
            score(tmp_path / "run")
        with pytest.raises(BusyError, match="sweep when it has ended"):
            build.sweep(tmp_path / "run")


def test_parts_meet_and_unfinished_classes_wait(tmp_path):
    fake_run(tmp_path / "run", leave_out=1, scores=["toy"])
    reports = [score(tmp_path / "run", workers=1, part=part, parts=2) for part in (1, 0)]
    assert [len(report.made) for report in reports] == [1, 1]
    assert [len(report.unfinished) for report in reports] == [1, 1]
    assert score(tmp_path / "run", workers=1, partial=True).num_done_before == 2
    assert score_status(tmp_path / "run").scored == {"toy": 3}


def test_sweep_takes_what_no_scoring_will_use(tmp_path):
    store = fake_run(tmp_path / "run", scores=["toy"])
    score(tmp_path / "run", workers=1)
    kept = set(tables(store))
    one = sorted(kept)[0]
    stale = [one.replace(".parquet", "/fold-0.npz"), f"{one[:-16]}0badbadb.parquet"]
    begun = f"{one[:-32]}{'f' * 16}{one[-16:-8]}/fold-1.npz"
    for name in [*stale, begun]:
        store.write(name, b"x")
    assert sorted(name for name, _ in build.sweep(tmp_path / "run", remove=False)) == sorted(stale)
    build.sweep(tmp_path / "run")
    assert set(tables(store)) == kept | {begun}


def test_scratch_holds_arrays_and_survives_damage(tmp_path):
    scratch = StoreScratch(Store(tmp_path), "scores/n1/kcf-0")
    assert scratch.load("fold-0") is None
    scratch.save("fold-0", {"a": np.arange(4), "names": np.array(["x", "yy"])})
    loaded = scratch.load("fold-0")
    assert loaded is not None
    assert (loaded["a"].tolist(), loaded["names"].tolist()) == ([0, 1, 2, 3], ["x", "yy"])
    with pytest.raises(TypeError, match="no objects"):
        scratch.save("fold-1", {"a": np.array([{}])})
    path = tmp_path / "scores/n1/kcf-0/fold-0.npz"
    path.write_bytes(path.read_bytes()[:50])
    assert scratch.load("fold-0") is None
