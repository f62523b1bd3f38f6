"""A newcomer's first minutes, command by command, each in a process of its own as typed."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

from ..errors import Dst3dError
from .child import in_child
from .result import Cell, Measured

_LOAD = """
from datasets import load_dataset
rows = load_dataset({release!r}, split="train", streaming=True)
row = next(iter(rows))
result = dict(columns=sorted(row), samples=1 + sum(1 for _ in rows))
"""


def run(quick: bool) -> Measured:
    """Preview one picture, then build, release and load; times from the start of each command."""
    limit = ["--limit", "24"] if quick else []
    rows: list[tuple[Cell, ...]] = []
    with tempfile.TemporaryDirectory(prefix="dst3d-bench-") as folder:
        steps = [
            ("first picture", ["preview", "quickstart", "-n", "1", "-o", "preview"]),
            ("build", ["build", "quickstart", "--out", "run", *limit]),
            ("release", ["release", "run", "--out", "release"]),
        ]
        total = 0.0
        for name, words in steps:
            seconds = _command(words, Path(folder))
            total += seconds
            rows.append((name, f"dst3d {' '.join(words)}", seconds, total))
        facts = {}
        if find_spec("datasets") is not None:
            facts = in_child(_LOAD.format(release=f"{folder}/release"))
            rows.append(("load", 'load_dataset("release", streaming=True)', facts["wall"], total + facts["wall"]))
    return Measured(("step", "command", "seconds", "since the start"), rows, facts=facts)


def _command(words: list[str], folder: Path) -> float:
    start = time.perf_counter()
    command = [sys.executable, "-m", "dst3d_datasets.cli", *words, "-q"]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True)  # noqa: S603 - our own words
    if ended.returncode:
        raise Dst3dError(f"`dst3d {' '.join(words)}` ended with {ended.returncode}: {ended.stderr.strip()[-300:]}")
    return time.perf_counter() - start
