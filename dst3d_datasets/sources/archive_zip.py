"""One member of a zip, wherever the zip lies: the directory once, then the bytes of what is asked for."""

from __future__ import annotations

import bisect
import gzip
import io
import json
import logging
import stat
import threading
import zipfile
import zlib
from functools import cached_property
from typing import Any, NamedTuple

from ..errors import ModelRefused, Reason
from .address import Backend, LocalBackend
from .box import goes_with, is_plain, refuse_unsafe
from .cache import Cache

_TAIL = 2**16 + 22  # an end record with the longest comment
_MOST_DIRECTORY = 2**28  # bytes; ShapeNet's largest has about 7 MB
_MOST_INDEX = 2**30
_LOCAL_HEADER = 30
_SLACK = 2**17  # what a local header may hold at most: two fields of 16-bit length
_GAP = 2**13  # bytes between two members that are fetched rather than asked for separately
_log = logging.getLogger(__name__)


class _Member(NamedTuple):
    start: int  # of its local header
    stop: int  # where the next member begins
    packed: int
    size: int
    crc: int
    method: int
    flags: int


class ZipBox:
    """The members of a zip; a `Box`.

    Args:
        backend: the folder it lies in.
        name: its name there.
        cache: where its directory and members are kept if it is not of this machine.
    """

    def __init__(self, backend: Backend, name: str, cache: Cache) -> None:
        self._backend, self._name, self._cache = backend, name, cache
        self._is_local = isinstance(backend, LocalBackend)
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._backend, self._name, self._cache)

    @property
    def names(self) -> list[str]:
        """Of all members that can be read, sorted."""
        return self._names

    def read(self, name: str, limit: int, inside: str = "") -> bytes:
        """See `Box.read`."""
        members, unsafe = self._directory
        refuse_unsafe(name, unsafe)
        if name not in members:
            raise FileNotFoundError(name)
        if self._is_local:
            return self._fetch([name], name, limit)[name]
        data = self._cache.read(self._key(name), self._tag(name))
        if data is None:
            with self._cache.lock(f"{self._key('')}{inside or name}"):
                data = self._cache.read(self._key(name), self._tag(name))
                if data is None:
                    found = self._fetch(self._along_with(name, limit, inside), name, limit)
                    for other, content in found.items():
                        self._cache.write(self._key(other), self._tag(other), content)
                    data = found[name]
        if len(data) > limit:
            raise ModelRefused(Reason.TOO_LARGE, f"{name}: {len(data)} bytes; the limit is {limit}")
        return data

    def _key(self, name: str) -> str:
        return f"{self._backend.url(self._name)}!{name}"

    def _tag(self, name: str) -> str:
        member = self._directory[0][name]
        return f"{self._stat[1]}-{member.crc}-{member.size}"

    def _along_with(self, name: str, limit: int, inside: str) -> list[str]:
        """What is fetched in one go: the member, and those of its model that will be asked for next."""
        if not inside:
            return [name]
        first = bisect.bisect_left(self._names, inside + "/")
        names, total = [name], self._directory[0][name].packed
        for other in self._names[first : bisect.bisect_left(self._names, inside + "0")]:  # "0" is what follows "/"
            member = self._directory[0][other]
            if other != name and goes_with(name, other) and total + member.packed <= limit and member.size <= limit:
                names.append(other)
                total += member.packed
        return names

    def _fetch(self, names: list[str], needed: str, limit: int) -> dict[str, bytes]:
        """Members by name; all of them were fetched, but one that is damaged is an error only if it is the one needed.

        Neighbours are fetched with one request.
        """
        members = self._directory[0]
        self._check(needed, members[needed], limit)
        spans: list[list[int]] = []
        for name in sorted(names, key=lambda each: members[each].start):
            member = members[name]
            if spans and member.start - spans[-1][1] <= _GAP:
                spans[-1][1] = max(spans[-1][1], member.stop)
            else:
                spans.append([member.start, member.stop])
        found = {}
        for start, stop in spans:
            data = b"".join(self._backend.chunks(self._name, start, stop))
            for name in names:
                member = members[name]
                if start <= member.start < stop:
                    try:
                        found[name] = _unpacked(data[member.start - start : member.stop - start], name, member, limit)
                    except ModelRefused:
                        if name == needed:
                            raise
        return found

    @staticmethod
    def _check(name: str, member: _Member, limit: int) -> None:
        """Refuse by the directory what need not be fetched to be refused."""
        if member.flags & 1:
            raise ModelRefused(Reason.UNSUPPORTED, f"{name}: encrypted")
        if member.method not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ModelRefused(Reason.UNSUPPORTED, f"{name}: packed by method {member.method}; deflate is read")
        if max(member.size, member.packed) > limit:
            raise ModelRefused(Reason.TOO_LARGE, f"{name}: {member.size} bytes inflated; the limit is {limit}")

    # the directory ---------------------------------------------------------------------------------------------------

    @cached_property
    def _names(self) -> list[str]:
        return sorted(self._directory[0])

    @cached_property
    def _stat(self) -> tuple[int, str]:
        return self._backend.stat(self._name)

    @property
    def _directory(self) -> tuple[dict[str, _Member], dict[str, str]]:
        """Readable members, and why others are not, by name."""
        with self._lock:
            return self._read_directory

    @cached_property
    def _read_directory(self) -> tuple[dict[str, _Member], dict[str, str]]:
        key, tag = f"{self._backend.url(self._name)}!!zip", self._stat[1]
        kept = None if self._is_local else self._cache.read(key, tag)
        if kept is not None:
            members, unsafe = json.loads(gzip.decompress(kept))
            return {name: _Member(*row) for name, row in members.items()}, unsafe
        found = self._parse()
        if not self._is_local:
            self._cache.write(key, tag, gzip.compress(json.dumps(found).encode(), 1))
        return found

    def _parse(self) -> tuple[dict[str, _Member], dict[str, str]]:
        size = self._stat[0]
        if size < 0:
            raise ModelRefused(Reason.UNREADABLE, f"{self._name}: the server does not tell its size")
        try:
            infos, end = self._listed(size)
        except (zipfile.BadZipFile, ValueError, RuntimeError, EOFError) as error:
            raise ModelRefused(Reason.UNREADABLE, f"{self._name}: not a whole zip: {error}") from None
        starts = sorted({info.header_offset for info in infos} | {end})
        members: dict[str, _Member] = {}
        unsafe: dict[str, str] = {}
        for info in infos:
            name = info.orig_filename
            if not is_plain(name):
                _log.debug("%s: the member %r cannot be reached and is passed over", self._name, name)
                continue
            mode = info.external_attr >> 16
            if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
                unsafe[name] = "a symbolic link" if stat.S_ISLNK(mode) else "no plain file"
            elif not name.endswith("/"):
                after = starts[min(bisect.bisect_right(starts, info.header_offset), len(starts) - 1)]
                most = info.header_offset + _LOCAL_HEADER + _SLACK + info.compress_size + 24
                stop = min(max(after, info.header_offset), most)
                row = (info.compress_size, info.file_size, info.CRC, info.compress_type, info.flag_bits)
                members[name] = _Member(info.header_offset, stop, *row)
        return {name: member for name, member in members.items() if name not in unsafe}, unsafe

    def _listed(self, size: int) -> tuple[list[zipfile.ZipInfo], int]:
        """What the directory lists, and where that begins."""
        with zipfile.ZipFile(_Ranges(self._backend, self._name, size)) as archive:
            return archive.infolist(), archive.start_dir


def _unpacked(data: bytes, name: str, member: _Member, limit: int) -> bytes:
    """A member's content from its bytes, local header included; inflated no further than the limit."""
    ZipBox._check(name, member, limit)
    if data[:4] != b"PK\x03\x04" or len(data) < _LOCAL_HEADER:
        raise ModelRefused(Reason.UNREADABLE, f"{name}: the zip's directory does not lead to it")
    begin = _LOCAL_HEADER + int.from_bytes(data[26:28], "little") + int.from_bytes(data[28:30], "little")
    packed = data[begin : begin + member.packed]
    if len(packed) < member.packed:
        raise ModelRefused(Reason.UNREADABLE, f"{name}: cut off, or members that overlap")
    if member.method == zipfile.ZIP_DEFLATED:
        try:
            packed = zlib.decompressobj(-15).decompress(packed, limit + 1)
        except zlib.error as error:
            raise ModelRefused(Reason.UNREADABLE, f"{name}: {error}") from None
    if len(packed) > limit:
        raise ModelRefused(Reason.TOO_LARGE, f"{name}: more than {limit} bytes inflated")
    if zlib.crc32(packed) != member.crc:
        raise ModelRefused(Reason.UNREADABLE, f"{name}: damaged (its checksum differs)")
    return packed


class _Ranges(io.RawIOBase):
    """A remote file that `zipfile` can seek in; its tail is fetched once."""

    def __init__(self, backend: Backend, name: str, size: int) -> None:
        self._backend, self._name, self._size, self._at = backend, name, size, 0
        self._from = max(0, size - _TAIL)
        self._tail = b"".join(backend.chunks(name, self._from, size))

    def seekable(self) -> bool:
        """Yes."""
        return True

    def readable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """Where the next byte is read."""
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        """See `io`."""
        self._at = offset + (0, self._at, self._size)[whence]
        if self._at < 0:
            raise ValueError("the directory lies before the file's beginning")
        return self._at

    def read(self, size: int = -1) -> bytes:
        """Bytes from here; the directory itself in one request."""
        size = self._size - self._at if size is None or size < 0 else size
        size = max(0, min(size, self._size - self._at))
        if size > _MOST_DIRECTORY:
            raise ValueError(f"a directory of {size} bytes")
        if self._at >= self._from:
            data = self._tail[self._at - self._from :][:size]
        else:
            data = b"".join(self._backend.chunks(self._name, self._at, self._at + size))
        self._at += len(data)
        return data
