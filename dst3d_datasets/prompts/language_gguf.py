"""GGUF files read once: transformers builds the reader three times a load and its table of tensor names once a layer.

On SmolLM2-135M that is two thirds of the load's time.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

_SLOW = ("GGUFReader", "get_tensor_name_map")  # of the package gguf; same arguments, same answer


@contextmanager
def read_once() -> Iterator[None]:
    """While this is open, what reads a GGUF file's head answers a second call from memory."""
    if importlib.util.find_spec("gguf") is None:
        yield
        return
    import gguf

    before = {name: getattr(gguf, name) for name in _SLOW if hasattr(gguf, name)}
    try:
        for name, slow in before.items():
            setattr(gguf, name, cache(slow))
        yield
    finally:
        for name, slow in before.items():
            setattr(gguf, name, slow)
