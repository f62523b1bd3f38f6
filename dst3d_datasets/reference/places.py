"""Where a tree lies: folders, tar, tar.gz, zip and split zip, each a `Box` that also lists what it holds.

Archives are read member by member by the readers that the sources have: names that leave the archive, links, devices
and bombs are refused there. Nothing is unpacked onto the disk but what a tar.gz keeps in the cache.
"""

from __future__ import annotations

import os
import stat
import tarfile
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Protocol

from ..errors import ModelRefused, Reason, UsageError
from ..sources.address import LocalBackend
from ..sources.archive_tar import TarBox
from ..sources.box import is_plain
from ..sources.cache import Cache
from ..sources.mesh_files import is_inside, read_bounded
from .split_zip import PART, Zip, open_zip

_ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz")


class Place(Protocol):
    """A folder or an archive."""

    path: Path

    def entries(self) -> Iterator[tuple[str, str]]:
        """Every readable file: (relative path, a tag that is another when the file is)."""
        ...

    def read(self, name: str, limit: int, inside: str = "") -> bytes:
        """See `sources.box.Box.read`."""
        ...


def places_at(path: str | os.PathLike[str]) -> list[Place]:
    """The places that a path names: an archive, or a folder and the archives in it.

    Raises:
        UsageError: there is nothing there, or a file that is no archive.
    """
    root = Path(path)
    if root.is_file():
        return [_archive(root)]
    if not root.is_dir():
        raise UsageError(f"{path}: no such folder or archive")
    found: list[Place] = [FolderPlace(root)]
    for here, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [
            _archive(Path(here, name)) for name in sorted(files) if name.lower().endswith(_ARCHIVES) and name[0] != "."
        ]
    return found


def _archive(path: Path) -> Place:
    name = path.name.lower()
    if PART.search(name):
        raise UsageError(f"{path}: one part of a split zip; name its last part, {path.stem}.zip")
    if name.endswith(".zip"):
        return ZipPlace(path)
    if name.endswith((".tar.gz", ".tgz")):
        return GzPlace(path)
    if name.endswith(".tar"):
        return TarPlace(path)
    raise UsageError(f"{path}: not a folder and not one of {', '.join(_ARCHIVES)}")


class FolderPlace:
    """A folder; links that leave it, hidden files and what is no plain file are passed over."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def entries(self) -> Iterator[tuple[str, str]]:
        """See `Place`."""
        for here, folders, files in os.walk(self.path):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            below = Path(here).relative_to(self.path).as_posix()
            for name in sorted(files):
                info = os.lstat(os.path.join(here, name))
                if not name.startswith(".") and (stat.S_ISREG(info.st_mode) or stat.S_ISLNK(info.st_mode)):
                    yield (name if below == "." else f"{below}/{name}"), str(info.st_size)

    def read(self, name: str, limit: int, inside: str = "") -> bytes:
        """See `Place`."""
        file = self.path / name
        if not is_plain(name) or not is_inside(file, self.path):
            raise ModelRefused(Reason.HOSTILE_PATH, f"{name}: a link that leaves the tree")
        return read_bounded(file, limit, name)


class TarPlace:
    """A plain tar: its headers are read once, its members where they lie."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def entries(self) -> Iterator[tuple[str, str]]:
        """See `Place`."""
        for name, (_, size) in self._members.items():
            yield name, str(size)

    def read(self, name: str, limit: int, inside: str = "") -> bytes:
        """See `Place`."""
        if name not in self._members:
            raise ModelRefused(Reason.MISSING, f"{name}: no such file")
        start, size = self._members[name]
        if size > limit:
            raise ModelRefused(Reason.TOO_LARGE, f"{name}: {size} bytes; the limit is {limit}")
        with self.path.open("rb") as stream:
            stream.seek(start)
            data = stream.read(size)
        if len(data) < size:
            raise ModelRefused(Reason.UNREADABLE, f"{name}: the archive is cut off")
        return data

    @cached_property
    def _members(self) -> dict[str, tuple[int, int]]:
        """Offset and bytes of every plain file; what comes whole before a break is as good as ever."""
        found: dict[str, tuple[int, int]] = {}
        try:
            with tarfile.open(self.path, "r:") as archive:
                for info in archive:
                    name = info.name.removeprefix("./")
                    if info.isreg() and not info.issparse() and is_plain(name):
                        found[name] = (info.offset_data, info.size)
                    archive.members = []  # type: ignore[attr-defined] # a million headers would fill the memory
        except (tarfile.TarError, OSError, ValueError) as error:
            if not found:
                raise UsageError(f"{self.path}: not a tar that can be read ({error})") from None
        return found


class GzPlace:
    """A tar.gz; members that were asked for are kept in the cache of the sources."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._box = TarBox(LocalBackend(path.parent), path.name, Cache())

    def entries(self) -> Iterator[tuple[str, str]]:
        """See `Place`."""
        tag = self.path.stat().st_size
        for name in self._box.names:
            yield name, str(tag)

    def read(self, name: str, limit: int, inside: str = "") -> bytes:
        """See `Place`."""
        return _read(self._box, name, limit, inside)


class ZipPlace:
    """A zip, or one that was split into `.z01`, `.z02`, ..., `.zip`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._box = open_zip(path)

    def entries(self) -> Iterator[tuple[str, str]]:
        """See `Place`."""
        for name in self._box.names:
            yield name, self._box.tag(name)

    def read(self, name: str, limit: int, inside: str = "") -> bytes:
        """See `Place`."""
        return _read(self._box, name, limit, inside)


def _read(box: Zip | TarBox, name: str, limit: int, inside: str) -> bytes:
    try:
        return box.read(name, limit, inside)
    except FileNotFoundError:
        raise ModelRefused(Reason.MISSING, f"{name}: no such file") from None
