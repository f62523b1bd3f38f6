"""Sources of files: what each lists, finds and opens, and what it says when its root is wrong."""

from __future__ import annotations

import gzip
import json
import pickle
import time

import numpy as np
import pytest
from _gltf import FACES, POINTS, Gltf, png

from dst3d_datasets.errors import ModelRefused, Reason, SourceError
from dst3d_datasets.nouns import ModelRef
from dst3d_datasets.recipe import options as o
from dst3d_datasets.sources.canonical import canonicalise
from dst3d_datasets.sources.folder import Folder
from dst3d_datasets.sources.mesh import load
from dst3d_datasets.sources.objaverse import Objaverse
from dst3d_datasets.sources.omniobject3d import OmniObject3D
from dst3d_datasets.sources.shapenet import ShapeNet

# A wedge whose front, up and left differ: 3 wide (x), 2 high (y), 1 deep (z), the nose at +z low.
WEDGE = "v 0 0 0\nv 3 0 0\nv 3 2 0\nv 0 2 0\nv 1.5 0 1\nf 1 4 3 2\nf 1 2 5\nf 2 3 5\nf 3 4 5\nf 4 1 5\n"


def nose(model) -> np.ndarray:
    """The wedge's nose in the canonical frame: the vertex the four slanted faces share."""
    points = np.concatenate([part.vertices for part in model.parts])
    unique, counts = np.unique(points.round(5), axis=0, return_counts=True)
    return unique[np.argmax(counts)]


def ref(**fields) -> ModelRef:
    return ModelRef(source="s", model_id="m", class_name="thing", **fields)


def wedge():
    return load(WEDGE.encode(), "obj")


def test_canonical_frame_of_a_y_up_file():
    model = canonicalise(wedge(), ref())
    assert np.allclose(model.size, (1, 1 / 3, 2 / 3))
    assert np.allclose(nose(model), (0, -1 / 6, -1 / 3), atol=1e-5)  # file +z is the front, -y; it lies low
    points = np.concatenate([part.vertices for part in model.parts])
    assert points.dtype == np.float32
    assert np.allclose(points.min(axis=0), -np.array(model.size) / 2)
    assert np.allclose(points.max(axis=0), np.array(model.size) / 2)


@pytest.mark.parametrize(
    ("azimuth", "towards"), [(0, (0, 0, 1)), (90, (1, 0, 0)), (180, (0, 0, -1)), (-90, (-1, 0, 0))]
)
def test_azimuth_brings_the_front_of_the_file_to_the_front(azimuth, towards):
    """LAYOUTS.md: a front along +z has azimuth 0, +x 90, -z 180 and -x -90."""
    x, z = towards[0], towards[2]
    turned = wedge()
    for part in turned.parts:
        px, pz = part.vertices[:, 0].copy(), part.vertices[:, 2].copy()
        part.vertices[:, 0], part.vertices[:, 2] = pz * x + px * z, pz * z - px * x
    model = canonicalise(turned, ref(azimuth=float(azimuth)))
    assert np.allclose(nose(model), (0, -1 / 6, -1 / 3), atol=1e-5)


def test_z_up_front_and_elevation_turn_the_model():
    lying = wedge()  # the same numbers read as z-up: the nose points up, the file's y to the back
    assert np.allclose(nose(canonicalise(lying, ref(), up="z")), (0, -1 / 3, 1 / 6), atol=1e-5)
    assert np.allclose(nose(canonicalise(lying, ref(), up="z", front="+y")), (0, 1 / 3, 1 / 6), atol=1e-5)
    # front +x: the side at +x, wherever the nose is, ends at -y
    model = canonicalise(lying, ref(), up="z", front="+x")
    assert np.allclose(model.size, (2 / 3, 1, 1 / 3))
    assert np.allclose(nose(model), (-1 / 3, 0, 1 / 6), atol=1e-5)
    # A z-up file read as y-up is put right by elevation -90 (the frying pan of the catalogue).
    assert np.allclose(
        nose(canonicalise(lying, ref(elevation=-90.0), up="y")), nose(canonicalise(lying, ref(), up="z")), atol=1e-5
    )


def test_turns_are_rigid_and_normals_turn_along():
    plain = canonicalise(wedge(), ref())
    for azimuth, elevation in ((30.0, 0.0), (77.0, -20.0), (180.0, 90.0)):
        model = canonicalise(wedge(), ref(azimuth=azimuth, elevation=elevation))
        (part,), (before,) = model.parts, plain.parts
        corners, old = (p.vertices[p.faces].astype(float) for p in (part, before))
        volume, old_volume = (np.linalg.det(c - c.mean((0, 1))).sum() for c in (corners, old))
        assert volume * old_volume > 0  # not mirrored
        flat = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        flat /= np.linalg.norm(flat, axis=1, keepdims=True)
        assert np.allclose(part.normals[part.faces], flat[:, None], atol=1e-5)


def test_far_and_small_models_keep_their_shape():
    text = "".join(
        f"v {1e6 + 1e-3 * x:.9f} {-1e6 + 1e-3 * y:.9f} {1e-3 * z:.9f}\n"
        for x, y, z in ((0, 0, 0), (3, 0, 0), (0, 2, 1))
    )
    model = canonicalise(load((text + "f 1 2 3\n").encode(), "obj"), ref())
    assert np.allclose(model.size, (1, 1 / 3, 2 / 3), atol=1e-6)


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


# ---- ShapeNet


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


# ---- Objaverse


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


# ---- OmniObject3D


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


# ---- Folder


def folder(root, **more) -> Folder:
    return Folder(o.FolderOptions(kind="folder", root=str(root), **more))


def put(root, *names) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(WEDGE) if name.endswith("obj") else path.write_bytes(Gltf().mesh().glb())


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


# ---- the real ones


def test_all_real_models_open(cad_root):
    sources = [
        ShapeNet(o.ShapeNetOptions(kind="shapenet", root=str(cad_root / "shapenet"))),
        Objaverse(o.ObjaverseOptions(kind="objaverse", root=str(cad_root / "objaverse"))),
        OmniObject3D(o.OmniObject3DOptions(kind="omniobject3d", root=str(cad_root / "omniobject3d"))),
    ]
    seen = textured = 0
    begin = time.monotonic()
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
    assert time.monotonic() - begin < 60
