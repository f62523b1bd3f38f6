"""Objaverse-XL's annotations, the objaverse package, and side files in the digest."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import sys
import types
import urllib.error
from pathlib import Path

import numpy as np
import pytest
from _gltf import Gltf, png
from _models import WEDGE
from _web import Web

from dst3d_datasets.errors import MissingDependency, ModelRefused, Reason, SourceError
from dst3d_datasets.recipe import options as o
from dst3d_datasets.sources import objaverse_xl
from dst3d_datasets.sources.folder import Folder
from dst3d_datasets.sources.objaverse import Objaverse
from dst3d_datasets.sources.objaverse_xl import ObjaverseXL

GLB = Gltf().mesh().glb()


pytestmark = pytest.mark.usefixtures("impatient_home")


def rows(*entries: tuple[str, str, str, bytes]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["fileIdentifier", "source", "license", "fileType", "sha256", "metadata"])
    for identifier, source, kind, data in entries:
        writer.writerow([identifier, source, "by", kind, hashlib.sha256(data).hexdigest(), "{}"])
    return text.getvalue().encode()


def xl(root: str, **more: object) -> ObjaverseXL:
    return ObjaverseXL(o.ObjaverseXLOptions(kind="objaverse_xl", root=root, **more))


def test_objaverse_xl_fetches_what_is_a_file_and_checks_it(web: Web, tmp_path: Path) -> None:
    web.files = {"a/good thing.glb": GLB, "a/other.glb": GLB + b"\0", "a/page.glb": b"<html>moved</html>"}
    table = rows(
        (f"{web.url}/a/good%20thing.glb", "smithsonian", "glb", GLB),
        (f"{web.url}/a/other.glb", "smithsonian", "glb", b"as annotated"),
        (f"{web.url}/a/page.glb", "smithsonian", "glb", b"page"),
        (f"{web.url}/a/gone.glb", "smithsonian", "glb", b"gone"),
        ("https://www.thingiverse.com/thing:123", "thingiverse", "stl", b"thing"),
        ("https://sketchfab.com/3d-models/0123456789abcdef", "sketchfab", "glb", b"sketch"),
        ("http://127.0.0.1:1/x.glb", "smithsonian", "glb", b"down"),
        (f"{web.url}/a/x.blend", "smithsonian", "blend", b"blend"),
    )
    (tmp_path / "t.csv").write_bytes(table)
    web.files["tables/t.csv"] = table
    for root in (str(tmp_path / "t.csv"), str(tmp_path), f"{web.url}/tables/t.csv"):
        source = xl(root)
        assert len(list(source.models())) == 5
        ref = source.find("n02690373", f"{web.url}/a/good%20thing.glb")
        assert ref is not None
        assert (ref.model_id, ref.title, ref.licence) == (hashlib.sha256(GLB).hexdigest(), "good thing", "CC-BY-4.0")
        assert source.open(ref).num_faces == 3
    web.requests.clear()
    assert xl(str(tmp_path)).open(ref).num_faces == 3
    assert web.requests == []  # its digest says all that need be known

    def reason(data: bytes) -> tuple[Reason, str]:
        with pytest.raises(ModelRefused) as caught:
            source.open(source.find("", hashlib.sha256(data).hexdigest()))
        return caught.value.reason, caught.value.detail

    assert reason(b"as annotated")[0] == Reason.UNREADABLE
    assert "sha256" in reason(b"as annotated")[1]
    assert reason(b"page")[0] == Reason.NOT_A_MODEL
    assert reason(b"gone")[0] == Reason.MISSING
    assert reason(b"down")[0] == Reason.UNREACHABLE
    assert reason(b"blend")[0] == Reason.UNSUPPORTED
    assert "leads to a page of www.thingiverse.com" in reason(b"thing")[1]
    assert "source of kind objaverse" in reason(b"sketch")[1]
    assert source.find("n02690373", "0" * 64) is None


def test_objaverse_xl_knows_githubs_raw_files() -> None:
    def address(identifier: str) -> object:
        return objaverse_xl._address(objaverse_xl._Row(identifier, "github", "", "glb", ""))

    assert address("https://github.com/me/repo/blob/0abc/a dir/b%23c.glb") == (
        "https://raw.githubusercontent.com/me/repo/0abc/a%20dir/b%23c.glb"
    )
    assert isinstance(address("file:///etc/passwd.glb"), ModelRefused)
    assert isinstance(address("https://github.com/me/repo"), ModelRefused)


def test_objaverse_xl_tables_in_parquet_and_wrong_ones(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    (tmp_path / "github").mkdir()
    digest = hashlib.sha256(b"x").hexdigest()
    columns = {
        "fileIdentifier": ["https://example.org/x.stl"],
        "sha256": [digest],
        "fileType": ["stl"],
        "license": [None],
    }
    parquet.write_table(pyarrow.table(columns), tmp_path / "github" / "github.parquet")
    (ref,) = xl(str(tmp_path)).models()
    assert (ref.model_id, ref.licence, ref.title) == (digest, "unknown", "x")
    for name, wrong in (("t.csv", b"a,b\n1,2\n"), ("t.parquet", b"PAR1 no"), ("t.csv", b"\xff\xfe\0")):
        (tmp_path / name).write_bytes(wrong)
        with pytest.raises(SourceError, match=f"{name} cannot be read"):
            list(xl(str(tmp_path / name)).models())
    with pytest.raises(SourceError, match=r"there is no none\.csv"):
        list(xl(str(tmp_path / "none.csv")).models())


def package(files: dict[str, bytes]) -> types.ModuleType:
    """What we use of objaverse 0.1.7, as it behaves: it fetches what is absent below `_VERSIONED_PATH`."""
    module = types.ModuleType("objaverse")
    module._VERSIONED_PATH = "/nowhere"  # type: ignore[attr-defined]

    def have(name: str) -> Path:
        path = Path(module._VERSIONED_PATH) / name
        if not path.exists():
            if name not in files:
                raise urllib.error.HTTPError(f"https://huggingface.co/{name}", 404, "no", {}, None)  # type: ignore[arg-type]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(files[name])
        return path

    def paths() -> dict[str, str]:
        return json.loads(gzip.decompress(have("object-paths.json.gz").read_bytes()))

    def load_objects(uids: list[str], download_processes: int = 1) -> dict[str, str]:
        print("Downloaded 1 / 1 objects")
        return {uid: str(have(paths()[uid])) for uid in uids if uid in paths()}

    module.load_uids = lambda: list(paths())  # type: ignore[attr-defined]
    module.load_objects = load_objects  # type: ignore[attr-defined]
    module.load_lvis_annotations = lambda: have("lvis-annotations.json.gz")  # type: ignore[attr-defined]
    module.load_annotations = lambda uids: [have(f"metadata/{paths()[uid].split('/')[1]}.json.gz") for uid in uids]  # type: ignore[attr-defined]
    return module


def test_the_objaverse_package_fills_a_local_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def packed(value: object) -> bytes:
        return gzip.compress(json.dumps(value).encode())

    files = {
        "object-paths.json.gz": packed({"u1": "glbs/000-001/u1.glb", "u2": "glbs/000-001/u2.glb"}),
        "lvis-annotations.json.gz": packed({"banana": ["u1"]}),
        "metadata/000-001.json.gz": packed({"u1": {"license": "cc0"}}),
        "glbs/000-001/u1.glb": GLB,
    }
    options = o.ObjaverseOptions(kind="objaverse", root=str(tmp_path), downloader="package")
    monkeypatch.setitem(sys.modules, "objaverse", None)
    with pytest.raises(MissingDependency, match=r"dst3d-datasets\[objaverse\]"):
        list(Objaverse(options).models())
    monkeypatch.setitem(sys.modules, "objaverse", package(files))
    source = Objaverse(options)
    (ref,) = source.models()
    assert (ref.model_id, ref.class_name, ref.licence) == ("u1", "banana", "CC0-1.0")
    assert not (tmp_path / "hf-objaverse-v1" / "glbs").exists()
    assert source.open(ref).num_faces == 3
    assert (tmp_path / "hf-objaverse-v1" / "glbs" / "000-001" / "u1.glb").is_file()
    with pytest.raises(ModelRefused) as caught:
        source.open(source.find("n07753592", "u2"))
    assert caught.value.reason == Reason.MISSING
    assert capsys.readouterr().out == ""


def content(root: Path) -> str:
    (ref,) = Folder(o.FolderOptions(kind="folder", root=str(root))).models()
    return ref.content


def test_the_digest_covers_the_files_that_a_model_names(tmp_path: Path) -> None:
    (tmp_path / "a" / "images").mkdir(parents=True)
    (tmp_path / "a" / "m").mkdir()
    (tmp_path / "a" / "m" / "x.obj").write_text("mtllib my lib.mtl\n" + WEDGE)
    seen = [content(tmp_path)]
    (tmp_path / "a" / "m" / "unused.png").write_bytes(b"1")
    assert content(tmp_path) == seen[0]
    for name, data in (
        ("m/my lib.mtl", b"newmtl a\nmap_Kd -s 1 1 1 ../images/a b.png\n"),
        ("images/a b.png", png(np.zeros((2, 2, 3)))),
        ("images/a b.png", png(np.ones((2, 2, 3)))),
        ("m/my lib.mtl", b"newmtl b\nmap_Kd -s 1 1 1 ../images/a b.png\n"),
    ):
        (tmp_path / "a" / name).write_bytes(data)
        assert content(tmp_path) not in seen
        seen.append(content(tmp_path))


def test_the_digest_of_a_gltf_and_of_a_file_alone(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "x.glb").write_bytes(GLB)
    assert content(tmp_path / "one") == hashlib.sha256(GLB).hexdigest()
    (tmp_path / "two").mkdir()
    document = {
        "asset": {"version": "2.0"},
        "buffers": [{"uri": "a%20b.bin", "byteLength": 4}],
        "images": [{"uri": "data:,"}],
    }
    (tmp_path / "two" / "x.gltf").write_text(json.dumps(document))
    absent = content(tmp_path / "two")
    (tmp_path / "two" / "a b.bin").write_bytes(b"1234")
    first = content(tmp_path / "two")
    (tmp_path / "two" / "a b.bin").write_bytes(b"1235")
    assert len({absent, first, content(tmp_path / "two")}) == 3
