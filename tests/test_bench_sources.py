"""The bench of sources: what its processes do, small, and how its table is put together."""

from __future__ import annotations

from pathlib import Path

import pytest

from dst3d_datasets.bench import sources, sources_work


def test_each_form_is_opened_cold_and_warm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("trimesh")
    monkeypatch.setattr(sources_work, "FACES", 200)
    size, packed = sources_work.make(str(tmp_path), 4)
    assert size > packed > 1000
    for form in sources._FORMS:
        cold, warm = sources_work.open_all(str(tmp_path), form)
        assert min(cold[0], warm[0]) > 0
        assert warm[1] == 0
        if form == "zip over HTTP":
            assert packed <= cold[1] / 4 <= 1.2 * packed
            assert cold[2] > 0
        else:
            assert (cold[1], cold[2]) == (0, 0)
    assert sources_work.stream(str(tmp_path), 9)[0] == 9
    ours, theirs, length = sources_work.loads(str(tmp_path))
    assert min(ours, theirs, length) > 0
    assert min(sources_work.cache_costs(str(tmp_path / "costs"))) > 0


def test_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {
        "make": [700_000, 160_000],
        "open_all": [(10.0, 240, 80, 10), (20.0, 0, 5, 10)],
        "stream": (100, 9.0),
        "cache_costs": (300.0, 900.0, 0.001),
        "loads": (0.2, 0.1, 700_000),
    }
    monkeypatch.setattr(sources, "_child", lambda call, arguments: {"rows": answers[call], "peak_mib": 77.0})
    measured = sources.run(True)
    assert [tuple(row) for row in measured.rows[:2]] == [
        ("tree", "cold", 10.0, 0.01, 0.08, 1.0, 77.0),
        ("tree", "warm", 20.0, 0.0, 0.005, 0.0, 77.0),
    ]
    assert len(measured.rows) == 6
    assert "200 ms a MB here, 100 ms a MB by plain trimesh.load (2.00 of it)" in measured.notes[3]
