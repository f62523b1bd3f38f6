"""Data sets on the Hugging Face Hub, at one commit: hf://datasets/<owner>/<name>[@revision][/<path>].

Spoken in plain HTTP: what is read here needs three endpoints, and `huggingface_hub` stays an option. It honours the
same variables: HF_ENDPOINT, HF_TOKEN, HF_TOKEN_PATH, HF_HOME.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urljoin

from ..errors import ModelRefused, Reason, SourceError
from .address import Entry, Stat
from .address_http import ask, read_from
from .patience import patiently

_FORM = "hf://datasets/<owner>/<name>[@revision][/<path>]"
_ADDRESS = re.compile(r"^hf://datasets/(?P<repo>[\w.-]+/[\w.-]+)(?:@(?P<revision>[^/]+))?(?:/(?P<path>.*))?$")
_NEXT = re.compile(r"<([^>]+)>\s*;\s*rel=\"?next\"?")
_MOST_PAGE = 2**27  # bytes of one page of a listing


def token() -> str:
    """The user's token, or nothing: HF_TOKEN, else the file that `hf auth login` writes."""
    if os.environ.get("HF_HUB_DISABLE_IMPLICIT_TOKEN", "").upper() in ("1", "ON", "YES", "TRUE"):
        return ""
    given = os.environ.get("HF_TOKEN") or os.environ.get("HUGGING_FACE_HUB_TOKEN")
    if given:
        return given.strip()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"
    home = Path(os.environ.get("HF_HOME") or cache)
    file = Path(os.environ.get("HF_TOKEN_PATH") or home / "token").expanduser()
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""


class HubBackend:
    """A folder of a data set's repository. The revision is resolved once, so that all is read from one commit.

    Args:
        address: see the module; slashes in a revision are written %2F, as everywhere on the Hub.
    """

    def __init__(self, address: str) -> None:
        match = _ADDRESS.match(address)
        path = (match["path"] or "").strip("/") if match else ""
        if match is None or ".." in path.split("/"):
            raise SourceError(f"{address}: a Hub address has the form {_FORM}")
        self.address, self._repo, self._folder = address, match["repo"], path
        self._revision = unquote(match["revision"] or "main")
        self.page = f"{self._endpoint}/datasets/{self._repo}"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.address,)

    def url(self, name: str) -> str:
        """See `Backend.url`; it names the commit."""
        return f"hf://datasets/{self._repo}@{self._commit}/{self._path(name)}"

    def pinned(self, name: str) -> str:
        """See `Backend.pinned`."""
        return self._commit

    def stat(self, name: str) -> Stat:
        """See `Backend.stat`."""

        def once() -> Stat:
            url = self._file(name)
            for _ in range(5):
                with self._ask(url, method="HEAD", follow=False) as response:
                    headers, status = response.headers, response.status
                next_url = urljoin(url, headers.get("Location") or "")
                size = headers.get("X-Linked-Size") or (headers.get("Content-Length") if status < 300 else "") or ""
                # A data set that was renamed redirects within the Hub; one to elsewhere leads to the content.
                if size or not next_url.startswith(self._endpoint + "/"):
                    break
                url = next_url
            return Stat(int(size) if size.isdigit() else -1, self._commit)

        return patiently(once, self.url(name))

    def chunks(self, name: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """See `Backend.chunks`."""
        return read_from(self._file(name), self._secret, page=self.page, start=start, stop=stop)

    def listing(self, name: str) -> list[Entry]:
        """See `Backend.listing`."""
        return [Entry(path.rpartition("/")[2], is_folder, tag) for path, is_folder, tag in self._tree(name, False)]

    def walk(self, name: str) -> Iterator[Entry]:
        """See `Backend.walk`."""
        for path, is_folder, tag in self._tree(name, True):
            if not is_folder:
                yield Entry(path[len(self._folder) :].lstrip("/"), False, tag)

    @property
    def _endpoint(self) -> str:
        return (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")

    @property
    def _secret(self) -> str:
        found = token()
        return f"Bearer {found}" if found else ""

    @cached_property
    def _commit(self) -> str:
        """The commit that the revision means now."""
        url = f"{self._endpoint}/api/datasets/{self._repo}/revision/{quote(self._revision, safe='')}"
        try:
            found, _ = patiently(lambda: self._json(url), f"hf://datasets/{self._repo}")
        except FileNotFoundError:
            at = f"hf://datasets/{self._repo}@{self._revision}"
            raise SourceError(
                f"{at}: no such data set or revision, or it is private: then set HF_TOKEN; see {self.page}"
            ) from None
        except ModelRefused as error:
            raise SourceError(f"{error.detail} (HF_TOKEN must be that of an account with access)") from None
        commit = str(found.get("sha", "")) if isinstance(found, dict) else ""
        if not re.fullmatch(r"[0-9a-f]{6,64}", commit):
            raise SourceError(f"hf://datasets/{self._repo}: the Hub's answer names no commit")
        return commit

    def _path(self, name: str) -> str:
        return f"{self._folder}/{name}".strip("/")

    def _file(self, name: str) -> str:
        return f"{self._endpoint}/datasets/{self._repo}/resolve/{self._commit}/{quote(self._path(name))}"

    def _ask(self, url: str, **more: Any) -> Any:
        return ask(url, self._secret, page=self.page, **more)

    def _json(self, url: str) -> tuple[Any, str]:
        """A JSON answer, and the address of the next page or nothing."""
        with self._ask(url) as response:
            text = response.read(_MOST_PAGE + 1)
            link = _NEXT.search(response.headers.get("Link") or "")
        try:
            value = json.loads(text)
        except ValueError:
            raise ModelRefused(Reason.UNREADABLE, f"hf://datasets/{self._repo}: the Hub's answer is no JSON") from None
        return value, urljoin(url, link[1]) if link else ""

    def _tree(self, name: str, recursive: bool) -> Iterator[tuple[str, bool, str]]:
        """(path from the repository's root, whether a folder, tag) of each entry, page after page."""
        flag = "true" if recursive else "false"
        folder = quote(self._path(name))
        url = f"{self._endpoint}/api/datasets/{self._repo}/tree/{self._commit}/{folder}".rstrip("/")
        url += f"?recursive={flag}"
        while url:
            if not url.startswith(self._endpoint + "/"):
                return
            page, url = patiently(lambda here=url: self._json(here), self.url(name))  # type: ignore[misc]
            for item in page if isinstance(page, list) else ():
                large = item.get("lfs") or {}
                yield str(item["path"]), item.get("type") == "directory", str(large.get("oid") or item.get("oid") or "")
