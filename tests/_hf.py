"""Keep `datasets` inside a test's own folder and off the network."""

from __future__ import annotations

from pathlib import Path

import datasets
import pytest


def isolate(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Path:
    """Point every cache at a folder; returns that of `datasets`."""
    cache = folder / "datasets"
    monkeypatch.setenv("HF_HOME", str(folder / "hf"))
    monkeypatch.setenv("DST3D_HOME", str(folder / "home"))
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", cache)
    monkeypatch.setattr(datasets.config, "DOWNLOADED_DATASETS_PATH", cache / "downloads")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    datasets.disable_progress_bars()
    return cache
