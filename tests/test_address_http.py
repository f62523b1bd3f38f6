"""Reading over real sockets from a server that refuses, resets, cuts off, drips, lies and asks to wait."""

from __future__ import annotations

import email.utils
import itertools
import os
import socket
import time

import pytest
from _web import Fault, Web

from dst3d_datasets.errors import HostDown, ModelRefused, NotListable, Reason
from dst3d_datasets.sources import patience
from dst3d_datasets.sources.address import backend_at
from dst3d_datasets.sources.address_http import HttpBackend, shown

DATA = os.urandom(700_000)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that would have been slept."""
    slept: list[float] = []
    monkeypatch.setattr(patience, "PATIENCE", patience.Patience(sleep=slept.append, timeout=1.0))
    return slept


@pytest.fixture
def web(waits: list[float]) -> Web:
    with Web() as server:
        server.files["a b/m.glb"] = DATA
        yield server


def at(web: Web, page: str = "https://example.org/access") -> HttpBackend:
    backend = backend_at(web.url, page)
    assert isinstance(backend, HttpBackend)
    return backend


def whole(backend: HttpBackend, *span: int) -> bytes:
    return b"".join(backend.chunks("a b/m.glb", *span))


def refusal(backend: HttpBackend) -> ModelRefused:
    with pytest.raises(ModelRefused) as caught:
        whole(backend)
    return caught.value


def test_whole_files_and_ranges(web: Web, waits: list[float]) -> None:
    assert whole(at(web)) == DATA
    assert at(web).stat("a b/m.glb").size == len(DATA)
    web.requests.clear()
    assert whole(at(web), 1000, 5000) == DATA[1000:5000]
    assert web.sent == 4000
    assert whole(at(web), len(DATA) - 10, len(DATA) + 10) == DATA[-10:]
    assert waits == []


def test_a_server_without_ranges_is_read_anyway(web: Web) -> None:
    web.ranges = False
    assert whole(at(web), 1000, 5000) == DATA[1000:5000]
    web.faults.append(Fault("m.glb", "truncate", 300_000))
    assert whole(at(web)) == DATA


@pytest.mark.parametrize("kind", ["reset", "truncate"])
def test_what_broke_off_is_resumed_where_it_ended(web: Web, waits: list[float], kind: str) -> None:
    web.faults += [Fault("m.glb", kind, 300_000), Fault("m.glb", kind, 100_000), Fault("m.glb", kind, 0)]
    assert whole(at(web)) == DATA
    starts = [int(request.range[6:].split("-")[0]) for request in web.gets()[1:]]
    assert starts == sorted(starts)
    assert starts[-1] > 0
    assert web.sent < 1.6 * len(DATA)  # a reset may lose what was under way
    assert len(waits) == 3


def test_a_file_that_always_breaks_off_is_given_up(web: Web, waits: list[float]) -> None:
    web.faults.append(Fault("m.glb", "reset", 0, times=99))
    error = refusal(at(web))
    assert error.reason == Reason.UNREACHABLE
    assert "given up after 5 tries" in error.detail
    assert len(waits) == 4
    assert all(later > earlier for earlier, later in itertools.pairwise(waits))


def test_a_length_that_is_too_long_is_noticed(web: Web) -> None:
    web.faults.append(Fault("m.glb", "long", 100, times=99))
    assert refusal(at(web)).reason == Reason.UNREADABLE


def test_a_file_that_changes_in_the_middle_is_not_patched_together(web: Web) -> None:
    web.faults += [Fault("m.glb", "truncate", 300_000), Fault("m.glb", "change")]
    error = refusal(at(web))
    assert (error.reason, "changed while it was read" in error.detail) == (Reason.UNREADABLE, True)


@pytest.mark.parametrize("code", [429, 500, 502, 503, 504])
def test_a_busy_server_is_asked_again(web: Web, waits: list[float], code: int) -> None:
    web.faults.append(Fault("m.glb", "status", code, times=2))
    assert whole(at(web)) == DATA
    assert len(waits) == 2


def test_retry_after_is_heeded(web: Web, waits: list[float]) -> None:
    date = email.utils.formatdate(time.time() + 50, usegmt=True)
    web.faults += [
        Fault("m.glb", "status", 429, headers={"Retry-After": "17"}),
        Fault("m.glb", "status", 503, headers={"Retry-After": date}),
        Fault("m.glb", "status", 503, headers={"Retry-After": "soon"}),
    ]
    assert whole(at(web)) == DATA
    assert waits[0] == 17
    assert 45 < waits[1] <= 50
    assert waits[2] < 10
    web.faults.append(Fault("m.glb", "status", 429, headers={"Retry-After": "86400"}))
    assert refusal(at(web)).reason == Reason.UNREACHABLE
    assert len(waits) == 3


@pytest.mark.parametrize("code", [401, 403])
def test_who_may_not_is_told_where_to_ask(web: Web, waits: list[float], code: int) -> None:
    web.faults.append(Fault("m.glb", "status", code))
    error = refusal(at(web))
    assert error.reason == Reason.ACCESS_DENIED
    assert f"HTTP {code}" in error.detail
    assert "ask for access at https://example.org/access" in error.detail
    assert waits == []


def test_what_is_not_there(web: Web, waits: list[float]) -> None:
    for action in (lambda: at(web).stat("no.glb"), lambda: list(at(web).chunks("no.glb"))):
        with pytest.raises(FileNotFoundError):
            action()
    web.faults.append(Fault("m.glb", "status", 418))
    assert refusal(at(web)).reason == Reason.UNREADABLE
    assert waits == []


def test_a_server_that_says_nothing_is_given_up(web: Web, waits: list[float]) -> None:
    patience.PATIENCE.timeout = 0.2
    web.faults.append(Fault("m.glb", "slow", 0.6, times=1))
    assert whole(at(web)) == DATA
    assert len(waits) == 1


def test_a_server_that_drips_is_given_up(web: Web) -> None:
    patience.PATIENCE.timeout, patience.PATIENCE.slowest = 0.3, 1e6
    web.faults.append(Fault("m.glb", "drip", 0.02, times=99))
    begin = time.monotonic()
    error = refusal(at(web))
    assert (error.reason, "too slow" in error.detail) == (Reason.UNREACHABLE, True)
    assert time.monotonic() - begin < 5


def test_a_machine_that_does_not_answer_ends_the_source(waits: list[float]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(HostDown, match=r"127.0.0.1 cannot be reached \(Connection refused\), tried 5 times"):
        whole(HttpBackend(f"http://127.0.0.1:{port}"))
    with pytest.raises(HostDown):
        HttpBackend("http://no-such-host.invalid").stat("x")
    assert len(waits) == 8


def test_credentials_go_to_their_host_alone_and_into_no_message(web: Web) -> None:
    with Web() as other:
        other.files["x"] = DATA
        address = web.url.replace("http://", "http://me:s3cret@") + "/?sig=t0ken"
        backend = backend_at(address)
        web.faults.append(Fault("m.glb", "redirect", f"{other.url}/x"))
        web.faults.append(Fault("m.glb", "status", 403))
        assert whole(backend) == DATA
        assert web.requests[0].authorization.startswith("Basic ")
        assert other.requests[0].authorization == ""
        text = refusal(backend).detail + backend.url("x") + shown(address)
        assert not any(secret in text for secret in ("s3cret", "t0ken", "me:"))


def test_same_host_redirects_keep_credentials_and_ranges(web: Web) -> None:
    web.faults.append(Fault("moved", "redirect", f"{web.url}/a%20b/m.glb"))
    backend = backend_at(web.url.replace("http://", "http://me:s3cret@"))
    assert b"".join(backend.chunks("moved", 5, 9)) == DATA[5:9]
    assert web.requests[1].authorization == web.requests[0].authorization != ""


def test_nothing_but_http_is_followed(web: Web) -> None:
    web.faults += [Fault("m.glb", "redirect", "ftp://127.0.0.1/x"), Fault("m.glb", "redirect", "file:///etc/passwd")]
    assert [refusal(at(web)).reason for _ in range(2)] == [Reason.UNREADABLE] * 2


def test_index_pages_are_lists(web: Web) -> None:
    web.files.update({"a b/deep/er/n.obj": b"x", "top.ply": b"y"})
    assert [entry[:2] for entry in at(web).listing("")] == [("a b", True), ("top.ply", False)]
    assert sorted(entry.name for entry in at(web).walk("")) == ["a b/deep/er/n.obj", "a b/m.glb", "top.ply"]
    web.files["plain/"] = b"hello"
    with pytest.raises(NotListable):
        at(web).listing("plain")
