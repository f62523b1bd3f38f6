"""Tar files whose bytes depend on their content alone, and random access to their samples.

Plain ustar, mtime 0, uid and gid 0, mode 0644, no names of people: the same samples in the same order give the same
file.
"""

from __future__ import annotations

import hashlib
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from .nouns import Sample

_KEY = re.compile(r"[a-z0-9_-]+")
_BLOCK = 512


class TarWriter:
    """Writes samples to a stream and keeps the sha256 and size of what it wrote.

    Args:
        stream: any writable binary file; it is neither flushed nor closed here.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._sha256 = hashlib.sha256()
        self._keys: set[str] = set()
        self.num_bytes = 0

    def write(self, sample: Sample) -> None:
        """Append a sample: its members, adjacent and in order.

        Raises:
            ValueError: a key with a character outside `[a-z0-9_-]`, a key given twice, or members out of order.
        """
        if not _KEY.fullmatch(sample.key):
            raise ValueError(f"sample key {sample.key!r} must match [a-z0-9_-]+")
        if sample.key in self._keys:
            raise ValueError(f"sample key {sample.key!r} is already in this shard")
        extensions = [extension for extension, _ in sample.members]
        if extensions != sorted(set(extensions)):
            raise ValueError(f"members of {sample.key!r} are not sorted and unique: {extensions}")
        self._keys.add(sample.key)
        for extension, content in sample.members:
            info = tarfile.TarInfo(f"{sample.key}.{extension}")
            info.size, info.mode, info.mtime = len(content), 0o644, 0
            self._put(info.tobuf(tarfile.USTAR_FORMAT, "utf-8", "strict"))
            self._put(content)
            self._put(b"\0" * (-len(content) % _BLOCK))

    def finish(self) -> str:
        """Write the end of the archive and return the sha256 of everything, as 64 hexadecimal digits."""
        self._put(b"\0" * (2 * _BLOCK))
        return self._sha256.hexdigest()

    def _put(self, data: bytes) -> None:
        self._stream.write(data)
        self._sha256.update(data)
        self.num_bytes += len(data)


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a sample lies in a tar: `members` are (extension, offset of the content, length)."""

    key: str
    members: tuple[tuple[str, int, int], ...]

    @property
    def num_bytes(self) -> int:
        """What the sample takes in a tar, headers and padding included."""
        return sum(_BLOCK + length + (-length % _BLOCK) for _, _, length in self.members)


def read_index(stream: BinaryIO) -> Iterator[Entry]:
    """List the samples of a seekable tar without reading their content.

    Raises:
        tarfile.ReadError: not a tar, or a truncated one.
    """
    key, members = "", []
    end = stream.seek(0, 2)
    stream.seek(max(0, end - 2 * _BLOCK))
    if stream.read() != bytes(2 * _BLOCK):  # tarfile itself takes a file cut off between two members for whole
        raise tarfile.ReadError("no end-of-archive mark: truncated, or not a tar")
    stream.seek(0)
    with tarfile.open(fileobj=stream, mode="r:") as archive:
        for info in archive:
            archive.members = []  # tarfile keeps every header it has met: memory would grow with the archive
            if info.offset_data + info.size > end:
                raise tarfile.ReadError(f"{info.name}: the archive ends in the middle of this member")
            stem, _, extension = info.name.partition(".")
            if stem != key and members:
                yield Entry(key, tuple(members))
                members = []
            key = stem
            members.append((extension, info.offset_data, info.size))
    if members:
        yield Entry(key, tuple(members))


def read_sample(stream: BinaryIO, entry: Entry) -> Sample:
    """Read one sample of a seekable tar."""
    members = []
    for extension, offset, length in entry.members:
        stream.seek(offset)
        content = stream.read(length)
        if len(content) != length:
            raise tarfile.ReadError(f"{entry.key}.{extension}: {len(content)} of {length} bytes are there")
        members.append((extension, content))
    return Sample(key=entry.key, members=tuple(members))
