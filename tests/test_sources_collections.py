"""ShapeNet, Objaverse and OmniObject3D: what each lists, finds and opens, and what it says of a wrong root."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pytest
from _gltf import Gltf, png
from _models import WEDGE

from dst3d_datasets.errors import ModelRefused, Reason, SourceError
from dst3d_datasets.recipe import options as o
from dst3d_datasets.sources.folder import Folder
from dst3d_datasets.sources.objaverse import Objaverse
from dst3d_datasets.sources.omniobject3d import OmniObject3D
from dst3d_datasets.sources.shapenet import ShapeNet


@pytest.mark.parametrize(
    ("cls", "options"),
    [
        (ShapeNet, o.ShapeNetOptions(kind="shapenet", root="/no/such/place")),
        (Objaverse, o.ObjaverseOptions(kind="objaverse", root="/no/such/place")),
        (OmniObject3D, o.OmniObject3DOptions(kind="omniobject3d", root="/no/such/place")),
        (Folder, o.FolderOptions(kind="folder", root="/no/such/place")),
    ],
)
def test_a_wrong_root_is_named(tmp_path, cls, options):
    with pytest.raises(SourceError, match=r"root /no/such/place: no such folder; expected "):
        list(cls(options).models())
    with pytest.raises(SourceError, match="expected "):
        list(cls(options.model_copy(update={"root": str(tmp_path)})).models())
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(SourceError, match="no such folder"):
        cls(options.model_copy(update={"root": str(file)})).find("n02690373", "x")


def shapenet(root, models=(("02691156", "abc"), ("02958343", "def")), taxonomy=None):
    for synset, model in models:
        folder = root / synset / model / "models"
        folder.mkdir(parents=True)
        (folder / "model_normalized.obj").write_text(WEDGE)
    if taxonomy is not None:
        (root / "taxonomy.json").write_text(json.dumps(taxonomy))
    return ShapeNet(o.ShapeNetOptions(kind="shapenet", root=str(root)))


TAXONOMY = [
    {"synsetId": "02691156", "name": "airplane,aeroplane,plane", "children": ["02690373"]},
    {"synsetId": "02690373", "name": "airliner", "children": []},
    {"synsetId": "02958343", "name": "car,auto", "children": ["02930766"]},
]


def test_shapenet_lists_coarse_classes_facing_front(tmp_path):
    source = shapenet(tmp_path / "ShapeNetCore.v2", taxonomy=TAXONOMY)
    refs = list(source.models())
    assert [(r.synset, r.class_name, r.model_id, r.azimuth) for r in refs] == [
        ("n02691156", "airplane", "abc", 180.0),
        ("n02958343", "car", "def", 180.0),
    ]
    assert refs[0].keywords == ("aeroplane", "plane")
    assert refs[0].licence == "LicenseRef-ShapeNet"
    above = ShapeNet(o.ShapeNetOptions(kind="shapenet", root=str(tmp_path), name="sn"))
    assert [r.model_id for r in above.models()] == ["abc", "def"]
    assert next(iter(above.models())).source == "sn"
    assert source.open(refs[0]).ref == refs[0]


def test_shapenet_finds_by_the_catalogues_synset(tmp_path):
    source = shapenet(tmp_path, (("02691156", "abc"), ("02958343", "abc"), ("02958343", "def")), TAXONOMY)
    found = source.find("n02930766", "abc")  # stands in two classes; a cab is a car
    assert (found.class_name, found.class_index, found.keywords) == ("cab", 468, ("car", "auto"))
    assert source.find("n02690373", "abc").keywords == ("airplane", "aeroplane", "plane")
    assert source.find("n02690373", "nope") is None
    assert source.find("n02690373", "../02958343/def") is None
    (tmp_path / "02958343" / "def" / "models" / "model_normalized.obj").unlink()
    with pytest.raises(ModelRefused) as caught:
        source.open(source.find("n02930766", "def"))
    assert caught.value.reason == Reason.MISSING


def test_shapenet_textures_may_not_leave_the_model(tmp_path):
    source = shapenet(tmp_path, taxonomy=TAXONOMY)
    folder = tmp_path / "02691156" / "abc"
    (folder / "models" / "model_normalized.obj").write_text(
        "mtllib m.mtl\nusemtl a\nvt 0 0\n" + WEDGE + "f 1/1 2/1 5/1\n"
    )
    (folder / "models" / "m.mtl").write_text("newmtl a\nmap_Kd ../images/t.png\n")
    (folder / "images").mkdir()
    (folder / "images" / "t.png").write_bytes(png(np.zeros((2, 2, 3))))
    found = source.find("n02690373", "abc")
    assert any(part.material.texture is not None for part in source.open(found).parts)
    (folder / "models" / "m.mtl").write_text("newmtl a\nmap_Kd ../../def/t.png\n")
    with pytest.raises(ModelRefused) as caught:
        source.open(found)
    assert caught.value.reason == Reason.HOSTILE_PATH


def zipped(path, value) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(json.dumps(value).encode()))


def objaverse(root, paths=None, lvis=None, metadata=None, on_disk=("aaa", "bbb")):
    paths = paths if paths is not None else {uid: f"glbs/000-001/{uid}.glb" for uid in ("aaa", "bbb", "ccc")}
    zipped(root / "object-paths.json.gz", paths)
    if lvis is not None:
        zipped(root / "lvis-annotations.json.gz", lvis)
    zipped(root / "metadata" / "000-001.json.gz", metadata or {})
    for uid in on_disk:
        file = root / "glbs" / "000-001" / f"{uid}.glb"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(Gltf().mesh().glb())
    return Objaverse(o.ObjaverseOptions(kind="objaverse", root=str(root)))


FACTS = {
    "aaa": {
        "name": "A Banana",
        "license": "by-nc-sa",
        "viewerUrl": "https://sketchfab.com/aaa",
        "uri": "https://api/aaa",
        "user": {"username": "bob", "displayName": "Bob"},
        "tags": [{"name": "fruit"}, {"name": "low-poly"}],
        "categories": [{"name": "food-drink"}, {"name": "fruit"}],
    },
    "bbb": {"license": "cc0", "user": {"username": "eve"}, "uri": "https://api/bbb", "tags": None},
}


def test_objaverse_package_layout(tmp_path):
    source = objaverse(
        tmp_path / "hf-objaverse-v1", lvis={"banana": ["bbb", "aaa", "ccc"], "odd_thing": ["aaa"]}, metadata=FACTS
    )
    for root in (tmp_path / "hf-objaverse-v1", tmp_path):
        source = Objaverse(o.ObjaverseOptions(kind="objaverse", root=str(root)))
        refs = list(source.models())
        assert [(r.class_id, r.model_id) for r in refs] == [
            ("n07753592", "aaa"),
            ("n07753592", "bbb"),
            ("odd_thing-" + refs[2].class_id[-8:], "aaa"),
        ]
    first, second, _ = refs
    assert (first.licence, first.author, first.url) == ("CC-BY-NC-SA-4.0", "Bob", "https://sketchfab.com/aaa")
    assert (first.title, first.keywords) == ("A Banana", ("fruit", "low-poly", "food-drink"))
    assert (second.licence, second.author, second.url) == ("CC0-1.0", "eve", "https://api/bbb")
    assert source.find("n07753592", "ccc") is None  # listed, and not here
    assert source.find("n07753592", "zzz") is None
    found = source.find("n02690373", "aaa")
    assert (found.class_name, found.class_index, found.author) == ("airliner", 404, "Bob")
    assert max(source.open(found).size) == 1


def test_objaverse_flat_files(tmp_path):
    (tmp_path / "93face00.glb").write_bytes(Gltf().mesh().glb())
    source = Objaverse(o.ObjaverseOptions(kind="objaverse", root=str(tmp_path)))
    found = source.find("n02690373", "93face00")
    assert (found.licence, found.class_index) == ("unknown", 404)
    assert source.open(found).num_faces == 3
    assert [r.model_id for r in source.models()] == ["93face00"]


def test_objaverse_index_files_are_not_trusted(tmp_path):
    outside = tmp_path / "secret.glb"
    outside.write_bytes(Gltf().mesh().glb())
    paths = {"up": "../secret.glb", "abs": str(outside), "number": 7, "aaa": "glbs/000-001/aaa.glb"}
    source = objaverse(tmp_path / "root", paths=paths)
    assert [source.find("n02690373", uid) for uid in ("up", "abs", "number")] == [None, None, None]
    assert source.find("n02690373", "aaa") is not None
    for damage in (b"", b"not gzip", gzip.compress(b"[1]"), gzip.compress(b"{")):
        (tmp_path / "root" / "object-paths.json.gz").write_bytes(damage)
        source = Objaverse(o.ObjaverseOptions(kind="objaverse", root=str(tmp_path / "root")))
        with pytest.raises(SourceError, match=r"object-paths.json.gz cannot be read"):
            source.find("n02690373", "aaa")


def omni(root, scans=("banana_001", "frying_pan_002", "odd_toy_001")):
    for scan in scans:
        folder = root / "raw" / "raw_scans" / scan.rsplit("_", 1)[0] / scan / "Scan"
        folder.mkdir(parents=True)
        (folder / "Scan.obj").write_text(WEDGE)
    return OmniObject3D(o.OmniObject3DOptions(kind="omniobject3d", root=str(root)))


def test_omniobject3d(tmp_path):
    source = omni(tmp_path)
    (tmp_path / "raw" / "raw_scans" / "banana.tar.gz").write_bytes(b"")
    (tmp_path / "raw" / "raw_scans" / "banana" / "banana_009").mkdir()  # no scan in it
    refs = list(source.models())
    assert [(r.model_id, r.class_name, r.synset) for r in refs] == [
        ("omniobject3d_banana_001", "banana", "n07753592"),
        ("omniobject3d_frying_pan_002", "frying pan", "n03400231"),
        ("omniobject3d_odd_toy_001", "odd toy", ""),
    ]
    assert refs[0].licence == "CC-BY-4.0"
    assert source.find("n07753592", "omniobject3d_banana_001") == refs[0]
    assert source.find("n07753592", "banana_001") == refs[0]
    assert source.find("n07753592", "omniobject3d_banana_009") is None
    assert source.find("n07753592", "omniobject3d_../x_001") is None
    assert max(source.open(refs[1]).size) == 1
    for root in (tmp_path / "raw", tmp_path / "raw" / "raw_scans"):
        assert len(list(OmniObject3D(o.OmniObject3DOptions(kind="omniobject3d", root=str(root))).models())) == 3


def test_all_real_models_open(cad_root):
    sources = [
        ShapeNet(o.ShapeNetOptions(kind="shapenet", root=str(cad_root / "shapenet"))),
        Objaverse(o.ObjaverseOptions(kind="objaverse", root=str(cad_root / "objaverse"))),
        OmniObject3D(o.OmniObject3DOptions(kind="omniobject3d", root=str(cad_root / "omniobject3d"))),
    ]
    seen = textured = 0
    for source in sources:
        for each in source.models():
            model = source.open(each)
            points = np.concatenate([part.vertices for part in model.parts])
            assert max(model.size) == 1
            assert np.allclose(np.ptp(points, axis=0), model.size, atol=1e-6)
            assert np.allclose(points.min(axis=0) + points.max(axis=0), 0, atol=1e-6)
            assert all(np.allclose(np.linalg.norm(part.normals, axis=1), 1, atol=1e-5) for part in model.parts)
            assert not any("missing" in warning for warning in model.warnings)
            textured += any(part.material.texture is not None for part in model.parts)
            seen += 1
    assert seen == 51
    assert textured >= 40
