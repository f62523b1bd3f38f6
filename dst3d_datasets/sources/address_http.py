"""Reading over HTTP: ranges, resuming where a connection broke off, waiting as servers ask, and saying who to ask."""

from __future__ import annotations

import base64
import email.utils
import errno
import html.parser
import http.client
import re
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from ..errors import ModelRefused, NotListable, Reason
from . import patience
from .address import CHUNK, Entry, Stat
from .patience import Transient, give_up, is_hopeless, patiently

_AGENT = "dst3d-datasets"
_TRANSIENT = (408, 409, 425, 429)
_UNREACHED = (errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN)
_MOST_LISTING = 2**24  # bytes of one index page


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Credentials go on to the same host and to nobody else; nothing but HTTP is followed."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        if urlsplit(newurl).scheme not in ("http", "https"):
            return None
        request = super().redirect_request(req, fp, code, msg, headers, newurl)
        if request is None:
            return None
        old, new = urlsplit(req.full_url), urlsplit(newurl)
        secret = req.unredirected_hdrs.get("Authorization")
        if secret and (old.scheme, old.netloc) == (new.scheme, new.netloc):
            request.add_unredirected_header("Authorization", secret)
        request.method = req.get_method()
        return request


class _Stay(urllib.request.HTTPRedirectHandler):
    """Redirects are answers: what a HEAD at the Hub wants to know stands in their headers."""

    def redirect_request(self, *arguments: Any, **more: Any) -> None:
        return None


_follow, _stay = urllib.request.build_opener(_Redirects), urllib.request.build_opener(_Stay)


def ask(
    url: str, secret: str = "", *, page: str = "", method: str = "GET", range_: str = "", follow: bool = True
) -> Any:
    """One request, tried once.

    Args:
        url: http or https.
        secret: what `Authorization` says; empty: nothing.
        page: where a person asks for access.
        method: GET or HEAD.
        range_: what `Range` says.
        follow: whether to follow redirects.

    Returns:
        The open response.

    Raises:
        Transient: it may go better the next time.
        FileNotFoundError: 404 or 410.
        ModelRefused: ACCESS_DENIED, or UNREADABLE for any other status.
    """
    headers = {"User-Agent": _AGENT, "Accept-Encoding": "identity"}
    request = urllib.request.Request(url, headers=headers, method=method)  # noqa: S310 - http and https alone
    if range_:
        request.add_header("Range", range_)
    if secret:
        request.add_unredirected_header("Authorization", secret)
    try:
        return (_follow if follow else _stay).open(request, timeout=patience.PATIENCE.timeout)
    except urllib.error.HTTPError as error:
        if not follow and 300 <= error.code < 400:
            return error
        error.close()
        raise _status(error, url, page) from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _broken(error, url) from None


def _status(error: urllib.error.HTTPError, url: str, page: str) -> Exception:
    """What a refusal means. Nothing of the answer's text is passed on: it may repeat the request, secrets included."""
    what, code = shown(url), error.code
    if code in (401, 403):
        hint = f"; ask for access at {page}" if page else ""
        return ModelRefused(Reason.ACCESS_DENIED, f"{what}: HTTP {code}, access denied{hint}")
    if code in (404, 410):
        return FileNotFoundError(what)
    if code in _TRANSIENT or code >= 500:
        return Transient(f"HTTP {code}", wait=_retry_after(error.headers))
    return ModelRefused(Reason.UNREADABLE, f"{what}: HTTP {code}")


def _retry_after(headers: Any) -> float | None:
    text = (headers.get("Retry-After") or "").strip()
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time()) if text else None
    except (TypeError, ValueError, OverflowError):
        return None


def _broken(error: Exception, url: str) -> Exception:
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return ModelRefused(Reason.UNREADABLE, f"{shown(url)}: its certificate is not valid")
    host = urlsplit(url).hostname or url
    down = isinstance(cause, socket.gaierror) or (isinstance(cause, OSError) and cause.errno in _UNREACHED)
    detail = (cause.strerror or type(cause).__name__) if isinstance(cause, OSError) else type(cause).__name__
    return Transient(detail, host=host if down else "")


def read_from(
    url: str, secret: str = "", *, page: str = "", start: int = 0, stop: int | None = None
) -> Iterator[bytes]:
    """The bytes [start, stop) of a file, asked for again from where the connection broke off.

    Raises:
        FileNotFoundError, HostDown: as they say.
        ModelRefused: ACCESS_DENIED; UNREADABLE if the file changed meanwhile; UNREACHABLE after too many tries.
    """
    at, tag, in_a_row, in_all = start, "", 0, 0
    began = time.monotonic()
    while stop is None or at < stop:
        progress = at
        try:
            range_ = "" if at == 0 and stop is None else f"bytes={at}-{'' if stop is None else stop - 1}"
            try:
                response = ask(url, secret, page=page, range_=range_)
            except ModelRefused as error:
                if " HTTP 416" not in error.detail or at == 0:
                    raise
                if in_all:
                    detail = f"{shown(url)}: has {at} bytes, and the server promised more"
                    raise ModelRefused(Reason.UNREADABLE, detail) from None
                return  # nothing there: the file ends before
            with response:
                new_tag, skip = _tag(response.headers), 0 if response.status == 206 else at
                if tag and new_tag and new_tag != tag:
                    raise ModelRefused(Reason.UNREADABLE, f"{shown(url)}: changed while it was read")
                tag = tag or new_tag
                for piece in _body(response, skip, None if stop is None else stop - at):
                    yield piece
                    at += len(piece)
                    _check_speed(at - start, began)
            return
        except Transient as error:
            in_a_row, in_all = (1 if at > progress else in_a_row + 1), in_all + 1
            if is_hopeless(error, in_a_row, in_all):
                raise give_up(error, shown(url), in_all) from error
            patience.PATIENCE.pause(in_a_row, error)


def _check_speed(done: int, began: float) -> None:
    seconds = time.monotonic() - began
    if seconds > patience.PATIENCE.timeout and done < patience.PATIENCE.slowest * seconds:
        raise Transient(f"{done} bytes in {seconds:.0f} s are too slow", wait=float("inf"))


def _body(response: Any, skip: int, most: int | None) -> Iterator[bytes]:
    """A response's bytes without the first `skip`, at most `most` of them; all that its headers promise, or Transient.

    A server without ranges sends the whole file; then the beginning is thrown away.
    """
    promised = response.headers.get("Content-Length")
    left = int(promised) if promised and promised.isdigit() else None
    while most is None or most > 0:
        try:
            piece = response.read1(CHUNK)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Transient(f"broke off ({type(error).__name__})") from None
        if not piece:
            if left:
                raise Transient(f"broke off {left} bytes before its end")
            return
        left = None if left is None else left - len(piece)
        if skip >= len(piece):
            skip -= len(piece)
            continue
        piece, skip = piece[skip:], 0
        if most is not None:
            piece = piece[:most]
            most -= len(piece)
        yield piece


def _tag(headers: Mapping[str, str]) -> str:
    return headers.get("ETag") or headers.get("Last-Modified") or ""


def shown(url: str) -> str:
    """A URL without user, password, query and fragment: signed addresses carry secrets there."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


@dataclass(frozen=True)
class HttpBackend:
    """A folder on a web server. Listing works where the server shows an index page."""

    address: str
    page: str = ""

    def url(self, name: str) -> str:
        """See `Backend.url`."""
        return shown(self._full(name))

    def pinned(self, name: str) -> str:
        """See `Backend.pinned`."""
        return ""

    def stat(self, name: str) -> Stat:
        """See `Backend.stat`."""

        def once() -> Stat:
            with ask(self._full(name), self._secret, page=self.page, method="HEAD") as response:
                size = response.headers.get("Content-Length") or ""
                tag = _tag(response.headers)
                return Stat(int(size) if size.isdigit() else -1, f"{size}-{tag}" if size or tag else "")

        return patiently(once, self.url(name))

    def chunks(self, name: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """See `Backend.chunks`."""
        return read_from(self._full(name), self._secret, page=self.page, start=start, stop=stop)

    def listing(self, name: str) -> list[Entry]:
        """See `Backend.listing`: the links of an index page that lead to what lies in this very folder."""
        url = self._full(name).rstrip("/") + "/"
        unlisted = NotListable(f"{shown(url)}: the server shows no list of its files")
        try:
            data = b"".join(read_from(url, self._secret, page=self.page, stop=_MOST_LISTING))
        except FileNotFoundError:
            raise unlisted from None
        except ModelRefused as error:
            if " HTTP 403" in error.detail:  # how some servers say it
                raise unlisted from None
            raise
        text = data.decode("utf-8", "replace")
        if "<a " not in text.lower():
            raise unlisted
        links = _Links()
        links.feed(text)
        names = {link for link in links.found if link.strip("/") and "/" not in link.rstrip("/")}
        return sorted(Entry(n.rstrip("/"), n.endswith("/")) for n in names if n.rstrip("/") not in (".", ".."))

    def walk(self, name: str) -> Iterator[Entry]:
        """See `Backend.walk`."""
        folders = [name.strip("/")]
        while folders:
            here = folders.pop()
            for entry in self.listing(here):
                path = f"{here}/{entry.name}".lstrip("/")
                if not entry.is_folder:
                    yield Entry(path, False)
                elif path.count("/") < 16:
                    folders.append(path)

    def _full(self, name: str) -> str:
        parts = urlsplit(self.address)
        path = f"{parts.path.rstrip('/')}/{quote(name)}" if name else parts.path
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], path, parts.query, ""))

    @property
    def _secret(self) -> str:
        user = urlsplit(self.address).netloc.rpartition("@")[0]
        return f"Basic {base64.b64encode(unquote(user).encode()).decode()}" if user else ""


class _Links(html.parser.HTMLParser):
    """The relative links of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect `href` of `a`."""
        target = next((value for key, value in attrs if tag == "a" and key == "href" and value), "")
        if target and not target.startswith(("?", "#", "/")) and not urlsplit(target).scheme:
            self.found.add(unquote(target.removeprefix("./").partition("?")[0].partition("#")[0]))
