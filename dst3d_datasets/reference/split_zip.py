"""Zips that were split into `.z01`, `.z02`, ..., `.zip`, read where their parts lie."""

from __future__ import annotations

import io
import os
import re
import struct
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import UsageError
from ..sources.address import LocalBackend, Stat
from ..sources.archive_zip import ZipBox
from ..sources.cache import Cache

PART = re.compile(r"\.z(\d{2,3})$", re.IGNORECASE)
_TAIL = 2**16 + 22 + 20  # an end with the longest comment, and what may stand before it
_MOST_DIRECTORY = 2**28  # bytes
_END, _LOCATOR, _END_64 = struct.Struct("<4s4H2LH"), struct.Struct("<4sLQL"), struct.Struct("<4sQ2H2L4Q")


class Zip(ZipBox):
    """A zip that tells what pins its members."""

    def tag(self, name: str) -> str:
        """Checksum and size of a member, as the directory has them."""
        member = self._directory[0][name]
        return f"{member.crc:08x}-{member.size}"


def open_zip(path: Path) -> Zip:
    """A zip, whole or split.

    Raises:
        UsageError: a part is missing.
    """
    parts = _parts(path)
    if len(parts) == 1:
        return Zip(LocalBackend(path.parent), path.name, Cache())
    return _SplitZip(_Parts(path.parent, tuple(parts)), path.name, Cache())


def _parts(path: Path) -> list[str]:
    """Names of the files of a zip, in their order.

    Raises:
        UsageError: a part is missing.
    """
    found: dict[int, str] = {}
    for entry in os.scandir(path.parent):
        match = PART.search(entry.name)
        if match and entry.name[: match.start()] == path.stem:
            found[int(match[1])] = entry.name
    absent = [number for number in range(1, max(found, default=0) + 1) if number not in found]
    if absent:
        raise UsageError(f"{path}: the part {path.stem}.z{absent[0]:02d} is missing")
    return [found[number] for number in sorted(found)] + [path.name]


@dataclass(frozen=True)
class _Parts(LocalBackend):
    """Files one after the other, as one."""

    names: tuple[str, ...]

    @property
    def starts(self) -> list[int]:
        """Where each file begins, and the end of the last."""
        found = [0]
        for name in self.names:
            found.append(found[-1] + (self.folder / name).stat().st_size)
        return found

    def stat(self, name: str) -> Stat:
        """See `Backend.stat`."""
        size = self.starts[-1]
        return Stat(size, str(size))

    def chunks(self, name: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """See `Backend.chunks`."""
        starts = self.starts
        stop = starts[-1] if stop is None else min(stop, starts[-1])
        for number, part in enumerate(self.names):
            first, last = max(start, starts[number]), min(stop, starts[number + 1])
            if first < last:
                yield from LocalBackend(self.folder).chunks(part, first - starts[number], last - starts[number])


class _SplitZip(Zip):
    """A split zip: its directory says in which part a member lies, and where in that.

    `zipfile` reads no split zips. It is shown a zip of the directory alone, with an end that knows of one part only.
    """

    def _listed(self, size: int) -> tuple[list[zipfile.ZipInfo], int]:
        backend = self._backend
        assert isinstance(backend, _Parts)
        starts = backend.starts
        begin, length = _directory_of(backend, self._name, size, starts)
        directory = b"".join(backend.chunks(self._name, begin, begin + length))
        with zipfile.ZipFile(io.BytesIO(directory + _end(length))) as archive:
            infos = archive.infolist()
        for info in infos:
            if info.volume >= len(starts) - 1:
                raise zipfile.BadZipFile(f"a member in part {info.volume + 1} of {len(starts) - 1}")
            info.header_offset += starts[info.volume]
        return infos, begin


def _directory_of(backend: _Parts, name: str, size: int, starts: list[int]) -> tuple[int, int]:
    """Where the directory of a split zip begins, seen from its first part, and its bytes."""
    tail = b"".join(backend.chunks(name, max(0, size - _TAIL), size))
    at = tail.rfind(b"PK\5\6")
    if at < 0 or len(tail) - at < _END.size:
        raise zipfile.BadZipFile("no end of a zip")
    _, _, part, _, _, length, offset, _ = _END.unpack_from(tail, at)
    if at >= _LOCATOR.size and tail[at - _LOCATOR.size : at].startswith(b"PK\6\7"):
        _, where, place, _ = _LOCATOR.unpack_from(tail, at - _LOCATOR.size)
        if where >= len(starts) - 1:
            raise zipfile.BadZipFile("its end names a part that is not there")
        place += starts[where]
        long = b"".join(backend.chunks(name, place, place + _END_64.size))
        if len(long) < _END_64.size or not long.startswith(b"PK\6\6"):
            raise zipfile.BadZipFile("no end of a large zip")
        part, length, offset = (_END_64.unpack(long)[field] for field in (5, 8, 9))
    if part >= len(starts) - 1 or length > _MOST_DIRECTORY or starts[part] + offset + length > size:
        raise zipfile.BadZipFile("its directory lies outside of it")
    return starts[part] + offset, length


def _end(length: int) -> bytes:
    """The end of a zip that is nothing but a directory."""
    long = _END_64.pack(b"PK\6\6", _END_64.size - 12, 45, 45, 0, 0, 0, 0, length, 0)
    most = 2**32 - 1
    return long + _LOCATOR.pack(b"PK\6\7", 0, length, 1) + _END.pack(b"PK\5\6", 0, 0, 0, 0, most, most, 0)
