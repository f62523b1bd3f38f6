"""Every source from every form of address: the same models, pixel for pixel, as from a local tree."""

from __future__ import annotations

import gzip
import json
import pickle
from pathlib import Path

import fsspec
import numpy as np
import pytest
from _gltf import Gltf, png
from _models import WEDGE
from _remote import as_tar, as_zip, folder, is_textured, objaverse, omni, same, shapenet, tree
from _web import Web

from dst3d_datasets.errors import MissingDependency, ModelRefused, NotListable, Reason, SourceError

pytestmark = pytest.mark.usefixtures("impatient_home")


@pytest.mark.parametrize(("form", "lists"), [("tree", True), ("zip", True), ("zip", False)])
def test_shapenet_over_http(web: Web, form: str, lists: bool) -> None:
    files = tree("02691156/abc", "02691156/xyz", "02958343/def")
    if form == "zip":
        files = {f"{s}.zip": as_zip({k: v for k, v in files.items() if k[:8] == s}) for s in ("02691156", "02958343")}
    files["taxonomy.json"] = json.dumps([{"synsetId": "02691156", "name": "airplane,plane"}]).encode()
    web.files, web.lists = files, lists
    source = shapenet(web.url)
    refs = list(source.models())
    assert [(ref.synset, ref.model_id) for ref in refs] == [
        ("n02691156", "abc"),
        ("n02691156", "xyz"),
        ("n02958343", "def"),
    ]
    assert (refs[0].class_name, refs[0].keywords) == ("airplane", ("plane",))
    model = pickle.loads(pickle.dumps(source)).open(refs[1])
    assert is_textured(model)
    assert shapenet(web.url).find("n02691156", "xyz").model_id == "xyz"
    assert source.find("n02691156", "nope") is None
    web.requests.clear()
    assert same(shapenet(web.url).open(refs[1]), model)
    assert web.sent < 2000  # lists and tags, no model again


def test_fetching_ahead_is_all_that_opening_needs(web: Web) -> None:
    web.files = tree("02691156/abc") | {"02958343.zip": as_zip(tree("02958343/def"))}
    for ref in list(shapenet(web.url).models()):
        source = shapenet(web.url)
        source.fetch(ref)
        web.requests.clear()
        assert is_textured(source.open(ref))
        assert web.sent == 0


def test_a_tree_wins_over_the_zip_beside_it(cad_root: Path) -> None:
    source = shapenet(str(cad_root / "shapenet"))
    for ref in source.models():
        assert source._synsets[ref.synset[1:]] is None
    zips = shapenet(str(cad_root / "shapenet" / "ShapeNetCore"))
    assert sorted(r.model_id for r in zips.models()) == sorted(r.model_id for r in source.models())


def test_real_collections_are_the_same_from_archives_over_http(cad_root: Path) -> None:
    scans = cad_root / "omniobject3d" / "OpenXD-OmniObject3D-New" / "raw" / "raw_scans"
    with Web(cad_root) as web:
        web.files = {path.name: path.read_bytes() for path in scans.glob("*.tar.gz")}
        pairs = [
            (shapenet(str(cad_root / "shapenet")), shapenet(f"{web.url}/shapenet/ShapeNetCore")),
            (omni(str(scans)), omni(web.url)),
            (objaverse(str(cad_root / "objaverse")), objaverse(f"{web.url}/objaverse/hf-objaverse-v1")),
        ]
        for here, there in pairs:
            refs = sorted(here.models(), key=lambda ref: ref.uid)[::4]
            for ref in refs:
                found = there.find(ref.synset, ref.model_id)
                assert found is not None
                there.fetch(ref)
                assert same(here.open(ref), there.open(ref)), ref.uid


def test_objaverse_reads_the_metadata_that_is_asked_for(web: Web) -> None:
    paths = {f"u{n}": f"glbs/000-00{n}/u{n}.glb" for n in range(4)}
    web.files["object-paths.json.gz"] = gzip.compress(json.dumps(paths).encode())
    for n in range(4):
        facts = {f"u{n}": {"name": f"Thing {n}", "license": "by"}}
        web.files[f"metadata/000-00{n}.json.gz"] = gzip.compress(json.dumps(facts).encode())
        web.files[f"glbs/000-00{n}/u{n}.glb"] = Gltf().mesh().glb()
    web.lists = False
    source = objaverse(web.url)
    ref = source.find("n02690373", "u2")
    assert ref is not None
    assert (ref.title, ref.licence) == ("Thing 2", "CC-BY-4.0")
    assert source.open(ref).num_faces == 3
    assert {request.path for request in web.gets()} == {
        "object-paths.json.gz",
        "metadata/000-002.json.gz",
        "glbs/000-002/u2.glb",
    }
    assert source.find("n02690373", "u9") is None
    del web.files["glbs/000-001/u1.glb"]
    with pytest.raises(ModelRefused) as caught:
        source.open(source.find("n02690373", "u1"))
    assert caught.value.reason == Reason.MISSING
    (list_less,) = [objaverse(f"{web.url}/nothing")]
    with pytest.raises(SourceError, match="no models in it"):
        list_less.find("n02690373", "u1")


@pytest.mark.parametrize("above", ["", "banana/"])
@pytest.mark.parametrize("lists", [True, False])
def test_omniobject3d_archives(web: Web, above: str, lists: bool) -> None:
    files = {f"{above}banana_00{n}/Scan/Scan.obj": WEDGE.encode() for n in (1, 2)}
    web.files = {"raw/raw_scans/banana.tar.gz": as_tar(files), "raw/raw_scans/lemon.tar.gz": as_tar({})}
    web.lists = lists
    source = omni(web.url if lists else f"{web.url}/raw/raw_scans")
    ref = source.find("n07753592", "omniobject3d_banana_002")
    assert ref is not None
    assert pickle.loads(pickle.dumps(source)).open(ref).num_faces == 6
    assert source.find("n07753592", "omniobject3d_banana_003") is None
    assert source.find("n07753592", "omniobject3d_../banana_003") is None
    if lists:
        assert [r.model_id for r in source.models()] == ["omniobject3d_banana_001", "omniobject3d_banana_002"]


def test_any_file_system_of_fsspec() -> None:
    system = fsspec.filesystem("memory")
    files = {f"/things/{name}": data for name, data in tree("car/abc").items()} | {
        "/things/bus/x.stl": b"",
        "/other": b"",
    }
    for name, data in files.items():
        system.pipe_file(name, data)
    source = folder("memory://things")
    refs = {ref.model_id: ref for ref in source.models()}
    assert {model_id: ref.class_name for model_id, ref in refs.items()} == {
        "bus/x.stl": "bus",
        "car/abc/models/model_normalized.obj": "car",
    }
    assert is_textured(source.open(refs["car/abc/models/model_normalized.obj"]))
    with pytest.raises(ModelRefused):
        source.open(refs["bus/x.stl"])
    before = refs["car/abc/models/model_normalized.obj"].content
    system.pipe_file("/things/car/abc/images/t.png", png(np.full((3, 3, 3), 7)))
    again = {ref.model_id: ref for ref in folder("memory://things").models()}
    assert again["car/abc/models/model_normalized.obj"].content != before
    assert again["bus/x.stl"].content == refs["bus/x.stl"].content
    system.rm("/things", recursive=True)
    with pytest.raises(SourceError, match="no model in it"):
        list(folder("memory://things").models())
    with pytest.raises(SourceError, match="nonsense"):
        list(folder("nonsense://things").models())


def test_a_package_that_is_missing_is_named() -> None:
    if fsspec.utils.get_protocol("s3://x") == "s3":
        try:
            import s3fs  # noqa: F401
        except ImportError:
            with pytest.raises(MissingDependency, match="s3:// addresses need a package"):
                list(folder("s3://bucket/things").models())


def test_a_folder_over_http(web: Web) -> None:
    web.files = {f"my/{name}": data for name, data in tree("car/abc").items()} | {"my/a b/x.glb": Gltf().mesh().glb()}
    source = folder(f"{web.url}/my")
    refs = list(source.models())
    assert [ref.model_id for ref in refs] == ["a b/x.glb", "car/abc/models/model_normalized.obj"]
    assert all(ref.content for ref in refs)
    assert is_textured(source.open(refs[1]))
    assert same(folder(f"{web.url}/my").open(refs[0]), source.open(refs[0]))
    web.lists = False
    with pytest.raises(NotListable, match="the server shows no list of its files"):
        list(folder(f"{web.url}/my").models())
