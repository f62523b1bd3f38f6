"""Fixtures that every test may use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from _web import Web

SHARED_CAD = Path(__file__).resolve().parents[2] / "shared" / "cad"


@pytest.fixture(scope="session")
def cad_root() -> Path:
    """The folder of real CAD models beside the checkout; tests that need it are skipped where it is absent."""
    if not (SHARED_CAD / "models.csv").is_file():
        pytest.skip("the real CAD models (../shared/cad) are not on this machine")
    return SHARED_CAD


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the default drawers by toys that need only NumPy (see `_toy`)."""
    from _toy import install_toys

    install_toys(monkeypatch)


@pytest.fixture
def impatient_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model cache of the test's own, and retries that do not wait."""
    from dst3d_datasets.sources import patience

    monkeypatch.setenv("DST3D_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(patience, "PATIENCE", patience.Patience(sleep=lambda seconds: None, timeout=5.0))


@pytest.fixture
def web() -> Iterator[Web]:
    """A real HTTP server that can be told to misbehave (see `_web`)."""
    from _web import Web

    with Web() as server:
        yield server
