"""Messages between a build and the process that loads its models: a pickle and its arrays, over a socket.

The arrays travel as they are (pickle's protocol 5, out of band), so a model costs two copies and no parsing. What is
read back may only be made of our own nouns, NumPy arrays and plain values: a loader that a hostile file has taken over
gains no way into the build by its answer.
"""

from __future__ import annotations

import io
import pickle
import socket
import struct
from collections.abc import Sequence
from typing import Any

_COUNT = struct.Struct("<I")
_LENGTH = struct.Struct("<Q")
_MOST_BUFFERS = 1_000_000
_MOST_BYTES = 2**36
_OURS = frozenset({"CadModel", "ModelRef", "Part", "Material"})
_NUMPY = frozenset({"ndarray", "dtype", "_reconstruct", "_frombuffer", "scalar"})


def send(wire: socket.socket, message: Any) -> None:
    """Write one message.

    Raises:
        OSError: the other end is gone.
    """
    buffers: list[pickle.PickleBuffer] = []
    pickled = pickle.dumps(message, protocol=5, buffer_callback=buffers.append)
    raw = [memoryview(pickled), *(buffer.raw() for buffer in buffers)]
    wire.sendall(_COUNT.pack(len(raw)) + b"".join(_LENGTH.pack(part.nbytes) for part in raw))
    for part in raw:
        if part.nbytes:
            wire.sendall(part)


def receive(wire: socket.socket) -> Any:
    """Read one message; the socket's timeout applies to each wait for more bytes.

    Raises:
        EOFError: the other end is gone.
        TimeoutError: nothing came within the socket's timeout.
        pickle.UnpicklingError: it holds something that has no business in it.
    """
    (count,) = _COUNT.unpack(_exactly(wire, _COUNT.size))
    if not 1 <= count <= _MOST_BUFFERS:
        raise pickle.UnpicklingError(f"{count} buffers")
    lengths = [length for (length,) in _LENGTH.iter_unpack(_exactly(wire, count * _LENGTH.size))]
    if sum(lengths) > _MOST_BYTES:
        raise pickle.UnpicklingError(f"{sum(lengths)} bytes")
    pickled, *buffers = [_exactly(wire, length) for length in lengths]
    return _Plain(io.BytesIO(pickled), buffers=buffers).load()


def _exactly(wire: socket.socket, length: int) -> bytearray:
    data = bytearray(length)
    view = memoryview(data)
    while view.nbytes:
        count = wire.recv_into(view)
        if not count:
            raise EOFError
        view = view[count:]
    return data


class _Plain(pickle.Unpickler):
    """Builds our nouns and NumPy arrays, and nothing else."""

    def __init__(self, file: io.BytesIO, buffers: Sequence[bytearray]) -> None:
        super().__init__(file, buffers=buffers)

    def find_class(self, module: str, name: str) -> Any:
        """The class or function of that name, if it is one of the few that a model is made of."""
        package = __package__.rpartition(".")[0]
        ours = module == f"{package}.nouns" and name in _OURS
        numpys = module.split(".")[0] == "numpy" and name in _NUMPY
        if not (ours or numpys):
            raise pickle.UnpicklingError(f"{module}.{name} has no place in a model")
        return super().find_class(module, name)
