"""Loading models in a process of its own, so that one that hangs, eats the memory or crashes its reader is given up.

The process is started once and kept: a model costs a message there and its arrays back. It is started anew after a
death, and after a model that ran out of memory, whose verdict is then a fresh process's and does not hang on what was
loaded before.
"""

from __future__ import annotations

import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from .. import errors
from ..errors import LoaderError, ModelRefused, Reason
from ..nouns import CadModel, ModelRef
from ..recipe import Limits
from ..recipe.options import SourceOptions
from ..registry import lookup
from . import Source
from .limits_wire import receive, send

# The limit counts processor time, which is the same on a busy machine; a model that sleeps is given up after this many
# times as much on the clock.
PATIENCE = 10
_START_SECONDS = 120.0  # a new process on a machine that is out of breath
_PACKAGE = __package__
OPEN = f"{_PACKAGE}.limits_child:open_from"
# One thread, and one arena: both reserve address space, which is what the limit on memory counts.
_ONE = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "MALLOC_ARENA_MAX")
_ENVIRONMENT = dict.fromkeys(_ONE, "1")


class Loader:
    """A process that does one thing at a time, within limits.

    Args:
        limits: processor seconds and megabytes for one model.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._child: _Child | None = None
        self._lock = threading.Lock()

    def call(self, target: str, *arguments: Any) -> Any:
        """The result of a function "module:name" of ours, called over there.

        Arguments and result are plain values, arrays and `nouns`.

        Raises:
            ModelRefused: TIME_LIMIT or MEMORY_LIMIT; UNREADABLE if the process crashed; or what the function raised.
            Dst3dError: what the function raised.
        """
        with self._lock:
            fresh = self._child is None
            answer = self._ask(target, arguments)
            if answer[:2] == ("refused", Reason.MEMORY_LIMIT.value):
                self.close()
                if not fresh:
                    answer = self._ask(target, arguments)
                    if answer[:2] == ("refused", Reason.MEMORY_LIMIT.value):
                        self.close()
        kind, *content = answer
        if kind == "done":
            return content[0]
        if kind == "refused":
            raise ModelRefused(Reason(content[0]), content[1])
        name, message = content
        cls = getattr(errors, name, None) if name else None
        raise (cls or RuntimeError)(message)

    def close(self) -> None:
        """End the process; the next call starts another."""
        if self._child is not None:
            self._child.kill()
            self._child = None

    def _ask(self, target: str, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        if self._child is None:
            self._child = _Child(self.limits)
        try:
            self._child.wire.settimeout(PATIENCE * self.limits.seconds)
            send(self._child.wire, (target, arguments))
            answer: tuple[Any, ...] = receive(self._child.wire)
            return answer
        except TimeoutError:
            self.close()
            return "refused", Reason.TIME_LIMIT.value, f"loading it went on for over {PATIENCE} x {self._seconds}"
        except pickle.UnpicklingError as error:
            self.close()
            return "refused", Reason.UNREADABLE.value, f"its reader gave back what is no model ({error})"
        except (EOFError, OSError):
            dead, self._child = self._child, None
            return self._obituary(dead.exit_code())

    @property
    def _seconds(self) -> str:
        return f"{self.limits.seconds:g} s"

    def _obituary(self, code: int) -> tuple[str, str, str]:
        if code == -signal.SIGPROF:
            return "refused", Reason.TIME_LIMIT.value, f"loading it takes more than {self._seconds} of processor time"
        if code == -signal.SIGKILL:
            return "refused", Reason.MEMORY_LIMIT.value, "the system killed its loader: out of memory, most likely"
        with suppress(ValueError):
            return "refused", Reason.UNREADABLE.value, f"it crashed its reader ({signal.Signals(-code).name})"
        return "refused", Reason.UNREADABLE.value, f"its reader ended with exit code {code}"


class _Child:
    """The process and its socket."""

    def __init__(self, limits: Limits) -> None:
        self.wire, other = socket.socketpair()
        for end in (self.wire, other):
            with suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2**20)
        command = [sys.executable, "-m", f"{_PACKAGE}.limits_child", str(other.fileno())]
        self.process = subprocess.Popen(  # noqa: S603 - our own program
            command, pass_fds=[other.fileno()], stdin=subprocess.DEVNULL, env={**os.environ, **_ENVIRONMENT}
        )
        other.close()
        self._finalizer = weakref.finalize(self, _bury, self.wire, self.process)
        self.wire.settimeout(_START_SECONDS)
        try:
            send(self.wire, (os.getpid(), list(sys.path), limits.seconds, limits.memory_mb))
            receive(self.wire)
        except (EOFError, OSError) as error:
            code = self.exit_code() if not isinstance(error, TimeoutError) else "none yet"
            self.kill()
            raise LoaderError(
                f"the process that loads models cannot be started (exit code {code}); its own message is above. "
                "To load in the build's process, without limits: limits.enabled: false"
            ) from None

    def exit_code(self) -> int:
        """Of a process whose end of the socket is closed: its exit code, or minus the signal that ended it."""
        with suppress(subprocess.TimeoutExpired):  # the socket closes a moment before the process is gone
            self.process.wait(timeout=5.0)
        self.kill()
        return self.process.returncode

    def kill(self) -> None:
        """End it now."""
        self._finalizer()


def _bury(wire: socket.socket, process: subprocess.Popen[bytes]) -> None:
    wire.close()
    if process.poll() is None:
        process.kill()
    process.wait()


class LimitedSource:
    """A source whose models are opened by a `Loader`; everything else it does itself.

    Args:
        options: the source's options in the recipe.
        loader: shared by all sources of a recipe.
    """

    def __init__(self, options: SourceOptions, loader: Loader) -> None:
        self._inner: Source = lookup("sources", options.kind)(options)
        self._plain = options.model_dump(mode="json", by_alias=True)
        self._loader = loader
        self.name = self._inner.name

    def models(self) -> Iterator[ModelRef]:
        """See `Source.models`."""
        return self._inner.models()

    def find(self, synset: str, model_id: str) -> ModelRef | None:
        """See `Source.find`."""
        return self._inner.find(synset, model_id)

    def open(self, ref: ModelRef) -> CadModel:
        """See `Source.open`; a model over the limits is refused."""
        model: CadModel = self._loader.call(OPEN, self._plain, ref)
        return model
