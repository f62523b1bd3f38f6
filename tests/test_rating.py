"""`dst3d rate`: whom it asks about, what it keeps, the page's server, the terminal, and agreement by hand."""

from __future__ import annotations

import io
import json
import threading
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from _fake_run import fake_run
from PIL import Image

from dst3d_datasets.cli import main
from dst3d_datasets.errors import UsageError
from dst3d_datasets.rating import COLUMNS, Rating, RatingTable, agreement_of, settled
from dst3d_datasets.rating.choose import choose, order_of
from dst3d_datasets.rating.server import RatingServer
from dst3d_datasets.rating.session import Session
from dst3d_datasets.rating.terminal import answers_of, sheets_of
from dst3d_datasets.store import Store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Three classes of three models of four views."""
    return fake_run(tmp_path_factory.mktemp("rate") / "run")


def _session(store: Store, path: Path, count: int = 6, passes: int = 2) -> Session:
    return Session(store, choose(store, count), RatingTable(str(path)), passes)


def test_the_choice_is_even_and_always_the_same(store: Store) -> None:
    nine, all_of_them = choose(store, 9), choose(store, 10_000)
    assert len(all_of_them) == 36
    assert nine == choose(store, 9) == all_of_them[:9]
    bins = Counter((each.class_id, each.view_bin) for each in all_of_them)
    assert len({(each.class_id, each.view_bin) for each in all_of_them[: len(bins)]}) == len(bins)
    first, second = order_of(nine, 1), order_of(nine, 2)
    assert first != second
    assert sorted(each.key for each in first) == sorted(each.key for each in second)


def test_the_table_is_kept_and_the_last_answer_counts(tmp_path: Path) -> None:
    path = tmp_path / "ratings.tsv"
    table = RatingTable(str(path))
    table.put([Rating("a", True, "", 1, 1.25), Rating("b", None, "two\tobjects\n", 1, 2.0)])
    table.put([Rating("a", False, "", 1, 1.0)])
    assert path.read_text().splitlines() == ["\t".join(COLUMNS), "a\t0\t\t1\t1.0", "b\t\ttwo objects\t1\t2.0"]
    again = RatingTable(str(path))
    assert again.of_pass(1)["a"].good is False
    assert again.of_pass(1)["b"].good is None
    again.put([Rating("a", False, "", 2, 1.0), Rating("c", True, "", 1, 1.0), Rating("c", False, "", 2, 1.0)])
    assert settled(again) == {"a": False}  # b was left open, and of c the passes say different things
    path.write_text("key\tgood\na\t1\n")
    with pytest.raises(UsageError, match="no table of ratings"):
        RatingTable(str(path))
    path.write_text("\t".join(COLUMNS) + "\na\tyes\t\t1\t1.0\n")
    with pytest.raises(UsageError, match="line 2"):
        RatingTable(str(path))


def test_agreement_by_hand() -> None:
    pairs = [(True, True)] * 40 + [(True, False)] * 10 + [(False, True)] * 5 + [(False, False)] * 45
    found = agreement_of(pairs)
    assert (found.both, found.same) == (100, 85)
    assert found.kappa == pytest.approx((0.85 - 0.5) / 0.5)
    assert agreement_of([(True, True)] * 5).kappa == 1.0
    assert agreement_of([]).both == 0


@pytest.fixture
def server(store: Store, tmp_path: Path) -> Iterator[RatingServer]:
    """The page of six samples."""
    with RatingServer(_session(store, tmp_path / "r.tsv")) as served:
        thread = threading.Thread(target=served.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield served
        served.shutdown()
        thread.join(5)


def _get(server: RatingServer, path: str, **headers: str) -> bytes:
    with urllib.request.urlopen(urllib.request.Request(server.url + path, headers=headers), timeout=10) as reply:
        return reply.read()


def _post(server: RatingServer, path: str, plain: Any, kind: str = "application/json") -> None:
    request = urllib.request.Request(server.url + path, json.dumps(plain).encode(), {"Content-Type": kind})
    urllib.request.urlopen(request, timeout=10).close()


def test_two_passes_on_the_page(server: RatingServer, store: Store, tmp_path: Path) -> None:
    """Answers are kept at once, the second pass hides the first, and an interrupted one goes on."""
    assert b"addEventListener" in _get(server, "")
    state = json.loads(_get(server, "state"))
    assert (state["pass"], state["passes"], len(state["items"])) == (1, 2, 6)
    keys = [item["key"] for item in state["items"]]
    for number, key in enumerate(keys):
        _post(server, "answer", {"key": key, "good": number % 2 == 0, "note": "n", "pass": 1, "seconds": 1.5})
        if number == 2:
            there = json.loads(_get(server, "state"))["items"]
            assert [item["answered"] for item in there] == [True] * 3 + [False] * 3
            assert there[1]["good"] is False
            assert _session(store, tmp_path / "r.tsv").answers(1).keys() == set(keys[:3])
    second = json.loads(_get(server, "state"))
    assert second["pass"] == 2
    assert [item["key"] for item in second["items"]] != keys
    assert not any(item["answered"] or item["note"] for item in second["items"])
    for number, key in enumerate(keys):
        _post(server, "answer", {"key": key, "good": None if number else True, "note": "", "pass": 2, "seconds": 1})
    last = json.loads(_get(server, "state"))
    assert last["pass"] == 3
    assert last["agreement"] == {"both": 1, "same": 1, "kappa": 1.0}


def test_pictures_of_the_page(server: RatingServer) -> None:
    key = json.loads(_get(server, "state"))["items"][0]["key"]
    seen = [_get(server, f"picture/{key}/{column}.jpg") for column in ("picture", "render", "pose")]
    assert seen[2] not in seen[:2]  # here picture and render are alike
    assert {Image.open(io.BytesIO(data)).size for data in seen} == {(448, 448)}


def test_what_the_server_refuses(server: RatingServer) -> None:
    """Other names for this address, forms of other pages, paths, and answers that are none."""
    key = json.loads(_get(server, "state"))["items"][0]["key"]
    right = {"key": key, "good": True, "note": "", "pass": 1, "seconds": 1}

    def refused(code: int, call: Any, *args: Any, **headers: str) -> None:
        with pytest.raises(urllib.error.HTTPError) as error:
            call(server, *args, **headers)
        assert error.value.code == code

    refused(403, _get, "state", Host="example.org")
    refused(403, _post, "answer", right, "text/plain")
    refused(403, _post, "answer", {**right, "note": "x" * 20_000})
    for path in ("picture/../run.json", f"picture/{key}/json.jpg", "picture/nobody/pose.jpg", "etc/passwd"):
        refused(404, _get, path)
    for wrong in ({**right, "key": "nobody"}, {**right, "pass": 3}, {**right, "good": 2}, {"key": key}, []):
        refused(400, _post, "answer", wrong)
    assert not server.session.answers(1)


def test_a_port_that_is_taken(server: RatingServer, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError, match="--port"):
        RatingServer(server.session, server.server_address[1])


def test_lines_of_answers(store: Store, tmp_path: Path) -> None:
    sheet = sheets_of(_session(store, tmp_path / "r.tsv"), 1)[0]
    found = answers_of("2, ?5", sheet, 1, 12.0)
    assert [rating.good for rating in found] == [True, False, True, True, None, True]
    assert {rating.seconds for rating in found} == {2.0}
    for wrong in ("7", "0", "two", "2 2", "?"):
        with pytest.raises(ValueError, match=r"twice|numbers from 1 to 6"):
            answers_of(wrong, sheet, 1, 1.0)


def test_the_terminal(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two sheets, a wrong line, a step back, an end; then it goes on to the second pass."""
    words = ["rate", store.url, "-n", "20", "-o", str(tmp_path / "r.tsv"), "--terminal", "--json"]
    words += ["--sheets", str(tmp_path / "sheets")]
    monkeypatch.setattr("sys.stdin", io.StringIO("99\n1 2\nback\n1\n?3\n\nq\n"))
    assert main(words) == 0
    data = json.loads(capsys.readouterr().out)
    first, second = data["passes"]
    assert (first["answered"], first["bad"], first["unsure"]) == (20, 1, 1)
    assert second["answered"] == 12
    assert Image.open(tmp_path / "sheets" / "pass1-001.png").width > 1000
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
    assert main(words) == 0
    data = json.loads(capsys.readouterr().out)
    assert [each["answered"] for each in data["passes"]] == [20, 20]
    assert data["agreement"]["both"] == 19
    assert main(words) == 0  # nothing is left to ask


def test_nothing_to_rate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rate", str(tmp_path)]) == 2
    empty = fake_run(tmp_path / "run", leave_out=10_000)
    assert main(["rate", empty.url]) == 2
    assert "no finished sample" in capsys.readouterr().err
