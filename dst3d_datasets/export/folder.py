"""The folder of an export: written beside its place, and there as a whole or not at all."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from ..errors import BusyError, StoreError, UsageError


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """A hidden folder beside `out` that becomes `out` in one rename when all is well, and is removed otherwise.

    What a killed export left is begun anew.

    Raises:
        UsageError: there is something at `out` already.
        BusyError: another process is exporting to it.
        StoreError: the disk is full or cannot be written.
    """
    target = Path(os.path.realpath(out))
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise UsageError(f"{out}: is there already; choose another folder, or remove it yourself")
    folder, lock = (target.with_name(f".{target.name}.{ending}") for ending in ("export", "lock"))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with lock.open("a") as held:
            _hold(held, out)
            try:
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                yield folder
                os.replace(folder, target)
            finally:
                shutil.rmtree(folder, ignore_errors=True)
                lock.unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(
            f"{out}: cannot be written: {error.strerror or error}. Nothing is left of the attempt"
        ) from error


def _hold(held: TextIO, out: Path) -> None:
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise BusyError(f"{out}: another process is exporting there; wait for it to end") from None


class JsonList:
    """A JSON list that is written item by item, one a line, so that memory stays flat and no file is held open."""

    def __init__(self, path: Path) -> None:
        self.path, self.num_items = path, 0
        write_bytes(path, b"[")

    def add(self, item: Any) -> None:
        """Append an item."""
        self._append(("," if self.num_items else "") + "\n" + to_json(item))
        self.num_items += 1

    def close(self) -> None:
        """End the list."""
        self._append("\n]\n")

    def _append(self, text: str) -> None:
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(text)


def to_json(item: Any) -> str:
    """JSON on one line: no NaN, shortest floats."""
    return json.dumps(item, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def write_json(path: Path, content: Any) -> None:
    """Write a small JSON file."""
    write_bytes(path, (json.dumps(content, ensure_ascii=False, allow_nan=False, indent=1) + "\n").encode())
