"""Fixtures that every test may use."""

from __future__ import annotations

from pathlib import Path

import pytest

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
