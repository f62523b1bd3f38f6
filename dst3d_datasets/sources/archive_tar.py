"""The members of a tar.gz: listed once, then read by going on through it; nothing but what is asked for is written."""

from __future__ import annotations

import bisect
import gzip
import json
import logging
import tarfile
import threading
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import Any

from ..errors import ModelRefused, Reason
from .address import Backend
from .box import goes_with, is_plain, refuse_unsafe
from .cache import Cache
from .inflate import Bomb, CutOff, Inflated

_MOST_NAME = 2**20  # bytes of a long name or of a pax header
_MOST_KEPT = 2**28  # bytes of a member that is kept in passing; it is held in memory
_MOST_MEMBERS = 5_000_000
_LONG = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)
_PAX = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE)
_WHAT = {
    tarfile.SYMTYPE: "a symbolic link",
    tarfile.LNKTYPE: "a hard link",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a pipe",
    tarfile.GNUTYPE_SPARSE: "a sparse file",
}
_log = logging.getLogger(__name__)


class TarBox:
    """The members of a tar.gz; a `Box`.

    Args:
        backend: the folder it lies in.
        name: its name there.
        cache: where its list and the members that were asked for are kept.
    """

    def __init__(self, backend: Backend, name: str, cache: Cache) -> None:
        self._backend, self._name, self._cache = backend, name, cache
        self._lock = threading.RLock()
        self._wanted: frozenset[str] = frozenset()

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._backend, self._name, self._cache)

    def want(self, folders: Iterable[str]) -> None:
        """Say which models will be asked for, before the archive is listed: what is theirs is kept on the way.

        Args:
            folders: the models' folders, or the last parts of these; no more is kept than half of the cache holds.
        """
        self._wanted = frozenset(folders)

    @property
    def names(self) -> list[str]:
        """Of all members that can be read, sorted."""
        return self._names

    def read(self, name: str, limit: int, inside: str = "") -> bytes:
        """See `Box.read`."""
        members, unsafe = self._index
        refuse_unsafe(name, unsafe)
        if name not in members:
            raise FileNotFoundError(name)
        if members[name][1] > limit:
            raise ModelRefused(Reason.TOO_LARGE, f"{name}: {members[name][1]} bytes; the limit is {limit}")
        data = self._cache.read(self._key(name), self._tag)
        if data is None:
            with self._cache.lock(f"{self._key('')}{inside or name}"):
                data = self._cache.read(self._key(name), self._tag)
                if data is None:
                    data = self._extract(name, limit, inside)
        return data

    def _key(self, name: str) -> str:
        return f"{self._backend.url(self._name)}!{name}"

    @cached_property
    def _tag(self) -> str:
        return self._backend.pinned(self._name) or self._backend.stat(self._name).tag

    def _extract(self, needed: str, limit: int, inside: str) -> bytes:
        """Go through the archive to a member, and keep those of the same model that lie about it."""
        members = self._index[0]
        names = [needed]
        if inside:
            first = bisect.bisect_left(self._names, inside + "/")
            near = self._names[first : bisect.bisect_left(self._names, inside + "0")]  # "0" is what follows "/"
            # Going through the archive is what costs, so geometry and pictures come along at once.
            names += [name for name in near if name != needed and goes_with(name, name) and members[name][1] <= limit]
        found, end = b"", max(sum(members[name]) for name in names)
        with self._lock:
            try:
                for name in sorted(names, key=lambda each: members[each][0]):
                    start, size = members[name]
                    self._stream.seek(start, end)
                    data = self._stream.read(size)
                    if len(data) < size:
                        raise CutOff("the archive is cut off")
                    self._cache.write(self._key(name), self._tag, data)
                    found = data if name == needed else found
            except (CutOff, Bomb) as error:
                raise ModelRefused(Reason.UNREADABLE, f"{needed}: {error}") from None
            finally:
                self._stream.pause()
        return found

    @cached_property
    def _stream(self) -> Inflated:
        return Inflated(lambda start, stop: self._backend.chunks(self._name, start, stop))

    @cached_property
    def _names(self) -> list[str]:
        return sorted(self._index[0])

    @property
    def _index(self) -> tuple[dict[str, tuple[int, int]], dict[str, str]]:
        """(offset in the inflated archive, bytes) of readable members, and why others are not, by name."""
        with self._lock:
            return self._read_index

    @cached_property
    def _read_index(self) -> tuple[dict[str, tuple[int, int]], dict[str, str]]:
        key = f"{self._backend.url(self._name)}!!tar"
        kept = self._cache.read(key, self._tag)
        if kept is None:
            with self._cache.lock(key):  # one process goes through the archive, the others wait for its list
                kept = self._cache.read(key, self._tag)
                if kept is None:
                    found = self._go_through()
                    self._cache.write(key, self._tag, gzip.compress(json.dumps(found).encode(), 1))
                    return found
        members, unsafe = json.loads(gzip.decompress(kept))
        return {name: (start, size) for name, (start, size) in members.items()}, unsafe

    def _is_wanted(self) -> Callable[[str, bytes, int], bool]:
        left = self._cache.max_bytes // 2

        def is_wanted(name: str, kind: bytes, size: int) -> bool:
            nonlocal left
            parts = name.split("/")
            is_file = kind in (tarfile.REGTYPE, tarfile.AREGTYPE) and is_plain(name) and goes_with(name, name)
            if not is_file or size > _MOST_KEPT or self._wanted.isdisjoint(parts[:2]):
                return False
            left -= size
            return left >= 0

        return is_wanted

    def _go_through(self) -> tuple[dict[str, tuple[int, int]], dict[str, str]]:
        members: dict[str, tuple[int, int]] = {}
        unsafe: dict[str, str] = {}
        try:
            for name, kind, start, size, data in _members(self._stream, self._is_wanted()):
                if data is not None:
                    self._cache.write(self._key(name), self._tag, data)
                if not is_plain(name):
                    _log.debug("%s: the member %r cannot be reached and is passed over", self._name, name)
                elif kind in (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE):
                    members[name] = (start, size)
                    unsafe.pop(name, None)
                elif kind != tarfile.DIRTYPE:
                    unsafe[name] = _WHAT.get(kind, "no plain file")
                if len(members) > _MOST_MEMBERS:
                    raise Bomb(f"more than {_MOST_MEMBERS} members")
        except (CutOff, Bomb) as error:
            # What came whole before the break is as good as ever.
            _log.warning("%s: %s; only its first %d files are used", self._name, error, len(members))
        finally:
            self._stream.pause()
        return {name: place for name, place in members.items() if name not in unsafe}, unsafe


def _members(
    stream: Inflated, keep: Callable[[str, bytes, int], bool]
) -> Iterator[tuple[str, bytes, int, int, bytes | None]]:
    """(name, type, offset of the content, bytes, content) of each member, long names resolved.

    The content is given where `keep(name, type, bytes)` says so. `tarfile` would read a header of any size that the
    archive claims into memory.
    """
    later: dict[str, str] = {}
    while True:
        block = stream.read(tarfile.BLOCKSIZE)
        if len(block) < tarfile.BLOCKSIZE:
            if block:
                raise CutOff("the archive ends within a header")
            return
        try:
            info = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except tarfile.HeaderError as error:
            if not block.strip(b"\0"):
                return  # the two empty blocks at the end
            raise CutOff(f"no tar header where one should be ({error})") from None
        if info.size < 0:
            raise CutOff("a member of negative size")
        padded = -(-info.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
        if info.type in _LONG or info.type in _PAX:
            if info.size > _MOST_NAME:
                raise Bomb(f"a header of {info.size} bytes")
            content = stream.read(padded)[: info.size]
            if info.type == tarfile.GNUTYPE_LONGNAME:
                later["path"] = content.rstrip(b"\0").decode("utf-8", "surrogateescape")
            elif info.type in (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE):
                later.update(_pax(content))
            continue
        size = int(later["size"]) if later.get("size", "").isdigit() else info.size
        if any(key.startswith("GNU.sparse") for key in later):
            info.type = tarfile.GNUTYPE_SPARSE
        padded = -(-size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE if info.isreg() or size else 0
        start, data = stream.position, None
        name = later.get("path", info.name).removeprefix("./").rstrip("/")
        later = {}
        if keep(name, info.type, size):
            data = stream.read(size)
        has_content = info.type not in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE)
        if has_content and not stream.skip(start + padded - stream.position):
            raise CutOff("the archive is cut off")
        yield name, info.type, start, size, data


def _pax(content: bytes) -> dict[str, str]:
    """The records of a pax header: "<length> <key>=<value>\\n"."""
    found, at = {}, 0
    while at < len(content):
        length, _, _ = content[at : at + 20].partition(b" ")
        if not length.isdigit() or int(length) <= len(length) + 1:
            break
        key, _, value = content[at + len(length) + 1 : at + int(length) - 1].partition(b"=")
        found[key.decode("utf-8", "replace")] = value.decode("utf-8", "surrogateescape")
        at += int(length)
    return found
