"""Releases appear whole or not at all; what cannot be released is refused with a reason and a way out."""

from __future__ import annotations

import errno
import hashlib
import json
import shutil
import subprocess
import sys

import pytest
from _fake_run import fake_run, tree
from _scorers import install_scorers

from dst3d_datasets import release_files
from dst3d_datasets.errors import EXIT_USAGE, BusyError, ReleaseError, StoreError, UsageError
from dst3d_datasets.release import make_release, open_release
from dst3d_datasets.release_files import in_the_making


def test_unfinished_runs_are_refused_unless_allowed(tmp_path):
    fake_run(tmp_path / "run", leave_out=2)
    with pytest.raises(ReleaseError, match=r"2 of 9 shards are not made yet.*dst3d build.*dst3d status") as caught:
        make_release(tmp_path / "run", tmp_path / "out")
    assert caught.value.exit_code == EXIT_USAGE
    assert not (tmp_path / "out").exists()
    release = make_release(tmp_path / "run", tmp_path / "out", allow_partial=True)
    assert release.manifest["partial"] == {"shards": 7, "planned": 9}
    assert "**Not complete.** This release holds 7 of 9" in (tmp_path / "out/README.md").read_text()


def test_a_receipt_without_its_tar_is_no_shard(tmp_path):
    store = fake_run(tmp_path / "run")
    (tmp_path / "run" / next(store.receipts()).path).unlink()
    with pytest.raises(ReleaseError, match="1 of 9 shards are not made yet"):
        make_release(tmp_path / "run", tmp_path / "out")


def test_untrained_pictures_are_refused_unless_allowed(tmp_path):
    fake_run(tmp_path / "run", untrained="the ControlNet's weights are random")
    with pytest.raises(
        ReleaseError, match=r"must not be released: the ControlNet's weights are random.*allow-untrained"
    ):
        make_release(tmp_path / "run", tmp_path / "out")
    make_release(tmp_path / "run", tmp_path / "out", allow_untrained=True)
    assert "**Not for use.**" in (tmp_path / "out/README.md").read_text()


def test_used_folders_are_refused_and_left_alone(tmp_path):
    fake_run(tmp_path / "run")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine.txt").write_text("keep me")
    with pytest.raises(ReleaseError, match="not empty"):
        make_release(tmp_path / "run", tmp_path / "out")
    assert tree(tmp_path / "out") == {"mine.txt": hashlib.sha256(b"keep me").hexdigest()}
    for inside in ("shards/release", "receipts", "."):
        with pytest.raises(ReleaseError, match="among the run's own files"):
            make_release(tmp_path / "run", tmp_path / "run" / inside)
    (tmp_path / "file").write_text("")
    with pytest.raises(ReleaseError, match="is a file"):
        make_release(tmp_path / "run", tmp_path / "file")


def test_an_empty_folder_and_a_new_one_are_used(tmp_path):
    fake_run(tmp_path / "run")
    (tmp_path / "empty").mkdir()
    assert make_release(tmp_path / "run", tmp_path / "empty").num_samples == 36
    assert make_release(tmp_path / "run", tmp_path / "a/b/new").num_samples == 36


def test_the_same_release_again_is_no_work_and_another_one_is_refused(tmp_path):
    fake_run(tmp_path / "run")
    first = make_release(tmp_path / "run", tmp_path / "out")
    written = []
    assert make_release(tmp_path / "run", tmp_path / "out", progress=written.append) == first
    assert written == []
    fake_run(tmp_path / "other", seed=1)
    with pytest.raises(ReleaseError, match="holds another release"):
        make_release(tmp_path / "other", tmp_path / "out")
    next((tmp_path / "out" / "data").rglob("*.tar")).unlink()
    with pytest.raises(ReleaseError, match="not empty"):
        make_release(tmp_path / "run", tmp_path / "out")
    with pytest.raises(ReleaseError, match="not a whole release"):
        open_release(tmp_path / "out")


def test_nothing_to_release(tmp_path):
    fake_run(tmp_path / "run", models=1, skip="m0")
    with pytest.raises(ReleaseError, match="not one sample"):
        make_release(tmp_path / "run", tmp_path / "out")


def test_a_flipped_byte_is_found(tmp_path):
    store = fake_run(tmp_path / "run")
    path = tmp_path / "run" / next(store.receipts()).path
    data = bytearray(path.read_bytes())
    data[700] ^= 1
    path.write_bytes(data)
    with pytest.raises(StoreError, match=r"sha256 differs.*dst3d verify"):
        make_release(tmp_path / "run", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_full_disk_keeps_finished_tars_and_the_same_command_goes_on(tmp_path, monkeypatch):
    fake_run(tmp_path / "run")
    true_write, calls = release_files.write_tar, []

    def full(path, samples):
        if len(calls) == 3:
            next(samples)
            raise OSError(errno.ENOSPC, "No space left on device")
        calls.append(path.name)
        return true_write(path, samples)

    monkeypatch.setattr(release_files, "write_tar", full)
    with pytest.raises(StoreError, match=r"disk is full.*finished is kept in .*\.out\.tmp-.*goes on"):
        make_release(tmp_path / "run", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    monkeypatch.setattr(
        release_files, "write_tar", lambda path, samples: calls.append(path.name) or true_write(path, samples)
    )
    done = []
    make_release(tmp_path / "run", tmp_path / "out", progress=done.append)
    assert len(calls) == len(set(calls)) == 16
    assert sum(done) == 36
    make_release(tmp_path / "run", tmp_path / "straight")
    assert tree(tmp_path / "out") == tree(tmp_path / "straight")


def test_killed_while_writing_the_same_command_goes_on(tmp_path):
    fake_run(tmp_path / "run")
    script = (
        "import os, sys; from dst3d_datasets.release import make_release\n"
        "n = 0\n"
        "def progress(done):\n"
        "    global n; n += done\n"
        "    if n >= 17: os.kill(os.getpid(), 9)\n"
        "make_release(sys.argv[1], sys.argv[2], progress=progress)"
    )
    killed = subprocess.run([sys.executable, "-c", script, tmp_path / "run", tmp_path / "out"], check=False)
    assert killed.returncode == -9
    assert not (tmp_path / "out").exists()
    make_release(tmp_path / "run", tmp_path / "out")
    make_release(tmp_path / "run", tmp_path / "straight")
    assert tree(tmp_path / "out") == tree(tmp_path / "straight")
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_two_at_once_is_refused(tmp_path):
    fake_run(tmp_path / "run")
    content = make_release(tmp_path / "run", tmp_path / "first").content
    with in_the_making(tmp_path / "out", content), pytest.raises(BusyError, match="another process"):
        make_release(tmp_path / "run", tmp_path / "out")


def test_a_parent_that_cannot_be_written_is_named(tmp_path):
    fake_run(tmp_path / "run")
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"file/out.*cannot write the release"):
        make_release(tmp_path / "run", tmp_path / "file" / "out")


def test_duplicate_keys_are_refused(tmp_path):
    store = fake_run(tmp_path / "run")
    first, second = list(store.receipts())[:2]
    forged = json.loads((tmp_path / f"run/receipts/{second.shard_id}.json").read_text())
    path = f"shards/{second.class_id}/{second.shard_id}-copy.tar"
    shutil.copy(tmp_path / "run" / first.path, tmp_path / "run" / path)
    forged |= {"path": path, "sha256": first.sha256, "num_bytes": first.num_bytes, "num_samples": first.num_samples}
    (tmp_path / f"run/receipts/{second.shard_id}.json").write_text(json.dumps(forged))
    with pytest.raises(ReleaseError, match="is there twice"):
        make_release(tmp_path / "run", tmp_path / "out")


def test_a_run_that_wants_scores_waits_for_them(tmp_path, monkeypatch):
    install_scorers(tmp_path / "site", monkeypatch)
    fake_run(tmp_path / "run", scores=["toy"])
    with pytest.raises(UsageError, match=r"3 tables of scores are not there.*run `dst3d score"):
        make_release(tmp_path / "run", tmp_path / "out")
