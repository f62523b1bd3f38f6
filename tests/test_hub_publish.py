"""Publishing over real sockets, with the real client: staged, one commit, a tag; versions; nothing twice."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as parquet
import pytest
from _fake_run import fake_run
from _publish import NAME, data_of, hub, released
from _scorers import install_scorers
from minihub import MiniHub

from dst3d_datasets import scoring
from dst3d_datasets.cli.diff import opened
from dst3d_datasets.errors import UsageError
from dst3d_datasets.hub.trouble import AccessError, HubError
from dst3d_datasets.release import make_release
from dst3d_datasets.release_diff import difference
from dst3d_datasets.release_placement import open_base
from dst3d_datasets.run import amend
from dst3d_datasets.store import Store

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


def test_three_versions_told_apart_by_class(hub: MiniHub, tmp_path: Path) -> None:
    """Samples come, samples are rejected: only the tars concerned change, and each pair of versions can be compared."""
    folders = [tmp_path / name for name in ("one", "two", "three")]
    released(folders[0], models=3).push_to_hub(NAME, "1.0.0")
    released(folders[1], follows=folders[0], models=4).push_to_hub(NAME, "next", message="More of all")
    before = hub.received
    third = released(folders[2], follows=folders[1], models=4, skip="m1")
    told = third.push_to_hub(NAME, "next", message="m1 was no good")
    assert told.version == "1.2.0"
    versions = [f"{NAME}@v1.{minor}.0" for minor in range(3)]
    of_each = {"airliner": 4, "coffee mug": 4, "space | station": 4}
    for a, b, added, dropped in ((0, 1, of_each, {}), (1, 2, {}, of_each), (0, 2, of_each, of_each)):
        (old, open_old), (new, open_new) = opened(versions[a]), opened(versions[b])
        change = difference(old, new, open_old, open_new)
        assert (change.added, change.dropped, change.bump()) == (added, dropped, "minor")
        assert [change.redrawn, change.relabelled, change.moved] == [{}, {}, {}]
    holders = {row["shard"] for row in rows_of(folders[1]) if row["cad_id"] == "m1"}
    old, new = (
        {path: sha for path, sha in data_of(hub, tag).items() if path.startswith("data/")}
        for tag in ("v1.1.0", "v1.2.0")
    )
    touched = {path for path in old if old[path] != new.get(path)}
    assert touched == holders
    assert 0 < len(touched) < len(old)
    assert set(new) <= set(old)
    assert hub.received - before == sum(n for p, n in told.files.items() if p.endswith((".tar", ".parquet", ".jpg")))
    assert {path for path in told.files if path.startswith("data/")} == touched & set(new)
    card = hub.repos[NAME].tree("v1.2.0")["README.md"].data.decode()
    log = card[card.index("### 1.2.0") : card.index("## Load it")]
    assert "### 1.2.0\n\n- m1 was no good\n- 12 samples dropped: airliner 4, coffee mug 4, space | station 4" in log
    assert "### 1.1.0\n\n- More of all\n- 12 samples added: " in log
    assert "### 1.0.0\n\n- First version." in log


def test_a_stricter_filter_touches_what_it_rejects_alone(
    hub: MiniHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_scorers(tmp_path / "site", monkeypatch)
    run, bare = tmp_path / "run", tmp_path / "bare"
    released(bare).push_to_hub(NAME, "1.0.0")  # the same samples without a filter
    fake_run(run, scores=["toy"], keep={"rate": 0.9, "per": ["class"], "at_least": 0.0})
    scoring.score(run, workers=1)
    told = make_release(run, tmp_path / "loose", follows=open_base(bare)).push_to_hub(NAME, "next")
    assert told.change is not None
    assert (told.version, told.change.new_fields) == ("1.1.0", ("scores.toy",))
    amend(Store(run), ["keep.rate=0.7"])
    strict = make_release(run, tmp_path / "strict", follows=open_base(tmp_path / "loose"))
    told = strict.push_to_hub(NAME, "next")
    assert told.change is not None
    assert (told.version, told.change.added, told.change.new_fields) == ("1.2.0", {}, ())
    kept = {row["key"]: row for row in rows_of(tmp_path / "strict")}
    before = {row["key"]: row for row in rows_of(tmp_path / "loose")}
    gone = before.keys() - kept.keys()
    assert told.change.dropped == dict(sorted(Counter(before[key]["class_name"] for key in gone).items()))
    assert 0 < len(gone) < len(kept)
    assert not kept.keys() - before.keys()
    tars = {path for path in told.files if path.startswith("data/")}
    assert tars == {before[key]["shard"] for key in gone} & {row["shard"] for row in kept.values()}
    assert {row["shard"] for row in kept.values()} - tars  # some stay the same file


def rows_of(folder: Path) -> list[dict[str, Any]]:
    """Every row of a release's tables."""
    return [row for path in sorted(folder.glob("index/*/*.parquet")) for row in parquet.read_table(path).to_pylist()]
