"""The root of a source: a folder here, or one somewhere else behind the cache. One look for both."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from ..errors import HostDown, ModelRefused, NotListable, Reason, SourceError
from ..recipe.options import FileSourceOptions
from .address import Backend, Entry, LocalBackend, backend_at, is_remote, local_path, shown_address
from .archive_tar import TarBox
from .archive_zip import ZipBox
from .box import is_plain
from .cache import Cache


class Root:
    """A folder of models, named by any address; for a remote one it is the `Box` of its files.

    Args:
        options: the source's; they say where, and what is cached.
        source: the source's name, for messages.
        expected: what should lie there, in words.
        page: where a person asks for access to the collection.
        below: a folder below the root's address.
    """

    def __init__(self, options: FileSourceOptions, source: str, expected: str, page: str = "", below: str = "") -> None:
        self._arguments = (options, source, expected, page, below)
        self._options, self._source, self._expected, self._page = options, source, expected, page
        address = options.root
        if is_remote(address):
            address = f"{address.rstrip('/')}/{below}" if below else address
            self.local = None
        else:
            self.local = self._folder(local_path(address)) / below
        self.address = address

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._arguments

    def __truediv__(self, name: str) -> Root:
        """A folder below this one."""
        options, source, expected, page, below = self._arguments
        return Root(options, source, expected, page, f"{below}/{name}".strip("/"))

    def entries(self, name: str = "") -> list[Entry]:
        """What lies in a folder; nothing if there is no such folder.

        Raises:
            SourceError: it may not be read, or the server shows no list.
        """
        try:
            if self.local is not None:
                return [Entry(entry.name, entry.is_dir()) for entry in os.scandir(self.local / name)]
            return self.backend.listing(name)
        except (FileNotFoundError, NotADirectoryError):
            return []
        except (OSError, ModelRefused) as error:
            raise self.error(error) from error

    def walk(self) -> Iterator[Entry]:
        """All files of a remote root, however deep."""
        try:
            yield from self.backend.walk("")
        except FileNotFoundError:
            return
        except ModelRefused as error:
            raise self.error(error) from error

    def is_folder(self, name: str) -> bool:
        """Whether there is such a folder with something in it; no, where the server does not tell."""
        if self.local is not None:
            return (self.local / name).is_dir()
        try:
            return bool(self.entries(name))
        except NotListable:
            return False

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        if self.local is not None:
            return (self.local / name).is_file()
        try:
            self.backend.stat(name)
        except FileNotFoundError:
            return False
        except ModelRefused as error:
            raise self.error(error) from error
        return True

    def index(self, name: str, limit: int) -> bytes | None:
        """The content of an index file; None if there is none.

        Raises:
            SourceError: it cannot be read.
        """
        try:
            if self.local is not None:
                path = self.local / name
                return path.read_bytes() if path.is_file() else None
            return self.read(name, limit)
        except FileNotFoundError:
            return None
        except (OSError, ModelRefused) as error:
            raise self.error(error) from error

    def read(self, name: str, limit: int, inside: str = "") -> bytes:
        """See `box.Box.read`: a file of a remote root, from the cache or into it."""
        if not is_plain(name):
            raise FileNotFoundError(name)
        backend, cache = self.backend, self.cache
        url = backend.url(name)
        try:
            tag = backend.pinned(name) or backend.stat(name).tag
        except HostDown:
            # Nobody can say whether it is still the same; what is kept is better than no build.
            kept = cache.read(url)
            if kept is None:
                raise
            return kept
        data = cache.read(url, tag) if tag else None
        if data is None:
            with cache.lock(url):
                data = cache.read(url, tag) if tag else None
                if data is None:
                    data = self._download(name, limit)
                    cache.write(url, tag, data)
        if len(data) > limit:
            raise ModelRefused(Reason.TOO_LARGE, f"{name}: {len(data)} bytes; the limit is {limit}")
        return data

    def zip(self, name: str) -> ZipBox:
        """A zip that lies in this folder."""
        return ZipBox(self.backend, name, self.cache)

    def tar(self, name: str) -> TarBox:
        """A tar.gz that lies in this folder."""
        return TarBox(self.backend, name, self.cache)

    @cached_property
    def backend(self) -> Backend:
        """The reader of the address."""
        return LocalBackend(self.local) if self.local is not None else backend_at(self.address, self._page)

    @cached_property
    def cache(self) -> Cache:
        """Where what is fetched is kept."""
        return Cache(self._options.cache, self._options.cache_bytes)

    def error(self, why: Exception | str) -> SourceError:
        """That this source cannot be used, and why."""
        if isinstance(why, SourceError):
            return why
        text = why.detail if isinstance(why, ModelRefused) else getattr(why, "strerror", None) or str(why)
        root = shown_address(self._options.root)
        return SourceError(f"source {self._source!r}: root {root}: {text}; expected {self._expected}")

    def _download(self, name: str, limit: int) -> bytes:
        pieces, size = [], 0
        for piece in self.backend.chunks(name):
            pieces.append(piece)
            size += len(piece)
            if size > limit:
                raise ModelRefused(Reason.TOO_LARGE, f"{name}: more than {limit} bytes")
        return b"".join(pieces)

    def _folder(self, path: Path) -> Path:
        try:
            found = path.is_dir()
            if found:
                next(path.iterdir(), None)
        except OSError as error:
            raise self.error(error) from error
        if not found:
            raise self.error("no such folder")
        return path
