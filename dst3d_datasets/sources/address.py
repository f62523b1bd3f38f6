"""Addresses: one form for every root. A local path, hf://datasets/<owner>/<name>[@revision]/<path>, https://..., or
anything that fsspec knows (s3://, gs://, memory://).

HTTP and the Hub are read by our own client (`address_http`), since fsspec's gives up on a reset, does not resume and
does not heed Retry-After; it also is one dependency less.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlsplit

from ..errors import MissingDependency, ModelRefused, Reason, SourceError
from .patience import Transient, patiently

CHUNK = 1 << 18
_SCHEME = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://")


class Stat(NamedTuple):
    """What is known of a file without reading it."""

    size: int  # bytes; -1: unknown
    tag: str  # another one when the content is another; empty: unknown


class Entry(NamedTuple):
    """One line of a listing."""

    name: str  # the last part of the path in `listing`, the path from the root in `walk`
    is_folder: bool
    tag: str = ""


class Backend(Protocol):
    """A folder somewhere. Names are relative to it, with forward slashes, and hold no `..`.

    All methods raise FileNotFoundError for what is not there, ModelRefused (ACCESS_DENIED, UNREACHABLE, UNREADABLE) for
    what cannot be read, and HostDown.
    """

    def url(self, name: str) -> str:
        """The full address of a file, without credentials: for messages, and what the cache knows it by."""
        ...

    def pinned(self, name: str) -> str:
        """A tag that is known without asking, where the address fixes the content; else empty."""
        ...

    def stat(self, name: str) -> Stat:
        """Size and tag of a file."""
        ...

    def chunks(self, name: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """The bytes [start, stop) of a file, piece by piece; fewer than asked for if the file ends before."""
        ...

    def listing(self, name: str) -> list[Entry]:
        """What lies in a folder.

        Raises:
            NotListable: the server does not tell.
        """
        ...

    def walk(self, name: str) -> Iterator[Entry]:
        """All files below a folder, however deep."""
        ...


def is_remote(address: str) -> bool:
    """Whether an address is not simply a path of this machine."""
    return bool(_SCHEME.match(address)) and not address.startswith(("file://", "local://"))


def local_path(address: str) -> Path:
    """The path that a local address stands for."""
    return Path(re.sub(r"^(file|local)://", "", address)).expanduser()


def shown_address(address: str) -> str:
    """An address as messages show it: without user, password, query and fragment, which may hold secrets."""
    if not is_remote(address):
        return address
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}" if parts.scheme != "hf" else address


def backend_at(address: str, page: str = "") -> Backend:
    """The reader of an address.

    Args:
        address: of a folder.
        page: where a person asks for access to what lies there; the Hub's own page is known without it.

    Raises:
        SourceError: no such kind of address, or a Hub address of another form.
        MissingDependency: it needs a package that is not installed.
    """
    if not is_remote(address):
        return LocalBackend(local_path(address))
    if address.startswith(("http://", "https://")):
        from .address_http import HttpBackend

        return HttpBackend(address, page)
    if address.startswith("hf://"):
        from .address_hub import HubBackend

        return HubBackend(address)
    return FsspecBackend(address, page)


@dataclass(frozen=True)
class LocalBackend:
    """A folder of this machine; read by this interface only for archives."""

    folder: Path

    def url(self, name: str) -> str:
        """See `Backend.url`."""
        return os.path.realpath(self.folder / name)

    def pinned(self, name: str) -> str:
        """See `Backend.pinned`."""
        return ""

    def stat(self, name: str) -> Stat:
        """See `Backend.stat`."""
        try:
            info = (self.folder / name).stat()
        except PermissionError:
            raise ModelRefused(Reason.ACCESS_DENIED, f"{name}: may not be read") from None
        return Stat(info.st_size, f"{info.st_size}-{info.st_mtime_ns}")

    def chunks(self, name: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """See `Backend.chunks`."""
        try:
            with (self.folder / name).open("rb") as file:
                file.seek(start)
                yield from _pieces(file, None if stop is None else stop - start)
        except FileNotFoundError:
            raise
        except PermissionError:
            raise ModelRefused(Reason.ACCESS_DENIED, f"{name}: may not be read") from None
        except OSError as error:
            raise ModelRefused(Reason.UNREADABLE, f"{name}: {error.strerror or type(error).__name__}") from None

    def listing(self, name: str) -> list[Entry]:
        """See `Backend.listing`."""
        return [Entry(entry.name, entry.is_dir()) for entry in os.scandir(self.folder / name)]

    def walk(self, name: str) -> Iterator[Entry]:
        """See `Backend.walk`."""
        for here, _, files in os.walk(self.folder / name):
            for file in files:
                yield Entry(Path(here, file).relative_to(self.folder).as_posix(), False)


@dataclass(frozen=True)
class FsspecBackend:
    """A folder in any file system of fsspec."""

    address: str
    page: str = ""

    def url(self, name: str) -> str:
        """See `Backend.url`."""
        return f"{shown_address(self.address).rstrip('/')}/{name}"

    def pinned(self, name: str) -> str:
        """See `Backend.pinned`."""
        return ""

    def stat(self, name: str) -> Stat:
        """See `Backend.stat`."""
        found: Stat = self._try(name, lambda system, path: self._stat(system.info(path)))
        return found

    def chunks(self, name: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """See `Backend.chunks`; a try again goes on where the last one ended."""
        at, size = start, self.stat(name).size
        stop = size if stop is None else min(stop, size)
        while at < stop:
            end = min(stop, at + 16 * CHUNK)
            data: bytes = self._try(name, lambda system, path: system.cat_file(path, start=at, end=end))  # noqa: B023
            if not data:
                return
            at += len(data)
            yield data

    def listing(self, name: str) -> list[Entry]:
        """See `Backend.listing`."""
        found: list[Entry] = self._try(
            name, lambda system, path: [self._entry(info, path) for info in system.ls(path, detail=True, refresh=True)]
        )
        return found

    def walk(self, name: str) -> Iterator[Entry]:
        """See `Backend.walk`."""
        found: dict[str, Any] = self._try(name, lambda system, path: system.find(path, detail=True))
        base = self._system()[1]
        for path, info in sorted(found.items()):
            yield Entry(path[len(base) :].strip("/"), False, self._stat(info).tag)

    def _system(self) -> tuple[Any, str]:
        import fsspec

        try:
            system, path = fsspec.core.url_to_fs(self.address)
        except ImportError as error:
            kind = self.address.partition("://")[0]
            raise MissingDependency(f"{kind}:// addresses need a package that is not installed: {error}") from error
        except ValueError as error:
            raise SourceError(f"{shown_address(self.address)}: {error}") from error
        return system, str(path).rstrip("/")

    def _try(self, name: str, action: Any) -> Any:
        def once() -> Any:
            system, base = self._system()
            try:
                return action(system, f"{base}/{name}".rstrip("/"))
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
                raise FileNotFoundError(self.url(name)) from error
            except PermissionError as error:
                hint = f"; ask for access at {self.page}" if self.page else ""
                raise ModelRefused(Reason.ACCESS_DENIED, f"{self.url(name)}: access denied{hint}") from error
            except Exception as error:
                # Each store's client has errors of its own; their texts may hold signed addresses.
                raise Transient(type(error).__name__) from error

        return patiently(once, self.url(name))

    @staticmethod
    def _stat(info: dict[str, Any]) -> Stat:
        known = ("ETag", "etag", "md5Hash", "content_md5", "LastModified", "last_modified", "mtime", "created")
        tag = next((str(info[key]) for key in known if info.get(key)), "")
        size = info.get("size")
        return Stat(-1 if size is None else int(size), f"{size}-{tag}" if tag else "")

    def _entry(self, info: dict[str, Any], folder: str) -> Entry:
        path = str(info["name"]).rstrip("/")
        return Entry(path.rpartition("/")[2], info.get("type") == "directory", self._stat(info).tag)


def _pieces(file: Any, left: int | None) -> Iterator[bytes]:
    while left is None or left > 0:
        data = file.read(CHUNK if left is None else min(CHUNK, left))
        if not data:
            return
        if left is not None:
            left -= len(data)
        yield data
