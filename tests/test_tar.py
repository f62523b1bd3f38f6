"""Deterministic tars, read back by the standard library too."""

from __future__ import annotations

import hashlib
import io
import tarfile

import pytest

from dst3d_datasets.nouns import Sample
from dst3d_datasets.tar import TarWriter, read_index, read_sample

SAMPLES = [
    Sample(key=f"key-{n}", members=(("cls", b"1"), ("edge.png", bytes(700 * n)), ("json", b"{}"), ("txt", b"\xc3\xa9")))
    for n in range(5)
]


def written(samples: list[Sample]) -> tuple[bytes, str]:
    stream = io.BytesIO()
    writer = TarWriter(stream)
    for sample in samples:
        writer.write(sample)
    digest = writer.finish()
    assert writer.num_bytes == len(stream.getvalue())
    return stream.getvalue(), digest


def test_bytes_depend_on_content_alone_and_hash_is_right() -> None:
    data, digest = written(SAMPLES)
    assert (data, digest) == written(SAMPLES)
    assert hashlib.sha256(data).hexdigest() == digest
    assert written(SAMPLES[::-1])[0] != data


def test_the_standard_library_reads_it() -> None:
    data, _ = written(SAMPLES)
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        infos = archive.getmembers()
        assert [info.name for info in infos] == [f"{s.key}.{extension}" for s in SAMPLES for extension, _ in s.members]
        assert {(info.mtime, info.uid, info.gid, info.mode, info.uname) for info in infos} == {(0, 0, 0, 0o644, "")}
        assert archive.extractfile("key-3.edge.png").read() == bytes(2100)  # type: ignore[union-attr]


def test_random_access() -> None:
    data, _ = written(SAMPLES)
    stream = io.BytesIO(data)
    entries = list(read_index(stream))
    assert [read_sample(stream, entry) for entry in reversed(entries)] == SAMPLES[::-1]
    assert sum(entry.num_bytes for entry in entries) + 1024 == len(data)


@pytest.mark.parametrize("cut", [1, 600, 1500, 5000])
def test_truncation_is_noticed(cut: int) -> None:
    data, _ = written(SAMPLES)
    with pytest.raises(tarfile.ReadError):
        list(read_index(io.BytesIO(data[: len(data) - 1024 - cut])))


@pytest.mark.parametrize("cut", [1, 512, 1024])
def test_a_missing_end_mark_is_noticed(cut: int) -> None:
    data, _ = written(SAMPLES)
    assert [entry.key for entry in read_index(io.BytesIO(data[:-512]))] == [sample.key for sample in SAMPLES]
    with pytest.raises(tarfile.ReadError):
        list(read_index(io.BytesIO(data[: len(data) - 512 - cut])))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.DIRTYPE, tarfile.LNKTYPE])
def test_foreign_archives_are_refused(kind: bytes) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        info = tarfile.TarInfo("k.jpg")
        info.type, info.linkname = kind, "/etc/passwd"
        archive.addfile(info)
    with pytest.raises(tarfile.ReadError, match="not a plain file"):
        list(read_index(stream))
    for data in (b"", b"not a tar" * 100, bytes(100)):
        with pytest.raises(tarfile.ReadError):
            list(read_index(io.BytesIO(data)))


@pytest.mark.parametrize("position", [3, 125, 150, 156, 258])
def test_a_damaged_header_is_noticed(position: int) -> None:
    data = bytearray(written(SAMPLES)[0])
    data[position] ^= 64
    with pytest.raises(tarfile.ReadError):
        list(read_index(io.BytesIO(bytes(data))))


@pytest.mark.parametrize(
    ("sample", "words"),
    [
        (Sample(key="a.b", members=()), "must match"),
        (Sample(key="A", members=()), "must match"),
        (Sample(key="../x", members=()), "must match"),
        (Sample(key="", members=()), "must match"),
        (Sample(key="key-0", members=(("jpg", b""),)), "already"),
        (Sample(key="k", members=(("json", b""), ("cls", b""))), "not sorted"),
        (Sample(key="k", members=(("cls", b""), ("cls", b""))), "not sorted"),
    ],
)
def test_what_would_break_readers_is_refused(sample: Sample, words: str) -> None:
    writer = TarWriter(io.BytesIO())
    writer.write(SAMPLES[0])
    with pytest.raises(ValueError, match=words):
        writer.write(sample)
