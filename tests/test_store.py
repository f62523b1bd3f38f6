"""The store: atomic, content-named, proven by receipts; full and read-only disks; other file systems."""

from __future__ import annotations

import errno
import hashlib
import os
import uuid
from pathlib import Path

import pytest

from dst3d_datasets import store as store_module
from dst3d_datasets.errors import StoreError
from dst3d_datasets.nouns import Sample
from dst3d_datasets.receipt import Receipt, Skipped
from dst3d_datasets.store import Store
from dst3d_datasets.tar import TarWriter


def commit(store: Store, shard_id: str = "c-00000", content: bytes = b"x", count: int = 2) -> Receipt:
    def fill(writer: TarWriter) -> Receipt:
        for number in range(count):
            writer.write(Sample(key=f"{shard_id}-{number}", members=(("txt", content),)))
        return Receipt(
            shard_id=shard_id,
            class_id="c",
            digest="d",
            fingerprint="f",
            path="",
            sha256="",
            num_bytes=0,
            num_samples=count,
            skipped=(Skipped(uid="u", reason="missing", detail="gone", num_views=3),),
        )

    return store.commit(shard_id, "c", fill)


@pytest.fixture(params=["local", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return Store(tmp_path / "run" if request.param == "local" else f"memory://{uuid.uuid4().hex}/run")


def test_commit_and_read_back(store: Store) -> None:
    receipt = commit(store)
    assert store.receipt("c-00000") == receipt
    assert list(store.receipts()) == [receipt]
    with store.open(receipt) as stream:
        data = stream.read()
    assert hashlib.sha256(data).hexdigest() == receipt.sha256
    assert receipt.path == f"shards/c/c-00000-{receipt.sha256[:12]}.tar"
    assert len(data) == receipt.num_bytes
    assert store.has_all(receipt)
    assert store.verify(receipt) == ""
    assert store.sweep() == []


def test_absent_things(store: Store) -> None:
    assert store.receipt("none") is None
    assert store.read("run.json") is None
    assert list(store.receipts()) == []
    store.forget("none")


def test_a_shard_without_samples_is_a_receipt_without_a_file(store: Store) -> None:
    receipt = commit(store, count=0)
    assert (receipt.path, receipt.num_bytes) == ("", 0)
    assert store.verify(receipt) == ""
    assert store.has_all(receipt)


def test_losers_and_leftovers_are_swept(store: Store) -> None:
    first, second = commit(store, content=b"first"), commit(store, content=b"other")
    assert store.receipt("c-00000") == second
    assert store.sweep(remove=False) == [(first.path, first.num_bytes)]
    assert store.sweep() == [(first.path, first.num_bytes)]
    assert store.sweep() == []
    assert store.verify(second) == ""


def flip(path: Path, position: int) -> None:
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("position", [0, 512, 700, -1])
def test_one_flipped_byte_is_found(tmp_path: Path, position: int) -> None:
    store = Store(tmp_path)
    receipt = commit(store)
    flip(tmp_path / receipt.path, position)
    assert "sha256" in store.verify(receipt)
    (tmp_path / receipt.path).unlink()
    assert "gone" in store.verify(receipt)
    assert not store.has_all(receipt)
    with pytest.raises(StoreError, match="dst3d verify"), store.open(receipt):
        pass


def test_nothing_is_kept_of_a_shard_that_fails(tmp_path: Path) -> None:
    store = Store(tmp_path)

    def fill(writer: TarWriter) -> Receipt:
        writer.write(Sample(key="a", members=(("txt", b"x" * 10_000),)))
        raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        store.commit("c-00000", "c", fill)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    ("code", "words"), [(errno.ENOSPC, "disk is full"), (errno.EROFS, "read-only"), (errno.EACCES, "no permission")]
)
def test_a_disk_that_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, words: str) -> None:
    store = Store(tmp_path)
    kept = commit(store, "c-00000")

    def refuse(fd: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(store_module.os, "fsync", refuse)
    with pytest.raises(StoreError, match=words) as caught:
        commit(store, "c-00001")
    assert "finished shards are kept" in str(caught.value)
    assert str(tmp_path) in str(caught.value)
    monkeypatch.undo()
    assert list(store.receipts()) == [kept]
    assert store.sweep() == []


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("I am a file")
    with pytest.raises(StoreError, match="cannot write"):
        commit(Store(tmp_path / "run"))


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"schema": "dst3d-receipt/9"}', b'{"schema": "dst3d-receipt/1"}'])
def test_unreadable_receipts_are_named(tmp_path: Path, data: bytes) -> None:
    store = Store(tmp_path)
    store.write("receipts/c-00007.json", data)
    with pytest.raises(StoreError, match="c-00007"):
        store.receipt("c-00007")
