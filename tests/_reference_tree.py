"""Trees as the 3D-DST reference code writes them, rendered from our primitives by the reference's own formulas.

Nothing here uses `camera` or `reference`: the camera is built as `blender_render.py` and Blender's TRACK_TO build it.
"""

from __future__ import annotations

import io
import json
import math
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from dst3d_datasets.nouns import CadModel, Camera, Lights
from dst3d_datasets.recipe import Recipe, validate
from dst3d_datasets.recipe.options import PrimitivesOptions
from dst3d_datasets.render.raster import TorchRenderer
from dst3d_datasets.sources.primitives import Primitives
from dst3d_datasets.store import Store
from dst3d_datasets.tar import read_index, read_sample

SIZE = 96
MUG, CAR = ("n03063599", "coffee-mug-00003"), ("n04285008", "sports-car-00001")
Files = dict[str, bytes]
Row = tuple[dict[str, Any], dict[str, bytes]]


def recipe(**changes: Any) -> Recipe:
    """A recipe whose source has the models of these trees."""
    return validate({"sources": [{"kind": "primitives"}], "shards": {"samples": 3}, **changes})


@cache
def raw_model(synset: str, model_id: str) -> CadModel:
    """The CAD model as the reference imports it: no column has turned it."""
    source = Primitives(PrimitivesOptions(kind="primitives"))
    ref = source.find(synset, model_id)
    assert ref is not None
    return source.open(ref)


@dataclass
class Shot:
    """One call of the reference's camera code."""

    theta: float  # degrees, as sampled: -90 is the front
    phi: float  # degrees from the pole
    distance: float = 1.8
    azimuth: float = 0.0  # the catalogue's columns
    elevation: float = 0.0
    annotation: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        theta = math.radians(self.theta) + self.azimuth / 180.0 * math.pi
        phi = (math.radians(self.phi) - self.elevation / 180.0 * math.pi) % (2 * math.pi)
        if phi > math.pi:
            theta, phi = theta + math.pi, 2 * math.pi - phi
        theta, phi = theta % (2 * math.pi), float(np.clip(phi, 0.0, math.pi)) or 1e-5
        place = self.distance * np.array(
            [math.sin(phi) * math.cos(theta), math.sin(phi) * math.sin(theta), math.cos(phi)]
        )
        back = place / np.linalg.norm(place)  # TRACK_TO: -z looks at the target, y is as near to z as can be
        right = np.cross([0.0, 0.0, 1.0], back)
        right /= np.linalg.norm(right)
        world = np.eye(4)
        world[:3] = np.stack([right, np.cross(back, right), back, place], 1)
        world = world.astype(np.float32).astype(np.float64)
        lens = np.array([[35 / 16, 0, 0, 0], [0, 35 / 16, 0, 0], [0, 0, -1.002, -0.2002], [0, 0, -1, 0]])
        self.annotation = {
            "theta": np.float64(theta),
            "phi": np.float64(phi),
            "dist": self.distance,
            "camera_rotation": 0.0,
            "principal": np.array([256, 256]),
            "source": "shapenet",
            "shape_id": "x",
            "rendering_scale": 1.0,
            "rendering_offset": np.zeros(3),
            "azimuth": self.azimuth,
            "elevation": self.elevation,
            "pose_sampling": 1,
            "strength": 1,
            "matrix_world": world,
            "modelview_matrix": np.linalg.inv(world).astype(np.float32).astype(np.float64),
            "projection_matrix": lens,
            "focal_length": 35.0,
            "sensor_width": 32.0,
            "sensor_height": 18.0,
        }

    def camera(self, size: int = SIZE) -> Camera:
        """The same camera for our renderer, about the raw model."""
        world = self.annotation["matrix_world"]
        R = np.diag([1.0, -1.0, -1.0]) @ world[:3, :3].T
        focal = 35.0 / 32.0 * size
        K = np.array([[focal, 0, size / 2], [0, focal, size / 2], [0, 0, 1.0]])
        return Camera(K=K, R=R, t=-R @ world[:3, 3], width=size, height=size)

    def pixels(self, points: np.ndarray, size: int = SIZE) -> np.ndarray:
        """Where OpenGL's matrices of the annotation put raw points (N, 3), pixels (N, 2)."""
        homogeneous = np.concatenate([points, np.ones((len(points), 1))], 1)
        clip = homogeneous @ (self.annotation["projection_matrix"] @ self.annotation["modelview_matrix"]).T
        x, y = (clip[:, :2] / clip[:, 3:]).T
        return np.stack([(x + 1.0) / 2.0 * size, (1.0 - y) / 2.0 * size], 1)


def files_of(
    who: tuple[str, str],
    shots: list[Shot],
    split: str = "train",
    samples: int = 1,
    size: int = SIZE,
    model: CadModel | None = None,
) -> Files:
    """All files of one model (as the reference imports it; none: of the primitives), and its class's prompts."""
    synset, model_id = who
    top, found, words = f"{split}/{synset}" if split else synset, Files(), {}
    cameras, model = [shot.camera(size) for shot in shots], model or raw_model(*who)
    buffers = TorchRenderer("cpu").render(model, cameras, [Lights()] * len(shots))
    for number, (shot, seen) in enumerate(zip(shots, buffers, strict=True)):
        rgba = np.dstack([seen.colour, seen.alpha])
        found[f"{top}/{model_id}/image_render/{number:03d}.png"] = png(rgba)
        found[f"{top}/{model_id}/annotation/{number:03d}.npy"] = npy(shot.annotation)
        found[f"{top}/{model_id}/depth/{number:03d}.exr"] = exr(np.where(seen.mask, seen.depth, np.float32(1e10)))
        for sample in range(samples):
            picture = np.random.default_rng([number, sample]).integers(0, 256, (size, size, 3), np.uint8)
            found[f"{top}/{model_id}/image_dst/{number:03d}_{sample:02d}.png"] = png(picture)
            words[f"{number:03d}_{sample:02d}"] = f"view {number} sample {sample} of {model_id}"
    found[f"{top}/prompts.json"] = json.dumps({model_id: words}).encode()
    return found


def png(pixels: np.ndarray) -> bytes:
    """A picture's file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def npy(value: Any) -> bytes:
    """What `numpy.save` makes of a dict."""
    buffer = io.BytesIO()
    np.save(buffer, np.array(value, dtype=object), allow_pickle=True)
    return buffer.getvalue()


def exr(depth: np.ndarray, compression: int = 3, channel: str = "V") -> bytes:
    """One float channel, uncompressed (0) or ZIP (3)."""
    height, width = depth.shape
    lines = {0: 1, 2: 1, 3: 16}[compression]
    window = struct.pack("<4i", 0, 0, width - 1, height - 1)
    attributes = {
        "channels": ("chlist", channel.encode() + b"\0" + struct.pack("<iIii", 2, 0, 1, 1) + b"\0"),
        "compression": ("compression", bytes([compression])),
        "dataWindow": ("box2i", window),
        "displayWindow": ("box2i", window),
    }
    head = b"\x76\x2f\x31\x01" + struct.pack("<I", 2)
    for name, (kind, value) in attributes.items():
        head += name.encode() + b"\0" + kind.encode() + b"\0" + struct.pack("<I", len(value)) + value
    blocks = []
    for first in range(0, height, lines):
        plain = depth[first : first + lines].astype("<f4").tobytes()
        packed = plain if compression == 0 else zlib.compress(_spread(plain))
        packed = plain if len(packed) >= len(plain) else packed
        blocks.append(struct.pack("<ii", first, len(packed)) + packed)
    return head + b"\0" + bytes(8 * len(blocks)) + b"".join(blocks)


def _spread(plain: bytes) -> bytes:
    values = np.frombuffer(plain, np.uint8)
    values = np.concatenate([values[0::2], values[1::2]]).astype(np.int64)
    values[1:] = (values[1:] - values[:-1] + 128) % 256
    return values.astype(np.uint8).tobytes()


def as_folder(files: Files, where: Path) -> Path:
    """Write the files below a folder."""
    for name, data in files.items():
        (where / name).parent.mkdir(parents=True, exist_ok=True)
        (where / name).write_bytes(data)
    return where


def as_tar(files: Files, where: Path) -> Path:
    """A tar, packed if its name says so."""
    with tarfile.open(where, "w:gz" if where.name.endswith("gz") else "w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(f"./{name}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return where


def as_zip(files: Files, where: Path) -> Path:
    """A zip."""
    with zipfile.ZipFile(where, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return where


def as_split_zip(files: Files, where: Path, parts: int = 3) -> Path:
    """A zip cut into parts, its directory told so, as Info-ZIP's `zip -s` writes it."""
    whole = as_zip(files, where).read_bytes()
    step = -(-len(whole) // parts)
    starts = list(range(0, len(whole), step))
    end = whole.rfind(b"PK\5\6")
    length, begin = struct.unpack_from("<LL", whole, end + 12)
    data, at = bytearray(whole), begin
    while at < begin + length:
        names = sum(struct.unpack_from("<3H", data, at + 28))
        offset = struct.unpack_from("<L", data, at + 42)[0]
        struct.pack_into("<H", data, at + 34, offset // step)
        struct.pack_into("<L", data, at + 42, offset % step)
        at += 46 + names
    struct.pack_into("<2H", data, end + 4, len(starts) - 1, begin // step)
    struct.pack_into("<L", data, end + 16, begin % step)
    for number, start in enumerate(starts):
        last = number == len(starts) - 1
        place = where if last else where.with_suffix(f".z{number + 1:02d}")
        place.write_bytes(data[start : start + step])
    return where


def samples(run: Path) -> Iterator[Row]:
    """Label and members of every sample of a run."""
    store = Store(run)
    for receipt in store.receipts():
        if receipt.path:
            with store.open(receipt) as stream:
                for entry in list(read_index(stream)):
                    members = dict(read_sample(stream, entry).members)
                    yield json.loads(members["json"]), members
