"""`dst3d inspect`: what is said of good models, of every broken file, and of archives; and that nothing holds it up."""

from __future__ import annotations

import io
import json
import os
import tarfile
import threading
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from _gltf import Gltf
from _models import WEDGE, put

from dst3d_datasets.cli import main
from dst3d_datasets.recipe import Limits
from dst3d_datasets.sources import limits
from dst3d_datasets.sources.inspect import inspect
from dst3d_datasets.sources.limits import Loader

UV = [[0, 0], [1, 0], [1, 1], [0, 1], [0.5, 0.5]]

# name -> reason, or what is said of a usable file
BROKEN = {
    "truncated.glb": "unreadable",
    "zero_bytes.glb": "unreadable",
    "nan_vertices.glb": "non_finite",
    "empty_scene.glb": "no_faces",
    "empty_mesh.obj": "no_faces",
    "zero_area.obj": "zero_extent",
    "missing_texture/model.obj": {"faces": 4, "textures": []},
    "missing_mtl.obj": {"faces": 4},
    "huge_coordinates.glb": "huge_coordinates",
    "far_offset.glb": "far_from_origin",
    "html_404.glb": "not_a_model",
    "zip_slip.tar.gz": {"num_models": 1, "hostile": {"absolute": 1, "device": 1, "link": 3, "parent": 2}},
    "zip_slip.zip": {"num_models": 1, "hostile": {"absolute": 1, "backslash": 1, "link": 1, "parent": 1}},
    "deflate_bomb.zip": "too_large",
    "point_cloud.glb": "no_faces",
    "point_cloud.ply": "no_faces",
    "lines_only.glb": "no_faces",
    "draco.glb": {"faces": 508},
    "quads_negative_indices.obj": {"faces": 5},
    "index_out_of_range.obj": "unreadable",
    "buffer_uri_escape.glb": "hostile_path",
}


def test_every_broken_file(cad_root):
    loader = Loader(Limits())
    pytest.importorskip("DracoPy")
    files = {path.relative_to(cad_root / "broken").as_posix() for path in (cad_root / "broken").rglob("*.*")}
    assert {name for name in files if not name.endswith((".md", ".mtl"))} == set(BROKEN)
    for name, expected in BROKEN.items():
        facts = inspect(str(cad_root / "broken" / name), loader=loader)
        if isinstance(expected, str):
            assert (facts["ok"], facts["reason"]) == (False, expected), name
            assert facts["detail"]
        else:
            assert facts["ok"], (name, facts)
            assert {key: facts[key] for key in expected} == expected
        json.dumps(facts, allow_nan=False)
    loader.close()


def test_a_good_model(tmp_path, capsys):
    made = Gltf().mesh().textured(np.zeros((4, 8, 3)), UV)
    made.json["asset"] = {"version": "2.0", "extras": {"license": "CC-BY-4.0", "author": "Ann", "title": "A thing"}}
    (tmp_path / "m.glb").write_bytes(made.glb())
    assert main(["inspect", str(tmp_path / "m.glb"), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["format"], facts["faces"], facts["textures"], facts["textureless"]) == ("glb", 3, [[8, 4]], False)
    assert (facts["licence"], facts["author"], facts["title"]) == ("CC-BY-4.0", "Ann", "A thing")
    assert max(facts["size"]) == pytest.approx(1.0)
    assert main(["inspect", str(tmp_path / "m.glb")]) == 0
    text = capsys.readouterr().out
    assert "usable" in text
    assert "8 x 4" in text
    assert "CC-BY-4.0 (by the file's asset entry)" in text


def test_frames_and_a_licence_beside_the_file(tmp_path):
    put(tmp_path, "cup/a.obj")
    (tmp_path / "LICENSE.txt").write_text("\nCC0 1.0 Universal\nmore")
    facts = inspect(str(tmp_path / "cup" / "a.obj"))
    assert facts["extents"] == [3.0, 2.0, 1.0]
    assert facts["size"] == pytest.approx([1.0, 1 / 3, 2 / 3])
    assert facts["box"] == [[0.0, 0.0, 0.0], [3.0, 2.0, 1.0]]
    assert (facts["licence"], facts["said_by"]) == ("CC0 1.0 Universal", "LICENSE.txt")


def test_licences_of_the_collections(cad_root):
    (glb,) = (cad_root / "objaverse/hf-objaverse-v1/glbs/000-000").iterdir()
    facts = inspect(str(glb))
    assert (facts["licence"], facts["title"]) == ("CC0-1.0", "Flight Helmet")
    obj = next((cad_root / "shapenet/ShapeNetCore.v2/02828884").glob("*/models/model_normalized.obj"))
    assert inspect(str(obj))["licence"] == "LicenseRef-ShapeNet"
    obj = next((cad_root / "omniobject3d").rglob("Scan.obj"))
    assert inspect(str(obj))["licence"] == "CC-BY-4.0"


def test_refusals_exit_with_3_and_wrong_requests_with_2(tmp_path, capsys):
    (tmp_path / "toy.blend").write_bytes(b"BLENDER-v300")
    assert main(["inspect", str(tmp_path / "toy.blend")]) == 3
    assert "unsupported" in capsys.readouterr().out
    os.mkfifo(tmp_path / "pipe.glb")  # must not hang
    assert main(["inspect", str(tmp_path / "pipe.glb")]) == 3
    for wrong in (str(tmp_path), str(tmp_path / "gone.glb")):
        assert main(["inspect", wrong]) == 2
    assert main(["inspect", str(tmp_path / "toy.blend"), "--seconds", "-1"]) == 2


def zipped(path, members: dict[str, bytes]) -> str:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return str(path)


def test_archives(tmp_path):
    wedge = WEDGE.encode()
    facts = inspect(zipped(tmp_path / "a.zip", {"a/m.obj": wedge, "a/m.mtl": b"", "b/n.GLB": b"x"}))
    assert (facts["ok"], facts["members"], facts["num_models"], facts["hostile"]) == (True, 3, 2, {})
    assert not inspect(zipped(tmp_path / "b.zip", {"readme.txt": b"no model"}))["ok"]
    assert inspect(zipped(tmp_path / "c.zip", {"../m.obj": wedge}))["reason"] == "hostile_path"
    data = (tmp_path / "a.zip").read_bytes()
    (tmp_path / "d.zip").write_bytes(data[:-30])
    assert inspect(str(tmp_path / "d.zip"))["reason"] == "unreadable"
    (tmp_path / "zip.glb").write_bytes(data)
    assert inspect(str(tmp_path / "zip.glb"))["reason"] == "not_a_model"


def test_a_tar_that_is_cut_off(tmp_path):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for number in range(3):
            info = tarfile.TarInfo(f"thing_{number}/Scan/Scan.obj")
            noise = os.urandom(20_000)
            info.size = len(noise)
            archive.addfile(info, io.BytesIO(noise))
    (tmp_path / "a.tar.gz").write_bytes(buffer.getvalue())
    assert inspect(str(tmp_path / "a.tar.gz"))["num_models"] == 3
    (tmp_path / "a.tar.gz").write_bytes(buffer.getvalue()[:50_000])
    facts = inspect(str(tmp_path / "a.tar.gz"))
    assert facts["ok"]
    assert 1 <= facts["num_models"] < 3 + 1
    assert "damaged" in facts["warnings"][0]


def test_it_ends_whatever_the_file_does(tmp_path, monkeypatch):
    """A file that is slow to load, or needs too much memory, is given up."""
    line = b"v 0.123456 0.1 0.2\n" * 400_000
    (tmp_path / "slow.obj").write_bytes(line + b"f 1 2 3\n")
    monkeypatch.setattr(limits, "PATIENCE", 100)
    facts = inspect(str(tmp_path / "slow.obj"), Limits(seconds=0.05))
    assert (facts["ok"], facts["reason"]) == (False, "time_limit")
    (tmp_path / "large.obj").write_bytes(line * 4)
    facts = inspect(str(tmp_path / "large.obj"), Limits(memory_mb=128))
    assert (facts["ok"], facts["reason"]) == (False, "memory_limit")


def test_one_model_of_an_archive(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("DST3D_HOME", str(tmp_path / "home"))
    path = zipped(tmp_path / "a.zip", {"02/m/models/m.obj": WEDGE.encode(), "02/m/models/broken.obj": b"f 1 2 3\n"})
    assert main(["inspect", f"{path}!02/m/models/m.obj", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["format"], facts["extents"]) == ("obj", [3.0, 2.0, 1.0])
    assert inspect(f"{path}!02/m/models/broken.obj")["reason"] == "unreadable"
    assert inspect(f"{path}!02/m/models/gone.obj")["reason"] == "missing"
    assert inspect(f"{path}!../m.obj")["reason"] == "missing"
    assert main(["inspect", f"{tmp_path}/gone.zip!m.obj"]) == 2


def test_another_machine(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("DST3D_HOME", str(tmp_path / "home"))
    folder = tmp_path / "site"
    put(folder, "a/b/m.glb", "a/m.obj")

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args):
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        base = f"http://127.0.0.1:{server.server_port}"
        assert (inspect(f"{base}/a/b/m.glb")["format"], inspect(f"{base}/a/m.obj")["faces"]) == ("glb", 6)
        assert inspect(f"{base}/a/gone.glb")["reason"] == "missing"
        assert main(["inspect", f"{base}/z.tar.gz"]) == 2
        assert "download it first" in capsys.readouterr().err
        server.shutdown()
