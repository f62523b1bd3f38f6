"""The process that loads models under limits: `python -m dst3d_datasets.sources.limits_child <file descriptor>`.

Like a worker of the local engine it is a program of its own, so that it starts the same from anywhere. Its processor
time is bounded by the kernel's profiling timer, whose signal ends it even inside a library that never returns; its
memory by the size of its address space.
"""

from __future__ import annotations

import importlib
import os
import resource
import signal
import socket
import sys
import threading
import time
import warnings
from typing import Any

from ..errors import Dst3dError, ModelRefused, Reason
from ..recipe import validate
from ..registry import lookup
from .limits_wire import receive, send

_sources: dict[str, Any] = {}


def open_from(options: dict[str, Any], ref: Any) -> Any:
    """Open one model with the source of these options (plain data); the source is kept for the next model."""
    key = repr(options)
    if key not in _sources:
        checked = validate({"sources": [options]}).sources[0]
        _sources[key] = lookup("sources", checked.kind)(checked)
    return _sources[key].open(ref)


def answer_to(target: str, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """Do one thing and say how it went: ("done", result), ("refused", reason, detail) or ("error", class, message)."""
    module, _, name = target.partition(":")
    try:
        return "done", getattr(importlib.import_module(module), name)(*arguments)
    except ModelRefused as error:
        return "refused", error.reason.value, error.detail
    except MemoryError:
        return "refused", Reason.MEMORY_LIMIT.value, "loading it needs more memory than the limit"
    except Dst3dError as error:
        return "error", type(error).__name__, str(error)
    except Exception as error:
        return "error", "", f"{type(error).__name__}: {error}"


def serve(wire: socket.socket, seconds: float) -> None:
    """Answer requests until the other end is gone; each may take `seconds` of processor time."""
    while True:
        try:
            target, arguments = receive(wire)
        except (EOFError, OSError):
            return
        signal.setitimer(signal.ITIMER_PROF, seconds)
        answer = answer_to(target, arguments)
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        try:
            send(wire, answer)
        except MemoryError:
            send(wire, ("refused", Reason.MEMORY_LIMIT.value, "the loaded model needs more memory than the limit"))
        except OSError:
            return


def bound_memory(megabytes: int) -> None:
    """Let this process grow by so much and no more. Where the system has no such limit, nothing happens."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            now = int(file.read().split()[0]) * resource.getpagesize()
        most = now + megabytes * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    except (OSError, ValueError):
        return


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def main() -> None:
    """Serve the socket that the parent has opened."""
    wire = socket.socket(fileno=int(sys.argv[1]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle: it closes the socket
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    parent, sys.path[:], seconds, megabytes = receive(wire)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    warnings.simplefilter("ignore", RuntimeWarning)  # NumPy's about NaN in damaged files, which are refused for it
    importlib.import_module(f"{__package__}.mesh")
    bound_memory(megabytes)
    send(wire, "ready")
    serve(wire, seconds)


if __name__ == "__main__":
    main()
