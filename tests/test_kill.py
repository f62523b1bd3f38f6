"""Kill -9 at random moments: the release that comes out in the end is the one of an undisturbed run, byte for byte."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from dst3d_datasets import build
from dst3d_datasets.store import Store

MOMENTS = 10
RECIPE = """\
sources: [{kind: primitives, models_per_class: 8, classes: [coffee mug, street sign, dining table]}]
views: {per_model: 4}
render: {size: 160}
shards: {samples: 2}
release: {shard_bytes: 300000}
"""


def start(folder: Path, run: str, workers: int) -> subprocess.Popen[bytes]:
    """A build in a process group of its own, as a terminal would start it."""
    command = [sys.executable, "-m", "dst3d_datasets.cli", "build", "recipe.yaml", "--out", run, "-q"]
    return subprocess.Popen([*command, "--workers", str(workers)], cwd=folder, start_new_session=True)


def kill(process: subprocess.Popen[bytes], whole_group: bool) -> None:
    (os.killpg if whole_group else os.kill)(process.pid, signal.SIGKILL)
    process.wait()


def release(folder: Path, run: str, out: str) -> dict[str, bytes]:
    command = [sys.executable, "-m", "dst3d_datasets.cli", "release", run, "--out", out, "-q"]
    subprocess.run(command, cwd=folder, check=True, timeout=300)
    return {
        str(p.relative_to(folder / out)): p.read_bytes()
        for p in (folder / out).rglob("*")
        if p.is_file() and p.name != "cost.json"
    }


def test_killed_at_ten_random_moments(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    assert start(tmp_path, "whole", workers=2).wait(timeout=300) == 0
    moments = random.Random(20261123)
    kills, shards_seen = 0, []
    while kills < MOMENTS:
        process = start(tmp_path, "killed", workers=1 + kills % 2)
        done_before = len(list((tmp_path / "killed" / "receipts").glob("*.json")))
        deadline = time.monotonic() + 60
        # the first moments may fall into start-up; later ones wait for the first new receipt, then a random while
        while kills % 3 and time.monotonic() < deadline and process.poll() is None:
            if len(list((tmp_path / "killed" / "receipts").glob("*.json"))) > done_before:
                break
            time.sleep(0.01)
        time.sleep(moments.uniform(0.0, 0.6))
        assert process.poll() is None, "the build ended before it could be killed: make the recipe larger"
        kill(process, whole_group=kills % 2 == 0)
        kills += 1
        shards_seen.append(len(list((tmp_path / "killed" / "receipts").glob("*.json"))))
    assert 0 < shards_seen[-1] < 48, f"the kills fell beside the work: {shards_seen}"
    assert build.verify(tmp_path / "killed", repair=False).damaged == {}
    assert start(tmp_path, "killed", workers=2).wait(timeout=300) == 0
    state = build.status(tmp_path / "killed")
    assert (state.num_done, state.num_samples_done) == (48, 96)
    assert release(tmp_path, "whole", "release-whole") == release(tmp_path, "killed", "release-killed")
    build.sweep(tmp_path / "killed")
    tars = {path.name for path in (tmp_path / "killed" / "shards").rglob("*.tar")}
    assert tars == {Path(receipt.path).name for receipt in Store(tmp_path / "killed").receipts()}
    assert not list((tmp_path / "killed" / "tmp").iterdir())


def test_a_killed_worker_costs_one_try(tmp_path: Path) -> None:
    """The build itself survives the death of a worker and ends well."""
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    process = start(tmp_path, "run", workers=2)
    victim, deadline = None, time.monotonic() + 60
    while victim is None and time.monotonic() < deadline:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        victim = next((int(child) for child in children if is_worker(int(child))), None)
        time.sleep(0.05)
    assert victim is not None
    time.sleep(2.0)
    os.kill(victim, signal.SIGKILL)
    assert process.wait(timeout=300) == 0
    assert build.status(tmp_path / "run").num_done == 48


def is_worker(pid: int) -> bool:
    try:
        return b"engines.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
