"""Remote roots in trouble: what reaches out of them, what may not be read, hosts that are down, small caches."""

from __future__ import annotations

import hashlib
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from _gltf import Gltf
from _models import WEDGE
from _remote import MTL, as_zip, folder, objaverse, omni, same, shapenet, tree
from _web import Fault, Web

from dst3d_datasets.errors import HostDown, ModelRefused, Reason

pytestmark = pytest.mark.usefixtures("impatient_home")


def test_models_may_not_reach_out_of_a_remote_root(web: Web) -> None:
    web.files = {"in/a/x.obj": b"mtllib ../../out/m.mtl\n" + WEDGE.encode(), "out/m.mtl": MTL.encode()}
    source = folder(f"{web.url}/in")
    with pytest.raises(ModelRefused) as caught:
        source.open(next(iter(source.models())))
    assert caught.value.reason == Reason.HOSTILE_PATH
    assert web.gets("out") == []


def test_one_model_that_cannot_be_had_costs_one_model(web: Web) -> None:
    web.files = {f"a/{name}.glb": Gltf().mesh().glb() for name in "abcd"}
    source = folder(web.url)
    refs = list(source.models())
    web.faults += [Fault("a.glb", "reset", 10, times=99), Fault("b.glb", "status", 403, times=99)]
    web.faults += [Fault("c.glb", "status", 404), Fault("d.glb", "status", 429, headers={"Retry-After": "1"})]
    reasons = []
    for ref in refs:
        try:
            source.open(ref)
            reasons.append("opened")
        except ModelRefused as error:
            reasons.append(error.reason.value)
    assert reasons == ["unreachable", "access_denied", "missing", "opened"]


def test_a_root_that_cannot_be_reached_is_a_source_error() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    for make in (shapenet, objaverse, omni, folder):
        with pytest.raises(HostDown, match="cannot be reached"):
            list(make(url).models())


def test_what_is_kept_serves_while_the_host_is_down(tmp_path: Path) -> None:
    with Web() as web:
        web.files = {"a/x.glb": Gltf().mesh().glb()}
        source = folder(web.url)
        (ref,) = source.models()
        model = source.open(ref)
    assert same(source.open(ref), model)


def test_the_recipe_says_where_and_how_large_the_cache_is(web: Web, tmp_path: Path) -> None:
    web.files = {"a/x.glb": Gltf().mesh().glb(), "a/y.glb": Gltf().mesh().glb() + bytes(8)}
    source = folder(web.url, cache=str(tmp_path / "mine"), cache_bytes=len(web.files["a/x.glb"]) + 4)
    for ref in source.models():
        source.open(ref)
    (kept,) = (tmp_path / "mine").glob("[0-9a-f][0-9a-f]/*")
    assert kept.name[-64:] == hashlib.sha256(web.files["a/x.glb"]).hexdigest()
    assert not (tmp_path / "home").exists()


def test_hostile_archives_cost_their_own_models_alone(web: Web, cad_root: Path) -> None:
    broken = cad_root / "broken"
    web.files = {
        "02691156.zip": (broken / "zip_slip.zip").read_bytes(),
        "02958343.zip": as_zip(tree("02958343/good")),
    }
    bomb = (broken / "deflate_bomb.zip").read_bytes().replace(b"02691156", b"03001627")
    web.files["03001627.zip"] = bomb
    reasons = {}
    source = shapenet(web.url, max_bytes=10**7)
    for ref in source.models():
        try:
            reasons[f"{ref.synset}/{ref.model_id}"] = str(source.open(ref).num_faces)
        except ModelRefused as error:
            reasons[f"{ref.synset}/{ref.model_id}"] = error.reason.value
    assert reasons == {"n02691156/good": "1", "n02958343/good": "7", "n03001627/bomb": "too_large"}
    web.files = {"evil.tar.gz": (broken / "zip_slip.tar.gz").read_bytes()}
    assert [ref.model_id for ref in omni(web.url).models()] == ["omniobject3d_evil_001"]


_OPENER = """
import sys
from dst3d_datasets.recipe import options as o
from dst3d_datasets.sources.shapenet import ShapeNet
source = ShapeNet(o.ShapeNetOptions(kind="shapenet", root=sys.argv[1], cache=sys.argv[2]))
print(sum(source.open(ref).num_faces for ref in source.models()))
"""


def test_many_processes_fetch_a_model_once(web: Web, tmp_path: Path) -> None:
    web.files = {"02691156.zip": as_zip(tree(*(f"02691156/m{number}" for number in range(20))))}
    command = [sys.executable, "-c", _OPENER, web.url, str(tmp_path / "cache")]
    openers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert [opener.communicate()[0] for opener in openers] == ["140\n"] * 3
    members = [request.range for request in web.gets("zip")]
    assert len(members) - len(set(members)) <= 2  # the directory may be read by each, no model is


def test_a_killed_download_is_begun_again(web: Web, tmp_path: Path) -> None:
    web.files = {"02691156.zip": as_zip(tree("02691156/abc"))}
    web.faults.append(Fault("zip", "drip", 0.01))
    command = [sys.executable, "-c", _OPENER, web.url, str(tmp_path / "cache")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as opener:
        while not web.gets("zip") or web.gets("zip")[0].sent < 20:
            time.sleep(0.01)
        opener.kill()
    assert not list((tmp_path / "cache").glob("[0-9a-f][0-9a-f]/*"))
    assert subprocess.run(command, capture_output=True, text=True).stdout == "7\n"
