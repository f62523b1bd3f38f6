"""The files that a model names (buffers, materials, textures), read from inside its own folder and nowhere else."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import BinaryIO, Protocol

from ..errors import ModelRefused, Reason

_DRIVE = re.compile(r"^[A-Za-z]:[\\/]")
_SCHEME = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*:")


class Files(Protocol):
    """Where the files lie that a model names. A folder here; a zip's or tar's members in an archive's source."""

    def read(self, name: str, limit: int) -> bytes:
        """The bytes of one file, by the name that the model gives it.

        Raises:
            FileNotFoundError: there is no such file.
            ModelRefused: the name leaves the model's folder, or the file has more than `limit` bytes.
        """
        ...


class NoFiles:
    """For a model that is bytes alone: it may name no file."""

    def read(self, name: str, limit: int) -> bytes:
        """Check the name as any other, and find nothing."""
        check_relative(name)
        raise FileNotFoundError(shown(name))


class FolderFiles:
    """Files beside a model, confined to a root folder, links resolved.

    Args:
        folder: the folder of the model's file; names are relative to it.
        root: the folder that no name may leave; none: `folder` itself.
    """

    def __init__(self, folder: Path, root: Path | None = None) -> None:
        self.folder = folder
        self.root = root or folder

    def read(self, name: str, limit: int) -> bytes:
        """See `Files.read`."""
        check_relative(name)
        clean = name.strip().replace("\\", "/")
        if _DRIVE.match(clean):
            clean = clean.rpartition("/")[2]
        for candidate in dict.fromkeys((clean, re.sub(r"/{2,}", "/", clean))):
            path = os.path.realpath(os.path.join(self.folder, candidate))
            if not is_inside(path, self.root):
                raise ModelRefused(Reason.HOSTILE_PATH, f"the model names {shown(name)}, which leaves its folder")
            if os.path.isfile(path):
                return read_bounded(path, limit, shown(name))
        raise FileNotFoundError(shown(name))


def is_inside(path: str | os.PathLike[str], root: str | os.PathLike[str]) -> bool:
    """Whether a file really lies in a root folder, links resolved.

    A folder of the Hub's cache (.../snapshots/<revision>/...) is all links into the `blobs` folder beside `snapshots`,
    so that one counts as inside too.
    """
    real, base = Path(os.path.realpath(path)), Path(os.path.realpath(root))
    if real.is_relative_to(base):
        return True
    cache = next((above.parent for above in base.parents if above.name == "snapshots"), None)
    return cache is not None and (cache / "refs").is_dir() and real.is_relative_to(cache / "blobs")


def check_relative(name: str) -> None:
    """Refuse names that are absolute, have a scheme, or hold control characters.

    A Windows drive (`C:\\Users\\me\\a.png`, common in MTL files) passes: only its last part is ever looked for.
    """
    clean = name.strip()
    if any(ord(letter) < 32 for letter in clean):
        raise ModelRefused(Reason.HOSTILE_PATH, f"the model names {shown(name)}, which holds control characters")
    if _DRIVE.match(clean):
        return
    if clean.startswith(("/", "\\", "~")) or _SCHEME.match(clean):
        raise ModelRefused(
            Reason.HOSTILE_PATH, f"the model names {shown(name)}; only relative names inside its folder are read"
        )


def shown(name: str) -> str:
    """A name from a file, short and printable, for messages."""
    text = repr(name)
    return text if len(text) <= 80 else f"{text[:60]}...{text[-12:]}"


def read_bounded(path: str | os.PathLike[str], limit: int, label: str) -> bytes:
    """The bytes of a regular file of at most `limit` bytes.

    Raises:
        ModelRefused: missing, not a regular file, not readable, or too large; the message calls it `label`.
    """
    try:
        # Not blocking: opening a FIFO that nobody writes to must not hang.
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        raise ModelRefused(Reason.MISSING, f"{label}: no such file") from None
    except PermissionError:
        raise ModelRefused(Reason.ACCESS_DENIED, f"{label}: may not be read") from None
    except OSError as error:
        raise ModelRefused(Reason.UNREADABLE, f"{label}: {error.strerror or type(error).__name__}") from None
    info = os.fstat(handle)
    if not stat.S_ISREG(info.st_mode):
        os.close(handle)
        raise ModelRefused(Reason.UNREADABLE, f"{label}: not a regular file")
    with os.fdopen(handle, "rb") as file:
        if info.st_size > limit:
            raise ModelRefused(Reason.TOO_LARGE, f"{label}: {info.st_size} bytes; the limit is {limit}")
        try:
            data = file.read(info.st_size + 1)  # reading up to `limit` would reserve that much memory first
        except OSError as error:
            raise ModelRefused(Reason.UNREADABLE, f"{label}: {error.strerror or type(error).__name__}") from None
    if len(data) > limit:
        raise ModelRefused(Reason.TOO_LARGE, f"{label}: more than {limit} bytes")
    return data


def read_pieces(file: BinaryIO, limit: int) -> bytes:
    """All of a stream (one that inflates, say) of at most `limit` bytes; no more memory than there is content.

    Raises:
        ValueError: it has more.
    """
    pieces, size = [], 0
    while piece := file.read(2**20):
        pieces.append(piece)
        size += len(piece)
        if size > limit:
            raise ValueError(f"more than {limit} bytes inflated")
    return b"".join(pieces)
