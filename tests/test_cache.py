"""The cache: bounded, checked, shared; what is killed leaves nothing that looks whole."""

from __future__ import annotations

import fcntl
import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from dst3d_datasets.errors import UsageError
from dst3d_datasets.sources.cache import DEFAULT_BYTES, Cache


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("[0-9a-f][0-9a-f]/*"))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    cache = Cache(str(tmp_path), 1000)
    assert cache.read("a", "1") is None
    assert cache.write("a", "1", b"x" * 100)
    assert cache.read("a", "1") == cache.read("a") == b"x" * 100
    assert cache.read("a", "2") is None
    assert cache.read("b", "1") is None
    assert cache.write("a", "2", b"y")
    assert (cache.read("a", "1"), cache.read("a")) == (None, b"y")  # the old content is gone
    assert len(files(tmp_path)) == 1


def test_damage_is_noticed_and_removed(tmp_path: Path) -> None:
    cache = Cache(str(tmp_path), 1000)
    for damage in (b"x" * 99, b"", b"z" + b"x" * 99):
        cache.write("a", "1", b"x" * 100)
        (path,) = files(tmp_path)
        path.write_bytes(damage)
        assert cache.read("a", "1") is None
        assert files(tmp_path) == []


def test_the_least_recently_used_go_first(tmp_path: Path) -> None:
    cache = Cache(str(tmp_path), 1000)
    for number in range(8):
        cache.write(str(number), "", b"%d" % number * 100)
        for path in files(tmp_path):
            os.utime(path, (path.stat().st_atime, path.stat().st_mtime - 100))
    assert cache.read("0") is not None
    assert cache.write("new", "", b"n" * 300)
    assert cache.size() <= 1000
    assert [n for n in range(8) if cache.read(str(n)) is None] == [1, 2]
    assert cache.read("new") == b"n" * 300


def test_the_bound_holds_always(tmp_path: Path) -> None:
    cache, worst = Cache(str(tmp_path), 5000), 0
    stop = threading.Event()

    def watch() -> None:
        nonlocal worst
        while not stop.is_set():
            with cache._locks("size") as lock:  # files may get their final names meanwhile, but none may come or go
                fcntl.flock(lock, fcntl.LOCK_EX)
                worst = max(worst, cache.size())
            time.sleep(0.001)

    def write(name: str) -> None:
        mine = Cache(str(tmp_path), 5000)
        for number in range(60):
            mine.write(f"{name}{number}", "", os.urandom(100 + 37 * number % 900))

    watcher = threading.Thread(target=watch)
    watcher.start()
    writers = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in writers:
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    watcher.join()
    assert 2500 < worst <= 5000


def test_what_does_not_fit_is_not_kept(tmp_path: Path) -> None:
    cache = Cache(str(tmp_path), 1000)
    cache.write("small", "", b"s" * 500)
    assert not cache.write("large", "", b"l" * 1001)
    assert cache.read("small") is not None
    assert not Cache(str(tmp_path / "none"), 0).write("x", "", b"1")


def test_what_is_being_read_is_not_evicted(tmp_path: Path) -> None:
    cache = Cache(str(tmp_path), 1000)
    cache.write("held", "", b"h" * 600)
    (path,) = files(tmp_path)
    with path.open("rb") as reader:
        fcntl.flock(reader, fcntl.LOCK_SH)
        assert not cache.write("new", "", b"n" * 600)
        assert path.exists()
    assert cache.write("new", "", b"n" * 600)
    assert not path.exists()


def test_a_disk_that_cannot_be_written_is_no_error(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    cache = Cache(str(tmp_path / "file"), 1000)
    assert not cache.write("a", "", b"x")
    assert not cache.write("b", "", b"x")
    assert cache.read("a") is None
    with cache.lock("a"):
        pass
    assert sum("cannot be written" in record.message for record in caplog.records) == 1


def test_where_and_how_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DST3D_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("DST3D_CACHE_BYTES", raising=False)
    assert (Cache().folder, Cache().max_bytes) == (tmp_path / "home" / "models", DEFAULT_BYTES)
    monkeypatch.setenv("DST3D_CACHE_BYTES", "3e9")
    assert (Cache().max_bytes, Cache(max_bytes=7).max_bytes) == (3 * 10**9, 7)
    for wrong in ("much", "-1", "inf"):
        monkeypatch.setenv("DST3D_CACHE_BYTES", wrong)
        with pytest.raises(UsageError, match="DST3D_CACHE_BYTES"):
            Cache()
    monkeypatch.delenv("DST3D_HOME")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    assert Cache(max_bytes=1).folder == tmp_path / "hf" / "dst3d" / "models"


_WRITER = """
import sys
from dst3d_datasets.sources.cache import Cache
cache = Cache(sys.argv[1], 50_000_000)
print("ready", flush=True)
for number in range(10**6):
    cache.write(f"{number % 40}", str(number), bytes([number % 251]) * 1_000_000)
"""


def test_killed_writers_leave_nothing_that_looks_whole(tmp_path: Path) -> None:
    for _ in range(4):
        command = [sys.executable, "-c", _WRITER, str(tmp_path)]
        writers = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(2)]
        for writer in writers:
            assert writer.stdout is not None
            assert writer.stdout.readline() == b"ready\n"
        time.sleep(0.25)
        for writer in writers:
            writer.send_signal(signal.SIGKILL)
            writer.wait()
            assert writer.stdout is not None
            writer.stdout.close()
        for path in files(tmp_path):
            if not path.name.startswith(".incomplete"):
                assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name[-64:]
    cache = Cache(str(tmp_path), 50_000_000)
    assert cache.size() <= 50_000_000
    assert cache.write("after", "", b"a" * 49_000_000)  # the rests of the dead make room
    assert [path.name[-64:] for path in files(tmp_path)] == [hashlib.sha256(b"a" * 49_000_000).hexdigest()]


_FETCHER = """
import sys, pathlib
from dst3d_datasets.sources.cache import Cache
cache = Cache(sys.argv[1], 10**9)
for number in range(30):
    with cache.lock(str(number)):
        if cache.read(str(number)) is None:
            with open(sys.argv[2], "a") as log:
                log.write(f"{number}\\n")
            cache.write(str(number), "", b"x" * 1000)
"""


def test_many_processes_fetch_each_file_once(tmp_path: Path) -> None:
    log = tmp_path / "log"
    command = [sys.executable, "-c", _FETCHER, str(tmp_path / "cache"), str(log)]
    fetchers = [subprocess.Popen(command) for _ in range(4)]
    assert [fetcher.wait() for fetcher in fetchers] == [0] * 4
    assert sorted(log.read_text().split(), key=int) == [str(number) for number in range(30)]
