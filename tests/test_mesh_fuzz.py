"""Good files with random damage: they load, or are refused with a reason; nothing else ever comes out."""

from __future__ import annotations

import os
import random
import struct
import time

import numpy as np
from _gltf import Gltf

from dst3d_datasets.errors import ModelRefused
from dst3d_datasets.sources.mesh import DefaultBounds, load

UV = [[0, 0], [1, 0], [1, 1], [0, 1], [0.5, 0.5]]


def seeds() -> list[tuple[str, bytes]]:
    textured = Gltf().mesh().textured(np.arange(12).reshape(2, 2, 3), UV)
    plain = Gltf().mesh(NORMAL=np.ones((5, 3), "<f4"), COLOR_0=np.ones((5, 4), "<f4"))
    text = b"mtllib m.mtl\nv 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 1\nvt 0 0\nvn 0 0 1\nusemtl a\n"
    text += b"f 1/1/1 2/1/1 -1/-1/-1\nf 1 2 3 4\n"
    ply = b"ply\nformat ascii 1.0\nelement vertex 3\nproperty float x\nproperty float y\nproperty float z\n"
    ply += b"element face 1\nproperty list uchar int vertex_indices\nend_header\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n"
    stl = b"\0" * 80 + struct.pack("<I", 1) + struct.pack("<12fH", 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0)
    off = b"OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n"
    return [
        ("glb", textured.glb()),
        ("glb", plain.glb()),
        ("gltf", plain.gltf()),
        ("obj", text),
        ("ply", ply),
        ("stl", stl),
        ("off", off),
    ]


def mutated(data: bytes, dice: random.Random) -> bytes:
    out = bytearray(data)
    for _ in range(dice.choice((1, 1, 2, 4, 16))):
        at = dice.randrange(len(out) + 1)
        what = dice.randrange(5)
        if what == 0 and at < len(out):
            out[at] = dice.randrange(256)
        elif what == 1 and at < len(out):
            out[at] ^= 1 << dice.randrange(8)
        elif what == 2:
            del out[at : at + dice.choice((1, 4, 40))]
        elif what == 3:
            out[at:at] = dice.choice((b"9", b"-", b"/", b"\n", b"0", b"e", b"\xff\xff\xff\x7f", b'"', b"null", b" "))
        else:
            out = out[:at] if dice.random() < 0.2 else out
    return bytes(out)


def test_mutated_files_load_or_are_refused():
    """DST3D_FUZZ_SECONDS makes it longer; what is checked is that nothing but a refusal ever comes out."""
    seconds = float(os.environ.get("DST3D_FUZZ_SECONDS", "4"))
    bounds = DefaultBounds(max_faces=10_000, max_texture_pixels=10_000, max_bytes=10**6)
    dice, until, count = random.Random(0), time.monotonic() + seconds, 0
    while time.monotonic() < until:
        for kind, data in seeds():
            try:
                model = load(mutated(data, dice), kind, bounds=bounds)
            except ModelRefused:
                continue
            finally:
                count += 1
            for part in model.parts:
                assert np.isfinite(part.vertices).all()
                assert np.allclose(np.linalg.norm(part.normals, axis=1), 1)
    assert count > 100
