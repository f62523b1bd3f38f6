"""Benches: each runs, gives a table, and its table is Markdown."""

from __future__ import annotations

import json

import numpy as np
import pytest

from dst3d_datasets import bench
from dst3d_datasets.bench import load, render
from dst3d_datasets.bench.child import in_child
from dst3d_datasets.bench.result import Measured, Result, machine, shown
from dst3d_datasets.bench.shapes import bumpy_torus
from dst3d_datasets.cli import main
from dst3d_datasets.errors import Dst3dError


def test_a_result_is_markdown_and_json() -> None:
    measured = Measured(("how", "n", "rate"), [("torch", 12345, 0.123456), ("x", 2, 4321.9)], ["A note."])
    result = Result("toy", "a toy", True, {"cpu": "Z80", "cores": "1 core"}, measured)
    assert result.markdown() == (
        "**toy** (--quick): a toy. Z80, 1 core\n\n"
        "| how   |      n |  rate |\n"
        "| ----- | -----: | ----: |\n"
        "| torch | 12,345 | 0.123 |\n"
        "| x     |      2 | 4,322 |\n\n"
        "A note."
    )
    plain = json.loads(json.dumps(result.to_json()))
    assert plain["rows"] == [{"how": "torch", "n": 12345, "rate": 0.123456}, {"how": "x", "n": 2, "rate": 4321.9}]
    assert plain["notes"] == ["A note."]


@pytest.mark.parametrize(("value", "text"), [("a", "a"), (1234567, "1,234,567"), (0.0456, "0.0456"), (12.34, "12.3")])
def test_cells(value: str | int | float, text: str) -> None:
    assert shown(value) == text


def test_the_machine_is_named() -> None:
    facts = machine()
    assert list(facts) == ["cpu", "cores", "gpu", "python", "torch"]
    assert all(facts.values())


def test_a_child_has_its_own_memory_and_errors() -> None:
    found = in_child("result = dict(a=1)")
    assert found["a"] == 1
    assert 5 < found["peak_mib"] < 60
    assert found["wall"] > 0
    with pytest.raises(Dst3dError, match="division by zero"):
        in_child("1 / 0")
    with pytest.raises(Dst3dError, match="longer than"):
        in_child("import time; time.sleep(5)", seconds=0.2)


@pytest.mark.parametrize("faces", [10_000, 100_000])
def test_the_torus_is_a_whole_model(faces: int) -> None:
    model = bumpy_torus(faces)
    part = model.parts[0]
    assert abs(model.num_faces - faces) < 0.03 * faces
    assert max(model.size) == pytest.approx(1.0)
    low, high = part.vertices.min(axis=0), part.vertices.max(axis=0)
    np.testing.assert_allclose(high - low, model.size, atol=1e-5)
    np.testing.assert_allclose(low + high, 0, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(part.normals, axis=1), 1, atol=1e-5)
    assert part.faces.min() == 0
    assert part.faces.max() == len(part.vertices) - 1
    triangles = part.vertices[part.faces].astype(np.float64)
    facing = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    agree = (facing * part.normals[part.faces[:, 0]]).sum(axis=1)
    assert (agree > 0).mean() > 0.99  # normals and winding agree


def test_planning_two_and_a_half_million_samples_meets_its_goal(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "plan", "--quick", "--json"]) == 0
    largest = json.loads(capsys.readouterr().out)["rows"][-1]
    assert largest["samples"] == 2_500_000
    assert largest["total s"] < 10
    assert largest["peak MiB"] < 1024


def test_the_render_bench_measures_what_works(monkeypatch: pytest.MonkeyPatch) -> None:
    code = render._CODE.replace("{seconds}", "0.05")
    few = "import dst3d_datasets.bench.render_work as r; r.TOGETHER = dict(torch=2)"
    monkeypatch.setattr(render, "SIZE", 64)
    monkeypatch.setattr(render, "_CODE", f"{few}\n{code}")
    monkeypatch.setattr(render, "table", lambda drawer: {"torch": "", "no-such-engine": "", "blender": ""})
    monkeypatch.setattr(render, "WAYS", ("kept scene",))
    monkeypatch.setattr(render.LocalEngine, "__init__", lambda self: vars(self).update(workers=1, gpus=["0"]))
    device = Measured(("faces", "device", "host", "memory"), [(10_000, 5000.0, 2000.0, 1.0)])
    monkeypatch.setattr("dst3d_datasets.bench.render_device.run", lambda quick: device)
    measured = render.run(True)
    rows = [dict(zip(measured.columns, row, strict=True)) for row in measured.rows]
    ours = [row for row in rows if row["engine"] == "torch"]
    assert [(row["faces"], row["workers"]) for row in ours] == [(f, 1) for f in render.FACES[:2]]
    for row in ours:
        assert row["views/s"] > 0
        assert row["render ms"] > row["visibility ms"] >= 0
        assert 1000 / row["views/s"] > sum(row[f"{part} ms"] for part in render.PARTS)
    assert any("no-such-engine does not work here" in note for note in measured.notes)
    stock = {row["faces"]: row["views/s"] for row in rows if row["engine"].startswith("stock")}
    if not stock:
        assert any("stock pyrender, kept scene does not work here" in note for note in measured.notes)
    on_gpu = {row["engine"]: row["views/s"] for row in rows if "GPU" in row["engine"]}
    assert on_gpu == {"torch, kept on the GPU": 5000.0, "torch, GPU to host": 2000.0}
    for row in ours:
        assert row["x stock"] == (row["views/s"] / stock[row["faces"]] if stock else "-")


def test_the_memory_bench_counts_every_view() -> None:
    from dst3d_datasets.bench import render_memory

    first, second = render_memory.soak("torch", (1, 60))
    assert second["mib"] > 50
    assert second["seconds"] > first["seconds"] > 0
    assert render_memory.resident_mib() == pytest.approx(second["mib"], rel=0.5)


def test_the_load_bench_reads_back_what_it_wrote(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "SIZE", 64)
    measured = load.run(True)
    assert [row[0] for row in measured.rows][:2] == ["write", "read"]
    assert all(row[2] > 0 for row in measured.rows)
    names = [row[1] for row in measured.rows]
    assert "dst3d tar, bytes" in names
    assert sum("decoded" in name for name in names) >= 2


@pytest.mark.usefixtures("toys")
def test_the_build_bench_shares_out_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    from dst3d_datasets.bench import build

    monkeypatch.setattr(build, "available_cores", lambda: 1)
    measured = build.run(True)
    row = dict(zip(measured.columns, measured.rows[0], strict=True))
    assert len(measured.rows) == 1
    assert (row["workers"], row["images"]) == (1, 18)
    assert sum(value for name, value in row.items() if name.endswith("%")) == pytest.approx(100, abs=1)


def test_the_quickstart_bench_names_the_command_that_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    from dst3d_datasets.bench import quickstart

    with pytest.raises(Dst3dError, match=r"`dst3d status nowhere` ended with 2: .*not a run folder"):
        quickstart._command(["status", "nowhere"], quickstart.Path.cwd())


def test_the_list_of_benches(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["benches"] == bench.BENCHES
    assert main(["bench"]) == 0
    assert capsys.readouterr().out.startswith("plan ")
