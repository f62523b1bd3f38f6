"""Pickled annotation dicts, read as data and never executed.

The reference code saves a Python dict by `numpy.save`, so the file is a pickle, and a pickle may call anything. Here
nobody unpickles: the opcodes are listed by `pickletools`, and a small machine of our own carries out those few that
build numbers, texts, tuples, lists, dicts and numpy arrays of plain numbers. Nothing is imported, nothing is called,
and whatever else a file asks for is refused by name.
"""

from __future__ import annotations

import io
import math
import pickletools
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..errors import ModelRefused, Reason

MOST_BYTES = 2**16  # of a file; the reference's have about 2 KB
MOST_STEPS = 5_000  # opcodes
MOST_VALUES = 5_000  # of the finished dict, counted as often as they are met: no shared list multiplies
MOST_DEPTH = 6
_PLAIN = re.compile(r"[?]|[biuf][1248]")  # dtypes: bool, integers and floats of up to 8 bytes
_NUMPY = ("numpy.core.multiarray", "numpy._core.multiarray")


class _Name(NamedTuple):
    """What a pickle would import; here only a name."""

    module: str
    name: str


class _Type:
    """A numpy dtype in the making."""

    def __init__(self, code: str) -> None:
        self.code, self.order = code, "|"

    def build(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) != 8 or state[1] not in ("<", ">", "|", "="):
            raise _Refused("a dtype of an unknown form")
        if state[2:7] != (None, None, None, -1, -1):
            raise _Refused("a dtype with fields, shapes or metadata")
        self.order = state[1]

    def plain(self) -> np.dtype[Any]:
        if not _PLAIN.fullmatch(self.code):
            raise _Refused(f"an array of dtype {self.code[:20]!r}; plain numbers are read")
        return np.dtype(self.code).newbyteorder(self.order)  # type: ignore[arg-type]


class _Array:
    """A numpy array in the making."""

    def __init__(self) -> None:
        self.value: Any = None

    def build(self, state: Any) -> None:
        if self.value is not None or not isinstance(state, tuple) or len(state) != 5:
            raise _Refused("an array of an unknown form")
        _, shape, kind, fortran, content = state
        if not isinstance(kind, _Type) or not isinstance(shape, tuple) or len(shape) > 4:
            raise _Refused("an array of an unknown form")
        if any(type(length) is not int or not 0 <= length <= MOST_BYTES for length in shape):
            raise _Refused("an array of an impossible shape")
        if kind.code in ("O", "O8", "O4"):
            if shape != () or not isinstance(content, list) or len(content) != 1:
                raise _Refused("an array of objects; only the one dict is read")
            self.value = content[0]
            return
        dtype = kind.plain()
        if not isinstance(content, bytes) or len(content) != math.prod(shape) * dtype.itemsize:
            raise _Refused("an array whose bytes do not fill its shape")
        order = "F" if fortran is True else "C"
        self.value = np.frombuffer(content, dtype).reshape(shape, order=order)  # type: ignore[call-overload]


class _Refused(Exception):
    """What a file asks for and does not get."""


def read_annotation(data: bytes, name: str) -> dict[str, Any]:
    """The dict that `numpy.save` pickled.

    Args:
        data: the `.npy` file.
        name: of the file, for messages.

    Returns:
        texts to numbers, texts, None, tuples, lists, dicts and numpy arrays of plain numbers.

    Raises:
        ModelRefused: `hostile_pickle` for whatever no annotation holds, `unreadable` for broken files.
    """
    if len(data) > MOST_BYTES:
        raise ModelRefused(Reason.TOO_LARGE, f"{name}: {len(data)} bytes; an annotation has less than {MOST_BYTES}")
    stream = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(stream)
        reader = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}.get(version)
        if reader is None:
            raise ValueError(f"version {version} of the format")
        shape, _, dtype = reader(stream)
    except Exception as error:  # numpy's parser raises many kinds, down to SyntaxError and TokenError
        raise ModelRefused(Reason.UNREADABLE, f"{name}: not a .npy file ({type(error).__name__})") from None
    if dtype != np.dtype(object) or shape != ():
        raise ModelRefused(Reason.UNREADABLE, f"{name}: an array of {dtype} {shape}, not an annotation's dict")
    try:
        found = _Machine().run(data[stream.tell() :])
        found = found.value if isinstance(found, _Array) else found
        if not isinstance(found, dict):
            raise _Refused("no dict")
        return {key: _finished(value, [MOST_VALUES], MOST_DEPTH) for key, value in found.items()}
    except _Refused as error:
        raise ModelRefused(Reason.HOSTILE_PICKLE, f"{name}: {error}") from None
    except (ValueError, IndexError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise ModelRefused(Reason.UNREADABLE, f"{name}: a broken pickle ({type(error).__name__})") from None


def _finished(value: Any, left: list[int], depth: int) -> Any:
    """A value of the machine as one of Python's, bounded in depth and number."""
    left[0] -= 1
    if left[0] < 0 or depth < 0:
        raise _Refused("more values, or deeper ones, than an annotation holds")
    if isinstance(value, _Array):
        return _finished(value.value, left, depth - 1)
    if isinstance(value, dict):
        return {key: _finished(item, left, depth - 1) for key, item in value.items()}
    if isinstance(value, tuple) and not isinstance(value, _Name):
        return tuple(_finished(item, left, depth - 1) for item in value)
    if isinstance(value, list):
        return [_finished(item, left, depth - 1) for item in value]
    if value is None or isinstance(value, (bool, int, float, str, np.ndarray)):
        return value
    raise _Refused(f"a {type(value).__name__.strip('_').lower()} where a value belongs")


def _reduced(what: Any, arguments: Any) -> Any:
    """The few things that a pickle may ask to be made."""
    if not isinstance(what, _Name) or not isinstance(arguments, tuple):
        raise _Refused("a call of something that is not a name")
    if what.module in _NUMPY and what.name == "_reconstruct":
        if len(arguments) == 3 and arguments[0] == _Name("numpy", "ndarray"):
            return _Array()
    elif what == _Name("numpy", "dtype"):
        if arguments and isinstance(arguments[0], str):
            return _Type(arguments[0])
    elif what.module in _NUMPY and what.name == "scalar" and len(arguments) == 2:
        kind, content = arguments
        if isinstance(kind, _Type) and isinstance(content, bytes) and len(content) == kind.plain().itemsize:
            return np.frombuffer(content, kind.plain())[0].item()
    raise _Refused(f"a call of {what.module[:40]}.{what.name[:40]}")


def _name(module: Any, name: Any) -> _Name:
    found = _Name(str(module), str(name))
    known = found.module in _NUMPY and found.name in ("_reconstruct", "scalar")
    if not known and found not in (_Name("numpy", "ndarray"), _Name("numpy", "dtype")):
        raise _Refused(f"it would import {found.module[:40]}.{found.name[:40]}")
    return found


class _Machine:
    """The stack machine of a pickle, with the opcodes that build data and no others."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def run(self, data: bytes) -> Any:
        """What the pickle leaves behind."""
        for steps, (opcode, argument, _) in enumerate(pickletools.genops(data)):
            if steps > MOST_STEPS:
                raise _Refused(f"more than {MOST_STEPS} steps")
            if opcode.name == "STOP":
                return self.stack.pop()
            if opcode.name in _CONSTANTS:
                self.stack.append(_CONSTANTS[opcode.name])
            elif opcode.name in _LITERALS:
                self.stack.append(argument)
            else:
                action = _ACTIONS.get(opcode.name)
                if action is None:
                    raise _Refused(f"the opcode {opcode.name}")
                action(self, argument)
        raise _Refused("no end")

    def memoise(self, place: Any) -> None:
        """Keep the top of the stack under a number."""
        self.memo[len(self.memo) if place is None else int(place)] = self.stack[-1]

    def recall(self, place: Any) -> None:
        """Put what was kept under a number on the stack."""
        self.stack.append(self.memo[int(place)])

    def marked(self) -> list[Any]:
        """Take everything above the last mark."""
        start = self.marks.pop()
        found = self.stack[start:]
        del self.stack[start:]
        return found

    def tuple_of(self, count: int) -> None:
        """Make a tuple of the last values."""
        if len(self.stack) < count:
            raise IndexError
        found = tuple(self.stack[len(self.stack) - count :])
        del self.stack[len(self.stack) - count :]
        self.stack.append(found)

    def extend(self, items: list[Any]) -> None:
        """Append to the list below."""
        if type(self.stack[-1]) is not list:
            raise _Refused("an append to something that is no list")
        self.stack[-1].extend(items)

    def update(self, items: list[Any]) -> None:
        """Set the items of the dict below."""
        if type(self.stack[-1]) is not dict or len(items) % 2:
            raise _Refused("items of something that is no dict")
        for key, value in zip(items[::2], items[1::2], strict=True):
            if type(key) is not str:
                raise _Refused("a key that is no text")
            self.stack[-1][key] = value

    def last(self, count: int) -> list[Any]:
        """Take the last values."""
        self.tuple_of(count)
        return list(self.stack.pop())

    def reduce(self) -> None:
        """Make one of the few things that may be made."""
        what, arguments = self.last(2)
        self.stack.append(_reduced(what, arguments))

    def build(self) -> None:
        """Fill a dtype or an array."""
        state = self.stack.pop()
        if not isinstance(self.stack[-1], (_Type, _Array)):
            raise _Refused("a state for something that has none")
        self.stack[-1].build(state)

    def stack_global(self) -> None:
        """A name whose two halves lie on the stack."""
        self.stack.append(_name(*self.last(2)))


_CONSTANTS: dict[str, Any] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_LITERALS = {
    *("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"),
    *("BINUNICODE", "SHORT_BINUNICODE", "BINBYTES", "SHORT_BINBYTES"),
}
_ACTIONS: dict[str, Callable[[_Machine, Any], Any]] = {
    "PROTO": lambda machine, version: None,
    "FRAME": lambda machine, size: None,
    "EMPTY_DICT": lambda machine, _: machine.stack.append({}),
    "EMPTY_LIST": lambda machine, _: machine.stack.append([]),
    "MARK": lambda machine, _: machine.marks.append(len(machine.stack)),
    "MEMOIZE": lambda machine, _: machine.memoise(None),
    "BINPUT": lambda machine, place: machine.memoise(place),
    "LONG_BINPUT": lambda machine, place: machine.memoise(place),
    "BINGET": lambda machine, place: machine.recall(place),
    "LONG_BINGET": lambda machine, place: machine.recall(place),
    "TUPLE": lambda machine, _: machine.stack.append(tuple(machine.marked())),
    "TUPLE1": lambda machine, _: machine.tuple_of(1),
    "TUPLE2": lambda machine, _: machine.tuple_of(2),
    "TUPLE3": lambda machine, _: machine.tuple_of(3),
    "APPEND": lambda machine, _: machine.extend(machine.last(1)),
    "APPENDS": lambda machine, _: machine.extend(machine.marked()),
    "SETITEM": lambda machine, _: machine.update(machine.last(2)),
    "SETITEMS": lambda machine, _: machine.update(machine.marked()),
    "GLOBAL": lambda machine, both: machine.stack.append(_name(*str(both).split(" ", 1))),
    "STACK_GLOBAL": lambda machine, _: machine.stack_global(),
    "REDUCE": lambda machine, _: machine.reduce(),
    "BUILD": lambda machine, _: machine.build(),
}
