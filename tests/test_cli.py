"""The habits of the command line: help, suggestions, JSON, quiet, exit codes and errors."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dst3d_datasets import build as build_module
from dst3d_datasets.cli import main
from dst3d_datasets.cli.output import duration, size, table
from dst3d_datasets.cli.plan import bars
from dst3d_datasets.cli.verbs import VERBS
from dst3d_datasets.errors import ShardFailed, StoreError
from dst3d_datasets.recipe import builtin_recipes, builtin_text

SMALL = ["--set", "views.per_model=1", "--set", "sources.0.models_per_class=1"]


def _run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(list(words))
    out, err = capsys.readouterr()
    return code, out, err


def _json(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict]:
    code, out, _ = _run(capsys, *words, "--json")
    return code, json.loads(out)  # one object and nothing else, or this fails


@pytest.mark.parametrize("verb", VERBS)
def test_every_help_page_has_examples_that_parse(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    from dst3d_datasets.cli.verbs import parse

    code, out, _ = _run(capsys, verb, "--help")
    assert code == 0
    assert "--json" in out
    assert "--quiet" in out
    examples = out.partition("Examples:\n")[2].splitlines()
    lines = [line.partition("#")[0].partition("|")[0].split() for line in examples if line.strip()]
    assert lines
    for words in lines:
        assert words[:2] == ["dst3d", verb]
        parse([word.replace("$SLURM_ARRAY_TASK_ID", "3") for word in words[1:]])


def test_the_main_help_lists_verbs_and_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = _run(capsys, "--help")
    assert code == 0
    for word in (*VERBS, "exit codes:", "130", "Examples:"):
        assert word in out
    assert _run(capsys)[1] == out  # no words at all: the same page


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = _run(capsys, "--version")
    assert code == 0
    assert out.startswith("dst3d ")
    assert out.split()[1][0].isdigit()


def test_help_takes_no_heavy_import() -> None:
    code = (
        "import sys; from dst3d_datasets.cli import main; main(['--help']); print(sorted(sys.modules), file=sys.stderr)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = ended.stderr
    for heavy in ("'numpy'", "'pydantic'", "'yaml'", "'PIL'", "'torch'", "'tqdm'"):
        assert heavy not in loaded


def test_help_is_fast() -> None:
    """Under 150 ms beside a bare interpreter, in processor time, which other programs do not lengthen much."""
    best = {"pass": 9.0, "from dst3d_datasets.cli import main; main(['--help'])": 9.0}
    for _ in range(5):
        for code in best:
            child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL)
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = status  # it has been waited for
            assert status == 0
            best[code] = min(best[code], usage.ru_utime + usage.ru_stime)
    bare, helped = best.values()
    assert helped - bare < 0.15


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["biuld"], "did you mean 'build'?"),
        (["nonsense"], "known: init, preview"),
        (["--quiet"], "begin with a verb"),
        (["plan", "quickstart", "--limmit", "3"], "did you mean '--limit'?"),
        (["plan", "quickstart", "--limit", "0"], "1 or more"),
        (["plan", "quickstart", "--limit", "many"], "1 or more"),
        (["plan", "quickstart", "--slice", "3/3"], "0 <= i < n"),
        (["plan", "quickstart", "--slice", "a"], "0 <= i < n"),
        (["plan"], "recipe"),
        (["build", "quickstart"], "--out"),
        (["plan", "quickstart", "--set", "render.size"], "field.path=value"),
        (["plan", "quickstart", "--set", "render.sice=3"], "did you mean 'size'?"),
        (["plan", "no-such-recipe"], "quickstart"),
        (["init", "no-such-recipe"], "quickstart"),
        (["build", "quickstart", "--out", "not-made", "--engine", "lokal"], "known: local"),
        (["bench", "plam"], "did you mean 'plan'?"),
        (["preview", "quickstart", "--columns", "picture,edges"], "known: picture, pose"),
        (["status", "no-such-run"], "not a run folder"),
    ],
)
def test_a_wrong_request_is_one_message_and_code_2(
    words: list[str], hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = _run(capsys, *words)
    assert code == 2
    assert out == ""
    assert err.startswith("dst3d: error: ")
    assert hint in err
    assert "Traceback" not in err
    code, data = _json(capsys, *words)
    assert code == 2
    assert data["error"]["exit_code"] == 2
    assert hint in data["error"]["message"]


def test_an_error_shows_its_traceback_on_request(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DST3D_DEBUG", "1")
    code, _, err = _run(capsys, "plan", "no-such-recipe")
    assert code == 2
    assert "Traceback" in err


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (StoreError("run: the disk is full"), 1, "the disk is full"),
        (ShardFailed("shard a-00000"), 1, "shard a-00000"),
        (KeyboardInterrupt(), 130, "finished shards are kept; the same command goes on"),
        (ZeroDivisionError("oh"), 1, "internal error (ZeroDivisionError: oh)"),
    ],
)
def test_errors_of_the_work_have_their_codes(
    error: BaseException, code: int, said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(out: str) -> None:
        raise error

    monkeypatch.setattr(build_module, "status", fail)
    found, out, err = _run(capsys, "status", "run")
    assert (found, out) == (code, "")
    assert said in err
    assert ("Traceback" in err) == isinstance(error, ZeroDivisionError)
    found, data = _json(capsys, "status", "run")
    assert found == code
    assert said in data["error"]["message"]


def test_init_writes_the_commented_recipe_and_overwrites_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, _ = _run(capsys, "init", "quickstart", "-o", "mine.yaml")
    assert code == 0
    assert "mine.yaml" in out
    assert Path("mine.yaml").read_text(encoding="utf-8") == builtin_text("quickstart")
    Path("mine.yaml").write_text("mine", encoding="utf-8")
    code, _, err = _run(capsys, "init", "-o", "mine.yaml")
    assert code == 2
    assert "--force" in err
    assert Path("mine.yaml").read_text(encoding="utf-8") == "mine"
    assert _run(capsys, "init", "-o", "mine.yaml", "--force", "-q") == (0, "", "")
    assert "#" in Path("mine.yaml").read_text(encoding="utf-8")
    assert set(_json(capsys, "init", "--list")[1]["recipes"]) == set(builtin_recipes())


def test_init_into_a_place_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    code, _, err = _run(capsys, "init", "-o", str(tmp_path / "file" / "recipe.yaml"))
    assert code == 2
    assert "cannot be written" in err


def test_plan_counts_and_describes(capsys: pytest.CaptureFixture[str]) -> None:
    code, data = _json(capsys, "plan", "quickstart", "--set", "views.per_model=5")
    assert code == 0
    assert data["num_samples"] == 5 * data["num_models"] == 10 * data["num_classes"]
    views = data["views"]
    assert sum(views["azimuth"]) == sum(views["elevation"]) == views["num_looked_at"] == data["num_samples"]
    code, out, _ = _run(capsys, "plan", "quickstart", "--limit", "7")
    assert code == 0
    assert "7 samples" in out
    assert "azimuth" in out
    assert _run(capsys, "plan", "quickstart", "-q") == (0, "", "")


def test_slices_share_the_plan_out(capsys: pytest.CaptureFixture[str]) -> None:
    whole = _json(capsys, "plan", "quickstart")[1]
    parts = [_json(capsys, "plan", "quickstart", "--slice", f"{i}/3")[1] for i in range(3)]
    assert sum(part["num_samples"] for part in parts) == whole["num_samples"]
    assert sum(part["num_shards"] for part in parts) == whole["num_shards"]


def test_a_closed_pipe_is_no_error() -> None:
    """`dst3d ... | head -0`: no message, and the exit code of the work."""
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "dst3d_datasets.cli", "plan", "quickstart", *SMALL]
    ended = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_numbers_for_people() -> None:
    assert [size(n) for n in (0, 999, 12_340, 7e9, 5e15)] == ["0 B", "999 B", "12.3 kB", "7.0 GB", "5000.0 TB"]
    assert [duration(s) for s in (4.2, 190, 7500)] == ["4.2 s", "3 min 10 s", "2 h 05 min"]
    assert table([("a", 5), ("bcd", 1234)]) == "  a        5\n  bcd  1,234"
    assert table([]) == ""
    assert table([("a",), ("b",), ("c",)], most=2) == "  a\n  b\n  ... and 1 more (--json lists all)"
    assert bars([0, 1, 100]) == " ▁█"
    assert bars([]) == ""
