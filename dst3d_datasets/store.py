"""The store: a folder (local or any fsspec address) of finished shards and their receipts.

Layout::

    recipe.yaml  run.json                                   what this folder is for
    shards/<class>/<shard>-<12 digits of its sha256>.tar    named by content: two writers cannot tear each other's file
    receipts/<shard>.json                                   the only proof that a shard exists
    retries.json                                            samples that were drawn again; see `retries`
    scores/<class>/                                         tables of scores; see `scoring`
    tmp/  locks/                                            may be lost at any time

A shard is written to a temporary name, flushed to the disk, renamed, and then proven by a receipt that appears in one
atomic replace. Whatever is killed in between leaves an orphan, which `sweep` removes.
"""

from __future__ import annotations

import errno
import hashlib
import os
import socket
import tarfile
import tempfile
import uuid
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

import fsspec
from fsspec.implementations.local import LocalFileSystem

from .errors import StoreError
from .receipt import Receipt
from .tar import TarWriter, read_index

_CHUNK = 1 << 20


class _Sink:
    """A file that tells a full disk as the store's failure, and not as one of those that the stages may meet."""

    def __init__(self, stream: BinaryIO, guard: Callable[[], AbstractContextManager[None]]) -> None:
        self._stream, self._guard = stream, guard

    def write(self, data: bytes) -> None:
        """Write all of `data`."""
        with self._guard():
            self._stream.write(data)


class Store:
    """One run's folder.

    Args:
        url: a local path or an fsspec address such as `s3://bucket/run`; made when first written to.
    """

    def __init__(self, url: str | os.PathLike[str]) -> None:
        self.url = os.fspath(url)
        self._fs, self._root = fsspec.core.url_to_fs(self.url)
        self._root = self._root.rstrip("/")
        self.local = Path(self._root) if isinstance(self._fs, LocalFileSystem) else None

    def __repr__(self) -> str:
        return f"Store({self.url!r})"

    # reading ---------------------------------------------------------------------------------------------------------

    def read(self, name: str) -> bytes | None:
        """The content of a file of the store, or None if there is none."""
        try:
            return cast(bytes, self._fs.cat_file(f"{self._root}/{name}"))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self.error(f"read {name}", error) from error

    def receipt(self, shard_id: str) -> Receipt | None:
        """The receipt of a shard, or None if the shard does not exist."""
        data = self.read(f"receipts/{shard_id}.json")
        return None if data is None else Receipt.from_json(data, f"{self.url}/receipts/{shard_id}.json")

    def receipts(self) -> Iterator[Receipt]:
        """All receipts, sorted by shard id."""
        for name in self._names("receipts"):
            if name.endswith(".json"):
                receipt = self.receipt(name.removesuffix(".json"))
                if receipt is not None:
                    yield receipt

    def has_all(self, receipt: Receipt) -> bool:
        """Whether the tar that a receipt names is there with its length (its content is what `verify` looks at)."""
        if not receipt.path:
            return True
        try:
            return int(self._fs.size(f"{self._root}/{receipt.path}")) == receipt.num_bytes
        except FileNotFoundError:
            return False

    @contextmanager
    def open(self, receipt: Receipt) -> Iterator[BinaryIO]:
        """The tar of a receipt, seekable."""
        try:
            with self._fs.open(f"{self._root}/{receipt.path}", "rb") as stream:
                yield stream
        except FileNotFoundError as error:
            raise StoreError(f"{self.url}: {receipt.path} is gone; run `dst3d verify` on this folder") from error

    def verify(self, receipt: Receipt) -> str:
        """Read a shard's tar whole. Empty if all is well, else what is wrong."""
        if not receipt.path:
            return "" if receipt.num_samples == 0 else "the receipt names no file"
        digest, count = hashlib.sha256(), 0
        try:
            with self._fs.open(f"{self._root}/{receipt.path}", "rb") as stream:
                while chunk := stream.read(_CHUNK):
                    digest.update(chunk)
                if digest.hexdigest() != receipt.sha256:
                    return f"{receipt.path}: its bytes are not those of the receipt (sha256 differs)"
                count = sum(1 for _ in read_index(stream))
        except FileNotFoundError:
            return f"{receipt.path}: gone"
        except (OSError, tarfile.TarError) as error:
            return f"{receipt.path}: cannot be read ({error})"
        return "" if count == receipt.num_samples else f"{receipt.path}: {count} samples, not {receipt.num_samples}"

    # writing ---------------------------------------------------------------------------------------------------------

    def write(self, name: str, data: bytes) -> None:
        """Put a small file in one atomic replace."""
        try:
            if self.local is None:
                self._fs.makedirs(f"{self._root}/{name}".rpartition("/")[0], exist_ok=True)
                self._fs.pipe_file(f"{self._root}/{name}", data)
            else:
                with self._temporary() as temporary:
                    temporary.write_bytes(data)
                    self._publish(temporary, self.local / name)
        except OSError as error:
            raise self.error(f"write {name}", error) from error

    def commit(self, shard_id: str, class_id: str, fill: Callable[[TarWriter], Receipt]) -> Receipt:
        """Write one shard and prove it.

        Args:
            shard_id: the shard's name.
            class_id: the sub-folder its tar goes to.
            fill: writes the samples and returns the receipt, complete but for path, sha256 and num_bytes. If it raises,
                nothing is kept.

        Raises:
            StoreError: the store cannot be written (disk full, read-only); the temporary file is removed.
        """
        guard = partial(self._guard, f"write shard {shard_id}")
        with ExitStack() as stack:
            with guard():
                temporary = stack.enter_context(self._temporary())
                stream = stack.enter_context(temporary.open("wb"))
            writer = TarWriter(_Sink(stream, guard))
            receipt = fill(writer)
            sha256 = writer.finish()
            with guard():
                stream.close()
                if receipt.num_samples:
                    path = f"shards/{class_id}/{shard_id}-{sha256[:12]}.tar"
                    self._publish(temporary, self.local / path if self.local else path)
                    receipt = replace(receipt, path=path, sha256=sha256, num_bytes=writer.num_bytes)
        self.write(f"receipts/{shard_id}.json", receipt.to_json())
        return receipt

    def remove(self, name: str) -> None:
        """Remove a file, or a folder with all that is in it; nothing happens if there is none of that name."""
        with suppress(FileNotFoundError):
            self._fs.rm(f"{self._root}/{name}", recursive=True)

    def forget(self, shard_id: str) -> None:
        """Withdraw a shard's receipt: from then on it does not exist and is made again."""
        with suppress(FileNotFoundError):
            self._fs.rm_file(f"{self._root}/receipts/{shard_id}.json")

    def sweep(self, remove: bool = True, ignoring: Collection[str] = ()) -> list[tuple[str, int]]:
        """Find (and remove) what no receipt proves: temporary files and shards that lost a race or were replaced.

        Args:
            remove: whether to remove what is found.
            ignoring: ids of shards whose receipts do not count.

        Returns:
            (name, bytes) of each. The caller makes sure that no build is at work.
        """
        kept = {receipt.path for receipt in self.receipts() if receipt.shard_id not in ignoring}
        found = [(name, size) for name, size in self.files("shards") if name not in kept] + self.files("tmp")
        if remove:
            for name, _ in found:
                self._fs.rm_file(f"{self._root}/{name}")
        return found

    # inside ----------------------------------------------------------------------------------------------------------

    @contextmanager
    def _guard(self, action: str) -> Iterator[None]:
        """Tell the system's refusals as ours."""
        try:
            yield
        except OSError as error:
            raise self.error(action, error) from error

    @contextmanager
    def _temporary(self) -> Iterator[Path]:
        """A local path for a file in the making, on the store's own disk if that is local; removed if still there."""
        if self.local is None:
            folder = Path(tempfile.gettempdir())
        else:
            folder = self.local / "tmp"
            folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex}"
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    def _publish(self, temporary: Path, target: Path | str) -> None:
        """Move a finished file to its name: flushed before the rename, and the rename flushed after it."""
        if isinstance(target, str):
            self._fs.makedirs(f"{self._root}/{target}".rpartition("/")[0], exist_ok=True)
            self._fs.put_file(str(temporary), f"{self._root}/{target}")
            return
        with temporary.open("rb+") as stream:
            os.fsync(stream.fileno())
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(temporary, target)
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _names(self, folder: str) -> list[str]:
        try:
            return sorted(path.rpartition("/")[2] for path in self._fs.ls(f"{self._root}/{folder}", detail=False))
        except FileNotFoundError:
            return []

    def files(self, folder: str) -> list[tuple[str, int]]:
        """(name in the store, bytes) of every file below a folder, sorted."""
        found = self._fs.find(f"{self._root}/{folder}", detail=True)
        return sorted((path.removeprefix(self._root).lstrip("/"), info["size"] or 0) for path, info in found.items())

    def error(self, action: str, error: OSError) -> StoreError:
        """What to tell the user when the system refuses something."""
        hints = {
            errno.ENOSPC: "the disk is full: free some space",
            errno.EDQUOT: "the quota is used up: free some space",
            errno.EROFS: "the file system is read-only: choose another folder",
            errno.EACCES: "no permission: choose another folder or change its permissions",
            errno.EPERM: "no permission: choose another folder or change its permissions",
            errno.ENOTDIR: "a part of the path is a file, not a folder: choose another folder",
        }
        hint = hints.get(error.errno or 0, str(error))
        return StoreError(
            f"{self.url}: cannot {action}: {hint}. All finished shards are kept; the same command goes on."
        )
