"""Publishing over real sockets, with the real client: staged, one commit, a tag; versions; nothing twice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from _publish import NAME, data_of, hub, released
from minihub import MiniHub

from dst3d_datasets.errors import UsageError
from dst3d_datasets.hub.trouble import AccessError, HubError

__all__ = ["hub"]


def test_a_version_is_one_commit_and_a_tag(hub: MiniHub, tmp_path: Path) -> None:
    release = released(tmp_path / "one")
    told = release.push_to_hub(NAME, "1.0.0", message="The beginning")
    repo = hub.repos[NAME]
    assert [commit.title for commit in repo.history("main")] == ["Release 1.0.0", "initial commit"]
    assert repo.tags == {"v1.0.0": repo.branches["main"]} == {"v1.0.0": told.commit}
    assert set(repo.branches) == {"main"}  # the stage is gone
    manifest = json.loads(repo.tree("v1.0.0")["manifest.json"].data)
    assert manifest["version"] == "1.0.0"
    assert manifest["history"] == [{"version": "1.0.0", "lines": ["The beginning", "First version."]}]
    assert data_of(hub, "v1.0.0").keys() == {row["path"] for row in manifest["files"]} | {
        "manifest.json",
        ".gitattributes",
    }
    card = repo.tree("v1.0.0")["README.md"].data.decode()
    assert "version: 1.0.0" in card
    assert "### 1.0.0\n\n- The beginning" in card
    assert hub.received == sum(
        row["bytes"] for row in manifest["files"] if row["path"].endswith((".tar", ".parquet", ".jpg"))
    )


def test_the_same_command_again_does_nothing(hub: MiniHub, tmp_path: Path) -> None:
    release = released(tmp_path / "one")
    first = release.push_to_hub(NAME, "1.0.0")
    before, commits = hub.received, len(hub.repos[NAME].commits)
    for version in ("1.0.0", "next"):
        again = release.push_to_hub(NAME, version)
        assert again.was_there
        assert again.commit == first.commit
    assert (hub.received, len(hub.repos[NAME].commits)) == (before, commits)


def test_a_growing_release_sends_what_is_new_alone(hub: MiniHub, tmp_path: Path) -> None:
    released(tmp_path / "one", models=3).push_to_hub(NAME, "1.0.0")
    before, old = hub.received, data_of(hub, "v1.0.0")
    grown = released(tmp_path / "two", follows=tmp_path / "one", models=4)
    told = grown.push_to_hub(NAME, "next")
    assert told.version == "1.1.0"
    assert told.change is not None
    assert sum(told.change.added.values()) == 12
    assert not told.change.dropped
    new = data_of(hub, "v1.1.0")
    tars = [path for path in new if path.startswith("data/")]
    kept = [path for path in tars if old.get(path) == new[path]]
    assert kept == [path for path in old if path.startswith("data/")]
    assert 0 < len(tars) - len(kept) < len(tars)
    sent = {path: size for path, size in told.files.items() if path.startswith("data/")}
    assert set(sent) == set(tars) - set(kept)
    assert hub.received - before == sum(n for p, n in told.files.items() if p.endswith((".tar", ".parquet", ".jpg")))
    assert data_of(hub, "v1.0.0") == old


@pytest.mark.parametrize(
    ("version", "right"), [("1.0.1", "1.1.0"), ("2.0.0", "1.1.0"), ("1.2.0", "1.1.0"), ("1.0.0", "other bytes")]
)
def test_a_version_that_does_not_follow_is_refused(hub: MiniHub, tmp_path: Path, version: str, right: str) -> None:
    released(tmp_path / "one", models=2).push_to_hub(NAME, "1.0.0")
    before = data_of(hub, "main")
    with pytest.raises(UsageError, match=right):
        released(tmp_path / "two", models=3).push_to_hub(NAME, version)
    assert data_of(hub, "main") == before
    assert set(hub.repos[NAME].branches) == {"main"}


def test_a_repository_of_somebody_else_is_left_alone(hub: MiniHub, tmp_path: Path) -> None:
    hub.repos[NAME] = {"main": {"README.md": b"mine", "train.parquet": b"rows"}}
    with pytest.raises(UsageError, match=r"train\.parquet"):
        released(tmp_path / "one").push_to_hub(NAME, "1.0.0")
    assert set(data_of(hub, "main")) == {"README.md", "train.parquet"}


def test_a_dry_run_changes_nothing(hub: MiniHub, tmp_path: Path) -> None:
    told = released(tmp_path / "one").push_to_hub(NAME, "1.0.0", dry_run=True)
    assert told.files
    assert NAME not in hub.repos
    assert {method for method, *_ in hub.calls} <= {"GET", "HEAD"}


def test_tokens_are_told_of_and_never_told(hub: MiniHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    release = released(tmp_path / "one")
    monkeypatch.setenv("HF_TOKEN", "hf_wrongwrongwrong")
    with pytest.raises(AccessError, match="hf auth login") as caught:
        release.push_to_hub(NAME, "1.0.0")
    shown = "".join(str(each) for each in (caught.value, caught.value.__cause__, caught.value.__context__))
    assert "wrongwrong" not in shown
    monkeypatch.setenv("HF_TOKEN", "hf_test")
    release.push_to_hub(NAME, "1.0.0", private=True)
    assert NAME in hub.private
    hub.read_only.add(NAME)
    with pytest.raises(AccessError, match="write access"):
        released(tmp_path / "two", models=4).push_to_hub(NAME, "next")


def test_what_the_hub_says_of_a_card_is_told(hub: MiniHub, tmp_path: Path) -> None:
    release = released(tmp_path / "one")
    card = tmp_path / "one" / "README.md"
    card.write_text(card.read_text().replace("license:", "licence:"))
    with pytest.raises(HubError, match="license"):
        release.push_to_hub(NAME, "1.0.0")
    assert set(data_of(hub, "main")) == {".gitattributes"}
