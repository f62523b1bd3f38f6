"""Progress of a build on stderr: a bar in images, or a plain line each 30 seconds where there is no terminal."""

from __future__ import annotations

import os
import sys
import time
from types import TracebackType
from typing import Any, Self, TextIO

DELAY = 2.0  # seconds before anything is shown: what is done by then needs no bar
EVERY = 30.0  # seconds between plain lines
_OFF = {"1", "true", "yes", "on"}


def disabled_by_environment() -> bool:
    """Whether `HF_HUB_DISABLE_PROGRESS_BARS` asks for silence."""
    return os.environ.get("HF_HUB_DISABLE_PROGRESS_BARS", "").strip().lower() in _OFF


class Progress:
    """Counts images, shards and skipped samples, and shows them.

    Use as a context manager; pass `on_event` to `build.build`, or call `start` and `advance`.

    Args:
        quiet: show nothing.
        unit: what is counted.
        stream: where to; none: stderr.
    """

    def __init__(self, *, quiet: bool = False, unit: str = "images", stream: TextIO | None = None) -> None:
        self._stream = stream if stream is not None else sys.stderr
        self._silent = quiet or disabled_by_environment()
        self._terminal = bool(getattr(self._stream, "isatty", lambda: False)())
        self._unit = unit
        self._bar: Any = None
        self._began = self._spoken = time.monotonic()
        self.total, self.before, self.done = 0, 0, 0
        self.num_shards, self.shards_done, self.skipped, self.failed = 0, 0, 0, 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self, total: int, done: int = 0) -> None:
        """Say how much there is to do, and how much of it was done before."""
        self.total, self.before, self.done = total, done, done
        self._began = self._spoken = time.monotonic()
        if not self._silent and self._terminal:
            from tqdm import tqdm

            self._bar = tqdm(
                total=total, initial=done, unit=f" {self._unit}", delay=DELAY, file=self._stream, leave=False
            )

    def advance(self, count: int = 1) -> None:
        """Count finished items."""
        self.done += count
        if self._bar is not None:
            self._bar.update(count)
        self._speak_when_due()

    def on_event(self, kind: str, **data: Any) -> None:
        """Take an event of `build.build` or `build.verify`; kinds that show nothing are ignored."""
        if kind == "plan":
            self.num_shards = int(data.get("shards", 0))
            self.start(int(data["total_samples"]), int(data.get("done_samples", 0)))
        elif kind == "samples":
            self.advance(int(data["n"]))
        elif kind == "shard":
            self.shards_done += 1
            self.skipped += sum(row.num_views for row in data["receipt"].skipped)
        elif kind == "failed":
            self.failed += 1
        if self._bar is not None and kind in ("shard", "failed"):
            self._bar.set_postfix_str(self._counts())

    def close(self) -> None:
        """Take the bar away; without a terminal, say the last word if anything was said before."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
        elif self._spoken > self._began:
            self._speak()
            self._spoken = self._began

    def _counts(self) -> str:
        counts = [f"{self.shards_done}/{self.num_shards} shards" if self.num_shards else ""]
        counts += [
            f"{self.skipped:,} skipped" if self.skipped else "",
            f"{self.failed:,} failed" if self.failed else "",
        ]
        return ", ".join(text for text in counts if text)

    def _speak_when_due(self) -> None:
        if not self._silent and not self._terminal and time.monotonic() - self._spoken >= EVERY:
            self._speak()
            self._spoken = time.monotonic()

    def _speak(self) -> None:
        spent = max(time.monotonic() - self._began, 1e-9)
        rate = (self.done - self.before) / spent
        left = f", {(self.total - self.done) / rate / 60:.0f} min left" if rate > 0 and self.done < self.total else ""
        counts = f" ({self._counts()})" if self._counts() else ""
        self._stream.write(f"{self.done:,} of {self.total:,} {self._unit}{counts}, {rate:.1f} a second{left}\n")
        self._stream.flush()
