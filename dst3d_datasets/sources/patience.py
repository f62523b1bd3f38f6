"""Trying again: how often, how long apart, and when to give up."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from ..errors import HostDown, ModelRefused, Reason

T = TypeVar("T")


class Transient(Exception):
    """Something that may go better the next time.

    Args:
        detail: what went wrong, for a person; never a secret.
        wait: seconds that the server asked to wait, if it did.
        host: that of a machine that did not even answer; empty if it did.
    """

    def __init__(self, detail: str, wait: float | None = None, host: str = "") -> None:
        super().__init__(detail)
        self.detail, self.wait, self.host = detail, wait, host


@dataclass
class Patience:
    """How patient this process is. The one that is used is `PATIENCE`."""

    tries: int = 5  # in a row without one byte of progress
    tries_in_all: int = 40  # for one file
    first: float = 0.5  # seconds before the second try; doubled each time
    longest: float = 30.0  # seconds of own accord
    most_asked: float = 300.0  # seconds that a server's Retry-After is heeded; if it asks for more we give up
    timeout: float = 60.0  # seconds without a byte
    slowest: float = 1000.0  # bytes a second, over the whole file after its first `timeout`
    sleep: Callable[[float], None] = field(default=time.sleep)

    def pause(self, tried: int, error: Transient) -> None:
        """Sleep before the next try.

        Args:
            tried: how often it went wrong in a row, from 1.
            error: how.
        """
        # Workers that were refused together should not come back together; no random numbers are needed for that.
        spread = 1.0 + (os.getpid() * 7919 % 1000) / 4000.0
        wait = min(self.first * 2.0 ** (tried - 1), self.longest) * spread
        self.sleep(wait if error.wait is None else max(error.wait, 0.0))


PATIENCE = Patience()


def give_up(error: Transient, what: str, tries: int) -> Exception:
    """What to raise after the last try: HostDown where nobody answered, else a refusal of this one file."""
    if error.host:
        return HostDown(f"{error.host} cannot be reached ({error.detail}), tried {tries} times")
    return ModelRefused(Reason.UNREACHABLE, f"{what}: {error.detail}; given up after {tries} tries")


def is_hopeless(error: Transient, in_a_row: int, in_all: int) -> bool:
    """Whether not to try again."""
    too_long = error.wait is not None and error.wait > PATIENCE.most_asked
    return too_long or in_a_row >= PATIENCE.tries or in_all >= PATIENCE.tries_in_all


def patiently(action: Callable[[], T], what: str) -> T:
    """The result of `action`, called again after each `Transient` until it works or there is no use.

    Args:
        action: what to do.
        what: its object, for the message.

    Raises:
        ModelRefused: UNREACHABLE.
        HostDown: the machine did not answer.
    """
    tried = 0
    while True:
        try:
            return action()
        except Transient as error:
            tried += 1
            if is_hopeless(error, tried, tried):
                raise give_up(error, what, tried) from error
            PATIENCE.pause(tried, error)
