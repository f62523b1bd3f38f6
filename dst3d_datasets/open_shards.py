"""Shards of a store that are read here and there: those that were used last stay open."""

from __future__ import annotations

from collections import OrderedDict
from contextlib import ExitStack
from typing import BinaryIO

from .receipt import Receipt
from .store import Store

_MOST_OPEN = 64


class OpenShards:
    """Hands out the tars of receipts as seekable streams. Use as a context manager, in one thread."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._open: OrderedDict[str, tuple[ExitStack, BinaryIO]] = OrderedDict()

    def __enter__(self) -> OpenShards:
        return self

    def __exit__(self, *_: object) -> None:
        while self._open:
            self._open.popitem()[1][0].close()

    def stream(self, receipt: Receipt) -> BinaryIO:
        """The tar of a receipt; it may be closed when others have been asked for."""
        if receipt.path in self._open:
            self._open.move_to_end(receipt.path)
            return self._open[receipt.path][1]
        if len(self._open) >= _MOST_OPEN:
            self._open.popitem(last=False)[1][0].close()
        stack = ExitStack()
        stream = stack.enter_context(self._store.open(receipt))
        self._open[receipt.path] = (stack, stream)
        return stream
