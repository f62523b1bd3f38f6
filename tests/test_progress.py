"""Progress: a bar on a terminal, a line each 30 seconds elsewhere, and silence when asked for."""

from __future__ import annotations

import io
from types import SimpleNamespace

import pytest

from dst3d_datasets import progress as module
from dst3d_datasets.progress import Progress


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A clock that tests turn by hand."""
    now = SimpleNamespace(seconds=1000.0)
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now.seconds))
    monkeypatch.delenv("HF_HUB_DISABLE_PROGRESS_BARS", raising=False)
    return now


def _receipt(skipped: int) -> SimpleNamespace:
    return SimpleNamespace(skipped=(SimpleNamespace(num_views=skipped),))


def _events(progress: Progress, clock: SimpleNamespace, seconds: float) -> None:
    progress.on_event("plan", total_samples=1000, done_samples=200, shards=4)
    progress.on_event("something new", of="no interest")
    for _ in range(8):
        clock.seconds += seconds
        progress.on_event("samples", n=50)
    progress.on_event("shard", receipt=_receipt(3))
    progress.on_event("failed", shard_id="a", message="b")
    progress.close()


def test_lines_every_thirty_seconds_without_a_terminal(clock: SimpleNamespace) -> None:
    stream = io.StringIO()
    _events(Progress(stream=stream), clock, 10.0)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 3  # after 30 s, after 60 s, and the last word
    assert lines[0] == "350 of 1,000 images (0/4 shards), 5.0 a second, 2 min left"
    assert lines[-1].startswith("600 of 1,000 images (1/4 shards, 3 skipped, 1 failed), 5.0 a second")


def test_what_is_quickly_done_says_nothing(clock: SimpleNamespace) -> None:
    stream = io.StringIO()
    _events(Progress(stream=stream), clock, 0.1)
    assert stream.getvalue() == ""


def test_a_bar_on_a_terminal_that_is_taken_away(clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DELAY", 0.0)
    stream = Terminal()
    _events(Progress(stream=stream), clock, 1.0)
    shown = stream.getvalue()
    assert "images" in shown
    assert "1/4 shards, 3 skipped" in shown
    assert "\n" not in shown


@pytest.mark.parametrize("how", ["quiet", "environment"])
@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()])
def test_silence_when_asked_for(
    how: str, stream: io.StringIO, clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "DELAY", 0.0)
    if how == "environment":
        monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    with Progress(quiet=how == "quiet", stream=stream) as progress:
        _events(progress, clock, 40.0)
    assert stream.getvalue() == ""
    assert progress.done == 600


def test_a_progress_that_never_started_counts_all_the_same(clock: SimpleNamespace) -> None:
    stream = io.StringIO()
    with Progress(stream=stream) as progress:
        progress.advance(3)
    assert (progress.done, stream.getvalue()) == (3, "")
