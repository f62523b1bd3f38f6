"""Releases of scored runs: what is dropped, what labels and tables say of it, and other bars without new scores."""

from __future__ import annotations

import json

import datasets
import numpy as np
import pyarrow.parquet
import pytest
from _fake_run import fake_run
from _hf import isolate
from _scorers import install_scorers
from test_release import labels_of

from dst3d_datasets import scoring
from dst3d_datasets.cli import main
from dst3d_datasets.errors import ReleaseError, UsageError
from dst3d_datasets.release import make_release, open_release
from dst3d_datasets.run import amend
from dst3d_datasets.scoring.collect import verdicts_of
from dst3d_datasets.store import Store

KEEP = {"rate": 0.5, "per": ["class"], "at_least": 0.0}
UNJUDGED = "n02690373-primitives-m0-00000"


@pytest.fixture(autouse=True)
def scorers(tmp_path, monkeypatch) -> None:
    install_scorers(tmp_path / "site", monkeypatch)


@pytest.fixture
def run(tmp_path):
    """A scored run of 36 samples, one of which is not judged."""
    fake_run(tmp_path / "run", scores=[{"kind": "toy", "unjudged": [UNJUDGED]}, "toy_late"], keep={**KEEP, "by": "toy"})
    scoring.score(tmp_path / "run", workers=1)
    return tmp_path / "run"


def test_rejected_samples_are_dropped_and_everything_is_told(run, tmp_path):
    release = make_release(run, tmp_path / "out")
    verdicts = verdicts_of(run)[2]
    kept = {verdicts.keys[row] for row in np.flatnonzero(verdicts.decision.keep)}
    found = {key: label for key, (_, label) in labels_of(tmp_path / "out").items()}
    assert found.keys() == kept
    assert UNJUDGED in kept
    assert release.num_samples == len(kept) == 19
    row = verdicts.keys.index(sorted(kept)[0])
    label = found[verdicts.keys[row]]
    assert label["keep"] is True
    assert label["scores"] == {name: values[row] for name, values in verdicts.scores.items()}
    assert found[UNJUDGED]["scores"] == {"toy": -1.0, "toy_late": -1.0}
    table = pyarrow.parquet.read_table(tmp_path / "out/verdicts.parquet").to_pylist()
    assert len(table) == 36
    assert {each["key"] for each in table if each["keep"]} == kept
    assert {each["toy_area"] for each in table} == {table[0]["toy_area"]}
    assert {each["toy_reason"] for each in table if each["key"] == UNJUDGED} == {"told so"}
    told = release.manifest["verdicts"]
    assert (told["by"], told["samples"], told["kept"], told["not_judged"], told["rescued"]) == ("toy", 36, 19, 1, 0)
    assert sum(each["kept"] for each in told["classes"]) == sum(each["kept"] for each in told["bins"]) == 19
    assert "verdicts.parquet" in {each["path"] for each in release.manifest["files"]}
    card = (tmp_path / "out/README.md").read_text()
    assert "## Filters" in card
    assert "`toy` decides (rate 0.5): 19 of 36 samples are kept (52.8%), and 17 are rejected and left out." in card
    assert "1 could not be judged, and are kept." in card
    assert "| airliner | 12 | 7 | 58.3% |" in card
    uses = {each["cad_id"] for each in found.values()}
    assert release.manifest["num_models"] == len(uses)


def test_datasets_reads_scores_with_their_types(run, tmp_path, monkeypatch):
    cache = isolate(monkeypatch, tmp_path)
    make_release(run, tmp_path / "out")
    for streaming in (False, True):
        rows = datasets.load_dataset(str(tmp_path / "out"), split="train", cache_dir=str(cache), streaming=streaming)
        struct = rows.features["json"]["scores"]
        assert {name: value.dtype for name, value in struct.items()} == {"toy": "float64", "toy_late": "float64"}
        row = next(iter(rows))
        assert row["json"]["keep"] is True
        assert set(row["json"]["scores"]) == {"toy", "toy_late"}


def test_another_bar_needs_no_new_scores(run, tmp_path, capsys, monkeypatch):
    first = make_release(run, tmp_path / "first")
    monkeypatch.setattr(scoring, "score", None)
    words = ["release", str(run), "--out", str(tmp_path / "second"), "--set", "keep.rate=0.8", "--json"]
    assert main(words) == 0
    second = open_release(tmp_path / "second")
    assert (first.num_samples, second.num_samples) == (19, 30)
    assert first.content != second.content
    assert labels_of(tmp_path / "first").keys() <= labels_of(tmp_path / "second").keys()
    capsys.readouterr()
    assert main(["verdicts", str(run), "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["keep"]["rate"], data["kept"]) == (0.8, 30), "the run's recipe keeps the change"
    assert pyarrow.parquet.read_table(run / "verdicts.parquet").num_rows == 36
    assert main(["verdicts", str(run)]) == 0
    assert "30 of 36 samples are kept (83.3%)" in capsys.readouterr().out


def test_rejected_samples_may_stay_with_their_verdict(run, tmp_path):
    verdicts = verdicts_of(run, ["release.rejected=keep"])[2]
    release = make_release(run, tmp_path / "out")
    assert release.num_samples == 36
    for key, (_, label) in labels_of(tmp_path / "out").items():
        assert label["keep"] == bool(verdicts.decision.keep[verdicts.keys.index(key)])
    assert "17 are rejected and in here with `keep` false" in (tmp_path / "out/README.md").read_text()


def test_scores_without_a_bar_are_told_and_reject_nothing(run, tmp_path):
    verdicts_of(run, ["keep=null"])
    release = make_release(run, tmp_path / "out")
    assert release.num_samples == 36
    assert all(label["keep"] and len(label["scores"]) == 2 for _, label in labels_of(tmp_path / "out").values())
    assert "Nothing is rejected by them." in (tmp_path / "out/README.md").read_text()


def test_the_last_scorer_decides_unless_another_is_named(run):
    by = {asked: verdicts_of(run, [f"keep.by={asked}"])[2].by for asked in ("''", "toy", "toy_late")}
    assert by == {"''": "toy_late", "toy": "toy", "toy_late": "toy_late"}
    with pytest.raises(UsageError, match=r"no score 'kcf'; known: toy, toy_late"):
        verdicts_of(run, ["keep.by=kcf"])


def test_a_bar_that_nothing_passes_makes_no_release(run, tmp_path):
    amend(Store(run), ["keep={threshold: 1.0, at_least: 0}", "scores=[toy]"])
    scoring.score(run, workers=1)  # of the option `unjudged`, too: what is not judged would be kept
    with pytest.raises(ReleaseError, match="every sample is rejected"):
        make_release(run, tmp_path / "out")


def test_precision_goes_by_ratings(run, tmp_path, capsys):
    verdicts = verdicts_of(run)[2]
    lines = [f"{key}\t{int(score > 0.5)}" for key, score in zip(verdicts.keys, verdicts.scores["toy"], strict=True)]
    (tmp_path / "mine.tsv").write_text("\n".join(["key\tgood", *lines, ""]))
    bar = "keep={by: toy, precision: 0.7, at_least: 0}"
    assert main(["verdicts", str(run), "--set", bar]) == 2
    assert "needs rated samples" in capsys.readouterr().err
    assert main(["verdicts", str(run), "--set", bar, "--ratings", str(tmp_path / "mine.tsv"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (run / "ratings.tsv").read_bytes() == (tmp_path / "mine.tsv").read_bytes()
    assert (verdicts.scores["toy"] > 0.5).sum() < told["kept"] < 36
    (tmp_path / "mine.tsv").write_text("key\tgood\n")
    assert main(["verdicts", str(run), "--ratings", str(tmp_path / "mine.tsv")]) == 2
    assert "other ratings are there" in capsys.readouterr().err
