"""Looking into an archive without unpacking it: members, models, and what is hostile about it."""

from __future__ import annotations

import gzip
import io
import re
import tarfile
import zipfile
import zlib
from collections import Counter
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, NamedTuple

from ..errors import Reason
from .mesh import FORMATS

MOST_MEMBERS = 1_000_000
MOST_INFLATED = 2**32  # bytes of a compressed tar that are looked at: listing one means inflating it
_BOMB_RATIO = 200  # no mesh or picture deflates so well
_BOMB_BYTES = 64 * 2**20
_SHOWN = 20


class _Member(NamedTuple):
    name: str
    size: int  # bytes, as the header says
    hostile: str  # what is wrong with it; empty: nothing


def archive_kind(head: bytes, name: str) -> str:
    """zip, tar or tar.gz by the name, if the first bytes agree; empty for anything else."""
    suffix = name.lower()
    if suffix.endswith(".zip") and head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip"
    if suffix.endswith(".tar") and head[257:262] == b"ustar":
        return "tar"
    if suffix.endswith((".tar.gz", ".tgz")) and head.startswith(b"\x1f\x8b"):
        return "tar.gz"
    return ""


def inspect_archive(path: Path, kind: str) -> dict[str, Any]:
    """Count the members of an archive, name its models, and sort what is hostile by kind. Nothing is unpacked."""
    members, complete, damage = _zip_members(path) if kind == "zip" else _tar_members(path, kind)
    hostile = Counter(member.hostile for member in members if member.hostile)
    models = [m.name for m in members if not m.hostile and m.name.lower().endswith(tuple(f".{f}" for f in FORMATS))]
    ok = bool(models)
    reason, detail = "", ""
    if not ok:
        reason = Reason.UNREADABLE if damage else Reason.NO_FACES
        detail = damage or "there is no model file in it"
        if "bomb" in hostile:
            reason, detail = Reason.TOO_LARGE, "its members inflate to far more than they take in the archive"
        elif hostile:
            reason, detail = Reason.HOSTILE_PATH, "none of its models has a name that stays inside"
    return {
        "ok": ok,
        "reason": str(reason),
        "detail": detail,
        "members": len(members),
        "inflated_bytes": sum(member.size for member in members),
        "num_models": len(models),
        "models": [_shown(name) for name in models[:_SHOWN]],
        "hostile": dict(sorted(hostile.items())),
        "complete": complete,
        "warnings": ([damage] if damage and ok else []) + ([] if complete else ["only the first part was looked at"]),
    }


def _zip_members(path: Path) -> tuple[list[_Member], bool, str]:
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, RuntimeError, EOFError) as error:
        return [], True, f"the zip's directory cannot be read: {error}"
    members = []
    for info in infos[:MOST_MEMBERS]:
        if info.orig_filename.endswith("/"):
            continue
        mode = info.external_attr >> 16
        hostile = name_trouble(info.orig_filename)
        if not hostile and mode and mode & 0o170000 not in (0, 0o100000):
            hostile = "link" if mode & 0o170000 == 0o120000 else "device"
        if not hostile and info.flag_bits & 1:
            hostile = "encrypted"
        if not hostile and info.file_size > max(_BOMB_BYTES, _BOMB_RATIO * info.compress_size):
            hostile = "bomb"
        members.append(_Member(info.orig_filename, info.file_size, hostile))
    return members, len(infos) <= MOST_MEMBERS, ""


def _tar_members(path: Path, kind: str) -> tuple[list[_Member], bool, str]:
    members: list[_Member] = []
    links: set[str] = set()
    with path.open("rb") as raw:
        counted = _Counted(gzip.GzipFile(fileobj=raw) if kind == "tar.gz" else raw)
        try:
            with tarfile.open(fileobj=counted, mode="r|") as archive:
                for info in archive:
                    headers: list[Any] = vars(archive)["members"]
                    headers.clear()  # tarfile keeps every one that it has seen
                    if not info.isdir():
                        members.append(_Member(info.name, max(info.size, 0), _tar_trouble(info, links)))
                    if len(members) >= MOST_MEMBERS:
                        return members, False, ""
        except _TooMuchError:
            return members, False, ""
        except (tarfile.TarError, OSError, EOFError, zlib.error, ValueError) as error:
            return members, True, f"the archive is damaged after {len(members)} members: {error}"
    return members, True, ""


def _tar_trouble(info: tarfile.TarInfo, links: set[str]) -> str:
    """What is wrong with a member; a file whose path leads through a link counts as one."""
    if info.issym() or info.islnk():
        links.add(info.name.rstrip("/"))
        return "link"
    if any(folder.as_posix() in links for folder in PurePosixPath(info.name).parents):
        return "link"
    if not info.isreg():
        return "device"
    return name_trouble(info.name)


def name_trouble(name: str) -> str:
    """What is wrong with a member's name: control, absolute, backslash, parent; empty if it stays in its folder."""
    if any(ord(letter) < 32 for letter in name):
        return "control"
    if name.startswith(("/", "~")) or re.match(r"^[A-Za-z]:", name):
        return "absolute"
    if "\\" in name:
        return "backslash"
    return "parent" if ".." in name.split("/") else ""


def _shown(name: str) -> str:
    """A name out of a stranger's archive, for a person: printable and short."""
    clean = re.sub(r"[^\x20-\x7e\u00a0-\ud7ff]", "?", name)
    return clean if len(clean) <= 120 else f"{clean[:100]}...{clean[-15:]}"


class _TooMuchError(Exception):
    """The archive inflates to more than is looked at."""


class _Counted(io.RawIOBase):
    """Reads on until `MOST_INFLATED` bytes."""

    def __init__(self, inner: Any) -> None:
        self._inner: BinaryIO = inner
        self._left = MOST_INFLATED

    def readable(self) -> bool:
        """Yes."""
        return True

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes."""
        data = self._inner.read(min(size, 2**20) if size >= 0 else 2**20)
        self._left -= len(data)
        if self._left < 0:
            raise _TooMuchError
        return data
