"""Real files, the files beside them, and archives, all with random damage: nothing hangs, escapes or crashes.

Two minutes of each with DST3D_FUZZ_SECONDS=120; a few seconds by default.
"""

from __future__ import annotations

import io
import json
import os
import random
import sys
import tarfile
import time
import zipfile

import pytest
from _gltf import Gltf
from test_mesh_fuzz import mutated

from dst3d_datasets.errors import ModelRefused, Reason
from dst3d_datasets.recipe import Limits
from dst3d_datasets.sources.inspection_archive import inspect_archive
from dst3d_datasets.sources.limits import Loader
from dst3d_datasets.sources.mesh import DefaultBounds, load

SLOWEST = 20.0  # seconds for one small file, on a machine that does other things too
BOUNDS = DefaultBounds(max_faces=200_000, max_texture_pixels=4_000_000, max_bytes=10**7)
HOSTILE = (
    "../../secret.png",
    "/etc/hostname",
    "file:///etc/hostname",
    "http://127.0.0.1:9/a.png",
    "..\\..\\secret.png",
    "C:\\secret.png",
    "a/../../../secret.png",
    "%2e%2e/%2e%2e/secret.png",
    "\0",
    "x" * 300,
)


def seconds(default: float) -> float:
    return float(os.environ.get("DST3D_FUZZ_SECONDS", default))


class Watch:
    """What the interpreter opens, starts and connects to while it is on."""

    def __init__(self) -> None:
        self.on, self.seen = False, []
        sys.addaudithook(self)  # there is no way to take one away again

    def __call__(self, event: str, args: tuple) -> None:
        if self.on and event in ("open", "socket.connect", "subprocess.Popen", "os.system", "os.remove", "os.mkdir"):
            self.seen.append((event, args[0]))


WATCH = Watch()


def test_files_beside_a_model_are_confined_to_its_folder(tmp_path):
    """Names in MTL files and glTF documents, random and bad ones; every file that is opened lies in the root."""
    (tmp_path / "secret.png").write_bytes(b"secret")
    folder = tmp_path / "root" / "models"
    folder.mkdir(parents=True)
    made = Gltf().mesh()
    made.json["images"] = [{"uri": "NAME"}]
    made.json["textures"] = [{"source": 0}]
    made.json["materials"] = [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}]
    made.json["meshes"][0]["primitives"][0]["material"] = 0
    (folder / "m.bin").write_bytes(bytes(made.blob))
    texts = {
        "m.gltf": made.gltf("m.bin").decode(),
        "m.obj": "mtllib NAME\nv 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nusemtl a\nf 1/1 2/1 3/1\n",
        "n.obj": "mtllib n.mtl\nv 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nusemtl a\nf 1/1 2/1 3/1\n",
    }
    before = sorted(path.as_posix() for path in tmp_path.rglob("*"))
    dice, until, count = random.Random(1), time.monotonic() + seconds(2), 0
    while time.monotonic() < until:
        for name, text in texts.items():
            bad = json.dumps(dice.choice(HOSTILE))[1:-1] if name.endswith("gltf") else dice.choice(HOSTILE)
            (folder / "n.mtl").write_bytes(
                mutated(f"newmtl a\nKd 1 0 0\nmap_Kd {dice.choice(HOSTILE)}\n".encode(), dice)
            )
            data = text.replace("NAME", bad).encode()
            (folder / name).write_bytes(mutated(data, dice) if dice.random() < 0.7 else data)
            WATCH.seen, WATCH.on, start = [], True, time.monotonic()
            try:
                load(folder / name, root=tmp_path / "root", bounds=BOUNDS)
            except ModelRefused:
                pass
            finally:
                WATCH.on = False
            count += 1
            assert time.monotonic() - start < SLOWEST
            assert {event for event, _ in WATCH.seen} <= {"open"}
            opened = {os.path.realpath(path) for _, path in WATCH.seen if isinstance(path, str | os.PathLike)}
            libraries = tuple(os.path.realpath(path) for path in sys.path if path)
            strangers = {path for path in opened if not path.startswith((str(tmp_path / "root"), *libraries))}
            assert not strangers
    assert count > 20
    names = {path.as_posix() for path in tmp_path.rglob("*")} - {(folder / name).as_posix() for name in texts}
    assert names - {(folder / "n.mtl").as_posix()} == set(before)


def archives() -> list[tuple[str, bytes]]:
    packed, tarred = io.BytesIO(), io.BytesIO()
    members = {"a/models/model_normalized.obj": b"v 0 0 0\n" * 50, "a/models/model_normalized.mtl": b"newmtl a\n"}
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    with tarfile.open(fileobj=tarred, mode="w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return [("zip", packed.getvalue()), ("tar", tarred.getvalue())]


def test_damaged_archives_are_listed_or_refused(tmp_path):
    dice, until, count = random.Random(2), time.monotonic() + seconds(2), 0
    while time.monotonic() < until:
        for kind, data in archives():
            path = tmp_path / f"a.{kind}"
            path.write_bytes(mutated(data, dice))
            start = time.monotonic()
            facts = inspect_archive(path, kind)
            count += 1
            assert time.monotonic() - start < SLOWEST
            assert facts["ok"] or facts["reason"] in list(Reason)
            json.dumps(facts)
    assert count > 50
    assert len(list(tmp_path.iterdir())) == 2


@pytest.fixture
def loader():
    loader = Loader(Limits(seconds=SLOWEST, memory_mb=1500))
    yield loader
    loader.close()


def test_damaged_real_files_in_the_loaders_process(cad_root, tmp_path, loader):
    """As a build loads them. No file may need the limits or crash its reader: those are for what nobody thought of."""
    found = [
        path for path in cad_root.rglob("*") if path.suffix in (".glb", ".obj") and 0 < path.stat().st_size < 300_000
    ]
    assert len(found) > 8
    dice, until, count = random.Random(3), time.monotonic() + seconds(3), 0
    while time.monotonic() < until or count < 20:
        path = dice.choice(sorted(found))
        target = tmp_path / f"m{path.suffix}"
        target.write_bytes(mutated(path.read_bytes(), dice))
        facts = loader.call("dst3d_datasets.sources.inspection:inspect_path", str(target))
        count += 1
        assert facts["ok"] or facts["reason"] in list(Reason)
        assert facts["reason"] not in ("time_limit", "memory_limit"), (path, facts)
