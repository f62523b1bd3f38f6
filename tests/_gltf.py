"""Small glTF files made by hand, byte by byte, so that tests know what is in them."""

from __future__ import annotations

import base64
import io
import json
import struct
from typing import Any

import numpy as np
from PIL import Image

_CODES = {"i1": 5120, "u1": 5121, "i2": 5122, "u2": 5123, "u4": 5125, "f4": 5126}
_TYPES = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4", 16: "MAT4"}

# Two triangles of a 2 x 1 x 0 rectangle and a third, standing on it: three different extents.
POINTS = np.array([[0, 0, 0], [2, 0, 0], [2, 1, 0], [0, 1, 0], [0, 0, 0.5]], dtype="<f4")
FACES = np.array([[0, 1, 2], [0, 2, 3], [0, 1, 4]], dtype="<u2")


class Gltf:
    """A glTF document under construction: add accessors, then edit `json` at will."""

    def __init__(self) -> None:
        self.blob = bytearray()
        self.json: dict[str, Any] = {
            "asset": {"version": "2.0"},
            "scene": 0,
            "scenes": [{"nodes": [0]}],
            "nodes": [{"mesh": 0}],
            "meshes": [{"primitives": [{"attributes": {}}]}],
            "accessors": [],
            "bufferViews": [],
        }

    @property
    def primitive(self) -> dict[str, Any]:
        return self.json["meshes"][0]["primitives"][0]

    def view(self, data: bytes, **more: Any) -> int:
        self.blob += b"\0" * (-len(self.blob) % 4)
        self.json["bufferViews"].append({"buffer": 0, "byteOffset": len(self.blob), "byteLength": len(data), **more})
        self.blob += data
        return len(self.json["bufferViews"]) - 1

    def accessor(self, values: Any, **more: Any) -> int:
        values = np.asarray(values)
        width = 1 if values.ndim == 1 else values.shape[1]
        spec = {"componentType": _CODES[values.dtype.str[1:]], "type": _TYPES[width], "count": len(values)}
        self.json["accessors"].append({"bufferView": self.view(values.tobytes()), **spec, **more})
        return len(self.json["accessors"]) - 1

    def mesh(self, points: Any = POINTS, faces: Any = FACES, **attributes: Any) -> Gltf:
        self.primitive["attributes"]["POSITION"] = self.accessor(points)
        self.primitive["indices"] = self.accessor(np.asarray(faces).reshape(-1))
        for name, values in attributes.items():
            self.primitive["attributes"][name] = self.accessor(values)
        return self

    def textured(self, pixels: Any, uv: Any, uv_set: int = 0, **info: Any) -> Gltf:
        self.primitive["attributes"][f"TEXCOORD_{uv_set}"] = self.accessor(np.asarray(uv, dtype="<f4"))
        self.json["images"] = [{"bufferView": self.view(png(pixels)), "mimeType": "image/png"}]
        self.json["textures"] = [{"source": 0}]
        self.json["materials"] = [
            {"pbrMetallicRoughness": {"metallicFactor": 0.0, "baseColorTexture": {"index": 0, **info}}}
        ]
        self.primitive["material"] = 0
        return self

    def glb(self) -> bytes:
        self.json["buffers"] = self.json.get("buffers") or [{"byteLength": len(self.blob)}]
        text = json.dumps(self.json).encode()
        text += b" " * (-len(text) % 4)
        blob = bytes(self.blob) + b"\0" * (-len(self.blob) % 4)
        chunks = struct.pack("<II", len(text), 0x4E4F534A) + text + struct.pack("<II", len(blob), 0x004E4942) + blob
        return b"glTF" + struct.pack("<II", 2, 12 + len(chunks)) + chunks

    def gltf(self, uri: str | None = None) -> bytes:
        """The JSON form; the buffer as a data: URI, or under the given one."""
        uri = uri or "data:application/octet-stream;base64," + base64.b64encode(bytes(self.blob)).decode()
        self.json["buffers"] = [{"byteLength": len(self.blob), "uri": uri}]
        return json.dumps(self.json).encode()


def png(pixels: Any) -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.asarray(pixels, dtype=np.uint8)).save(out, "PNG")
    return out.getvalue()


def triangles(model: Any) -> np.ndarray:
    """All triangles of a loaded model, (F, 3, 3)."""
    return np.concatenate([np.asarray(part.vertices)[np.asarray(part.faces)] for part in model.parts])


def area_vectors(model: Any) -> np.ndarray:
    corners = triangles(model)
    return np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
