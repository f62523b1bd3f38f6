"""A gzip read forwards, and from anywhere again: copies of the inflater are kept along the way, each of about 50 KB.

Deflate has no index. Whoever has inflated a file once can go back to any place from the copy before it, with one range
request where the file is remote. Nothing is written to the disk, and no connection stays open between two reads.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

PIECE = 1 << 18  # bytes inflated at once, at most
SPACING = 1 << 25  # bytes of content from one copy to the next, at first
MOST_COPIES = 256
FREE_BYTES = 2**30  # inflated without asking how much it was packed
MOST_RATIO = 60  # beyond that; text of numbers packs by about 4, a bomb by 1000


class Bomb(Exception):
    """So little was packed into so much that it cannot be what it says."""


class CutOff(Exception):
    """The file ends in the middle, or is no gzip."""


class _Copy(NamedTuple):
    position: int  # in the content
    packed: int  # bytes of the file that were handed to the inflater
    inflater: Any  # None between two members of a gzip
    rest: bytes  # handed over and not used yet


class Inflated:
    """The content of a gzip file.

    Args:
        chunks: the file's bytes from an offset on, up to another or (None) to the end.
    """

    def __init__(self, chunks: Callable[[int, int | None], Iterator[bytes]]) -> None:
        self._open = chunks
        self._stop: int | None = None  # where the open request ends
        self._source: Iterator[bytes] | None = None
        self._copies = [_Copy(0, 0, None, b"")]
        self._spacing = SPACING
        self._ready = b""  # inflated and not read yet
        self._restore(self._copies[0])

    def _restore(self, copy: _Copy) -> None:
        self.pause()
        self._inflated, self._packed, self._rest = copy.position, copy.packed, copy.rest
        self._inflater = copy.inflater.copy() if copy.inflater is not None else None
        self._ready = b""

    @property
    def position(self) -> int:
        """Where in the content the next byte is read."""
        return self._inflated - len(self._ready)

    def pause(self) -> None:
        """Let go of the connection; the next read opens another where this one ended."""
        close = getattr(self._source, "close", None)
        if close is not None:
            close()
        self._source, self._stop = None, None

    def seek(self, position: int, until: int) -> None:
        """Go to a place in the content: onwards from here, or from the nearest copy before it.

        Args:
            position: the place.
            until: how far it is going to be read from there; where a copy lies behind that, no more is asked for.
        """
        best = max((copy for copy in self._copies if copy.position <= position), key=lambda copy: copy.position)
        if position < self.position or best.position > self._inflated:
            self._restore(best)
        if self._source is None:
            self._stop = min((copy.packed for copy in self._copies if copy.position >= until), default=None)
        while self.position < position:
            if not self._ready and not self._more():
                raise CutOff("the file is shorter than its index says")
            self._ready = self._ready[max(0, min(len(self._ready), position - self.position)) :]

    def read(self, size: int) -> bytes:
        """The next `size` bytes; fewer at the end.

        Raises:
            CutOff, Bomb: the file is broken, or hostile.
        """
        pieces, left = [], size
        while left > 0:
            if not self._ready and not self._more():
                break
            pieces.append(self._ready[:left])
            self._ready = self._ready[left:]
            left -= len(pieces[-1])
        return b"".join(pieces)

    def skip(self, size: int) -> bool:
        """Pass over bytes; False if the file ends before."""
        while size > 0:
            if not self._ready and not self._more():
                return False
            step = min(size, len(self._ready))
            self._ready = self._ready[step:]
            size -= step
        return True

    def _more(self) -> bool:
        """Inflate the next piece into `_ready`, which is empty."""
        while True:
            data = self._rest or self._next_chunk()
            if self._inflater is None:
                data = data.lstrip(b"\0")  # padding between and after members
                if not data:
                    if self._source is None or not self._peek():
                        return False
                    continue
                self._inflater = zlib.decompressobj(31)
            try:
                out = self._inflater.decompress(data, PIECE)
            except zlib.error as error:
                raise CutOff(f"damaged gzip ({error})") from None
            if self._inflater.eof:
                self._rest, self._inflater = self._inflater.unused_data, None
            else:
                self._rest = self._inflater.unconsumed_tail
                if not data and not out:
                    raise CutOff("the gzip is cut off")
            if out:
                self._inflated += len(out)
                self._ready = out
                self._keep_copy()
                if self._inflated > FREE_BYTES + MOST_RATIO * self._packed:
                    raise Bomb(f"{self._packed} bytes inflate to more than {self._inflated}")
                return True

    def _peek(self) -> bool:
        """Whether the file goes on; if so its next piece is in `_rest`."""
        self._rest = self._next_chunk()
        return bool(self._rest)

    def _next_chunk(self) -> bytes:
        while True:
            if self._source is None:
                self._source = self._open(self._packed, self._stop)
            data = next(self._source, b"")
            self._packed += len(data)
            if data or self._stop is None:
                return data
            self.pause()  # what was asked for did not reach far enough

    def _keep_copy(self) -> None:
        if self._inflated - self._copies[-1].position < self._spacing:
            return
        inflater = self._inflater.copy() if self._inflater is not None else None
        self._copies.append(_Copy(self._inflated, self._packed, inflater, self._rest))
        if len(self._copies) > MOST_COPIES:
            self._copies = self._copies[::2]
            self._spacing *= 2
