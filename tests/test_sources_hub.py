"""hf:// addresses at a hub on a real socket: revisions, gates, tokens, pages, contents elsewhere."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from _gltf import POINTS, Gltf, png
from _models import WEDGE
from minihub import MiniHub

from dst3d_datasets.errors import ModelRefused, Reason, SourceError
from dst3d_datasets.recipe import options as o
from dst3d_datasets.sources import patience
from dst3d_datasets.sources.address import backend_at
from dst3d_datasets.sources.address_hub import token
from dst3d_datasets.sources.folder import Folder
from dst3d_datasets.sources.shapenet import ShapeNet

GLB = Gltf().mesh().glb()


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MiniHub]:
    monkeypatch.setattr(patience, "PATIENCE", patience.Patience(sleep=lambda seconds: None, timeout=5.0))
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DST3D_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    with MiniHub() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        server.repos["me/cad"] = {
            "v1": {"car/x.glb": GLB, "car/x y.obj": WEDGE.encode()},
            "v2": {"car/x.glb": Gltf().mesh(points=POINTS * 2).glb(), "bus/z.glb": GLB, "deep/er/car/w.glb": GLB},
        }
        yield server


def folder(root: str) -> Folder:
    return Folder(o.FolderOptions(kind="folder", root=root))


def ids(root: str) -> list[str]:
    return [ref.model_id for ref in folder(root).models()]


def test_a_data_set_at_a_revision(hub: MiniHub) -> None:
    assert ids("hf://datasets/me/cad") == ["bus/z.glb", "car/x.glb", "deep/er/car/w.glb"]
    assert ids("hf://datasets/me/cad@v1") == ["car/x y.obj", "car/x.glb"]
    assert ids("hf://datasets/me/cad@v2/deep/er") == ["car/w.glb"]
    assert ids(f"hf://datasets/me/cad@{hub.repos['me/cad'].resolve('v1')}") == ids("hf://datasets/me/cad@v1")
    contents = [
        {ref.model_id: ref.content for ref in folder(f"hf://datasets/me/cad@{v}").models()} for v in ("v1", "v2")
    ]
    assert contents[0]["car/x.glb"] != contents[1]["car/x.glb"]
    source = folder("hf://datasets/me/cad@v1")
    assert [source.open(ref).num_faces for ref in source.models()] == [6, 3]


def test_a_commit_is_asked_for_once_and_never_again_fetched(hub: MiniHub) -> None:
    source = folder("hf://datasets/me/cad@v1")
    refs = list(source.models())
    for ref in refs:
        source.open(ref)
    hub.calls.clear()
    again = folder("hf://datasets/me/cad@v1")
    for ref in again.models():
        again.open(ref)
    assert hub.sent == 0
    assert sum("/revision/" in path for _, path, _, _ in hub.calls) == 1


def test_long_lists_come_page_by_page(hub: MiniHub) -> None:
    hub.page = 2
    hub.repos["me/many"] = {"main": {f"a/{number}.glb": GLB for number in range(7)}}
    assert len(ids("hf://datasets/me/many")) == 7


def test_shapenets_zips_on_the_hub(hub: MiniHub) -> None:
    folder = "02691156/abc"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(
            f"{folder}/models/model_normalized.obj", "mtllib m.mtl\nusemtl a\nvt 0 0\n" + WEDGE + "f 1/1 2/1 5/1\n"
        )
        archive.writestr(f"{folder}/models/m.mtl", "newmtl a\nmap_Kd ../images/t.png\n")
        archive.writestr(f"{folder}/images/t.png", png(np.zeros((2, 2, 3))))
        archive.writestr("02691156/other/models/model_normalized.obj", bytes(500_000))
    hub.repos["ShapeNet/ShapeNetCore"] = {"main": {"02691156.zip": buffer.getvalue(), "README.md": b""}}
    hub.gated.add("ShapeNet/ShapeNetCore")
    source = ShapeNet(o.ShapeNetOptions(kind="shapenet", root="hf://datasets/ShapeNet/ShapeNetCore"))
    with pytest.raises(SourceError) as caught:
        source.find("n02690373", "abc")
    assert f"ask for access at {hub.url}/datasets/ShapeNet/ShapeNetCore" in str(caught.value)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_TOKEN", "hf_test")
        source = ShapeNet(o.ShapeNetOptions(kind="shapenet", root="hf://datasets/ShapeNet/ShapeNetCore"))
        model = source.open(source.find("n02690373", "abc"))
    assert any(part.material.texture is not None for part in model.parts)
    assert hub.sent < 80_000


def test_a_data_set_that_was_renamed(hub: MiniHub) -> None:
    hub.renamed["old/name"] = "me/cad"
    hub.private.add("me/cad")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_TOKEN", "hf_test")
        backend = backend_at("hf://datasets/old/name@v1")
        assert backend.stat("car/x.glb").size == len(GLB)
        assert b"".join(backend.chunks("car/x.glb", 3, 9)) == GLB[3:9]


def test_gates_are_met_model_by_model_too(hub: MiniHub) -> None:
    hub.gated.add("me/cad")
    source = folder("hf://datasets/me/cad@v1")
    for ref in source.models():
        with pytest.raises(ModelRefused) as caught:
            source.open(ref)
        assert caught.value.reason == Reason.ACCESS_DENIED
        assert f"{hub.url}/datasets/me/cad" in caught.value.detail


def test_the_token_goes_to_the_hub_alone(hub: MiniHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    hub.private.add("me/cad")
    with pytest.raises(SourceError, match="HF_TOKEN must be that of an account with access"):
        ids("hf://datasets/me/cad")
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    with pytest.raises(SourceError) as caught:
        ids("hf://datasets/me/cad")
    assert "hf_wrong" not in str(caught.value)
    monkeypatch.setenv("HF_TOKEN", "hf_test")
    hub.calls.clear()
    source = folder("hf://datasets/me/cad@v1")
    for ref in source.models():
        source.open(ref)
    kinds = {(path.startswith("/_lfs/"), secret) for _, path, secret, _ in hub.calls}
    assert kinds == {(False, "Bearer hf_test"), (True, "")}
    for path in (tmp_path / "home").rglob("*"):
        assert not path.is_file() or b"hf_test" not in path.read_bytes()
    monkeypatch.delenv("HF_TOKEN")
    (tmp_path / "hf").mkdir(exist_ok=True)
    (tmp_path / "hf" / "token").write_text("hf_test\n")
    assert token() == "hf_test"
    monkeypatch.setenv("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")
    assert token() == ""


def test_wrong_addresses_and_revisions(hub: MiniHub) -> None:
    for wrong in ("hf://me/cad", "hf://datasets/cad", "hf://datasets/me/cad/../x", "hf://datasets/"):
        with pytest.raises(SourceError, match=r"has the form hf://datasets/<owner>/<name>"):
            backend_at(wrong)
    with pytest.raises(SourceError, match="no such data set or revision"):
        ids("hf://datasets/me/cad@v9")
    with pytest.raises(SourceError, match=r"access denied; ask for access at .*/datasets/me/none"):
        ids("hf://datasets/me/none")
    with pytest.raises(SourceError, match="no model in it"):
        ids("hf://datasets/me/cad/nothing")


def test_a_hub_in_trouble(hub: MiniHub) -> None:
    limits = ("/revision/", 429, {"Retry-After": "2"}), ("/tree/", 503, {}), ("/resolve/", 500, {}), ("/_lfs/", 502, {})
    hub.faults += [(pattern, code, dict(headers)) for pattern, code, headers in limits]
    source = folder("hf://datasets/me/cad@v1")
    assert [source.open(ref).num_faces for ref in source.models()] == [6, 3]
    assert hub.faults == []
    hub.repos["me/html"] = {"main": {"a/x.glb": b"<html>error</html>"}}
    source = folder("hf://datasets/me/html")
    with pytest.raises(ModelRefused) as caught:
        source.open(next(iter(source.models())))
    assert caught.value.reason == Reason.NOT_A_MODEL
