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
from typing import BinaryIO, Protocol

from .nouns import Sample

_KEY = re.compile(r"[a-z0-9_-]+")
_BLOCK = 512
_ZEROS = bytes(_BLOCK)


class Writable(Protocol):
    """What a tar can be written to."""

    def write(self, data: bytes, /) -> object:
        """Write all of `data`."""
        ...


class TarWriter:
    """Writes samples to a stream and keeps the sha256 and size of what it wrote.

    Args:
        stream: any writable binary file; it is neither flushed nor closed here.
    """

    def __init__(self, stream: Writable) -> None:
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
        tarfile.ReadError: not a tar as `TarWriter` makes them, or a truncated one.
    """
    key, members = "", list[tuple[str, int, int]]()
    for name, offset, size in _headers(stream):
        stem, _, extension = name.partition(".")
        if stem != key and members:
            yield Entry(key, tuple(members))
            members = []
        key = stem
        members.append((extension, offset, size))
    if members:
        yield Entry(key, tuple(members))


def _headers(stream: BinaryIO) -> Iterator[tuple[str, int, int]]:
    """(name, offset of the content, size) of every member: our plain ustar only, six times as fast as `tarfile`."""
    end, position = stream.seek(0, 2), 0
    while True:
        stream.seek(position)
        header = stream.read(_BLOCK)
        if header == _ZEROS:
            return
        if len(header) < _BLOCK:
            raise tarfile.ReadError("the archive ends without its end mark")
        if header[257:263] != b"ustar\0" or sum(header[:148]) + sum(header[156:]) + 256 != _octal(header[148:156]):
            raise tarfile.ReadError(f"no tar header at byte {position}")
        name, size = header[:100].rstrip(b"\0").decode(errors="replace"), _octal(header[124:136])
        if header[156:157] != b"0" or header[345:346] != b"\0":
            raise tarfile.ReadError(f"{name}: not a plain file of ours")
        if position + _BLOCK + size > end:
            raise tarfile.ReadError(f"{name}: the archive ends in the middle of this member")
        yield name, position + _BLOCK, size
        position += _BLOCK + size + (-size % _BLOCK)


def _octal(field: bytes) -> int:
    try:
        return int(field.rstrip(b"\0 "), 8)
    except ValueError:
        raise tarfile.ReadError(f"a tar header holds {field!r} where a number belongs") from None


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
