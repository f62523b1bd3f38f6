"""The cache of what was fetched: bounded, checked by content, shared by all processes of the machine.

Layout: <folder>/<2 hex>/<sha256 of the address, 40 hex>.<its tag, 16 hex>.<sha256 of the content>. A file is written as
`.incomplete-...`, then renamed; what is killed on the way never has a whole file's name, and the digest in the name is
compared at every reading. The least recently used go first; one that is being read is locked and stays.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, cast

from ..errors import UsageError
from ..home import default_home

DEFAULT_BYTES = 20 * 10**9
_MARGIN = 10  # when it is full, 1/10 is made free, so that not every file makes room for itself
_DIGITS = 20  # of the number of bytes in use, always as many: a file that keeps its length is quickly written
_INCOMPLETE = ".incomplete-"
_log = logging.getLogger(__name__)


class Cache:
    """A folder of fetched files.

    Args:
        folder: where; empty: `models` in $DST3D_HOME (see `home`).
        max_bytes: of all files together, those being written included; None: $DST3D_CACHE_BYTES, else 20 GB.
    """

    def __init__(self, folder: str = "", max_bytes: int | None = None) -> None:
        self.folder = Path(folder).expanduser() if folder else default_home() / "models"
        self.max_bytes = _from_environment() if max_bytes is None else max_bytes
        self._is_useless = False

    def read(self, address: str, tag: str = "") -> bytes | None:
        """The content kept for an address, if it is whole and its tag is this one; empty: whatever tag it has."""
        for path in self._find(address, tag):
            try:
                with path.open("rb") as file:
                    fcntl.flock(file, fcntl.LOCK_SH)  # while it is read nobody evicts it
                    data = file.read()
                    os.utime(file.fileno())
            except OSError:
                continue
            if hashlib.sha256(data).hexdigest() == path.name.rpartition(".")[2]:
                return data
            _log.warning("cache: %s is damaged; it is fetched again", path)
            with suppress(OSError):
                path.unlink()
        return None

    def has(self, address: str, tag: str = "") -> bool:
        """Whether something is kept for an address under this tag. Its content is not looked at."""
        return bool(self._find(address, tag))

    def write(self, address: str, tag: str, data: bytes) -> bool:
        """Keep a file. Where that is impossible (too large, disk full, read-only) it is not kept, and no error."""
        digest = hashlib.sha256(data).hexdigest()
        target = self._folder_of(address) / f"{_key(address)}.{_key(tag)[:16]}.{digest}"
        temporary = None
        try:
            temporary = self._reserve(target.parent, len(data))
            if temporary is None:
                return False
            with temporary:
                temporary.write(data)
                temporary.flush()
                older = [path for path in self._find(address) if path.name != target.name]
                os.replace(temporary.name, target)
        except OSError as error:
            if temporary is not None:
                with suppress(OSError):
                    os.unlink(temporary.name)
            if not self._is_useless:
                _log.warning("cache: %s cannot be written (%s); going on without it", self.folder, error.strerror)
            self._is_useless = True
            return False
        for path in older:  # of another tag: the address has new content
            with suppress(OSError):
                path.unlink()
        return True

    @contextmanager
    def lock(self, address: str) -> Iterator[None]:
        """One at a time, of all threads and processes that fetch the same address. Locks must not be nested."""
        try:
            file = self._locks(_key(address)[:3])
        except OSError:
            yield
            return
        with file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def size(self) -> int:
        """Bytes of all files, counted now."""
        return sum(size for _, size, _ in self._all())

    # inside ----------------------------------------------------------------------------------------------------------

    def _folder_of(self, address: str) -> Path:
        return self.folder / _key(address)[:2]

    def _find(self, address: str, tag: str = "") -> list[Path]:
        """The files of an address, of one tag or any."""
        start = _key(address) + (f".{_key(tag)[:16]}." if tag else ".")
        folder = self._folder_of(address)
        try:
            return [Path(entry.path) for entry in os.scandir(folder) if entry.name.startswith(start)]
        except OSError:
            return []

    def _locks(self, name: str) -> BinaryIO:
        path = self.folder / "locks" / name
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
        try:
            return _opened(path, flags)
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
            return _opened(path, flags)

    def _reserve(self, folder: Path, size: int) -> BinaryIO | None:
        """An incomplete file of this size, locked, for the caller to fill, once there is room; None: there is not.

        The sum of all sizes is kept in a file of its own, so that nobody counts 100,000 files to add one.
        """
        if size > self.max_bytes:
            return None
        with self._locks("size") as counter:
            fcntl.flock(counter, fcntl.LOCK_EX)
            text = counter.read(_DIGITS)
            used = int(text) if re.fullmatch(rb"\d{20}", text) else self.size()
            if used + size > self.max_bytes:
                used = self._evict(self.max_bytes - size - self.max_bytes // _MARGIN)
            if used + size > self.max_bytes:
                return None
            temporary = _created(folder / f"{_INCOMPLETE}{uuid.uuid4().hex}")
            fcntl.flock(temporary, fcntl.LOCK_EX)  # so that nobody takes it for what a dead process left
            temporary.truncate(size)
            counter.seek(0)
            counter.write(b"%020d" % (used + size))
        return temporary

    def _evict(self, goal: int) -> int:
        """Remove the least recently used, and what dead processes left, until at most `goal` bytes remain."""
        files = sorted(self._all(), key=lambda item: item[2])
        used = sum(size for _, size, _ in files)
        for path, size, _ in files:
            is_rest = path.name.startswith(_INCOMPLETE)
            if used <= goal and not is_rest:
                continue
            try:
                with path.open("rb") as file:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    path.unlink()
            except OSError:  # in use, or gone already
                continue
            used -= size
        return used

    def _all(self) -> Iterator[tuple[Path, int, float]]:
        """(path, bytes, time of last use) of every file, once even if it gets its final name meanwhile."""
        seen: set[int] = set()
        for folder in self.folder.glob("[0-9a-f][0-9a-f]"):
            with suppress(OSError):
                for entry in os.scandir(folder):
                    with suppress(OSError):
                        info = entry.stat()
                        if info.st_ino in seen:
                            continue
                        seen.add(info.st_ino)
                        yield Path(entry.path), info.st_size, info.st_mtime


def _opened(path: Path, flags: int) -> BinaryIO:
    return cast(BinaryIO, os.fdopen(os.open(path, flags, 0o666), "r+b", buffering=0))


def _created(path: Path) -> BinaryIO:
    try:
        return path.open("xb")
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("xb")


def _key(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:40]


def _from_environment() -> int:
    text = os.environ.get("DST3D_CACHE_BYTES", "")
    if not text:
        return DEFAULT_BYTES
    try:
        value = int(float(text))
    except (ValueError, OverflowError):
        value = -1
    if value < 0:
        raise UsageError(f"DST3D_CACHE_BYTES: {text!r} is not a number of bytes, such as 20000000000 or 2e10")
    return value
