"""Figures of publishing, on a Hub of this machine: `python tests/bench_hub.py`.

* What `dst3d publish` takes beside a bare `upload_folder` of the same files, on the same server, in turns.
* What is sent again after a kill at half of the bytes.
* How long it takes to publish a release of 10,000 tars that gained one, and what memory (the server only says that it
  has the old ones: their bytes exist nowhere).
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
from _publish import NAME, point_at, released
from huggingface_hub import HfApi
from minihub import MiniHub

from dst3d_datasets.hub.publish import publish
from dst3d_datasets.release import Release

ROUNDS = 5


def overhead(scratch: Path, server: MiniHub) -> None:
    """Both ways in turns, each round to fresh repositories whose contents the server does not know."""
    release = released(scratch / "overhead", models=12)
    times: dict[str, list[float]] = {"upload_folder": [], "dst3d publish": []}
    for number in range(ROUNDS):
        server.lfs.clear()
        begin = time.perf_counter()
        HfApi().create_repo(f"me/raw{number}", repo_type="dataset")
        HfApi().upload_folder(repo_id=f"me/raw{number}", repo_type="dataset", folder_path=release.path)
        times["upload_folder"].append(time.perf_counter() - begin)
        server.lfs.clear()
        begin = time.perf_counter()
        release.push_to_hub(f"me/ours{number}", "1.0.0")
        times["dst3d publish"].append(time.perf_counter() - begin)
    medians = {name: statistics.median(found) for name, found in times.items()}
    ratio = medians["dst3d publish"] / medians["upload_folder"]
    count, size = len(release.manifest["files"]), release.num_bytes / 1e6
    print(
        f"{count} files, {size:.1f} MB, median of {ROUNDS}: " + ", ".join(f"{n} {s:.2f} s" for n, s in medians.items())
    )
    print(f"  ratio {ratio:.2f}; publishing also compares every file, commits once more, tags, and reads the tag back")


def after_a_kill(scratch: Path, server: MiniHub) -> None:
    """Bytes that arrive in all, over the bytes of the release."""
    release = released(scratch / "kill", models=12)
    server.received, server.lfs = 0, {}
    server.repos._lfs = server.lfs
    total = sum(row["bytes"] for row in release.manifest["files"] if row["path"].endswith((".tar", ".parquet", ".jpg")))
    command = [sys.executable, "-m", "dst3d_datasets.cli", "publish", release.path, "me/kill", "--version", "1.0.0"]
    environment = {**os.environ, "HF_ENDPOINT": server.url}
    process = subprocess.Popen([*command, "--no-check", "--quiet"], env=environment)
    server.watch = lambda: process.kill() if server.received > total // 2 else None
    process.wait()
    server.watch = None
    first = server.received
    subprocess.run([*command, "--no-check", "--quiet"], env=environment, check=True)
    print(
        f"killed after {first:,} of {total:,} bytes; in all {server.received:,} came, {server.received - total:,} twice"
    )


def ten_thousand(scratch: Path, server: MiniHub) -> None:
    """10,000 small tars that are there, and one that is new: what is counted is looking and comparing, not sending."""
    release = released(scratch / "many", models=2)
    publish(Path(release.path), _grown(release, server, 10_000), NAME, "1.0.0")
    server.received, calls, begin = 0, len(server.calls), time.perf_counter()
    told = publish(Path(release.path), _grown(release, server, 10_001), NAME, "1.0.1")
    spent = time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"10,001 tars, one new: {spent:.1f} s, {len(server.calls) - calls} requests, {len(told.files)} files sent")
    print(f"  {server.received:,} bytes to large-file storage; peak memory, client and server in one, {peak:.0f} MiB")


def _grown(release: Release, server: MiniHub, count: int) -> dict[str, Any]:
    """The release's manifest with more tars, of which the server has the first 10,000 already."""
    manifest: dict[str, Any] = json.loads(json.dumps(release.manifest))
    for number in range(count):
        path = f"data/train/train-{100 + number:05d}.tar"
        data = path.encode() * 40
        sha256 = hashlib.sha256(data).hexdigest()
        (Path(release.path) / path).write_bytes(data)
        if number < 10_000:
            server.lfs[sha256] = data
        manifest["files"].append({"path": path, "bytes": len(data), "sha256": sha256, "num_samples": 250})
    manifest["content"] = hashlib.sha256(str(count).encode()).hexdigest()[:32]
    return manifest


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, MiniHub() as server, pytest.MonkeyPatch.context() as patch:
        point_at(patch, server, Path(folder) / "hf")
        for figure in (overhead, after_a_kill, ten_thousand):
            figure(Path(folder), server)
