"""Publishing through trouble: lost answers, lost races, expired tokens, kills, and a storm of two hundred faults."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from _publish import NAME, data_of, hub, released
from huggingface_hub.utils import _http
from minihub import Fault, MiniHub

from dst3d_datasets.errors import UsageError
from dst3d_datasets.hub.stage import BATCH_FILES
from dst3d_datasets.hub.trouble import AccessError, HubError
from dst3d_datasets.release import Release

__all__ = ["hub"]


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client's own retries lose no time either."""
    monkeypatch.setattr(_http, "time", SimpleNamespace(**{**vars(time), "sleep": lambda seconds: None}))


def is_whole(server: MiniHub, release: Release, revision: str) -> bool:
    """Whether a revision holds every file of a release, and no other of its kind."""
    rows = {
        row["path"]: row["sha256"] for row in release.manifest["files"] if row["path"].startswith(("data/", "index/"))
    }
    there = {path: sha for path, sha in data_of(server, revision).items() if path.startswith(("data/", "index/"))}
    return rows == there


def size_of(release: Release) -> int:
    """Bytes of the files that go to large-file storage."""
    return sum(row["bytes"] for row in release.manifest["files"] if row["path"].endswith((".tar", ".parquet", ".jpg")))


@pytest.mark.parametrize("how", ["lost", "reset", "status"])
@pytest.mark.parametrize(
    "pattern",
    [r"/repos/create", r"/branch/release", r"/preupload/", r"objects/batch", r"/_lfs/[0-9a-f]{64}$", r"/_lfs/verify",
     r"/commit/release", r"/tree/", r"/commit/main", r"/tag/", r"/refs", r"/resolve/", r"/paths-info/"],
)  # fmt: skip
def test_one_fault_anywhere_changes_nothing(hub: MiniHub, tmp_path: Path, pattern: str, how: Any) -> None:
    release = released(tmp_path / "one", models=1)
    hub.faults.append(Fault(pattern, 503, how=how))
    release.push_to_hub(NAME, "1.0.0")
    assert not hub.faults
    repo = hub.repos[NAME]
    assert [commit.title for commit in repo.history("main")] == ["Release 1.0.0", "initial commit"]
    assert is_whole(hub, release, "v1.0.0")
    assert set(repo.branches) == {"main"}


def test_a_removed_stage_that_answers_late_is_no_failure(hub: MiniHub, tmp_path: Path) -> None:
    hub.faults.append(Fault(r"/branch/release", how="lost", method="DELETE"))
    released(tmp_path / "one", models=1).push_to_hub(NAME, "1.0.0")
    assert set(hub.repos[NAME].branches) == {"main"}


def test_somebody_else_commits_in_between(hub: MiniHub, tmp_path: Path) -> None:
    """Their file is kept, and ours follow."""
    hub.repos.fresh(NAME)

    def meddle() -> None:
        repo = hub.repos[NAME]
        if (
            "release-1.0.0" in repo.branches
            and len(repo.history("release-1.0.0")) > 1
            and "notes.md" not in repo.tree("main")
        ):
            repo.commit("main", repo.tree("main") | {"notes.md": hub.repos.blob("notes.md", b"hello")}, "A note")

    hub.watch = meddle
    release = released(tmp_path / "one", models=1)
    with pytest.raises(UsageError, match=r"notes\.md"):  # a first release goes onto an empty repository alone
        release.push_to_hub(NAME, "1.0.0")
    assert "README.md" not in data_of(hub, "main")


def test_a_note_beside_a_release_is_kept(hub: MiniHub, tmp_path: Path) -> None:
    released(tmp_path / "one", models=1).push_to_hub(NAME, "1.0.0")

    def meddle() -> None:
        repo = hub.repos[NAME]
        if "release-1.1.0" in repo.branches and "notes.md" not in repo.tree("main"):
            repo.commit("main", repo.tree("main") | {"notes.md": hub.repos.blob("notes.md", b"hello")}, "A note")

    hub.watch = meddle
    grown = released(tmp_path / "two", follows=tmp_path / "one", models=2)
    grown.push_to_hub(NAME, "1.1.0")
    titles = [commit.title for commit in hub.repos[NAME].history("main")]
    assert titles == ["Release 1.1.0", "A note", "Release 1.0.0", "initial commit"]
    assert "notes.md" in data_of(hub, "v1.1.0")
    assert is_whole(hub, grown, "v1.1.0")


def test_a_token_that_expires_on_the_way(hub: MiniHub, tmp_path: Path) -> None:
    release = released(tmp_path / "one", models=6)

    def expire() -> None:
        if hub.received > size_of(release) // 2:
            hub.tokens.clear()

    hub.watch = expire
    with pytest.raises(AccessError, match="same command goes on"):
        release.push_to_hub(NAME, "1.0.0")
    assert set(data_of(hub, "main")) == {".gitattributes"}
    hub.watch = None
    hub.tokens.add("hf_test")
    release.push_to_hub(NAME, "1.0.0")
    assert is_whole(hub, release, "v1.0.0")
    assert hub.received == size_of(release)  # nothing was sent twice


def test_killed_in_the_middle_it_goes_on(hub: MiniHub, tmp_path: Path) -> None:
    """SIGKILL after half of the bytes; only what was under way is sent again."""
    release = released(tmp_path / "one", models=8)
    environment = {**os.environ, "HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "hf"), "HF_TOKEN": "hf_test"}
    command = [
        sys.executable,
        "-m",
        "dst3d_datasets.cli",
        "publish",
        release.path,
        NAME,
        "--version",
        "1.0.0",
        "--quiet",
    ]
    process = subprocess.Popen([*command, "--no-check"], env=environment)

    def kill() -> None:
        if hub.received > size_of(release) // 2 and process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)

    hub.watch = kill
    assert process.wait(timeout=120) == -signal.SIGKILL
    hub.watch = None
    assert set(data_of(hub, "main")) == {".gitattributes"}
    assert not hub.repos[NAME].tags
    subprocess.run([*command, "--no-check"], env=environment, check=True, timeout=120)
    assert is_whole(hub, release, "v1.0.0")
    assert hub.received <= 1.1 * size_of(release)


def test_it_gives_up_with_a_way_on(hub: MiniHub, tmp_path: Path) -> None:
    release = released(tmp_path / "one", models=1)
    hub.faults.append(Fault(r"objects/batch", 503, times=10**6))
    with pytest.raises(HubError, match="same command goes on"):
        release.push_to_hub(NAME, "1.0.0")
    hub.faults.clear()
    hub.faults.append(Fault(r"objects/batch", 429, {"Retry-After": "100000"}, times=10**6))
    with pytest.raises(HubError):  # a day is not waited for
        release.push_to_hub(NAME, "1.0.0")
    hub.faults.clear()
    release.push_to_hub(NAME, "1.0.0")


def test_large_files_go_in_parts(hub: MiniHub, tmp_path: Path) -> None:
    hub.multipart = 20_000
    release = released(tmp_path / "one", models=4)
    release.push_to_hub(NAME, "1.0.0")
    assert is_whole(hub, release, "v1.0.0")
    assert any("/_lfs/part/" in path for _, path, *_ in hub.calls)


def test_a_storm(hub: MiniHub, tmp_path: Path) -> None:
    """Two hundred faults at random over three hundred files: nothing lost, nothing doubled, main never half."""
    old = released(tmp_path / "one", models=2)
    old.push_to_hub(NAME, "1.0.0")
    release = released(tmp_path / "two", follows=tmp_path / "one", models=30, release={"shard_bytes": 10_000})
    assert len(release.manifest["files"]) > 300 > BATCH_FILES
    before = data_of(hub, "main")
    states = []

    def look() -> None:
        now = data_of(hub, "main")
        if not states or states[-1] != now:
            states.append(now)

    hub.watch = look
    hub.storm = (random.Random(4), 0.2, 200)
    tries = 0
    while True:
        tries += 1
        try:
            release.push_to_hub(NAME, "1.1.0")
            break
        except HubError:
            assert tries < 50
    while hub.struck < 200:  # calm requests were too few: looking again must stand the rest
        try:
            assert release.push_to_hub(NAME, "1.1.0").was_there
        except HubError:
            continue
    hub.storm = None
    assert hub.struck == 200
    assert is_whole(hub, release, "v1.1.0")
    assert states == [before, data_of(hub, "main")]
    assert [commit.title for commit in hub.repos[NAME].history("main")][:2] == ["Release 1.1.0", "Release 1.0.0"]
    assert data_of(hub, "v1.0.0") == before
