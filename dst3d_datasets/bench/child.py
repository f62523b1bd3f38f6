"""Running a piece of Python in a fresh interpreter, so that memory and import time are its own."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import Any

from ..errors import Dst3dError

# VmHWM is this program's own peak; getrusage would give that of the process it was forked from, if that was larger.
_PEAK = """
import json as _json, resource as _resource, sys as _sys
try:
    with open("/proc/self/status") as _status:
        _peak = next(int(_line.split()[1]) / 1024 for _line in _status if _line.startswith("VmHWM"))
except (OSError, StopIteration):
    _peak = _resource.getrusage(_resource.RUSAGE_SELF).ru_maxrss / (1024**2 if _sys.platform == "darwin" else 1024)
print(_json.dumps({**result, "peak_mib": _peak}))
"""


def in_child(code: str, seconds: float = 600.0) -> dict[str, Any]:
    """Run `code` in a fresh interpreter.

    Args:
        code: Python that binds `result`, a dict of JSON types.
        seconds: given up after this long.

    Returns:
        `result` with `peak_mib` (largest resident size) and `wall` (seconds, start of the interpreter included).

    Raises:
        Dst3dError: it failed or took too long.
    """
    start = time.perf_counter()
    command = [sys.executable, "-c", code + _PEAK]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=seconds)  # noqa: S603 - our own text
    except subprocess.TimeoutExpired as error:
        raise Dst3dError(f"the bench took longer than {seconds:.0f} s") from error
    wall = time.perf_counter() - start
    if ended.returncode:
        last = [line for line in ended.stderr.splitlines() if line.strip()] or [f"code {ended.returncode}"]
        raise Dst3dError(f"the bench's process failed: {last[-1]}")
    result: dict[str, Any] = json.loads(ended.stdout.strip().splitlines()[-1])
    return {**result, "wall": wall}
