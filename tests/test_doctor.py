"""The doctor: what it finds here, and what it says when something is missing or broken."""

from __future__ import annotations

import importlib.util
import json
import subprocess
from pathlib import Path

import pytest

from dst3d_datasets import doctor
from dst3d_datasets.cli import main
from dst3d_datasets.doctor import Check
from dst3d_datasets.recipe import load_recipe


@pytest.fixture
def no_gl(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the seconds that trying OpenGL takes."""
    monkeypatch.setattr(doctor, "check_gl", lambda name: Check(f"pyrender over {name}", "ok", "not tried"))


def test_the_gl_probe_draws_or_names_the_packages() -> None:
    for name, packages in doctor.SYSTEM_PACKAGES.items():
        check = doctor.check_gl(name)
        assert not check.required
        if check.status == "ok":
            assert check.detail
            assert not check.fix
        else:
            assert packages in check.fix or "pip install" in check.fix


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (subprocess.CompletedProcess([], 1, "", "Traceback\nImportError: no libEGL\n"), "no libEGL"),
        (subprocess.CompletedProcess([], -11, "", ""), "code -11"),
        (subprocess.CompletedProcess([], 0, '{"pixels": 0, "renderer": "odd driver"}\n', ""), "drew nothing"),
        (subprocess.TimeoutExpired("python", 5), "within 5 s"),
    ],
)
def test_a_broken_driver_is_reported(answer: object, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*args: object, **kwargs: object) -> object:
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(doctor.subprocess, "run", run)
    check = doctor.check_gl("egl", seconds=5)
    assert check.status == "missing"
    assert said in check.detail
    assert "libegl1" in check.fix


def test_an_extra_that_is_not_installed_names_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in ("cv2", "DracoPy") else real(name))
    render, draco = doctor.check_extra("render"), doctor.check_extra("draco")
    assert (render.status, render.required) == ("missing", True)
    assert "opencv-python-headless" in render.detail
    assert render.fix == 'pip install "dst3d-datasets[render]"'
    assert (draco.status, draco.required) == ("missing", False)
    assert doctor.check_extra("datasets").required is False


def test_every_extra_of_the_package_is_looked_at() -> None:
    import tomllib

    text = (Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8")
    extras = tomllib.loads(text)["project"]["optional-dependencies"]
    for extra, packages in doctor.EXTRAS.items():
        declared = " ".join(extras[extra])
        assert all(package in declared for package in packages)
    assert set(doctor.EXTRAS) == set(extras) - {"all", "test"}


def test_the_disk_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert doctor.check_space(tmp_path / "not" / "yet").detail.startswith(str(tmp_path))
    monkeypatch.setattr(doctor, "LITTLE_SPACE", 10**18)
    assert doctor.check_space(tmp_path).status == "warn"
    monkeypatch.setattr(doctor.os, "access", lambda path, mode: False)
    assert doctor.check_space(tmp_path).status == "missing"
    assert doctor.check_space("s3://bucket/run").status == "ok"
    assert [check.status for check in doctor.check_homes()] == ["warn", "warn"]


def test_homes_follow_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("DST3D_HOME", str(tmp_path / "ours"))
    assert [check.detail for check in doctor.check_homes()] == [str(tmp_path / "hf"), str(tmp_path / "ours")]


def test_a_recipe_with_a_missing_root_is_told(tmp_path: Path) -> None:
    good = {check.name: check for check in doctor.check_recipe(load_recipe("render"))}
    assert {check.status for check in good.values()} == {"ok"}
    assert "models of" in good["recipe: sources"].detail
    root = tmp_path / "nowhere"
    lost = load_recipe("render", [f"sources=[{{kind: folder, root: {root}}}]", "render.engine=nonsense"])
    bad = {check.name: check for check in doctor.check_recipe(lost)}
    assert bad["recipe: sources"].status == "missing"
    assert str(root) in bad["recipe: sources"].detail
    assert "known: " in bad["recipe: renderer"].detail
    assert bad["recipe: generator"].status == "ok"


def test_a_road_that_breaks_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(recipe: object, jobs: object) -> object:
        raise OSError("libgomp.so.1: cannot open shared object file")

    monkeypatch.setattr("dst3d_datasets.shard.iter_samples", broken)
    check = doctor.check_road()
    assert (check.status, check.required) == ("missing", True)
    assert "OSError: libgomp.so.1" in check.detail


@pytest.mark.usefixtures("no_gl")
def test_the_verb_exits_1_only_when_the_default_road_is_broken(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    words = ["doctor", "render", "--out", str(tmp_path), "--json"]
    assert main(words) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["ok"] is True
    names = [check["name"] for check in data["checks"]]
    assert names[:3] == ["python", "torch", "[render]"]
    assert "recipe: sources" in names
    road = next(check for check in data["checks"] if check["name"] == "a first sample")
    assert "11 members" in road["detail"]
    broken = Check("torch", "missing", "not installed", 'pip install "dst3d-datasets[render]"', required=True)
    monkeypatch.setattr(doctor, "check_torch", lambda: broken)
    assert main(["doctor"]) == 1
    out = capsys.readouterr().out
    assert "missing  torch" in out
    assert '-> pip install "dst3d-datasets[render]"' in out
    assert "the default road is broken" in out
