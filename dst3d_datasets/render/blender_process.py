"""Blender as a process of its own: found, started, asked with a time limit, and ended. See `blender_worker`."""

from __future__ import annotations

import importlib.util
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from ..errors import Dst3dError, MissingDependency, UsageError
from . import blender_worker
from .blender_worker import Arrays, receive, send

VARIABLE = "DST3D_BLENDER_PYTHON"
START_SECONDS = 120.0
_HOW = (
    "the engine blender needs Blender: its Python package in an environment of its own,\n"
    "  python3.11 -m venv blender && blender/bin/pip install bpy==5.0.1\n"
    f"named by render.blender_python or {VARIABLE} (blender/bin/python), or the program `blender` on the PATH;\n"
    "the package also needs: apt-get install libx11-6 libxrender1 libxfixes3 libxi6 libxkbcommon0 libsm6 libice6 libgl1"
)


def find(given: str = "") -> str:
    """The interpreter that has bpy, or the program blender: as given, DST3D_BLENDER_PYTHON, our own, or on the PATH.

    Raises:
        MissingDependency: there is none.
        UsageError: what was named is not there.
    """
    named = given or os.environ.get(VARIABLE, "")
    if named:
        path = shutil.which(os.path.expanduser(named))
        if path is None:
            raise UsageError(f"{named}: no program of that name; render.blender_python or {VARIABLE} names it")
        return path
    if importlib.util.find_spec("bpy") is not None:
        return sys.executable
    path = shutil.which("blender")
    if path is None:
        raise MissingDependency(_HOW)
    return path


class Blender:
    """A running Blender.

    Args:
        program: what `find` gives.
        start_seconds: given up when it has not said hello after this long.

    Raises:
        MissingDependency: it does not start, or has no bpy.
    """

    def __init__(self, program: str, start_seconds: float = START_SECONDS) -> None:
        self.program = program
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        theirs_in, ours_out = os.pipe()
        ours_in, theirs_out = os.pipe()
        script, pipes = str(Path(blender_worker.__file__)), [str(theirs_in), str(theirs_out)]
        is_blender = Path(program).name.startswith("blender")
        options = ["--background", "--factory-startup", "--python", script, "--"] if is_blender else [script]
        self._process = subprocess.Popen(  # noqa: S603 - found by `find`
            [program, *options, *pipes],
            pass_fds=[theirs_in, theirs_out],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            env={key: value for key, value in os.environ.items() if not key.startswith("PYTHON")},
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._out, self._in = os.fdopen(ours_out, "wb"), os.fdopen(ours_in, "rb")
        try:
            self.version = str(self._answer(start_seconds)[0]["blender"])
        except Dst3dError as error:
            raise MissingDependency(f"{program} cannot be used: {error}\n{_HOW}") from error

    def ask(self, header: dict[str, Any], arrays: Arrays, seconds: float) -> Arrays:
        """Send a message and wait for the answer's arrays.

        Raises:
            Dst3dError: Blender crashed, took longer than `seconds`, or says what went wrong. It is ended then.
        """
        try:
            send(self._out, header, arrays)
        except OSError as error:
            raise self._dead() from error
        return self._answer(seconds)[1]

    def _answer(self, seconds: float) -> tuple[dict[str, Any], Arrays]:
        until = time.monotonic() + seconds
        # An answer is written at once when it is ready: its first byte is what is waited for.
        while not select.select([self._in], [], [], max(0.0, min(1.0, until - time.monotonic())))[0]:
            if time.monotonic() >= until:
                self.close()
                raise Dst3dError(f"Blender gave no answer within {seconds:.0f} s, and was ended")
        try:
            header, arrays = receive(self._in)
        except (EOFError, OSError, ValueError) as error:
            raise self._dead() from error
        if "error" in header:
            self.close()
            raise Dst3dError(f"Blender says: {header['error']}")
        return header, arrays

    def _dead(self) -> Dst3dError:
        """What to say of a process that is gone."""
        try:
            code: int | None = self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            code = None
        self._log.seek(0)
        lines = [line for line in self._log.read().decode(errors="replace").splitlines() if line.strip()]
        self.close()
        how = (
            "closed its pipe" if code is None else f"died of signal {-code}" if code < 0 else f"ended with code {code}"
        )
        return Dst3dError(f"Blender {how}" + (f": {lines[-1][:300]}" if lines else ""))

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        for stream in (self._in, self._out, self._log):
            try:
                stream.close()
            except OSError:
                continue
