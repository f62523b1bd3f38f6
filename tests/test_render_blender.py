"""The Blender engine: its colour lies on the exact mask and looks like ours, and what is said when Blender is not well.

Whatever needs Blender itself is skipped where there is none: it is never asked for by CI.
"""

from __future__ import annotations

import io
import os
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from _raycast import iou
from _render_shapes import LIGHTS, SIDES, camera, changed, cube, model_of, sphere, square

from dst3d_datasets.errors import Dst3dError, MissingDependency, UsageError
from dst3d_datasets.nouns import CadModel, Lights, Material
from dst3d_datasets.recipe import load_recipe
from dst3d_datasets.render import blender_process
from dst3d_datasets.render.blender import BlenderRenderer
from dst3d_datasets.render.blender_process import Blender, find
from dst3d_datasets.render.blender_worker import receive, send
from dst3d_datasets.render.lights import lights_of
from dst3d_datasets.render.raster import TorchRenderer

VIEW = camera(30, 20, 2.2, 64)


@pytest.fixture(scope="module")
def engine() -> Iterator[BlenderRenderer]:
    try:
        renderer = BlenderRenderer("cpu", samples=8)
    except (MissingDependency, UsageError) as error:
        pytest.skip(f"there is no Blender on this machine: {str(error).splitlines()[0]}")
    yield renderer
    renderer.close()


def striped(mode: str) -> CadModel:
    """A square that faces the front, with a hole in its texture's middle and colours at its corners."""
    texture = np.full((64, 64, 4), 255, np.uint8)
    texture[:32, :, 0] = 60
    texture[20:44, 20:44, 3] = 0
    corners = np.array([[-1, 0, -1], [1, 0, -1], [1, 0, 1], [-1, 0, 1]]) * 0.5
    colours = np.array([[1, 1, 1, 1], [0.3, 1, 1, 1], [1, 0.3, 1, 1], [1, 1, 0.3, 1]], np.float32)
    return model_of(square(corners, colours=colours, material=Material(texture=texture, alpha_mode=mode)))  # type: ignore[arg-type]


MODELS = {
    "cube": cube({"+x": (0.8, 0.1, 0.1), "-y": (0.1, 0.8, 0.1)}),
    "unlit": cube({"+x": (0.8, 0.1, 0.1), "-y": (0.1, 0.8, 0.1)}, unlit=True),
    "sphere": sphere(32),
    "cut out": striped("mask"),
    "glass": striped("blend"),
}


@pytest.mark.parametrize("name", MODELS)
def test_colour_lies_on_the_mask_and_looks_like_ours(engine: BlenderRenderer, name: str) -> None:
    light = [lights_of(3, "random")]
    theirs = next(iter(engine.render(MODELS[name], [VIEW], light)))
    ours = next(iter(TorchRenderer("cpu").render(MODELS[name], [VIEW], light)))
    for exact in ("mask", "depth", "normal", "part"):
        assert np.array_equal(getattr(ours, exact), getattr(theirs, exact))
    assert iou(theirs.alpha > 127, ours.mask) > 0.97
    assert np.abs(theirs.alpha.astype(int) - ours.alpha).mean() < 1.5
    solid = (ours.alpha == 255) & (theirs.alpha == 255)
    apart = np.abs(theirs.colour.astype(int) - ours.colour)[solid]
    assert apart.mean() < (2.0 if name == "unlit" else 8.0)
    assert np.abs(theirs.colour[solid].mean(0) - ours.colour[solid].mean(0)).max() < 8.0


def test_light_comes_from_where_it_should(engine: BlenderRenderer) -> None:
    """Light from all around that is stronger on one side brightens the side that looks there."""
    dark = (0.0, 0.0, 0.0)
    for axis, (row, sign) in {"+x": (3, 1), "-y": (1, -1), "+z": (2, 1)}.items():
        table = np.zeros((9, 3))
        table[0], table[row] = 1.5, 0.6 * sign
        light = Lights(key_colour=dark, fill_colour=dark, environment=tuple(map(tuple, table.tolist())))  # type: ignore[arg-type]
        pair = [next(iter(each.render(cube(), [VIEW], [light]))) for each in (engine, TorchRenderer("cpu"))]
        for buffers in pair:
            means = {
                side: buffers.colour[buffers.part == list(SIDES).index(side)].mean() for side in ("+x", "-y", "+z")
            }
            assert max(means, key=lambda side: means[side]) == axis
    lamp = Lights(key_direction=(1.0, 0.0, 0.2), environment=((0.0,) * 3,) * 9, fill_colour=dark)
    theirs = next(iter(engine.render(cube(), [VIEW], [lamp])))
    means = [theirs.colour[theirs.part == list(SIDES).index(side)].mean() for side in ("+x", "-y", "+z")]
    assert means[0] > 130 > means[2] > 20 > means[1]


def test_views_follow_one_another_and_the_principal_point_may_lie_anywhere(engine: BlenderRenderer) -> None:
    moved = changed(VIEW, K=VIEW.K + np.array([[0, 0, 14.0], [0, 0, -9.0], [0, 0, 0]]))
    first, second = engine.render(cube(), [VIEW, moved], [LIGHTS] * 2)
    for seen in (first, second):
        assert iou(seen.alpha > 127, seen.mask) > 0.98
    wide = camera(-50, 10, 2.0, (120, 70))
    seen = next(iter(engine.render(sphere(), [wide], [LIGHTS])))
    assert iou(seen.alpha > 127, seen.mask) > 0.98
    assert np.array_equal(engine.silhouette(sphere(), wide), seen.mask)


def test_it_says_its_version_and_the_recipe_its_samples(engine: BlenderRenderer) -> None:
    assert engine.versions["blender"][0].isdigit()
    options = load_recipe("quickstart", ["render.engine=blender", "render.samples=4"]).render
    made = BlenderRenderer.of(options)
    assert made._samples == 4
    made.close()


def test_cameras_that_blender_lacks_are_refused(engine: BlenderRenderer) -> None:
    skewed = changed(VIEW, K=VIEW.K + np.array([[0, 3.0, 0], [0, 0, 0], [0, 0, 0]]))
    with pytest.raises(UsageError, match="skew"):
        list(engine.render(cube(), [skewed], [LIGHTS]))


def program(folder: Path, code: str) -> str:
    """A Python that runs this instead of the worker; `words` are the numbers of its pipes."""
    path = folder / "not-blender"
    path.write_text(f"#!{sys.executable}\nimport os, sys, time\nwords = sys.argv[2:]\n{code}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


HELLO = """
import json
def say(header):
    text = json.dumps({**header, "arrays": []}).encode()
    os.write(int(words[1]), len(text).to_bytes(8, "little") + text)
say({"blender": "9.9"})
"""


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("sys.exit('no libX11.so.6')", "ended with code 1: no libX11.so.6"),
        ("os.kill(os.getpid(), 11)", "died of signal 11"),
        ("time.sleep(60)", "no answer within 1 s"),
        ("os.write(int(words[1]), b'hello, I am a shell')\nos.close(int(words[1]))", "Blender ended with code 0"),
    ],
)
def test_one_that_does_not_start_is_told_with_what_to_install(tmp_path: Path, code: str, said: str) -> None:
    with pytest.raises(MissingDependency, match="bpy==") as caught:
        Blender(program(tmp_path, code), start_seconds=20.0 if "sleep" not in code else 1.0)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("time.sleep(60)", "no answer within 1 s, and was ended"),
        ("os.read(int(words[0]), 8)\nos.kill(os.getpid(), 9)", "died of signal 9"),
        ("os.read(int(words[0]), 8)\nsay({'error': 'RuntimeError: out of memory'})\ntime.sleep(60)", "out of memory"),
    ],
)
def test_one_that_hangs_or_crashes_at_work_is_ended_and_told(tmp_path: Path, code: str, said: str) -> None:
    blender = Blender(program(tmp_path, HELLO + code))
    assert blender.version == "9.9"
    start = time.monotonic()
    with pytest.raises(Dst3dError, match=said):
        blender.ask({"do": "load"}, {}, seconds=20.0 if "sleep(60)" not in code or "say({'error'" in code else 1.0)
    assert time.monotonic() - start < 15
    assert blender._process.poll() is not None


def test_what_is_named_is_taken_and_must_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = program(tmp_path, "")
    monkeypatch.delenv(blender_process.VARIABLE, raising=False)
    assert find(path) == path
    monkeypatch.setenv(blender_process.VARIABLE, path)
    assert find() == path
    with pytest.raises(UsageError, match="nowhere"):
        find(str(tmp_path / "nowhere"))
    monkeypatch.delenv(blender_process.VARIABLE)
    monkeypatch.setattr(blender_process.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingDependency, match=blender_process.VARIABLE):
        find()
    os.rename(path, tmp_path / "blender")
    assert find() == str(tmp_path / "blender")


def test_messages_come_back_as_they_were_sent() -> None:
    stream = io.BytesIO()
    arrays = {"a": np.arange(6, dtype=np.float32).reshape(2, 3)[:, ::-1], "b": np.zeros((0, 4), np.uint8)}
    send(stream, {"do": "x", "n": 1.5}, arrays)
    stream.seek(0)
    header, found = receive(stream)
    assert header == {"do": "x", "n": 1.5}
    assert found.keys() == arrays.keys()
    assert all(np.array_equal(found[name], arrays[name]) and found[name].dtype == arrays[name].dtype for name in arrays)
    with pytest.raises(EOFError):
        receive(stream)
