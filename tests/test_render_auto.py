"""`render.engine: auto`: what it stands for on which machine, and that a run keeps the engine it was begun with."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from _toy import toy_recipe

from dst3d_datasets import build, doctor, run
from dst3d_datasets.cli import main
from dst3d_datasets.errors import UsageError
from dst3d_datasets.recipe import Recipe, builtin_recipes, fingerprint, load_recipe
from dst3d_datasets.render import auto
from dst3d_datasets.render.auto import Choice, Found, choose
from dst3d_datasets.store import Store
from dst3d_datasets.tools import Tools

YES, NO = Found(True, "a device"), Found(False, "no luck")


@pytest.mark.parametrize(
    ("cuda", "egl", "device", "engine", "said"),
    [
        (YES, YES, "auto", "torch", "CUDA works here (a device)"),
        (NO, YES, "auto", "moderngl", "EGL works here (a device)"),
        (NO, NO, "auto", "torch", "no moderngl: no luck"),
        (YES, YES, "cpu", "moderngl", "EGL"),
        (NO, YES, "cuda:1", "torch", "the recipe asks for cuda:1"),
    ],
)
def test_the_choice(
    cuda: Found, egl: Found, device: str, engine: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auto, "cuda", lambda: cuda)
    monkeypatch.setattr(auto, "egl", lambda: egl)
    choice = choose(device)
    assert choice.engine == engine
    assert said in choice.why


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (subprocess.CompletedProcess([], 0, "llvmpipe\n", ""), Found(True, "llvmpipe")),
        (subprocess.CompletedProcess([], 0, "\n", ""), None),
        (subprocess.CompletedProcess([], 1, "", "Traceback\nOSError: no\n"), Found(False, "OSError: no")),
        (subprocess.CompletedProcess([], -11, "", ""), Found(False, "it ended with code -11")),
        (subprocess.TimeoutExpired("python", 5), Found(False, "no answer within 40 s")),
    ],
)  # fmt: skip
def test_a_probe_that_hangs_or_crashes_is_a_no(
    answer: object, found: Found | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*args: object, **kwargs: object) -> object:
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(auto.subprocess, "run", run)
    assert auto._tried("") == found


def test_what_it_says_of_this_machine_is_true() -> None:
    from dst3d_datasets.errors import MissingDependency
    from dst3d_datasets.registry import lookup

    torch = pytest.importorskip("torch")
    assert auto.cuda().works == torch.cuda.is_available()
    try:
        lookup("render", "moderngl")().close()
    except MissingDependency:
        assert not auto.egl().works
    else:
        assert auto.egl().works


def undecided(**render: object) -> Recipe:
    return toy_recipe(render={"engine": "auto", "size": 64, **render})


@pytest.mark.usefixtures("toys")
def test_a_run_keeps_the_engine_it_was_begun_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named = toy_recipe(render={"engine": "torch", "size": 64})
    monkeypatch.setattr(run, "choose", lambda device: Choice("torch", "begun here"))
    first = build.build(undecided(), tmp_path, workers=1, part=0, parts=2)
    written = load_recipe(tmp_path / "recipe.yaml")
    assert written == named
    assert (
        json.loads((tmp_path / "run.json").read_text())["fingerprint"] == fingerprint(named) != fingerprint(undecided())
    )
    monkeypatch.setattr(run, "choose", lambda device: Choice("moderngl", "gone on with elsewhere"))
    second = build.build(undecided(), tmp_path, workers=1, part=1, parts=2)
    assert load_recipe(tmp_path / "recipe.yaml") == named
    assert first.num_made + second.num_made == len(build.plan_for(named)[0])
    assert build.build(named, tmp_path, workers=1).num_made == 0
    assert not build.verify(tmp_path).damaged
    with pytest.raises(UsageError, match=r"render\.engine: 'torch' -> 'moderngl'"):
        build.build(toy_recipe(render={"engine": "moderngl", "size": 64}), tmp_path, workers=1)


@pytest.mark.usefixtures("toys")
def test_a_preview_draws_with_what_suits_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dst3d_datasets.tools.choose", lambda device: Choice("torch", device))
    assert Tools(undecided()).renderer.name == "toy"


def test_recipes_that_name_an_engine_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "choose", lambda device: pytest.fail("asked for nothing"))
    recipe = toy_recipe()
    assert run.settled(recipe, Store(tmp_path)) is recipe
    for name in builtin_recipes():
        assert load_recipe(name).render.engine == "torch"


@pytest.mark.usefixtures("toys")
def test_plan_and_doctor_say_which_and_why(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    choice = Choice("torch", "the moon is full")
    for place in (auto, run):
        monkeypatch.setattr(place, "choose", lambda device="auto": choice)
    monkeypatch.setattr("dst3d_datasets.cli.plan.choose", lambda device: choice)
    assert main(["plan", "render", "--set", "render.engine=auto"]) == 0
    assert "renderer: torch (the moon is full)" in capsys.readouterr().out
    assert main(["plan", "render", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["renderer"] == {"engine": "torch", "why": "the recipe names it"}
    assert main(["plan", "render", "--set", "render.engine=auto", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["fingerprint"] == data["fingerprint"]
    assert doctor.check_auto().detail == "torch: the moon is full"
    rows = {check.name: check for check in doctor.check_recipe(load_recipe("render", ["render.engine=auto"]))}
    assert rows["recipe: renderer"].detail == "torch: the moon is full"
