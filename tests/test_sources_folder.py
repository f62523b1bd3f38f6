"""The folder source: classes by sub-folder, links, what one bad file costs."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from _gltf import FACES, POINTS, Gltf, png
from _models import WEDGE, nose, put, ref

from dst3d_datasets.errors import ModelRefused, Reason, SourceError
from dst3d_datasets.recipe import options as o
from dst3d_datasets.sources.folder import Folder


def folder(root, **more) -> Folder:
    return Folder(o.FolderOptions(kind="folder", root=str(root), **more))


def test_folder_classes_and_ids(tmp_path):
    root = tmp_path / "My Things"
    put(
        root,
        "airliner/b.glb",
        "airliner/a.OBJ.obj",
        "n02690373/c.glb",
        "n07753592_banana/deep/er/d.obj",
        "park-bench/e.obj",
        "Space Ship/f.obj",
        "n99999999_gizmo/g.obj",
        "top.glb",
        ".hidden/h.obj",
        "airliner/.i.obj",
        "airliner/readme.txt",
    )
    found = {r.model_id: (r.class_name, r.synset, r.class_index) for r in folder(root).models()}
    assert list(found) == sorted(found)
    assert found == {
        "airliner/b.glb": ("airliner", "n02690373", 404),
        "airliner/a.OBJ.obj": ("airliner", "n02690373", 404),
        "n02690373/c.glb": ("airliner", "n02690373", 404),
        "n07753592_banana/deep/er/d.obj": ("banana", "n07753592", 954),
        "park-bench/e.obj": ("park bench", "n03891251", 703),
        "Space Ship/f.obj": ("Space Ship", "", -1),
        "n99999999_gizmo/g.obj": ("gizmo", "n99999999", -1),
        "top.glb": ("My Things", "", -1),
    }


def test_folder_content_licence_and_keys(tmp_path):
    put(tmp_path, "a/x.glb", "a/X.glb")
    one, two = folder(tmp_path, licence="CC0-1.0").models()
    assert one.licence == "CC0-1.0"
    assert one.content == two.content
    assert len(one.content) == 64
    assert one.key(0) != two.key(0)
    (tmp_path / "a" / "x.glb").write_bytes(Gltf().mesh(points=POINTS * 2).glb())
    assert {r.content for r in folder(tmp_path).models()} != {one.content}


def test_folder_finds_and_opens(tmp_path):
    put(tmp_path, "a/x.obj", "b/y.glb", "b/x.obj")
    source = folder(tmp_path)
    assert source.find("n02690373", "a/x.obj").class_name == "airliner"
    assert source.find("", "a/x").model_id == "a/x.obj"
    assert source.find("", "y").model_id == "b/y.glb"
    assert source.find("", "x") is None  # two are called so
    assert source.find("", "../b/y.glb") is None
    assert pickle.loads(pickle.dumps(source)).open(source.find("", "y")).num_faces == len(FACES)
    with pytest.raises(ModelRefused) as caught:
        source.open(ref())
    assert caught.value.reason == Reason.MISSING


def test_folder_up_and_front(tmp_path):
    (tmp_path / "a").mkdir()
    rows = [line.split()[1:] for line in WEDGE.splitlines() if line.startswith("v")]
    faces = [[int(i) - 1 for i in line.split()[1:]] for line in WEDGE.splitlines() if line.startswith("f")]
    off = f"OFF\n5 {len(faces)} 0\n" + "".join(" ".join(row) + "\n" for row in rows)
    (tmp_path / "a" / "w.off").write_text(off + "".join(f"{len(f)} {' '.join(map(str, f))}\n" for f in faces))
    (tmp_path / "a" / "w.obj").write_text(WEDGE)
    by_id = {r.model_id: r for r in folder(tmp_path).models()}
    upright = (0, -1 / 6, -1 / 3)
    assert np.allclose(nose(folder(tmp_path).open(by_id["a/w.obj"])), upright, atol=1e-5)
    assert np.allclose(nose(folder(tmp_path).open(by_id["a/w.off"])), (0, -1 / 3, 1 / 6), atol=1e-5)
    assert np.allclose(nose(folder(tmp_path, up="y").open(by_id["a/w.off"])), upright, atol=1e-5)
    turned = folder(tmp_path, front="+y").open(by_id["a/w.obj"])
    assert np.allclose(nose(turned), (0, 1 / 6, -1 / 3), atol=1e-5)


def test_folder_links(tmp_path):
    put(tmp_path, "out/secret.obj", "root/a/x.obj")
    (tmp_path / "root" / "a" / "link.obj").symlink_to(tmp_path / "out" / "secret.obj")
    (tmp_path / "root" / "a" / "inside.obj").symlink_to(tmp_path / "root" / "a" / "x.obj")
    (tmp_path / "root" / "b").symlink_to(tmp_path / "out")
    (tmp_path / "root" / "a" / "loop").symlink_to(tmp_path / "root")
    assert [r.model_id for r in folder(tmp_path / "root").models()] == ["a/inside.obj", "a/x.obj"]


def test_folder_in_the_hubs_cache(tmp_path):
    """There every file is a link into `blobs`; a link elsewhere is still one that leaves the root."""
    cache, snapshot = tmp_path / "datasets--x", tmp_path / "datasets--x" / "snapshots" / "0abc"
    put(tmp_path, "elsewhere.obj")
    (cache / "blobs").mkdir(parents=True)
    (cache / "blobs" / "00ff").write_text("mtllib m.mtl\nusemtl a\nvt 0 0\n" + WEDGE + "f 1/1 2/1 5/1\n")
    (cache / "blobs" / "00fe").write_text("newmtl a\nmap_Kd t.png\n")
    (cache / "blobs" / "00fd").write_bytes(png(np.zeros((2, 2, 3))))
    (snapshot / "a").mkdir(parents=True)
    for name, blob in (("m.obj", "00ff"), ("m.mtl", "00fe"), ("t.png", "00fd")):
        (snapshot / "a" / name).symlink_to(f"../../../blobs/{blob}")
    (snapshot / "a" / "out.obj").symlink_to(tmp_path / "elsewhere.obj")
    with pytest.raises(SourceError, match="no model in it"):  # without `refs` it is no such cache
        list(folder(snapshot).models())
    (cache / "refs").mkdir()
    source = folder(snapshot)
    (only,) = source.models()
    assert any(part.material.texture is not None for part in source.open(only).parts)


def test_one_bad_file_costs_one_model(tmp_path):
    put(tmp_path, "a/good.glb")
    (tmp_path / "a" / "bad.glb").write_bytes(b"<html>404</html>")
    source = folder(tmp_path)
    reasons = []
    for each in source.models():
        try:
            source.open(each)
        except ModelRefused as error:
            reasons.append((each.model_id, error.reason))
    assert reasons == [("a/bad.glb", Reason.NOT_A_MODEL)]
