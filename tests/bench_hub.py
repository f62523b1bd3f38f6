"""Figures of publishing, on a Hub of this machine in a process of its own: `python tests/bench_hub.py`.

* What `dst3d publish` takes beside a bare `upload_folder` of the same files, in turns.
* What is sent again after a kill at half of the bytes.
* How long it takes to publish a release of 10,000 tars that gained one, and the memory of the client, which is alone in
  its process (the server only says that it has the old ones: their bytes exist nowhere).
"""

from __future__ import annotations

import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from _publish import NAME, point_at, released
from huggingface_hub import HfApi

from dst3d_datasets.release import Release

ROUNDS = 7
PUBLISH = """
import json, re, sys, time
from pathlib import Path
from dst3d_datasets.hub.publish import publish
import huggingface_hub.hf_api, pyarrow.parquet
def peak():  # not of getrusage, which tells the parent's, too
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024
base, begin = peak(), time.perf_counter()
folder, name, version = sys.argv[1:4]
told = publish(Path(folder), json.loads((Path(folder) / "many.json").read_text()), name, version)
print(json.dumps([time.perf_counter() - begin, base, peak(), len(told.files)]))
"""


def control(url: str, **told: Any) -> dict[str, int]:
    """Tell the server what it knows, or ask what came: bytes of contents `received`, `requests`."""
    request = urllib.request.Request(f"{url}/_control", json.dumps(told).encode(), method="POST")
    with urllib.request.urlopen(request) as answer:
        counts: dict[str, int] = json.load(answer)
    return counts


def overhead(scratch: Path, url: str) -> None:
    """Both ways in turns, each round to fresh repositories whose contents the server does not know."""
    release = released(scratch / "overhead", models=12)
    times: dict[str, list[float]] = {"upload_folder": [], "dst3d publish": []}
    requests: dict[str, int] = {}

    def bare(number: int) -> None:
        HfApi().create_repo(f"me/raw{number}", repo_type="dataset")
        HfApi().upload_folder(repo_id=f"me/raw{number}", repo_type="dataset", folder_path=release.path)

    def ours(number: int) -> None:
        release.push_to_hub(f"me/ours{number}", "1.0.0")

    for number in range(ROUNDS):
        for name, action in (("upload_folder", bare), ("dst3d publish", ours)):
            control(url, forget=True)
            begin = time.perf_counter()
            action(number)
            times[name].append(time.perf_counter() - begin)
            requests[name] = control(url)["requests"]
    medians = {name: statistics.median(found) for name, found in times.items()}
    ratio = medians["dst3d publish"] / medians["upload_folder"]
    count, size = len(release.manifest["files"]), release.num_bytes / 1e6
    print(f"{count} files, {size:.1f} MB, median of {ROUNDS}:")
    for name, seconds in medians.items():
        print(f"  {name}: {seconds:.2f} s, {requests[name]} requests")
    print(f"  ratio {ratio:.2f}; publishing also compares every file, commits once more, tags, and reads the tag back")


def after_a_kill(scratch: Path, url: str) -> None:
    """Bytes that arrive in all, over the bytes of the release."""
    release = released(scratch / "kill", models=12)
    control(url, forget=True)
    total = sum(row["bytes"] for row in release.manifest["files"] if row["path"].endswith((".tar", ".parquet", ".jpg")))
    command = [sys.executable, "-m", "dst3d_datasets.cli", "publish", release.path, "me/kill", "--version", "1.0.0"]
    environment = {**os.environ, "HF_ENDPOINT": url}
    process = subprocess.Popen([*command, "--no-check", "--quiet"], env=environment)
    while process.poll() is None and control(url)["received"] < total // 2:
        time.sleep(0.002)
    process.kill()
    process.wait()
    first = control(url)["received"]
    subprocess.run([*command, "--no-check", "--quiet"], env=environment, check=True)
    came = control(url)["received"]
    print(f"killed after {first:,} of {total:,} bytes; in all {came:,} came, {came - total:,} twice")


def ten_thousand(scratch: Path, url: str) -> None:
    """10,000 small tars that are there, and one that is new: what is counted is looking and comparing, not sending."""
    release = released(scratch / "many", models=2)
    control(url, forget=True)
    for count, version in ((10_000, "1.0.0"), (10_001, "1.0.1")):
        control(url, simulate=_grown(release, count))
        before = control(url)
        environment = {**os.environ, "HF_ENDPOINT": url, "HF_HOME": str(scratch / version)}
        command = [sys.executable, "-c", PUBLISH, release.path, NAME, version]
        done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
        spent, base, peak, files = json.loads(done.stdout.splitlines()[-1])
        after = control(url)
        print(f"{count:,} tars, version {version}: {spent:.1f} s, {after['requests'] - before['requests']} requests")
        print(f"  {files:,} files told as sent, {after['received'] - before['received']:,} bytes of contents came")
        print(f"  memory of the client: {base:.0f} MiB before, {peak:.0f} MiB at most")


def _grown(release: Release, count: int) -> dict[str, int]:
    """Let the folder hold more tars, and `many.json` the manifest with them: what the server has, sha256 -> bytes."""
    manifest: dict[str, Any] = json.loads(json.dumps(release.manifest))
    there = {}
    for number in range(count):
        path = f"data/train/train-{100 + number:05d}.tar"
        data = path.encode() * 40
        sha256 = hashlib.sha256(data).hexdigest()
        (Path(release.path) / path).write_bytes(data)
        if number < 10_000:
            there[sha256] = len(data)
        manifest["files"].append({"path": path, "bytes": len(data), "sha256": sha256, "num_samples": 250})
    manifest["content"] = hashlib.sha256(str(count).encode()).hexdigest()[:32]
    (Path(release.path) / "many.json").write_text(json.dumps(manifest))
    return there


if __name__ == "__main__":
    wanted = sys.argv[1:]
    server = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("minihub.py"))], stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        address = server.stdout.readline().strip()
        with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
            point_at(patch, SimpleNamespace(url=address), Path(folder) / "hf")  # type: ignore[arg-type]
            for figure in (overhead, after_a_kill, ten_thousand):
                if not wanted or figure.__name__ in wanted:
                    figure(Path(folder), address)
    finally:
        server.kill()
