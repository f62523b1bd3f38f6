"""A Hub on this machine and small releases, for tests of publishing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from _fake_run import fake_run
from huggingface_hub import constants, utils
from minihub import MiniHub

from dst3d_datasets.hub import trouble
from dst3d_datasets.hub.publish import Publication
from dst3d_datasets.release import Release, make_release
from dst3d_datasets.release_placement import open_base

NAME = "me/data"


def point_at(monkeypatch: pytest.MonkeyPatch, server: MiniHub, home: Path) -> None:
    """Let the real client talk to the server, with a token and a cache of its own, and lose no time over failures."""
    for name, value in {"HF_TOKEN": "hf_test", "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1"}.items():
        monkeypatch.setenv(name, value)
    import huggingface_hub.file_download
    import huggingface_hub.repocard  # noqa: F401 - old clients keep copies of the endpoint there

    ours = {
        "ENDPOINT": server.url,  # made of HF_ENDPOINT when the client is imported
        "HUGGINGFACE_CO_URL_TEMPLATE": server.url + "/{repo_id}/resolve/{revision}/{filename}",
    }
    for name, module in list(sys.modules.items()):
        for attribute, value in ours.items() if name.startswith("huggingface_hub") else ():
            if attribute in vars(module):
                monkeypatch.setattr(module, attribute, value)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(home / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True, raising=False)  # old clients do not know it
    monkeypatch.setattr(trouble.PATIENCE, "sleep", lambda seconds: None)
    utils.disable_progress_bars()


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MiniHub]:
    """A Hub with nothing on it."""
    with MiniHub() as server:
        point_at(monkeypatch, server, tmp_path / "hf")
        yield server


def released(folder: Path, follows: Path | None = None, **changes: Any) -> Release:
    """A small release in `folder`; keyword arguments as those of `fake_run`."""
    run = folder.parent / f"{folder.name}-run"
    fake_run(run, **changes)
    return make_release(run, folder, follows=None if follows is None else open_base(follows))


def outside(hub: MiniHub, home: Path, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run Python elsewhere, with the Hub as its Hub: the way a user's process sees it."""
    environment = {
        **os.environ,
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(home),
        "HF_TOKEN": "hf_test",
        "HF_UPDATE_DOWNLOAD_COUNTS": "0",
    }
    return subprocess.run(
        [sys.executable, *arguments], env=environment, check=check, capture_output=True, text=True, timeout=300
    )


def data_of(server: MiniHub, revision: str, name: str = NAME) -> dict[str, str]:
    """path -> hash of every file of a revision."""
    return {path: blob.sha256 or blob.oid for path, blob in server.repos[name].tree(revision).items()}


__all__ = ["NAME", "Publication", "data_of", "hub", "outside", "released"]
