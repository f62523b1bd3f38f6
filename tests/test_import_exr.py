"""The depth reader: every kind that Blender may write, and broken files."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from _reference_tree import exr

from dst3d_datasets.errors import ModelRefused, Reason
from dst3d_datasets.reference.exr import read_depth


def test_depth_files_of_every_kind_and_broken_ones() -> None:
    depth = np.linspace(0.5, 3.0, 37 * 53, dtype=np.float32).reshape(37, 53)
    depth[5:9] = 1e10
    for compression in (0, 2, 3):
        for channel in ("V", "Z", "R", "ViewLayer.Depth.Z"):
            np.testing.assert_array_equal(read_depth(exr(depth, compression, channel), "a"), depth)
    whole = exr(depth)
    for cut in (0, 3, 20, 100, len(whole) // 2, len(whole) - 1):
        with pytest.raises(ModelRefused):
            read_depth(whole[:cut], "a")
    huge = whole.replace(struct.pack("<2i", 52, 36), struct.pack("<2i", 2**31 - 2, 2**31 - 2))
    for broken in (b"", huge, whole.replace(b"V\0", b"Q\0"), exr(depth, 0).replace(b"\x02\0\0\0", b"\x02\x02\0\0", 1)):
        with pytest.raises(ModelRefused):
            read_depth(broken, "a")
    rng = np.random.default_rng(0)
    for _ in range(300):
        damaged = bytearray(whole)
        for place in rng.integers(0, len(damaged), 3):
            damaged[place] = rng.integers(0, 256)
        assert _outcome(bytes(damaged)) in ("read", Reason.UNREADABLE, Reason.UNSUPPORTED)


def _outcome(data: bytes) -> str:
    try:
        read_depth(data, "a")
    except ModelRefused as error:
        return error.reason
    return "read"


def test_files_of_the_openexr_library(tmp_path: Path) -> None:
    """Where the library is installed: all its lossless scanline compressions but PIZ, bit for bit."""
    library = pytest.importorskip("OpenEXR", reason="needs the OpenEXR package")
    depth = np.random.default_rng(0).uniform(0.5, 3.0, (37, 53)).astype(np.float32)
    depth[10:20] = 1.5
    for kind in ("NO_COMPRESSION", "RLE_COMPRESSION", "ZIPS_COMPRESSION", "ZIP_COMPRESSION"):
        for names in (["V"], ["Z"], ["R", "G", "B", "A"]):
            for dtype in (np.float32, np.float16):
                head = {"compression": getattr(library, kind), "type": library.scanlineimage}
                library.File(head, {name: depth.astype(dtype) for name in names}).write(str(tmp_path / "depth.exr"))
                found = read_depth((tmp_path / "depth.exr").read_bytes(), "a")
                np.testing.assert_array_equal(found, depth.astype(dtype))
