"""Zips and tar.gz as collections have them, and ways to look at what becomes of them."""

from __future__ import annotations

import io
import os
import tarfile
import zipfile
from collections.abc import Callable

import pytest
from _models import WEDGE

from dst3d_datasets.errors import ModelRefused, Reason
from dst3d_datasets.sources.cache import Cache

LIMIT = 10**7  # bytes of one member

SCANS = [(f"cup_{n:03d}/Scan/Scan.{kind}", os.urandom(size)) for n in range(30) for kind, size in
         (("jpg", 30_000), ("mtl", 100), ("obj", 50_000))]  # fmt: skip


def zipped(models: int = 40, method: int = zipfile.ZIP_DEFLATED) -> tuple[bytes, dict[str, bytes]]:
    """A synset's zip as ShapeNet's is: pictures, then geometry, then voxels that nobody wants."""
    files: dict[str, bytes] = {}
    for number in range(models):
        folder = f"02691156/m{number:03d}"
        files[f"{folder}/images/t0.jpg"] = os.urandom(20_000)
        files[f"{folder}/images/t1.jpg"] = os.urandom(10_000)
        files[f"{folder}/models/model_normalized.json"] = b"{}"
        files[f"{folder}/models/model_normalized.mtl"] = b"newmtl a\nmap_Kd ../images/t0.jpg\n" + os.urandom(50)
        files[f"{folder}/models/model_normalized.obj"] = WEDGE.encode() + os.urandom(30_000).hex().encode()
        files[f"{folder}/models/model_normalized.solid.binvox"] = os.urandom(60_000)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue(), files


def targz(members: list[tuple[tarfile.TarInfo, bytes]], form: int = tarfile.GNU_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", format=form) as archive:
        for info, data in members:
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def member(name: str, **fields: object) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    for key, value in fields.items():
        setattr(info, key, value)
    return info


def reason(action: Callable[[], object]) -> Reason:
    with pytest.raises(ModelRefused) as caught:
        action()
    return caught.value.reason


def contents(cache: Cache) -> list[bytes]:
    return [path.read_bytes() for path in cache.folder.glob("[0-9a-f][0-9a-f]/*")]
