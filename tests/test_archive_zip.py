"""Zips: single members by ranges, what is cached, hostile members, bombs, and damage."""

from __future__ import annotations

import io
import pickle
import stat
import zipfile
from pathlib import Path

import pytest
from _archives import LIMIT, contents, reason, zipped
from _models import WEDGE
from _web import Web

from dst3d_datasets.errors import Reason
from dst3d_datasets.sources import patience
from dst3d_datasets.sources.address import LocalBackend, backend_at
from dst3d_datasets.sources.archive_zip import ZipBox
from dst3d_datasets.sources.box import BoxFiles
from dst3d_datasets.sources.cache import Cache


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PATIENCE", patience.Patience(sleep=lambda seconds: None))


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(str(tmp_path / "cache"), 10**9)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_one_member_of_a_remote_zip(cache: Cache, method: int) -> None:
    data, files = zipped(method=method)
    with Web() as web:
        web.files["c.zip"] = data
        box = ZipBox(backend_at(web.url), "c.zip", cache)
        assert box.names == sorted(files)
        directory = web.sent
        assert directory < 2**16 + 30_000
        inside = "02691156/m017"
        geometry = f"{inside}/models/model_normalized.obj"
        beside = BoxFiles(box, f"{inside}/models", inside)
        web.requests.clear()
        assert box.read(geometry, LIMIT, inside) == files[geometry]
        assert beside.read("model_normalized.mtl", LIMIT) == files[f"{inside}/models/model_normalized.mtl"]
        assert len(web.gets()) == 1  # material and geometry together
        assert beside.read("../images/t0.jpg", LIMIT) == files[f"{inside}/images/t0.jpg"]
        assert beside.read("../images/t1.jpg", LIMIT) == files[f"{inside}/images/t1.jpg"]
        assert len(web.gets()) == 2
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            packed = sum(
                i.compress_size for i in archive.infolist() if inside in i.filename and "binvox" not in i.filename
            )
        assert packed <= web.sent <= 1.2 * packed
        web.requests.clear()
        again = ZipBox(backend_at(web.url), "c.zip", cache)
        assert pickle.loads(pickle.dumps(again)).read(geometry, LIMIT, inside) == files[geometry]
        assert web.sent == 0  # not even the directory; its tag was asked for
        web.files["c.zip"] = zipped()[0]
        assert ZipBox(backend_at(web.url), "c.zip", cache).read(geometry, LIMIT, inside) != files[geometry]


def test_zips_of_this_machine_need_no_cache(tmp_path: Path, cache: Cache) -> None:
    data, files = zipped(3)
    (tmp_path / "c.zip").write_bytes(data)
    box = ZipBox(LocalBackend(tmp_path), "c.zip", cache)
    assert all(box.read(name, LIMIT, "02691156/m000") == content for name, content in files.items())
    assert contents(cache) == []


def test_a_zip64_and_one_with_a_comment(tmp_path: Path, cache: Cache) -> None:
    path = tmp_path / "c.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.comment = b"c" * 60_000
        with archive.open("02691156/a/x.obj", "w", force_zip64=True) as file:
            file.write(WEDGE.encode())
    with Web(tmp_path) as web:
        assert ZipBox(backend_at(web.url), "c.zip", cache).read("02691156/a/x.obj", LIMIT) == WEDGE.encode()


def test_hostile_members_of_a_zip_are_out_of_reach(tmp_path: Path, cache: Cache, cad_root: Path) -> None:
    box = ZipBox(LocalBackend(cad_root / "broken"), "zip_slip.zip", cache)
    assert box.names == ["02691156/good/models/model_normalized.obj"]
    assert len(box.read(box.names[0], LIMIT, "02691156/good")) == 32
    assert reason(lambda: box.read("02691156/link/models", LIMIT)) == Reason.HOSTILE_PATH
    assert reason(lambda: box.read("02691156/link/models/model_normalized.obj", LIMIT)) == Reason.HOSTILE_PATH
    for name in ("evil.obj", "02691156/../../../evil.obj", "/tmp/evil_abs.obj", "02691156\\..\\..\\evil_backslash.obj"):
        with pytest.raises(FileNotFoundError):
            box.read(name, LIMIT)
    files = BoxFiles(box, "02691156/good/models", "02691156/good")
    for name in ("../../other/x.mtl", "../../../../evil.obj", "/etc/passwd", "file:///etc/passwd"):
        assert reason(lambda name=name: files.read(name, LIMIT)) == Reason.HOSTILE_PATH
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "cache") == []


def test_a_device_in_a_zip(tmp_path: Path, cache: Cache) -> None:
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        for number, kind in enumerate((stat.S_IFIFO, stat.S_IFCHR, stat.S_IFSOCK)):
            info = zipfile.ZipInfo(f"{number}/x.obj")
            info.external_attr = (kind | 0o644) << 16
            archive.writestr(info, WEDGE)
    box = ZipBox(LocalBackend(tmp_path), "c.zip", cache)
    assert box.names == []
    assert [reason(lambda n=n: box.read(f"{n}/x.obj", LIMIT)) for n in range(3)] == [Reason.HOSTILE_PATH] * 3


def test_deflate_bombs(tmp_path: Path, cache: Cache, cad_root: Path) -> None:
    name = "02691156/bomb/models/model_normalized.obj"
    honest = (cad_root / "broken" / "deflate_bomb.zip").read_bytes()
    assert reason(lambda: ZipBox(LocalBackend(cad_root / "broken"), "deflate_bomb.zip", cache).read(name, LIMIT)) == (
        Reason.TOO_LARGE
    )
    size = (209715200).to_bytes(4, "little")
    assert honest.count(size) == 2
    (tmp_path / "liar.zip").write_bytes(honest.replace(size, (1000).to_bytes(4, "little")))
    with Web(tmp_path) as web:
        for backend in (LocalBackend(tmp_path), backend_at(web.url)):
            box = ZipBox(backend, "liar.zip", cache)
            assert reason(lambda box=box: box.read(name, LIMIT, "02691156/bomb")) == Reason.TOO_LARGE
    assert all(len(content) < 10_000 for content in contents(cache))  # the directory, at most


def test_damaged_zips(tmp_path: Path, cache: Cache) -> None:
    data, files = zipped(2)
    first, second = (f"02691156/m00{n}/models/model_normalized.obj" for n in range(2))
    at = data.index(b"m000/models/model_normalized.obj") + 200
    (tmp_path / "c.zip").write_bytes(data[:at] + bytes(100) + data[at + 100 :])
    box = ZipBox(LocalBackend(tmp_path), "c.zip", cache)
    assert reason(lambda: box.read(first, LIMIT)) == Reason.UNREADABLE
    assert box.read(second, LIMIT) == files[second]
    for damaged in (data[: len(data) // 2], b"", b"PK\5\6" + bytes(18)[:10], b"<html>" * 100):
        (tmp_path / "d.zip").write_bytes(damaged)
        assert reason(lambda: ZipBox(LocalBackend(tmp_path), "d.zip", cache).names) == Reason.UNREADABLE
    secret = data.replace(b"\x14\x00\x00\x00\x08\x00", b"\x14\x00\x01\x00\x08\x00")
    (tmp_path / "e.zip").write_bytes(secret)
    assert reason(lambda: ZipBox(LocalBackend(tmp_path), "e.zip", cache).read(first, LIMIT)) == Reason.UNSUPPORTED
    with zipfile.ZipFile(tmp_path / "f.zip", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a.obj", WEDGE)
    assert reason(lambda: ZipBox(LocalBackend(tmp_path), "f.zip", cache).read("a.obj", LIMIT)) == Reason.UNSUPPORTED
