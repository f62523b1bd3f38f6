"""The verbs that work on runs: with toy drawers in this process, and once for real under Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from _toy import ToyGenerator, ToySource, refusal, toy_recipe

from dst3d_datasets.cli import main
from dst3d_datasets.recipe import to_yaml


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with a recipe of 30 toy samples in 9 shards."""
    monkeypatch.chdir(tmp_path)
    Path("recipe.yaml").write_text(to_yaml(toy_recipe()), encoding="utf-8")
    return tmp_path


def _run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(list(words))
    out, err = capsys.readouterr()
    return code, out, err


def _json(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict]:
    code, out, _ = _run(capsys, *words, "--json")
    return code, json.loads(out)


BUILD = ("build", "recipe.yaml", "--out", "run", "--workers", "1")


@pytest.mark.usefixtures("toys", "here")
def test_build_status_and_build_again(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = _run(capsys, *BUILD)
    assert code == 0
    assert "9 of 9 shards are done" in out
    assert "dst3d release run" in out
    code, data = _json(capsys, *BUILD)
    assert code == 0
    assert (data["num_done_before"], data["num_made"], data["failed"]) == (9, 0, {})
    code, data = _json(capsys, "status", "run")
    assert (code, data["num_done"], data["num_samples_done"], data["building"]) == (0, 9, 30, False)
    out = _run(capsys, "status", "run")[1]
    assert "complete" in out
    assert "30 of 30" in out
    assert _run(capsys, *BUILD, "-q") == (0, "", "")


@pytest.mark.usefixtures("toys", "here")
def test_slices_of_one_run_meet(capsys: pytest.CaptureFixture[str]) -> None:
    made = [_json(capsys, *BUILD, "--slice", f"{part}/2")[1]["num_made"] for part in range(2)]
    assert sum(made) == 9
    assert _json(capsys, "status", "run")[1]["num_done"] == 9


@pytest.mark.usefixtures("toys", "here")
def test_a_refused_model_is_counted_and_a_failed_shard_is_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    ToySource.bad["teapot-000"] = refusal()
    key = "n02690373-primitives-airliner-000-00000"
    ToyGenerator.explode_on.add(key)
    code, out, _ = _run(capsys, *BUILD)
    assert code == 1
    assert "unreadable" in out
    assert "n02690373-00000" in out
    assert f"broke on {key}" in out
    status = _json(capsys, "status", "run")[1]
    assert (status["num_done"], status["skipped_by_reason"]) == (8, {"unreadable": 5})
    code, _, err = _run(capsys, "release", "run", "--out", "release")
    assert code == 2
    assert "error" in err
    ToyGenerator.explode_on.clear()
    code, data = _json(capsys, *BUILD)
    assert (code, data["num_made"], data["failed"]) == (0, 1, {})


@pytest.mark.usefixtures("toys", "here")
def test_another_recipe_is_refused_and_extend_takes_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(capsys, *BUILD, "--limit", "3")[0] == 0
    code, _, err = _run(capsys, *BUILD)
    assert code == 2
    assert "--extend" in err
    assert _run(capsys, *BUILD, "--extend")[0] == 0


@pytest.mark.usefixtures("toys", "here")
def test_verify_finds_and_repairs_one_flipped_byte(capsys: pytest.CaptureFixture[str]) -> None:
    _run(capsys, *BUILD)
    tar = sorted(Path("run/shards").rglob("*.tar"))[0]
    good = tar.read_bytes()
    tar.write_bytes(good[:2000] + bytes([good[2000] ^ 1]) + good[2001:])
    code, data = _json(capsys, "verify", "run", "--check")
    assert code == 1
    assert (data["num_checked"], len(data["damaged"]), data["repaired"]) == (9, 1, [])
    code, out, _ = _run(capsys, "verify", "run")
    assert code == 0
    assert "made anew" in out
    assert tar.read_bytes() == good
    code, data = _json(capsys, "verify", "run", "--check")
    assert (code, data["damaged"]) == (0, {})


@pytest.mark.usefixtures("toys", "here")
def test_sweep_lists_then_removes(capsys: pytest.CaptureFixture[str]) -> None:
    _run(capsys, *BUILD)
    orphan = Path("run/tmp/left-behind")
    orphan.parent.mkdir(exist_ok=True)
    orphan.write_bytes(b"x" * 1500)
    code, out, _ = _run(capsys, "sweep", "run", "--dry-run")
    assert code == 0
    assert "would remove 1 files, 1.5 kB" in out
    assert orphan.exists()
    code, data = _json(capsys, "sweep", "run")
    assert (code, data["num_bytes"], data["files"]) == (0, 1500, [{"name": "tmp/left-behind", "num_bytes": 1500}])
    assert not orphan.exists()
    assert _json(capsys, "status", "run")[1]["num_done"] == 9


@pytest.mark.usefixtures("toys", "here")
def test_release_and_release_again(capsys: pytest.CaptureFixture[str]) -> None:
    _run(capsys, *BUILD)
    code, out, _ = _run(capsys, "release", "run", "--out", "release")
    assert code == 0
    assert "30 samples" in out
    assert Path("release/README.md").is_file()
    code, data = _json(capsys, "release", "run", "--out", "release")
    assert (code, data["num_samples"]) == (0, 30)
    Path("full").mkdir()
    Path("full/notes.txt").write_text("mine", encoding="utf-8")
    assert _run(capsys, "release", "run", "--out", "full")[0] == 2
    assert os.listdir("full") == ["notes.txt"]


@pytest.mark.usefixtures("toys", "here")
def test_plan_estimates_from_a_trial(capsys: pytest.CaptureFixture[str]) -> None:
    _run(capsys, "build", "recipe.yaml", "--out", "trial", "--workers", "1", "--limit", "6")
    estimate = _json(capsys, "plan", "recipe.yaml", "--like", "trial")[1]["estimate"]
    trial = _json(capsys, "status", "trial")[1]
    assert estimate["num_measured"] == 6
    limited = _json(capsys, "plan", "recipe.yaml", "--limit", "6")[1]
    assert limited["fingerprint"] == trial["fingerprint"]
    assert estimate["num_bytes"] == pytest.approx(trial["num_bytes"] * 30 / 6, abs=1)
    out = _run(capsys, "plan", "recipe.yaml", "--like", "trial")[1]
    assert "as measured on 6 samples of trial" in out


@pytest.mark.usefixtures("toys", "here")
def test_preview_writes_a_sheet_and_a_page(capsys: pytest.CaptureFixture[str]) -> None:
    code, data = _json(capsys, "preview", "recipe.yaml", "-n", "4", "-o", "look")
    assert code == 0
    assert data["num_samples"] == len(data["keys"]) == len(data["labels"]) == 4
    assert Path("look/preview.png").stat().st_size > 1000
    page = Path("look/preview.html").read_text(encoding="utf-8")
    assert page.count("data:image/") == 4 * 9
    assert "http" not in page.replace("https://example.org", "")
    ToySource.bad.update(
        {f"{name}-{n:03d}": refusal() for name in ("airliner", "park_bench", "teapot") for n in (0, 1)}
    )
    code, out, _ = _run(capsys, "preview", "recipe.yaml", "-n", "3", "-o", "look")
    assert code == 1
    assert "no sample could be made" in out
    assert "unreadable  made to fail" in out
    del ToySource.bad["teapot-001"]
    code, data = _json(capsys, "preview", "recipe.yaml", "-n", "6", "-o", "look")
    assert (code, data["num_samples"], len(data["skipped"])) == (0, 1, 5)


@pytest.mark.usefixtures("here")
def test_ctrl_c_keeps_what_is_finished(capsys: pytest.CaptureFixture[str]) -> None:
    """For real, with two workers and the signal a terminal sends to the whole group."""
    sizes = ["--set", "render.size=64", "--set", "shards.samples=1", "--set", "sources.0.models_per_class=1"]
    command = [
        sys.executable,
        "-m",
        "dst3d_datasets.cli",
        "build",
        "render",
        "--out",
        "run",
        "--workers",
        "2",
        *sizes,
    ]
    build = subprocess.Popen(
        command,
        start_new_session=True,
        stderr=subprocess.PIPE,
        text=True,
        # a test run in the background of a shell inherits that Ctrl-C is ignored; a terminal's programs do not
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    patience = time.monotonic() + 60
    while not list(Path("run/receipts").glob("*.json")) and build.poll() is None and time.monotonic() < patience:
        time.sleep(0.02)
    os.killpg(build.pid, signal.SIGINT)
    _, err = build.communicate(timeout=60)
    assert build.returncode == 130, err
    assert "finished shards are kept; the same command goes on" in err
    assert "Traceback" not in err
    kept = _json(capsys, "status", "run")[1]
    assert 0 < kept["num_done"] < kept["num_shards"]
    assert not kept["building"]
