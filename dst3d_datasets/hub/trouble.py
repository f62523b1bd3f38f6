"""What can go wrong with a server: what is tried again, what is told, and never a token in it."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ..errors import Dst3dError

T = TypeVar("T")
_TOKEN = re.compile(r"hf_[A-Za-z0-9_-]{4,}|(?<=Bearer )[^\s\"']+")
_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
_NETWORK = ("TransportError", "ConnectionError", "Timeout", "ProtocolError", "ChunkedEncodingError", "SSLError")


class HubError(Dst3dError):
    """The Hub could not be used as asked; what was uploaded stays there, and the same command goes on."""


class AccessError(HubError):
    """The token is missing, expired, or may not do this."""


class NotThere(HubError):
    """There is no such repository, revision or file, or it is hidden from this token."""


class RaceLost(HubError):
    """The branch has moved since it was looked at."""


@dataclass
class Patience:
    """How often and how long something is tried. The one that is used is `PATIENCE`."""

    tries: int = 9  # in a row
    first: float = 0.5  # seconds before the second try; doubled each time
    longest: float = 60.0  # seconds, of own accord
    most_asked: float = 900.0  # seconds that a server's Retry-After is heeded; if it asks for more we give up
    sleep: Callable[[float], None] = field(default=time.sleep)

    def pause(self, tried: int, asked: float | None) -> None:
        """Sleep before the next try, of which `tried` (from 1) went before; as long as the server asked, if it did."""
        spread = 1.0 + (os.getpid() * 7919 % 1000) / 4000.0  # processes refused together do not come back together
        self.sleep(min(self.first * 2.0 ** (tried - 1), self.longest) * spread if asked is None else asked)


PATIENCE = Patience()


def patiently(action: Callable[[], T], what: str) -> T:
    """The result of `action`, tried again while the trouble looks passing.

    Args:
        action: must be safe to repeat.
        what: what is being done, for the message: "list owner/name".

    Raises:
        HubError: or one of its kinds; its message and its chain of causes hold no token.
    """
    tried = 0
    while True:
        tried += 1
        try:
            return action()
        except Dst3dError:
            raise
        except Exception as error:
            asked = _asked(error)
            hopeless = not _is_passing(error) or tried >= PATIENCE.tries or (asked or 0.0) > PATIENCE.most_asked
            told = explained(error, what, tried) if hopeless else None
        if told is not None:
            raise told  # outside of `except`: the cause holds the request, and with it the token
        PATIENCE.pause(tried, asked)


def explained(error: BaseException, what: str, tried: int = 1) -> HubError:
    """An error of the client or of the network as one message for a person, without the token."""
    status, text = _status(error), scrubbed(_text(error))
    again = f"; given up after {tried} tries. What is finished is kept: the same command goes on" if tried > 1 else ""
    if status == 412:
        return RaceLost(f"{what}: somebody else has committed meanwhile")
    page, login = _page(error), "log in with `hf auth login` or set HF_TOKEN; then the same command goes on"
    if _headers(error).get("X-Error-Code") == "GatedRepo":
        return AccessError(f"{what}: this data set is gated: ask for access on its page, {page}, and {login}")
    if status == 401 or type(error).__name__ == "LocalTokenNotFoundError":
        where = f" ({page} may be private)" if page else ""
        return AccessError(
            f"{what}: the Hub does not know your token, it has expired, or there is none{where}; {login}: {text}"
        )
    if status == 403:
        return AccessError(
            f"{what}: your token may not do this ({text}). It needs write access{f' to {page}' if page else ''}; "
            "without it, propose the version: --pull-request"
        )
    if status == 404:
        return NotThere(f"{what}: {text}")
    return HubError(f"{what}: {text}{again}")


def scrubbed(text: str) -> str:
    """A text without anything that looks like a token, and without this user's own."""
    for secret in (os.environ.get("HF_TOKEN", ""), os.environ.get("HUGGING_FACE_HUB_TOKEN", "")):
        if len(secret) > 3:
            text = text.replace(secret, "hf_***")
    return _TOKEN.sub("hf_***", text)


def _text(error: BaseException) -> str:
    """What an error says, and what its first cause says where that is more than a status."""
    lines = [line for each in _chain(error) if (line := " ".join(str(each).split()))]
    told = lines[0] if lines else type(error).__name__
    if len(lines) > 1 and not _status(error):
        told = f"{told} ({lines[-1]})"
    return told if len(told) <= 400 else told[:397] + "..."


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error and what caused it, however deep."""
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__ or found.__context__


def _response(error: BaseException) -> Any:
    for each in _chain(error):
        response = getattr(each, "response", None)
        if response is not None:
            return response
    return None


def _headers(error: BaseException) -> Any:
    return getattr(_response(error), "headers", None) or {}


def _page(error: BaseException) -> str:
    """The page of the data set that a failed request was about; empty if it is not known."""
    request = getattr(_response(error), "url", "")
    found = re.match(r"(https?://[^/]+)/(?:api/)?(datasets/[^/?]+/[^/?]+?)(?:\.git)?(?:[/?]|$)", str(request))
    return f"{found[1]}/{found[2]}" if found else ""


def _status(error: BaseException) -> int:
    return int(getattr(_response(error), "status_code", 0) or 0)


def _is_passing(error: BaseException) -> bool:
    """Whether it may go better the next time."""
    status = _status(error)
    if status:
        return status in _AGAIN
    names = {cls.__name__ for each in _chain(error) for cls in type(each).__mro__}
    return bool(names & set(_NETWORK))


def _asked(error: BaseException) -> float | None:
    """Seconds that the server asked to wait: Retry-After, or the reset time of its RateLimit header."""
    headers = _headers(error)
    told = str(headers.get("Retry-After", ""))
    reset = re.search(r"\bt=(\d+)", str(headers.get("RateLimit", "")))
    if told.replace(".", "", 1).isdigit():
        return float(told)
    return float(reset[1]) if reset else None
