"""Versions proposed by those who may not write, and accepted by those who may."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from _publish import NAME, data_of, hub, released
from minihub import Fault, MiniHub

from dst3d_datasets.errors import UsageError
from dst3d_datasets.hub.accept import accept
from dst3d_datasets.hub.trouble import AccessError, NotThere

__all__ = ["hub"]


@pytest.fixture
def proposed(hub: MiniHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MiniHub:
    """A Hub with version 1.0.0, and its next one proposed by an outsider."""
    released(tmp_path / "one", models=3).push_to_hub(NAME, "1.0.0")
    hub.outsiders["hf_outsider"] = "ann"
    monkeypatch.setenv("HF_TOKEN", "hf_outsider")
    grown = released(tmp_path / "two", follows=tmp_path / "one", models=4)
    with pytest.raises(AccessError, match="--pull-request"):
        grown.push_to_hub(NAME, "next")
    before = data_of(hub, "main")
    told = grown.push_to_hub(NAME, "next", pull_request=True)
    assert (told.version, told.commit) == ("1.1.0", "")
    assert told.pull_request == f"{hub.url}/datasets/{NAME}/discussions/1"
    assert data_of(hub, "main") == before
    return hub


def test_a_proposal_is_whole_and_main_untouched(proposed: MiniHub, tmp_path: Path) -> None:
    repo = proposed.repos[NAME]
    assert set(repo.branches) == {"main", "refs/pr/1"}
    assert (repo.pulls[1].title, repo.pulls[1].status, repo.pulls[1].author) == ("Release 1.1.0", "open", "ann")
    assert "12 samples added" in repo.pulls[1].text
    manifest = json.loads(repo.tree("refs/pr/1")["manifest.json"].data)
    assert set(data_of(proposed, "refs/pr/1")) == {
        *(row["path"] for row in manifest["files"]),
        "manifest.json",
        ".gitattributes",
    }
    sent = proposed.received
    again = released(tmp_path / "three", follows=tmp_path / "one", models=4)
    assert again.push_to_hub(NAME, "next", pull_request=True).pull_request.endswith("/1")  # the same one, nothing new
    assert proposed.received == sent
    assert len(repo.pulls) == 1


def test_a_maintainer_accepts_it(proposed: MiniHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repo = proposed.repos[NAME]
    with pytest.raises(AccessError):  # the proposer may not
        accept(NAME, 1)
    assert repo.pulls[1].status == "open"
    monkeypatch.setenv("HF_TOKEN", "hf_test")
    looked = accept(NAME, 1, dry_run=True)
    assert looked.change is not None
    assert sum(looked.change.added.values()) == 12
    assert "v1.1.0" not in repo.tags
    seen = []
    told = accept(NAME, 1, check=lambda name, tag: seen.append((name, tag)))
    assert repo.tags["v1.1.0"] == repo.branches["main"] == told.commit
    assert data_of(proposed, "v1.1.0") == data_of(proposed, "refs/pr/1")
    assert seen == [(NAME, "v1.1.0")]
    assert accept(NAME, 1).was_there
    grown = released(tmp_path / "three", follows=tmp_path / "one", models=4)
    assert grown.push_to_hub(NAME, "1.1.0").was_there


def test_merged_on_the_page_it_is_tagged_by_either_command(
    proposed: MiniHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import HfApi

    monkeypatch.setenv("HF_TOKEN", "hf_test")
    HfApi().merge_pull_request(NAME, 1, repo_type="dataset")
    repo = proposed.repos[NAME]
    assert accept(NAME).commit == repo.tags["v1.1.0"] == repo.branches["main"]
    del repo.tags["v1.1.0"]
    grown = released(tmp_path / "three", follows=tmp_path / "one", models=4)
    told = grown.push_to_hub(NAME, "next", pull_request=True)
    assert told.pull_request == ""
    assert repo.tags["v1.1.0"] == told.commit == repo.branches["main"]


def test_a_proposal_with_other_bytes_is_not_accepted(proposed: MiniHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_test")
    repo = proposed.repos[NAME]
    whole = repo.tree("refs/pr/1")
    tar = max(path for path in whole if path.startswith("data/"))
    for wrong in (
        whole | {tar: proposed.repos.blob(tar, b"something else")},
        whole | {"attribution.csv": proposed.repos.blob("attribution.csv", b"nobody")},
        {path: blob for path, blob in whole.items() if path != tar},
        whole | {"data/train/extra.tar": proposed.repos.blob("data/train/extra.tar", b"more")},
    ):
        repo.commit("refs/pr/1", dict(wrong), "Meddled with")
        with pytest.raises(UsageError, match="not accepted"):
            accept(NAME, 1)
        assert repo.pulls[1].status == "open"
        assert "v1.1.0" not in repo.tags


def test_what_is_pushed_after_the_look_is_merged_but_never_tagged(
    proposed: MiniHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_test")
    repo = proposed.repos[NAME]
    whole = repo.tree("refs/pr/1")

    def meddle() -> None:
        if proposed.calls[-1][1].endswith("/discussions/1?diff=1") and len(repo.history("main")) == 2:
            looked.append(1)
            if len(looked) == 2:  # the first look is ours, the second stands before the merge
                other = whole | {"attribution.csv": proposed.repos.blob("attribution.csv", b"nobody")}
                repo.commit("refs/pr/1", other, "Slipped in")

    looked: list[int] = []
    proposed.watch = meddle
    with pytest.raises(UsageError, match=r"main: attribution\.csv"):
        accept(NAME, 1)
    assert len(looked) == 2
    assert "v1.1.0" not in repo.tags


def test_a_proposal_that_was_overtaken_is_refused(
    proposed: MiniHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_test")
    released(tmp_path / "other", follows=tmp_path / "one", models=5).push_to_hub(NAME, "1.1.0")
    with pytest.raises(UsageError, match=r"1\.1\.0 is published already"):
        accept(NAME, 1)
    assert proposed.repos[NAME].pulls[1].status == "open"


@pytest.mark.parametrize(
    ("pattern", "how"),
    [(r"whoami", "status"), (r"discussions\?", "reset"), (r"discussions$", "lost"), (r"discussions$", "status"),
     (r"/commit/refs", "lost"), (r"/status", "lost")],
)  # fmt: skip
def test_one_fault_makes_no_second_proposal(
    hub: MiniHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pattern: str, how: str
) -> None:
    hub.repos.fresh(NAME)
    hub.outsiders["hf_outsider"] = "ann"
    monkeypatch.setenv("HF_TOKEN", "hf_outsider")
    hub.faults.append(Fault(pattern, 503, how=how))  # type: ignore[arg-type]
    release = released(tmp_path / "one", models=1)
    release.push_to_hub(NAME, "1.0.0", pull_request=True)
    assert not hub.faults
    assert [pull.status for pull in hub.repos[NAME].pulls.values()] == ["open"]
    assert {row["path"] for row in release.manifest["files"]} <= set(data_of(hub, "refs/pr/1"))


@pytest.mark.parametrize("how", ["", "lost"])
def test_what_a_version_no_longer_has_is_gone_from_its_proposal(
    proposed: MiniHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """A note beside the release stays; tars that the version has not are removed, even if the answer is lost."""
    repo = proposed.repos[NAME]
    note = {"notes.md": proposed.repos.blob("notes.md", b"hello")}
    repo.commit("main", repo.tree("main") | note, "A note")
    repo.pulls.clear()
    del repo.branches["refs/pr/1"]
    if how:
        proposed.faults.append(Fault(r"/commit/refs", how="lost", skip=1))
    fewer = released(tmp_path / "fewer", models=1)  # another mix: fewer tars
    told = fewer.push_to_hub(NAME, "next", pull_request=True)
    assert not proposed.faults
    assert told.removed
    wanted = {row["path"] for row in fewer.manifest["files"]} | {"manifest.json", ".gitattributes", "notes.md"}
    assert set(data_of(proposed, "refs/pr/1")) == wanted
    monkeypatch.setenv("HF_TOKEN", "hf_test")
    accept(NAME, 1)
    assert set(data_of(proposed, f"v{told.version}")) == wanted


def test_nothing_to_propose_to_and_nothing_to_accept(
    proposed: MiniHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NotThere, match="its owner makes it first"):
        released(tmp_path / "x", models=1).push_to_hub("me/nowhere", "1.0.0", pull_request=True)
    with pytest.raises(UsageError, match="leave these flags to its owner"):
        released(tmp_path / "y", models=1).push_to_hub(NAME, "next", pull_request=True, gated="auto")
    monkeypatch.setenv("HF_TOKEN", "hf_test")
    with pytest.raises(NotThere, match="7"):
        accept(NAME, 7)
    proposed.repos[NAME].pulls[1].status = "closed"
    with pytest.raises(UsageError, match="closed"):
        accept(NAME, 1)
    assert accept(NAME).was_there  # what is on main is 1.0.0, tagged
    proposed.repos.fresh("me/empty")
    with pytest.raises(UsageError, match="no release"):
        accept("me/empty")
