"""Publishing with the oldest client that pyproject allows, which speaks HTTP through another library than new ones."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PROGRAM = """
import sys
import huggingface_hub, pytest
print("client", huggingface_hub.__version__)
sys.exit(pytest.main(sys.argv[1:]))
"""


def floor() -> str:
    """The oldest `huggingface_hub` of the extra `hub`, as in 0.30."""
    text = (TESTS.parent / "pyproject.toml").read_text(encoding="utf-8")
    found = re.search(r'^hub = \["huggingface_hub>=([\d.]+)"', text, re.MULTILINE)
    assert found
    return found[1]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the oldest client alone; what it needs beside is here."""
    folder = tmp_path_factory.mktemp("client")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder)]
    made = subprocess.run(
        [*command, f"huggingface_hub=={floor()}.*"], capture_output=True, text=True, timeout=120, check=False
    )
    if made.returncode:
        pytest.skip(f"pip cannot bring huggingface_hub {floor()}: {made.stderr.strip().splitlines()[-1:]}")
    return folder


def test_the_oldest_client_publishes(client: Path) -> None:
    wanted = ["test_hub_publish.py", "test_hub_pulls.py::test_a_maintainer_accepts_it"]
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM, "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    done = subprocess.run(
        [*command, *(str(TESTS / name) for name in wanted)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(client), os.environ.get("PYTHONPATH", "")])},
        cwd=TESTS.parent,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert f"client {floor()}." in done.stdout
    assert done.returncode == 0, done.stdout[-4000:]
    assert re.search(r"^1\d passed|\.{12}", done.stdout, re.MULTILINE), done.stdout[-1000:]
