"""What the processes of `bench.sources` do."""

from __future__ import annotations

import io
import re
import tarfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..nouns import ModelRef
from ..recipe import validate
from ..registry import lookup
from ..sources import Source
from ..sources.cache import Cache
from .shapes import bumpy_torus

FACES = 8_000
_CLASS, _CATEGORY = "02691156", "thing"
_NEEDED = (".obj", ".mtl", ".jpg")


def make(folder: str, models: int) -> list[int]:
    """Write the collection in every form; gives the bytes of one model, as they are and packed in the zip."""
    files = _model()
    root = Path(folder)
    tree, hidden = root / "tree", bytes(200_000)
    (root / "http").mkdir(parents=True)
    with (
        zipfile.ZipFile(root / "http" / f"{_CLASS}.zip", "w", zipfile.ZIP_DEFLATED) as packed,
        tarfile.open(root / "http" / f"{_CATEGORY}.tar.gz", "w:gz", compresslevel=6) as tar,
    ):
        for number in range(models):
            for name, data in {**files, "models/model_normalized.solid.binvox": hidden}.items():
                path = tree / _CLASS / f"m{number:04d}" / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
                packed.write(path, f"{_CLASS}/m{number:04d}/{name}")
            for name, data in files.items():
                short = Path(name).name.replace("model_normalized", "Scan")
                info = tarfile.TarInfo(f"{_CATEGORY}_{number:03d}/Scan/{short}")
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
        size = sum(info.compress_size for info in packed.infolist() if info.filename.endswith(_NEEDED)) // models
    return [sum(map(len, files.values())), size]


def open_all(folder: str, form: str) -> list[tuple[float, int, int, int]]:
    """Open every model once with an empty cache, and once more with another source.

    Returns:
        Of each round: models a second, bytes fetched for them, bytes fetched for the index, packed bytes of one model.
    """
    root = Path(folder)
    found = []
    with zipfile.ZipFile(root / "http" / f"{_CLASS}.zip") as packed:
        needed = sum(info.compress_size for info in packed.infolist() if info.filename.endswith(_NEEDED))
    with _served(root / "http") as (url, count):
        kind, address = {
            "tree": ("shapenet", str(root / "tree")),
            "zip over HTTP": ("shapenet", url),
            "tar.gz": ("omniobject3d", str(root / "http")),
        }[form]
        for _ in range(2):
            source, before = _source(kind, address, root / f"cache-{form[:3]}", 10**10), count()
            start = time.perf_counter()
            refs = list(source.models())
            index = count()
            for ref in refs:
                source.open(ref)
            rate = len(refs) / (time.perf_counter() - start)
            found.append((rate, count() - index, index - before, needed // len(refs)))
    return found


def stream(folder: str, models: int) -> tuple[int, float]:
    """Open so many models of the zip over HTTP, one after the other, through a small cache: how many, and a second."""
    root = Path(folder)
    with _served(root / "http") as (url, _):
        source = _source("shapenet", url, root / "cache-stream", 50 * 10**6)
        refs: list[ModelRef] = list(source.models())
        start = time.perf_counter()
        for number in range(models):
            source.open(refs[number % len(refs)])
        return models, models / (time.perf_counter() - start)


def cache_costs(folder: str) -> tuple[float, float, float]:
    """Megabytes a second written and read in files of 1 MB, and seconds to write and read one of 1 kB."""
    cache, data = Cache(folder, 10**9), bytes(10**6)

    def each(action: Callable[[str], Any], names: range) -> float:
        start = time.perf_counter()
        for number in names:
            action(str(number))
        return (time.perf_counter() - start) / len(names)

    write = each(lambda name: cache.write(name, "tag", data), range(100))
    read = each(lambda name: cache.read(name, "tag"), range(100))
    small = each(lambda name: (cache.write(name, "tag", b"x" * 1000), cache.read(name, "tag")), range(200, 400))
    return 1 / write, 1 / read, small


def loads(folder: str) -> tuple[float, float, int]:
    """Seconds a megabyte to load the model's OBJ by us and by plain trimesh, turn by turn, and its bytes."""
    import trimesh

    from ..sources import mesh

    path = next((Path(folder) / "tree").rglob("model_normalized.obj"))
    size = path.stat().st_size
    best = [np.inf, np.inf]
    for turn in range(6):
        for which in range(2):
            start = time.perf_counter()
            _ = mesh.load(path) if which == 0 else trimesh.load(path)
            if turn:
                best[which] = min(best[which], time.perf_counter() - start)
    return best[0] / size * 1e6, best[1] / size * 1e6, size


def _source(kind: str, root: str, cache: Path, cache_bytes: int) -> Source:
    options = {"kind": kind, "root": root, "cache": str(cache), "cache_bytes": cache_bytes}
    (checked,) = validate({"sources": [options]}).sources
    source: Source = lookup("sources", kind)(checked)
    return source


def _model() -> dict[str, bytes]:
    """A textured model as ShapeNet has them: geometry, material, picture."""
    part = bumpy_torus(FACES, 256).parts[0]
    assert part.uv is not None
    assert part.material.texture is not None
    lines = ["mtllib model_normalized.mtl", "usemtl skin"]
    lines += [f"v {x:.6f} {y:.6f} {z:.6f}" for x, y, z in part.vertices.tolist()]
    lines += [f"vt {u:.5f} {v:.5f}" for u, v in part.uv.tolist()]
    lines += [f"vn {x:.4f} {y:.4f} {z:.4f}" for x, y, z in part.normals.tolist()]
    lines += ["f " + " ".join(f"{i}/{i}/{i}" for i in face) for face in (part.faces + 1).tolist()]
    picture = io.BytesIO()
    Image.fromarray(part.material.texture[..., :3]).save(picture, "JPEG", quality=90)
    return {
        "images/texture0.jpg": picture.getvalue(),
        "models/model_normalized.mtl": b"newmtl skin\nKd 1 1 1\nmap_Kd ../images/texture0.jpg\n",
        "models/model_normalized.obj": "\n".join(lines).encode(),
    }


@contextmanager
def _served(folder: Path) -> Iterator[tuple[str, Callable[[], int]]]:
    """A folder on a web server with ranges: its address, and the bytes that it has sent so far."""
    sent = [0]

    class _Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            pass

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            path = folder / self.path.strip("/")
            if self.path == "/":
                body = "".join(f'<a href="{entry.name}">.</a>' for entry in folder.iterdir()).encode()
                return self._answer(200, body)
            if not path.is_file():
                return self._answer(404, b"")
            size, match = path.stat().st_size, re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
            start, stop = (int(match[1]), int(match[2] or size - 1) + 1) if match else (0, size)
            if self.command == "HEAD":
                return self._answer(200, b"", size)
            with path.open("rb") as file:
                file.seek(start)
                return self._answer(206 if match else 200, file.read(min(stop, size) - start))

        def _answer(self, status: int, body: bytes, size: int | None = None) -> None:
            sent[0] += len(body)
            self.send_response(status)
            self.send_header("ETag", '"1"')
            self.send_header("Content-Length", str(len(body) if size is None else size))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", lambda: sent[0]
    finally:
        server.shutdown()
        server.server_close()
