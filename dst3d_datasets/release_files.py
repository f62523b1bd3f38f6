"""How a release gets onto the disk: file by file in a hidden folder, which becomes the release in one rename."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .columns import released_label
from .errors import BusyError, StoreError
from .nouns import Sample
from .open_shards import OpenShards
from .release_index import Index
from .store import Store
from .tar import TarWriter, read_sample

RANKS = 8  # GPUs of one machine: shard counts divide by it, so that `split_dataset_by_node` splits by shard
MIN_SAMPLES = 8  # a split gets 8 shards once each of them would hold this many samples
_LOCK = ".lock"

Verdict = Callable[[int], tuple[Mapping[str, float], bool]]  # sample of the index -> (score by name, whether to keep)


@dataclass(frozen=True, slots=True)
class FileRow:
    """One file of a release, as the manifest lists it."""

    path: str  # inside the release, with forward slashes
    num_bytes: int
    sha256: str
    num_samples: int | None = None  # of tars


def num_shards(num_samples: int, num_bytes: int, shard_bytes: int) -> int:
    """How many tars a split is divided into.

    By size, but: from 8 on a multiple of 8; below 8 a power of two, or 8 at once where each would still hold
    `MIN_SAMPLES` samples; never more than samples.
    """
    by_size = -(-num_bytes // shard_bytes)
    if by_size >= RANKS or num_samples >= RANKS * MIN_SAMPLES:
        count = -(-max(by_size, RANKS) // RANKS) * RANKS
    else:
        count = 1 << (by_size - 1).bit_length()
    while count > num_samples:
        count = count // 2 if count <= RANKS else count - RANKS
    return count


def shard_ranges(num_samples: int, count: int) -> list[range]:
    """Consecutive ranges of samples, one a tar, whose lengths differ by one at most."""
    ends = [num_samples * number // count for number in range(count + 1)]
    return [range(start, stop) for start, stop in pairwise(ends)]


class SampleReader:
    """Random access to the samples of an index; keeps the shards it used last open. Use as a context manager."""

    def __init__(self, store: Store, index: Index) -> None:
        self._index, self._shards = index, OpenShards(store)

    def __enter__(self) -> SampleReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._shards.__exit__()

    def read(self, sample: int, verdict: Verdict) -> Sample:
        """One sample as it is released: the wanted members, and the label with its scores and verdict."""
        stream = self._shards.stream(self._index.receipts[self._index.shard[sample]])
        found = read_sample(stream, self._index.entry(sample))
        scores, keep = verdict(sample)
        return Sample(
            key=found.key,
            members=tuple(
                (extension, released_label(content, scores, keep) if extension == "json" else content)
                for extension, content in found.members
            ),
        )


def write_tar(path: Path, samples: Iterator[Sample]) -> tuple[int, str]:
    """Write one tar, whole or not at all: its size and sha256."""
    part = path.with_name(f"{path.name}.part")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with part.open("wb") as stream:
            writer = TarWriter(stream)
            for sample in samples:
                writer.write(sample)
            sha256 = writer.finish()
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    return writer.num_bytes, sha256


def write_split(
    folder: Path,
    tars: Sequence[tuple[str, NDArray[np.int64]]],
    reader: SampleReader,
    verdict: Verdict,
    progress: Callable[[int], None],
) -> list[FileRow]:
    """Write the tars of one split; those that an earlier attempt finished are kept.

    Args:
        folder: the release in the making.
        tars: (path in the release, samples in their order).
        reader: where they come from.
        verdict: what their labels say of scores and keeping.
        progress: told how many more samples are written.
    """
    rows = []
    for name, samples in tars:
        path = folder / name
        if path.exists():
            num_bytes, sha256 = path.stat().st_size, file_sha256(path)
            progress(len(samples))
        else:
            num_bytes, sha256 = write_tar(path, _told(samples, reader, verdict, progress))
        rows.append(FileRow(name, num_bytes, sha256, len(samples)))
    return rows


def _told(
    samples: NDArray[np.int64], reader: SampleReader, verdict: Verdict, progress: Callable[[int], None]
) -> Iterator[Sample]:
    for sample in samples.tolist():
        yield reader.read(sample, verdict)
        progress(1)


def file_sha256(path: Path) -> str:
    """The sha256 of a file, as 64 hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def file_row(folder: Path, name: str, num_samples: int | None = None) -> FileRow:
    """The row of a file that has been written."""
    path = folder / name
    return FileRow(name, path.stat().st_size, file_sha256(path), num_samples)


def write_file(folder: Path, name: str, data: bytes) -> FileRow:
    """Write a small file of the release."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    return FileRow(name, len(data), hashlib.sha256(data).hexdigest())


@contextmanager
def in_the_making(out: Path, content: str) -> Iterator[Path]:
    """A hidden folder beside `out`, the same for the same content, so that the same command goes on where it was cut.

    Raises:
        BusyError: another process is writing this very release.
        StoreError: the disk is full, the parent cannot be written, or the like. What is finished is kept.
    """
    folder = out.parent / f".{out.name}.tmp-{content[:12]}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / _LOCK).open("a") as lock:
            _hold(lock.fileno(), out)
            yield folder
    except OSError as error:
        raise _cannot_write(out, folder, error) from error


def _hold(descriptor: int, out: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise BusyError(f"{out}: another process is writing this release; wait for it to end") from None


def _cannot_write(out: Path, folder: Path, error: OSError) -> StoreError:
    kept = f"What is finished is kept in {folder}; the same command goes on." if folder.is_dir() else ""
    reason = str(Store(str(out)).error("write the release", error)).partition(" All finished")[0]
    return StoreError(f"{reason} {kept}".strip())


def publish(folder: Path, out: Path, names: set[str]) -> None:
    """Let the finished folder appear as `out`, in one rename; nothing but `names` is in it."""
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_file() and path.relative_to(folder).as_posix() not in names:
            path.unlink()  # an attempt that was cut left it
    for path in [folder, *(path for path in folder.rglob("*") if path.is_dir())]:
        _sync(path)
    os.replace(folder, out)
    _sync(out.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
