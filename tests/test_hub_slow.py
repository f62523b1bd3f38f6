"""Slow and dead links: nothing is given up that still moves, and what is dead is left and gone on with."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from _publish import NAME, data_of, hub, outside, released
from huggingface_hub.utils import get_session
from minihub import Fault, MiniHub

from dst3d_datasets.hub.client import SILENCE, Repository

__all__ = ["hub"]

PUBLISH = """
import sys
from dst3d_datasets.hub import client, trouble
from dst3d_datasets.release import open_release
trouble.PATIENCE.sleep = lambda seconds: None
client.SILENCE = float(sys.argv[3])
print(open_release(sys.argv[1]).push_to_hub(sys.argv[2], "1.0.0").commit)
"""


def whole(server: MiniHub, folder: Path) -> bool:
    """Whether the tag holds every tar of a release's folder."""
    manifest = json.loads((folder / "manifest.json").read_text())
    there = data_of(server, "v1.0.0")
    return all(there[row["path"]] == row["sha256"] for row in manifest["files"] if row["path"].endswith(".tar"))


def test_a_slow_link_only_takes_longer(hub: MiniHub, tmp_path: Path) -> None:
    """Each answer late, and bytes that trickle; nothing is given up that moves, and nothing is sent twice."""
    release = released(tmp_path / "one", models=2)
    size = sum(row["bytes"] for row in release.manifest["files"] if row["path"].endswith((".tar", ".parquet", ".jpg")))
    hub.latency = 0.02
    hub.bytes_per_s = size / 4
    begin = time.monotonic()
    outside(hub, tmp_path / "home", "-c", PUBLISH, release.path, NAME, "5.0")
    assert time.monotonic() - begin > 1.0
    assert whole(hub, tmp_path / "one")
    assert hub.received == size


@pytest.mark.parametrize("pattern", [r"/_lfs/[0-9a-f]{64}$", r"/commit/main", r"/tree/"])
def test_a_silent_server_is_asked_again(hub: MiniHub, tmp_path: Path, pattern: str) -> None:
    release = released(tmp_path / "one", models=1)
    hub.faults.append(Fault(pattern, how="silent"))
    done = outside(hub, tmp_path / "home", "-c", PUBLISH, release.path, NAME, "1.0")
    assert not hub.faults
    assert done.stdout.strip() == hub.repos[NAME].tags["v1.0.0"]
    assert whole(hub, tmp_path / "one")


def test_a_programs_own_limit_stays(hub: MiniHub) -> None:
    hub.repos.fresh(NAME)
    limits = []
    session = get_session()
    before = session.timeout
    try:
        for given in (None, 7.0):
            session.timeout = given
            Repository(NAME).head()
            session.event_hooks["request"].append(lambda request: limits.append(request.extensions["timeout"]["read"]))
            Repository(NAME).head()
            del session.event_hooks["request"][-1]
    finally:
        session.timeout = before
    assert limits == [SILENCE, 7.0]
