"""`render.engine: auto`: which engine suits this machine, and why. Nothing heavy is imported, no GPU touched."""

from __future__ import annotations

import importlib.util
import os
import runpy
import subprocess
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

AUTO = "auto"
SECONDS = 40.0  # a broken driver hangs; by then we know

_CUDA = "import torch; print(torch.cuda.get_device_name(0) if torch.cuda.is_available() else '')"
_EGL = """
import os, moderngl
create = moderngl.create_context
number = int(os.environ.get("EGL_DEVICE_ID", "0"))
libraries = {"libgl": "libGL.so.1", "libegl": "libEGL.so.1"}
print(create(require=430, standalone=True, backend="egl", device_index=number, **libraries).info["GL_RENDERER"])
"""


@dataclass(frozen=True, slots=True)
class Choice:
    """An engine's name, and the reason for a person."""

    engine: str
    why: str


@dataclass(frozen=True, slots=True)
class Found:
    """Whether something works here: what it is, or what is wrong."""

    works: bool
    detail: str


def choose(device: str = "auto") -> Choice:
    """The engine for this machine: torch on a CUDA device, else moderngl where EGL works, else torch.

    Args:
        device: the recipe's `render.device`; "cpu" leaves CUDA out, "cuda" or "cuda:1" asks for it.
    """
    if device.startswith("cuda"):
        return Choice("torch", f"the recipe asks for {device}")
    gpu = Found(False, "") if device == "cpu" else cuda()
    if gpu.works:
        return Choice("torch", f"CUDA works here ({gpu.detail})")
    gl = egl()
    if gl.works:
        return Choice("moderngl", f"no CUDA, but OpenGL over EGL works here ({gl.detail})")
    return Choice("torch", f"no CUDA, and no moderngl: {gl.detail}")


@lru_cache(maxsize=1)
def cuda() -> Found:
    """Whether torch sees a CUDA (or ROCm) device. A torch that was built without is not even started."""
    spec = importlib.util.find_spec("torch")
    if spec is None or not spec.submodule_search_locations:
        return Found(False, "torch is not installed")
    built = runpy.run_path(str(Path(spec.submodule_search_locations[0], "version.py")))
    if not (built.get("cuda") or built.get("hip")):
        return Found(False, "this torch is built for CPUs only")
    return _tried(_CUDA) or Found(False, "torch sees no device")


@lru_cache(maxsize=1)
def egl() -> Found:
    """Whether moderngl opens a context, tried in a process of its own: drivers hang and crash."""
    if importlib.util.find_spec("moderngl") is None:
        return Found(False, "the Python package moderngl is not installed")
    return _tried(_EGL) or Found(False, "EGL gives no context")


def _tried(code: str) -> Found | None:
    """What a piece of Python prints in a fresh interpreter; None if that is nothing."""
    command = [sys.executable, "-c", code]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, env=dict(os.environ))  # noqa: S603
    except subprocess.TimeoutExpired:
        return Found(False, f"no answer within {SECONDS:.0f} s")
    if ended.returncode:
        last = [line for line in ended.stderr.splitlines() if line.strip()] or [
            f"it ended with code {ended.returncode}"
        ]
        return Found(False, last[-1][:160])
    said = ended.stdout.strip()
    return Found(True, said.splitlines()[-1]) if said else None
