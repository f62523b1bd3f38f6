"""glTF 2.0: the container, and its buffers and accessors as numpy arrays, every index and length checked.

Read by us and not by trimesh, which (5.2) takes quantised positions for plain integers, ignores sparse accessors,
skins, second UV sets and texture transforms, and turns DRACO without its decoder into zeros, all without an error.
Source of the rules: the Khronos glTF 2.0 specification, sections 3.6 (accessors) and 4.4 (GLB).
"""

from __future__ import annotations

import base64
import binascii
import json
import struct
from typing import Any
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelRefused, Reason
from .mesh_files import Files, shown
from .mesh_types import Bounds

_DTYPES = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT2": 4, "MAT3": 9, "MAT4": 16}
_MESHOPT = ("EXT_meshopt_compression", "KHR_meshopt_compression")


def container(data: bytes) -> tuple[dict[str, Any], bytes | None]:
    """Split a GLB or a .gltf text into its JSON and its binary chunk.

    Raises:
        ModelRefused: glTF 1.0, or JSON that is no glTF at all.
        ValueError: damaged or cut off.
    """
    text, binary = _chunks(data) if data[:4] == b"glTF" else (data, None)
    document = json.loads(text.decode("utf-8-sig"))
    if not isinstance(document, dict) or not {"asset", "meshes", "scenes", "nodes"} & document.keys():
        raise ModelRefused(Reason.NOT_A_MODEL, "the JSON is not a glTF document")
    version = str(document.get("asset", {}).get("version", "2.0"))
    if version.split(".")[0] != "2":
        raise ModelRefused(Reason.UNSUPPORTED, f"glTF version {shown(version)}; only 2.x is read")
    return document, binary


def _chunks(data: bytes) -> tuple[bytes, bytes | None]:
    if len(data) < 20:
        raise ValueError(f"the GLB ends after {len(data)} bytes")
    version, length = struct.unpack_from("<II", data, 4)
    if version != 2:
        raise ModelRefused(Reason.UNSUPPORTED, f"GLB version {version}; only 2 is read")
    if length > len(data):
        raise ValueError(f"the GLB is cut off: its header promises {length} bytes and there are {len(data)}")
    text: bytes | None = None
    binary: bytes | None = None
    position = 12
    while position + 8 <= length:
        size, kind = struct.unpack_from("<II", data, position)
        if position + 8 + size > length:
            raise ValueError(f"a GLB chunk promises {size} bytes and {length - position - 8} are left")
        chunk = data[position + 8 : position + 8 + size]
        if kind == 0x4E4F534A and text is None:
            text = chunk
        elif kind == 0x004E4942 and binary is None:
            binary = chunk
        position += 8 + size + (-size % 4)
    if text is None:
        raise ValueError("the GLB has no JSON chunk")
    return text, binary


def whole(value: Any, what: str) -> int:
    """A JSON value as an integer >= 0, or a ValueError that says what it should have been."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != int(value) or value < 0:
        raise ValueError(f"{what} is {shown(str(value))}, not a whole number from 0 on")
    return int(value)


class Document:
    """A parsed glTF file and lazy access to what its JSON points at."""

    def __init__(self, data: bytes, files: Files, bounds: Bounds) -> None:
        self.json, self._binary = container(data)
        self.files = files
        self.bounds = bounds
        self.warnings: dict[str, None] = {}  # an ordered set
        self._buffers: dict[int, bytes] = {}

    def warn(self, text: str) -> None:
        """Note what was repaired or ignored, each thing once."""
        self.warnings[text] = None

    def item(self, kind: str, index: Any) -> dict[str, Any]:
        """Entry `index` of a top-level list such as "accessors"."""
        number = whole(index, f"an index into {kind}")
        entries = self.json.get(kind, [])
        if number >= len(entries):
            raise ValueError(f"{kind}[{number}] is named, and there are {len(entries)}")
        entry = entries[number]
        if not isinstance(entry, dict):
            raise ValueError(f"{kind}[{number}] is not an object")
        return entry

    def uri(self, uri: str) -> bytes:
        """The bytes behind a `data:` URI or a relative one inside the model's folder."""
        if not isinstance(uri, str):
            raise ValueError("a URI is not a text")
        if uri[:5].lower() != "data:":
            return self.files.read(unquote(uri), self.bounds.max_bytes)
        head, comma, body = uri.partition(",")
        if not comma:
            raise ValueError("a data: URI has no comma")
        if not head.lower().endswith(";base64"):
            return unquote(body).encode("latin-1")
        try:
            return base64.b64decode(unquote(body), validate=False)
        except binascii.Error as error:
            raise ValueError(f"a data: URI is not base64: {error}") from error

    def buffer(self, index: int) -> bytes:
        """The bytes of one buffer, at least as many as it declares."""
        if index not in self._buffers:
            spec = self.item("buffers", index)
            if "uri" in spec:
                try:
                    data = self.uri(spec["uri"])
                except FileNotFoundError as error:
                    raise ModelRefused(Reason.MISSING, f"buffer {index}: no file {error}") from error
            elif index == 0 and self._binary is not None:
                data = self._binary
            else:
                raise ValueError(f"buffer {index} has neither a URI nor a binary chunk")
            length = whole(spec.get("byteLength", len(data)), f"buffer {index}: byteLength")
            if length > len(data):
                raise ValueError(f"buffer {index} is cut off: {length} bytes promised, {len(data)} there")
            self._buffers[index] = data
        return self._buffers[index]

    def view(self, index: Any) -> tuple[memoryview, int]:
        """The bytes of one buffer view, and its stride (0: tightly packed)."""
        spec = self.item("bufferViews", index)
        if any(name in spec.get("extensions", {}) for name in _MESHOPT):
            raise ModelRefused(Reason.UNSUPPORTED, "meshopt-compressed buffers; there is no decoder for them here")
        data = self.buffer(whole(spec["buffer"], "bufferView.buffer"))
        start = whole(spec.get("byteOffset", 0), "bufferView.byteOffset")
        length = whole(spec["byteLength"], "bufferView.byteLength")
        if start + length > len(data):
            raise ValueError(f"bufferViews[{index}] ends at byte {start + length} of a buffer of {len(data)}")
        return memoryview(data)[start : start + length], whole(spec.get("byteStride", 0), "bufferView.byteStride")

    def accessor(self, index: Any) -> NDArray[Any]:
        """The values of one accessor, (count, components); normalised integers come as float64 in [-1, 1]."""
        spec = self.item("accessors", index)
        dtype = np.dtype(_DTYPES[spec["componentType"]])
        width = _WIDTHS[spec["type"]]
        count = whole(spec["count"], "accessor.count")
        if "bufferView" in spec:
            values = self._strided(spec["bufferView"], spec.get("byteOffset", 0), dtype, width, count).copy()
        else:
            self._bound_zeros(count)
            values = np.zeros((count, width), dtype=dtype)
        if "sparse" in spec:
            self._fill_sparse(values, spec["sparse"], dtype, width)
        return normalised(values, spec)

    def _bound_zeros(self, count: int) -> None:
        """An accessor without bytes costs its writer nothing, so its size must be bounded by something else."""
        if count > 3 * self.bounds.max_faces:
            raise ModelRefused(Reason.TOO_LARGE, f"an accessor without data declares {count} entries")

    def _strided(self, view: Any, start: Any, dtype: np.dtype[Any], width: int, count: int) -> NDArray[Any]:
        data, stride = self.view(view)
        offset, size = whole(start, "accessor.byteOffset"), dtype.itemsize * width
        stride = stride or size
        if count and offset + (count - 1) * stride + size > len(data):
            raise ValueError(f"an accessor of {count} entries runs over the end of its buffer view")
        if not count:
            return np.zeros((0, width), dtype=dtype)
        return np.ndarray((count, width), dtype, buffer=data, offset=offset, strides=(stride, dtype.itemsize))

    def _fill_sparse(self, values: NDArray[Any], sparse: dict[str, Any], dtype: np.dtype[Any], width: int) -> None:
        count = whole(sparse["count"], "sparse.count")
        where, what = sparse["indices"], sparse["values"]
        index_type = np.dtype(_DTYPES[where["componentType"]])
        rows = self._strided(where["bufferView"], where.get("byteOffset", 0), index_type, 1, count)[:, 0]
        new = self._strided(what["bufferView"], what.get("byteOffset", 0), dtype, width, count)
        if count and int(rows.max()) >= len(values):
            raise ValueError("a sparse accessor names an entry beyond its count")
        values[rows.astype(np.int64)] = new


def normalised(values: NDArray[Any], spec: dict[str, Any]) -> NDArray[Any]:
    """Integers of a `normalized` accessor as float64 in [0, 1] or [-1, 1]; anything else as it is."""
    if not spec.get("normalized") or values.dtype.kind not in "iu":
        return values
    top = float(np.iinfo(values.dtype).max)
    return np.maximum(values.astype(np.float64) / top, -1.0)
