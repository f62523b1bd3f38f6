"""Files that are damaged or mean harm: each is refused with its reason, and nothing outside its folder is read."""

from __future__ import annotations

import io
import os
import struct
import zlib

import numpy as np
import pytest
from _gltf import Gltf, png, triangles

from dst3d_datasets.errors import ModelRefused, Reason
from dst3d_datasets.sources.mesh import DefaultBounds, load

UV = [[0, 0], [1, 0], [1, 1], [0, 1], [0.5, 0.5]]

BROKEN = {
    "truncated.glb": Reason.UNREADABLE,
    "zero_bytes.glb": Reason.UNREADABLE,
    "nan_vertices.glb": Reason.NON_FINITE,
    "empty_scene.glb": Reason.NO_FACES,
    "empty_mesh.obj": Reason.NO_FACES,
    "zero_area.obj": Reason.ZERO_EXTENT,
    "missing_texture/model.obj": None,
    "missing_mtl.obj": None,
    "huge_coordinates.glb": Reason.HUGE_COORDINATES,
    "far_offset.glb": Reason.FAR_FROM_ORIGIN,
    "html_404.glb": Reason.NOT_A_MODEL,
    "zip_slip.tar.gz": Reason.NOT_A_MODEL,
    "zip_slip.zip": Reason.NOT_A_MODEL,
    "deflate_bomb.zip": Reason.NOT_A_MODEL,
    "point_cloud.glb": Reason.NO_FACES,
    "point_cloud.ply": Reason.NO_FACES,
    "lines_only.glb": Reason.NO_FACES,
    "draco.glb": None,
    "quads_negative_indices.obj": None,
    "index_out_of_range.obj": Reason.UNREADABLE,
    "buffer_uri_escape.glb": Reason.HOSTILE_PATH,
}


@pytest.mark.parametrize("name", BROKEN)
def test_every_broken_file_has_its_outcome(cad_root, name):
    if name == "draco.glb":
        pytest.importorskip("DracoPy")
    if BROKEN[name] is not None:
        with pytest.raises(ModelRefused) as caught:
            load(cad_root / "broken" / name)
        assert caught.value.reason == BROKEN[name]
        assert str(cad_root) not in caught.value.detail
        return
    model = load(cad_root / "broken" / name)
    assert len(triangles(model)) > 0
    assert bool(model.warnings) == name.startswith("missing")


def test_no_broken_file_is_forgotten(cad_root):
    files = {path.relative_to(cad_root / "broken").as_posix() for path in (cad_root / "broken").rglob("*.*")}
    assert {name for name in files if not name.endswith((".md", ".mtl"))} == set(BROKEN)


def reason(source, kind: str = "", **kwargs) -> Reason:
    with pytest.raises(ModelRefused) as caught:
        load(source, kind, **kwargs)
    return caught.value.reason


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"<!DOCTYPE html><html></html>", Reason.NOT_A_MODEL),
        (b"\xef\xbb\xbf  <HTML><body>404</body></HTML>", Reason.NOT_A_MODEL),
        (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", Reason.NOT_A_MODEL),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n", Reason.NOT_A_MODEL),
        (b"/annex/objects/SHA256E-s12--00.glb\n", Reason.NOT_A_MODEL),
        (b"Access to this model is restricted.\n", Reason.NOT_A_MODEL),
        (b'{"error": "not found"}', Reason.NOT_A_MODEL),
        (b"PK\x03\x04 and so on", Reason.NOT_A_MODEL),
        (b"\x89PNG\r\n\x1a\n", Reason.NOT_A_MODEL),
        (b"glTF", Reason.UNREADABLE),
        (b"glTF" + struct.pack("<II", 1, 20) + b"\0" * 8, Reason.UNSUPPORTED),
        (b"glTF" + struct.pack("<II", 2, 2**32 - 1) + b"\0" * 8, Reason.UNREADABLE),
        (b"\x00\x01\x02\x03" * 20, Reason.UNREADABLE),
    ],
)
@pytest.mark.parametrize("suffix", ["glb", "gltf"])
def test_things_saved_as_models(data, expected, suffix):
    assert reason(data, suffix) == expected


def test_missing_blend_and_special_files(tmp_path):
    assert reason(tmp_path / "gone.glb") == Reason.MISSING
    (tmp_path / "toy.blend").write_bytes(b"BLENDER-v300")
    assert reason(tmp_path / "toy.blend") == Reason.UNSUPPORTED
    os.mkfifo(tmp_path / "pipe.glb")  # must not hang
    assert reason(tmp_path / "pipe.glb") == Reason.UNREADABLE
    (tmp_path / "folder.glb").mkdir()
    assert reason(tmp_path / "folder.glb") == Reason.UNREADABLE


@pytest.mark.parametrize(
    "uri",
    [
        "file:///etc/hostname",
        "http://127.0.0.1:9/a.bin",
        "https://example.org/a.bin",
        "//host/a.bin",
        "/etc/hostname",
        "\\\\host\\share",
        "../a.bin",
        "x/../../a.bin",
        "%2e%2e/a.bin",
        "..%2fa.bin",
        "file:a.bin",
        "C:/../a.bin/../..",
        "~/a.bin",
        "a\0.bin",
    ],
)
def test_uris_that_leave_the_folder(tmp_path, uri):
    folder = tmp_path / "models"
    folder.mkdir()
    made = Gltf().mesh()
    (tmp_path / "a.bin").write_bytes(bytes(made.blob))
    (folder / "m.gltf").write_bytes(made.gltf(uri))
    found = reason(folder / "m.gltf")
    assert found == Reason.HOSTILE_PATH or (uri.startswith("C:") and found == Reason.MISSING)


def test_uris_inside_the_folder(tmp_path):
    made = Gltf().mesh().textured(np.zeros((2, 2, 3)), UV)
    made.json["images"] = [{"uri": "sub/a%20b.png"}]
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a b.png").write_bytes(png(np.full((2, 2, 3), 9)))
    (tmp_path / "m.gltf").write_bytes(made.gltf("sub/../m.bin"))
    assert reason(tmp_path / "m.gltf") == Reason.MISSING
    (tmp_path / "m.bin").write_bytes(bytes(made.blob))
    assert load(tmp_path / "m.gltf").parts[0].material.texture[0, 0, 0] == 9
    (tmp_path / "sub" / "a b.png").unlink()
    model = load(tmp_path / "m.gltf")
    assert model.parts[0].material.texture is None
    assert "missing" in model.warnings[0]
    (tmp_path / "m.bin").write_bytes(bytes(made.blob)[:-9])
    assert reason(tmp_path / "m.gltf") == Reason.UNREADABLE


def test_links_out_of_the_root(tmp_path):
    made = Gltf().mesh()
    inside = tmp_path / "root"
    inside.mkdir()
    (tmp_path / "secret.bin").write_bytes(bytes(made.blob))
    (inside / "m.gltf").write_bytes(made.gltf("m.bin"))
    (inside / "m.bin").symlink_to(tmp_path / "secret.bin")
    assert reason(inside / "m.gltf") == Reason.HOSTILE_PATH
    (tmp_path / "out.glb").write_bytes(made.glb())
    (inside / "m.glb").symlink_to(tmp_path / "out.glb")
    assert reason(inside / "m.glb", root=inside) == Reason.HOSTILE_PATH


def test_bytes_alone_may_name_no_file():
    assert reason(Gltf().mesh().gltf("m.bin"), "gltf") == Reason.MISSING
    assert reason(Gltf().mesh().gltf("file:///etc/hostname"), "gltf") == Reason.HOSTILE_PATH


def image_bomb(side: int) -> bytes:
    """A PNG header that promises side x side pixels, and a body that inflates for ever."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    body = zlib.compress(b"\0" * 10**6)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [9000, 60_000])  # below and above the size at which Pillow itself refuses
def test_image_bombs_are_seen_in_the_header(side):
    made = Gltf().mesh().textured(np.zeros((2, 2, 3)), UV)
    made.json["images"] = [{"bufferView": made.view(image_bomb(side))}]
    assert reason(made.glb(), "glb") == Reason.TEXTURE_TOO_LARGE


def test_many_textures_are_bounded_together():
    made = Gltf().mesh().textured(np.zeros((10, 10, 3)), UV)
    data = [made.view(png(np.full((10, 10, 3), i))) for i in range(6)]
    made.json["images"] = [{"bufferView": view} for view in data]
    made.json["textures"] = [{"source": i} for i in range(6)]
    made.json["materials"] = [{"pbrMetallicRoughness": {"baseColorTexture": {"index": i}}} for i in range(6)]
    made.json["meshes"][0]["primitives"] = [{**made.primitive, "material": i} for i in range(6)]
    assert len(load(made.glb(), "glb", bounds=DefaultBounds(max_texture_pixels=150)).parts) == 6
    assert reason(made.glb(), "glb", bounds=DefaultBounds(max_texture_pixels=149)) == Reason.TEXTURE_TOO_LARGE


def test_programs_in_pictures_are_not_run():
    """PostScript is a picture format to Pillow, and it calls Ghostscript for it."""
    made = Gltf().mesh().textured(np.zeros((2, 2, 3)), UV)
    eps = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage\n"
    made.json["images"] = [{"bufferView": made.view(eps)}]
    model = load(made.glb(), "glb")
    assert model.parts[0].material.texture is None
    assert "not a picture" in model.warnings[0]


def edited(path: list, value) -> bytes:
    made = Gltf().mesh()
    here = made.json
    for step in path[:-1]:
        here = here[step]
    here[path[-1]] = value
    return made.glb()


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        (["accessors", 1, "count"], 10**12, Reason.TOO_MANY_FACES),
        (["accessors", 0, "count"], 10**12, Reason.UNREADABLE),
        (["accessors", 0], {"componentType": 5126, "type": "VEC3", "count": 10**12}, Reason.TOO_LARGE),
        (["accessors", 1, "byteOffset"], -4, Reason.UNREADABLE),
        (["accessors", 1, "bufferView"], 99, Reason.UNREADABLE),
        (["accessors", 1, "bufferView"], -1, Reason.UNREADABLE),
        (["accessors", 1, "componentType"], 5130, Reason.UNREADABLE),
        (["accessors", 0, "type"], "SCALAR", Reason.UNREADABLE),
        (["bufferViews", 0, "byteLength"], 10**9, Reason.UNREADABLE),
        (["bufferViews", 0, "byteStride"], 10**9, Reason.UNREADABLE),
        (["nodes", 0, "children"], [0], Reason.UNREADABLE),
        (["nodes", 0, "children"], [7], Reason.UNREADABLE),
        (["nodes", 0, "mesh"], -1, Reason.UNREADABLE),
        (["nodes", 0, "rotation"], [0, 0, 0, 0], Reason.UNREADABLE),
        (["nodes", 0, "scale"], [float("nan"), 1, 1], Reason.NON_FINITE),
        (["nodes", 0, "scale"], [1e30, 1e30, 1e30], Reason.HUGE_COORDINATES),
        (["nodes", 0, "scale"], [0, 0, 0], Reason.ZERO_EXTENT),
        (["nodes"], "many", Reason.UNREADABLE),
        (["scenes", 0, "nodes"], [0, 0], Reason.UNREADABLE),
        (["meshes"], [], Reason.UNREADABLE),
        (["asset"], {"version": "1.0"}, Reason.UNSUPPORTED),
        (["buffers"], [{"byteLength": 10**9}], Reason.UNREADABLE),
    ],
)
def test_documents_that_lie(path, value, expected):
    assert reason(edited(path, value), "glb") == expected


def test_an_index_beyond_the_vertices():
    assert reason(Gltf().mesh(faces=np.array([0, 1, 5], "<u2")).glb(), "glb") == Reason.UNREADABLE


def test_deep_json_and_long_chains_of_nodes():
    deep = b'{"asset": {"version": "2.0"}, "x": ' + b"[" * 200_000 + b"]" * 200_000 + b"}"
    assert reason(deep, "gltf") == Reason.UNREADABLE
    made = Gltf().mesh()
    made.json["nodes"] = [{"children": [i + 1]} for i in range(20_000)] + [{"mesh": 0}]
    assert len(triangles(load(made.glb(), "glb"))) == 3


def test_nothing_is_unpickled():
    """A pickle under any model's name is only bytes."""
    import pickle

    class Bomb:
        def __reduce__(self):
            return (pytest.fail, ("unpickled",))

    for kind in ("glb", "gltf", "obj", "ply", "stl", "off"):
        with pytest.raises(ModelRefused):
            load(pickle.dumps(Bomb()), kind)
    archive = io.BytesIO()
    np.savez(archive, a=np.array([Bomb()], dtype=object))
    assert reason(archive.getvalue(), "glb") == Reason.NOT_A_MODEL
