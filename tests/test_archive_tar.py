"""tar.gz: listed once, read by going on, hostile members, bombs, archives cut off, bad lines."""

from __future__ import annotations

import gzip
import os
import pickle
import tarfile
import zlib
from pathlib import Path

import pytest
from _archives import LIMIT, SCANS, contents, member, reason, targz, zipped
from _web import Fault, Web

from dst3d_datasets.errors import Reason
from dst3d_datasets.sources import archive_tar, inflate, patience
from dst3d_datasets.sources.address import LocalBackend, backend_at
from dst3d_datasets.sources.archive_tar import TarBox
from dst3d_datasets.sources.archive_zip import ZipBox
from dst3d_datasets.sources.cache import Cache


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PATIENCE", patience.Patience(sleep=lambda seconds: None))


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(str(tmp_path / "cache"), 10**9)


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT])
def test_a_tar_is_listed_once_and_gives_what_is_asked_for(tmp_path: Path, cache: Cache, form: int) -> None:
    deep = "/".join(["very"] * 12 + ["deep"] * 9) + "/Scan.obj"
    long = [(member(deep), b"deep")] + (
        [(member("l" * 150 + "é.obj"), b"long")] if form != tarfile.USTAR_FORMAT else []
    )
    data = targz([(member(name), content) for name, content in SCANS] + long, form)
    with Web() as web:
        web.files["cup.tar.gz"] = data
        box = TarBox(backend_at(web.url), "cup.tar.gz", cache)
        assert set(box.names) == {name for name, _ in SCANS} | {info.name for info, _ in long}
        assert len(data) <= web.sent <= 1.01 * len(data)
        order = [20, 3, 29, 4, 3]
        for number in order:
            for name, content in SCANS[3 * number : 3 * number + 3]:
                assert box.read(name, LIMIT, f"cup_{number:03d}") == content
        assert box.read(deep, LIMIT) == b"deep"
        kept = contents(cache)
        assert sum(content in kept for _, content in SCANS) == 3 * 4  # four different scans, and nothing of others
        web.requests.clear()
        again = pickle.loads(pickle.dumps(box))
        assert again.read(SCANS[11][0], LIMIT, "cup_003") == SCANS[11][1]
        assert web.sent == 0


def test_going_back_in_a_tar_starts_at_the_copy_before(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inflate, "SPACING", 300_000)
    data = targz([(member(f"{more}/{name}"), content) for more in "abcdef" for name, content in SCANS])
    with Web() as web:
        web.files["cup.tar.gz"] = data
        box = TarBox(backend_at(web.url), "cup.tar.gz", cache)
        assert len(box.names) == 540
        web.requests.clear()
        for number in (25, 24, 26):
            name, content = SCANS[3 * number + 2]
            assert box.read(f"d/{name}", LIMIT, f"d/cup_{number:03d}") == content
        assert web.sent < 0.25 * len(data)


def test_what_is_wanted_is_kept_in_the_same_pass(cache: Cache) -> None:
    data = targz([(member(name), content) for name, content in SCANS])
    with Web() as web:
        web.files["cup.tar.gz"] = data
        box = TarBox(backend_at(web.url), "cup.tar.gz", cache)
        box.want(["cup_003", "cup_020", "cup_099"])
        assert len(box.names) == 90
        assert sum(content in contents(cache) for _, content in SCANS) == 6
        web.requests.clear()
        for name, content in SCANS[60:63] + SCANS[9:12]:
            assert box.read(name, LIMIT, name.partition("/")[0]) == content
        assert web.sent == 0
        small = Cache(str(cache.folder / "small"), 200_000)
        box = TarBox(backend_at(web.url), "cup.tar.gz", small)
        box.want([f"cup_{number:03d}" for number in range(30)])
        assert len(box.names) == 90
        assert sum(content in contents(small) for _, content in SCANS) <= 4


def test_hostile_members_of_a_tar(tmp_path: Path, cache: Cache, cad_root: Path) -> None:
    box = TarBox(LocalBackend(cad_root / "broken"), "zip_slip.tar.gz", cache)
    assert box.names == ["evil_001/Scan/Scan.obj", "evil_003/Scan/evil_through_symlink.obj"]
    assert len(box.read("evil_001/Scan/Scan.obj", LIMIT, "evil_001")) == 32
    for name in ("evil_003/Scan/evil_through_symlink.obj", "evil_003/Scan", "evil_004/Scan/Scan.obj", "evil_005/fifo"):
        assert reason(lambda name=name: box.read(name, LIMIT)) == Reason.HOSTILE_PATH
    for name in ("../evil/Scan.obj", "evil_002/../../../evil2.obj", "/tmp/evil_absolute.obj", "evil2.obj"):
        with pytest.raises(FileNotFoundError):
            box.read(name, LIMIT)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache"]
    assert not Path("/tmp/evil_absolute.obj").exists()


def test_devices_and_sparse_files_in_a_tar(tmp_path: Path, cache: Cache) -> None:
    kinds = [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.GNUTYPE_SPARSE, tarfile.LNKTYPE]
    sparse = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "x", "GNU.sparse.realsize": "1"}
    members = [(member(f"a_{n:03d}/x.obj", type=kind, linkname="y"), b"") for n, kind in enumerate(kinds)]
    members.append((member("a_005/x.obj", pax_headers=sparse), b"0\n"))
    members.append((member("a_006/x.obj"), b"good"))
    (tmp_path / "a.tar.gz").write_bytes(targz(members, tarfile.PAX_FORMAT))
    box = TarBox(LocalBackend(tmp_path), "a.tar.gz", cache)
    assert box.names == ["a_006/x.obj"]
    assert {reason(lambda n=n: box.read(f"a_00{n}/x.obj", LIMIT)) for n in range(6)} == {Reason.HOSTILE_PATH}
    assert box.read("a_006/x.obj", LIMIT) == b"good"


def test_gzip_bombs(tmp_path: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inflate, "FREE_BYTES", 10**7)
    good = [(member("a_001/Scan/Scan.obj"), b"good")]
    (tmp_path / "a.tar.gz").write_bytes(targz([*good, (member("a_002/Scan/Scan.obj"), bytes(10**8))]))
    box = TarBox(LocalBackend(tmp_path), "a.tar.gz", cache)
    assert box.names == ["a_001/Scan/Scan.obj"]
    assert box.read(box.names[0], LIMIT) == b"good"
    endless = tarfile.TarInfo("long")
    endless.type, endless.size = tarfile.GNUTYPE_LONGNAME, 10**12
    (tmp_path / "b.tar.gz").write_bytes(gzip.compress(endless.tobuf(tarfile.GNU_FORMAT) + bytes(10**6)))
    assert TarBox(LocalBackend(tmp_path), "b.tar.gz", cache).names == []
    big = targz([*good, (member("a_002/Scan/Scan.obj"), os.urandom(2000))])
    (tmp_path / "c.tar.gz").write_bytes(big)
    assert reason(lambda: TarBox(LocalBackend(tmp_path), "c.tar.gz", cache).read("a_002/Scan/Scan.obj", 1000)) == (
        Reason.TOO_LARGE
    )
    monkeypatch.setattr(archive_tar, "_MOST_MEMBERS", 1)
    assert len(TarBox(LocalBackend(tmp_path), "c.tar.gz", Cache(str(tmp_path / "other"), 0)).names) <= 2


def test_tars_that_are_cut_off_keep_what_came_whole(tmp_path: Path, cache: Cache) -> None:
    data = targz([(member(name), content) for name, content in SCANS])
    (tmp_path / "cut.tar.gz").write_bytes(data[: len(data) // 2])
    box = TarBox(LocalBackend(tmp_path), "cut.tar.gz", cache)
    assert 40 < len(box.names) < 50
    assert all(box.read(name, LIMIT) == dict(SCANS)[name] for name in box.names)
    for number, damaged in enumerate((b"", b"no gzip", gzip.compress(os.urandom(2000)), gzip.compress(b"x"))):
        (tmp_path / f"{number}.tar.gz").write_bytes(damaged)
        assert TarBox(LocalBackend(tmp_path), f"{number}.tar.gz", cache).names == []


def test_a_gzip_of_several_members_with_padding(tmp_path: Path, cache: Cache) -> None:
    plain = zlib.decompress(targz([(member(name), content) for name, content in SCANS[:6]]), 31)
    pieces = [gzip.compress(plain[start : start + 50_000]) for start in range(0, len(plain), 50_000)]
    (tmp_path / "m.tar.gz").write_bytes(b"".join(pieces) + bytes(1000))
    box = TarBox(LocalBackend(tmp_path), "m.tar.gz", cache)
    assert all(box.read(name, LIMIT) == content for name, content in SCANS[:6])


def test_a_tar_over_a_bad_line(cache: Cache) -> None:
    data = targz([(member(name), content) for name, content in SCANS])
    with Web() as web:
        web.files["cup.tar.gz"] = data
        web.faults += [Fault("cup", "reset", 500_000), Fault("cup", "truncate", 900_000), Fault("cup", "status", 503)]
        box = TarBox(backend_at(web.url), "cup.tar.gz", cache)
        assert len(box.names) == 90
        web.faults += [Fault("cup", "reset", 500_000)]
        assert box.read(SCANS[80][0], LIMIT) == SCANS[80][1]
        web.faults.append(Fault("cup", "status", 500, times=99))
        assert reason(lambda: box.read(SCANS[2][0], LIMIT)) == Reason.UNREACHABLE


def test_a_cache_that_keeps_nothing_changes_nothing(tmp_path: Path) -> None:
    nothing = Cache(str(tmp_path / "cache"), 0)
    data, files = zipped(3)
    tar = targz([(member(name), content) for name, content in SCANS[:9]])
    with Web() as web:
        web.files.update({"c.zip": data, "cup.tar.gz": tar})
        zips = ZipBox(backend_at(web.url), "c.zip", nothing)
        tars = TarBox(backend_at(web.url), "cup.tar.gz", nothing)
        assert all(zips.read(name, LIMIT, "02691156/m000") == content for name, content in files.items())
        assert all(tars.read(name, LIMIT, "cup_000") == content for name, content in SCANS[:9])
