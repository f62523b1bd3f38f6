"""What of the machine and its software can change a pixel: versions, the device, how sums are split over threads."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version

_PACKAGES = (
    "dst3d-datasets",
    "numpy",
    "pillow",
    "torch",
    "trimesh",
    "opencv-python-headless",
    "diffusers",
    "transformers",
)


_SHORT = 0.0005  # seconds; Python's own turns are ten times as long


@contextmanager
def one_thread_an_operator() -> Iterator[None]:
    """Let torch use one CPU thread an operator: sums are then taken in one order on every machine.

    More cores are used by more workers. Without torch in the process there is nothing to do.
    """
    torch = sys.modules.get("torch")
    if torch is None:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def short_turns() -> Iterator[None]:
    """Let threads take turns more often, so that those which launch work on a GPU wait less for the others."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(min(before, _SHORT))
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def versions() -> dict[str, str]:
    """Python's version, those of the packages that can change pixels, and the GPU if this process has used one."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        found["device"] = str(torch.cuda.get_device_name())
    return found
