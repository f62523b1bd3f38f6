"""The depth of an OpenEXR file: one float channel of a scanline picture, which is what Blender writes.

OpenCV 4 has its reader switched off for its safety record and OpenCV 5's wheels have none, and the one wheel there is
parses strangers' files in C++. What is needed is small: single-part scanline files, uncompressed, RLE, ZIPS or ZIP,
half or float, read here with every size checked before it is used. Source: "OpenEXR File Layout", openexr.com.
"""

from __future__ import annotations

import struct
import zlib
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelRefused, Reason

_MAGIC = b"\x76\x2f\x31\x01"
_FLAGS = 0x200 | 0x800 | 0x1000  # tiled, deep, multi-part
_LINES = {0: 1, 1: 1, 2: 1, 3: 16}  # scanlines a block: none, RLE, ZIPS, ZIP
_TYPES: dict[int, np.dtype[Any]] = {0: np.dtype("<u4"), 1: np.dtype("<f2"), 2: np.dtype("<f4")}
_WANTED = ("Z", "V", "Y", "R")  # the first of these that is there; Blender repeats depth in R, G and B
_MOST_SIDE, _MOST_CHANNELS, _MOST_HEADER = 4096, 32, 2**16


class _Channel(NamedTuple):
    name: str  # less the layer
    dtype: np.dtype[Any]


class _Header(NamedTuple):
    channels: list[_Channel]
    compression: int
    width: int
    height: int
    top: int  # number of the first scanline
    end: int  # of the header


class _Broken(Exception):
    """What is wrong with a file."""


def read_depth(data: bytes, name: str) -> NDArray[np.float32]:
    """Depth (H, W) as the file has it, infinities and all.

    Raises:
        ModelRefused: `unsupported` for kinds of OpenEXR that the reference does not write, `unreadable` for the rest.
    """
    try:
        return _picture(data, _header(data))
    except _Broken as error:
        raise ModelRefused(Reason.UNREADABLE, f"{name}: {error}") from None
    except (struct.error, ValueError, zlib.error, IndexError, UnicodeDecodeError) as error:
        raise ModelRefused(Reason.UNREADABLE, f"{name}: a broken EXR ({type(error).__name__})") from None


def _header(data: bytes) -> _Header:
    if data[:4] != _MAGIC:
        raise _Broken("not an EXR")
    (version,) = struct.unpack_from("<I", data, 4)
    if version & 0xFF != 2 or version & _FLAGS:
        raise ModelRefused(Reason.UNSUPPORTED, "an EXR of tiles, deep data or several parts")
    found, at = dict[str, bytes](), 8
    while data[at] != 0:
        key, at = _text(data, at)
        _, at = _text(data, at)
        (size,) = struct.unpack_from("<I", data, at)
        if at + size > min(len(data), _MOST_HEADER):
            raise _Broken("its header is cut off, or endless")
        found[key], at = data[at + 4 : at + 4 + size], at + 4 + size
    if not {"channels", "compression", "dataWindow"} <= found.keys():
        raise _Broken("its header lacks what every EXR has")
    left, top, right, bottom = struct.unpack("<4i", found["dataWindow"])
    width, height = right - left + 1, bottom - top + 1
    if not (0 < width <= _MOST_SIDE and 0 < height <= _MOST_SIDE):
        raise _Broken(f"{width} x {height} pixels")
    compression = found["compression"][0]
    if compression not in _LINES:
        raise ModelRefused(Reason.UNSUPPORTED, f"an EXR of compression {compression}; none, RLE, ZIPS and ZIP are read")
    return _Header(_channels(found["channels"]), compression, width, height, top, at + 1)


def _text(data: bytes, at: int) -> tuple[str, int]:
    end = data.index(b"\0", at, at + 256)
    return data[at:end].decode(), end + 1


def _channels(data: bytes) -> list[_Channel]:
    found, at = list[_Channel](), 0
    while data[at] != 0:
        name, at = _text(data, at)
        kind, _, across, down = struct.unpack_from("<iIii", data, at)
        at += 16
        if kind not in _TYPES or (across, down) != (1, 1) or len(found) >= _MOST_CHANNELS:
            raise _Broken("channels that no depth has")
        found.append(_Channel(name.rpartition(".")[2], _TYPES[kind]))
    return found


def _picture(data: bytes, header: _Header) -> NDArray[np.float32]:
    names = [channel.name for channel in header.channels]
    wanted = next((names.index(name) for name in _WANTED if name in names), None)
    if wanted is None:
        raise _Broken(f"no channel of depth in it; it has {', '.join(names)[:60]}")
    row = header.width * sum(channel.dtype.itemsize for channel in header.channels)
    before = header.width * sum(channel.dtype.itemsize for channel in header.channels[:wanted])
    dtype, lines = header.channels[wanted].dtype, _LINES[header.compression]
    result, done = np.zeros((header.height, header.width), np.float32), 0
    at = header.end + 8 * -(-header.height // lines)  # past the table of offsets: blocks follow each other
    while done < header.height:
        line, size = struct.unpack_from("<ii", data, at)
        first, count = line - header.top, min(lines, header.height - (line - header.top))
        if size < 0 or at + 8 + size > len(data) or first % lines or not 0 <= first < header.height:
            raise _Broken("its blocks are cut off, or out of place")
        block = _unpacked(data[at + 8 : at + 8 + size], header.compression, row * count)
        for number in range(count):
            start = number * row + before
            result[first + number] = np.frombuffer(block, dtype, header.width, start).astype(np.float32)
        at, done = at + 8 + size, done + count
    return result


def _unpacked(block: bytes, compression: int, size: int) -> bytes:
    """A block's bytes; blocks that would grow are stored as they are."""
    if compression == 0 or len(block) == size:
        plain = block
    else:
        packed = _run_lengths(block, size) if compression == 1 else zlib.decompressobj().decompress(block, size)
        plain = _restored(packed)
    if len(plain) != size:
        raise _Broken("a block of the wrong length")
    return plain


def _restored(data: bytes) -> bytes:
    """Undo EXR's differences between neighbours, and put the two halves' bytes side by side again."""
    steps = np.frombuffer(data, np.uint8).astype(np.int64)
    steps[1:] -= 128
    values = np.cumsum(steps).astype(np.uint8)
    half = (len(values) + 1) // 2
    result = np.empty(len(values), np.uint8)
    result[0::2], result[1::2] = values[:half], values[half:]
    return result.tobytes()


def _run_lengths(block: bytes, size: int) -> bytes:
    found, at = bytearray(), 0
    while at < len(block) and len(found) <= size:
        count = block[at] - 256 if block[at] > 127 else block[at]
        if count < 0:
            found += block[at + 1 : at + 1 - count]
            at += 1 - count
        else:
            found += block[at + 1 : at + 2] * (count + 1)
            at += 2
    return bytes(found)
