"""Annotation pickles: what the reference writes is read, and nothing in a hostile file is ever carried out."""

from __future__ import annotations

import io
import os
import pickle
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from _reference_tree import Shot, npy
from hypothesis import given, settings
from hypothesis import strategies as st

from dst3d_datasets.errors import ModelRefused, Reason
from dst3d_datasets.reference.pickled import MOST_STEPS, read_annotation

HEAD = npy({})[: npy({}).index(b"\n") + 1]
DICT_PICKLE = npy({})[len(HEAD) :]


def reason(data: bytes) -> Reason:
    with pytest.raises(ModelRefused) as caught:
        read_annotation(data, "000.npy")
    return caught.value.reason


def hostile(value: Any, protocol: int = 4) -> bytes:
    return HEAD + pickle.dumps(value, protocol)


class Calls:
    """A pickle that calls something when it is loaded."""

    def __init__(self, what: Any, *arguments: Any) -> None:
        self.call = what, arguments

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self.call


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_what_numpy_saves_is_read_as_numpy_reads_it(protocol: int) -> None:
    said = Shot(33.0, 70.0, azimuth=90.0).annotation
    said |= {"f4": np.float32(2.5), "none": None, "yes": True, "nested": [1, (2.0, "three"), {"four": -(2**40)}]}
    said |= {"fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)), "big": np.arange(3, dtype=">i4"), "no": {}}
    data = HEAD + pickle.dumps(np.array(said, dtype=object), protocol)
    if protocol in (2, 5):  # `numpy.save` has written 3 and 4; 2 needs a codec and 5 another constructor
        assert reason(data) == Reason.HOSTILE_PICKLE
        return
    found, wanted = read_annotation(data, "a"), np.load(io.BytesIO(npy(said)), allow_pickle=True).item()
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(found[name], value, err_msg=name)
        else:
            assert found[name] == value, name
    assert type(found["theta"]) is float
    assert found["matrix_world"].dtype == np.float64


@pytest.mark.parametrize("name", ["numpy.core.multiarray", "numpy._core.multiarray"])
def test_both_names_of_numpys_core_are_known(name: str) -> None:
    data = npy({"theta": np.float64(0.5)})
    core = b"numpy._core.multiarray" if b"numpy._core" in data else b"numpy.core.multiarray"
    renamed = pickle.dumps(np.array({"theta": np.float64(0.5)}, dtype=object), 3).replace(core, name.encode())
    assert read_annotation(HEAD + renamed, "a") == {"theta": 0.5}


def test_nothing_is_called(tmp_path: Path) -> None:
    """Every file would leave a mark if it were loaded by pickle; none does."""
    mark = tmp_path / "mark"
    attacks = [
        Calls(os.system, f"touch {mark}"),
        Calls(eval, f"open({str(mark)!r}, 'w')"),
        Calls(exec, f"open({str(mark)!r}, 'w')"),
        Calls(open, str(mark), "w"),
        Calls(getattr, os, "system"),
        Calls(np.load, str(mark)),
        Calls(np.testing._private.utils.runstring, f"open({str(mark)!r}, 'w')", {}),
        Calls(np.core.multiarray._reconstruct if hasattr(np, "core") else os.getcwd, np.matrix, (0,), b"b"),
        Calls(np.frombuffer, b"12345678"),
        Calls(pickle.loads, b"."),
        Calls(__import__, "os"),
        Calls(bytearray, 10**9),
        Calls(Path, "/"),
    ]
    for attack in attacks:
        for value in (attack, {"theta": attack}, np.array({"theta": attack}, dtype=object), [attack]):
            for protocol in (2, 3, 4, 5):
                try:
                    data = hostile(value, protocol)
                except (TypeError, AttributeError, pickle.PicklingError):  # modules, such as `os`, cannot be pickled
                    continue
                assert reason(data) == Reason.HOSTILE_PICKLE
    assert not mark.exists()


@pytest.mark.parametrize(
    "ops",
    [
        b"cos\nsystem\n(S'true'\ntR.",
        b"(S'true'\nios\nsystem\n.",
        b"(cos\nsystem\nS'true'\no.",
        b"cbuiltins\ngetattr\n.",
        b"cnumpy\nload\n.",
        b"c__main__\nx\n.",
        b"\x80\x04\x8c\x05numpy\x8c\x0bf2py.exec\x93.",
        b"P1\n.",
        b"\x82\x01.",
        b"}2.",
        b"\x80\x05\x96" + (2**62).to_bytes(8, "little") + b".",
        b"\x80\x05\x97.",
        b"cnumpy\ndtype\n}b.",
        b"cnumpy\ndtype\n\x81.",
        b"}(KKu.",
        b"}(K\x01K\x02u.",
        b"](]e}b.",
        b"cnumpy\nndarray\n)R.",
        b"cnumpy\ndtype\n(VO8\nI00\nI01\ntR.",
    ],
)
def test_opcodes_that_no_annotation_has(ops: bytes) -> None:
    assert reason(HEAD + ops) in (Reason.HOSTILE_PICKLE, Reason.UNREADABLE)


def test_sizes_are_bounded() -> None:
    """Huge lengths, memo places, nests and shared lists cost neither memory nor time."""
    bomb: Any = [0.0]
    for _ in range(60):
        bomb = [bomb, bomb]
    deep: Any = ()
    for _ in range(900):
        deep = (deep,)
    shape = np.zeros((2, 2))
    claims = hostile(np.array({"a": shape}, dtype=object), 3)
    attacks = {
        "shared lists": hostile({"a": bomb}),
        "deep": hostile({"a": deep}),
        "deeper": HEAD + b"}\x8c\x01a" + b")" + b"\x85" * 4000 + b"s.",
        "long text": HEAD + b"X" + (2**31 - 1).to_bytes(4, "little") + b"a.",
        "long bytes": HEAD + b"\x80\x04\x8e" + (2**60).to_bytes(8, "little") + b".",
        "memo": HEAD + b"}r\xff\xff\xff\x7f0.",
        "long number": HEAD + b"\x8b" + (2**31 - 1).to_bytes(4, "little") + b".",
        "many steps": HEAD + b"}" + b"K\x01" * (MOST_STEPS + 1) + b".",
        "large file": HEAD + b" " * 100_000,
        "shape": claims.replace(b"K\x02K\x02\x86", b"M\xff\xffM\xff\xff\x86"),
        "itself": HEAD + b"]\x94h\x00a}\x8c\x01ah\x00s.",
    }
    tracemalloc.start()
    for name, data in attacks.items():
        assert reason(data) in (Reason.HOSTILE_PICKLE, Reason.UNREADABLE, Reason.TOO_LARGE), name
    assert tracemalloc.get_traced_memory()[1] < 50_000_000
    tracemalloc.stop()


def test_files_that_are_no_annotation() -> None:
    def saved(value: Any) -> bytes:
        buffer = io.BytesIO()
        np.save(buffer, value, allow_pickle=True)
        return buffer.getvalue()

    assert reason(b"") == Reason.UNREADABLE
    assert reason(b"<!DOCTYPE html>") == Reason.UNREADABLE
    assert reason(saved(np.zeros(3))) == Reason.UNREADABLE
    assert reason(saved(np.array([{}, {}], dtype=object))) == Reason.UNREADABLE
    assert reason(npy("words")) == Reason.HOSTILE_PICKLE
    assert reason(npy({"a": np.array([{}], dtype=object)})) == Reason.HOSTILE_PICKLE
    assert reason(npy({"a": np.array("2020-01-01", "M8[D]")})) == Reason.HOSTILE_PICKLE
    assert reason(npy({"a": np.zeros(2, "f8,i4")})) == Reason.HOSTILE_PICKLE
    assert reason(npy({"a": 1j})) == Reason.HOSTILE_PICKLE
    assert reason(npy({1: 2})) == Reason.HOSTILE_PICKLE
    header = b"\x93NUMPY\x01\x00" + (118).to_bytes(2, "little") + b"__import__('os').system('true')".ljust(117) + b"\n"
    assert reason(header + DICT_PICKLE) == Reason.UNREADABLE


VALID = npy(Shot(10.0, 50.0).annotation)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damaged_files_are_refused_or_read_as_data(data: st.DataObject) -> None:
    """Bytes changed, cut or put in: either plain values come out or one of our own refusals does."""
    broken = bytearray(VALID)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(len(HEAD), len(broken) - 1))
        broken[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.one_of(st.none(), st.integers(len(HEAD), len(broken))))
    assert _outcome(bytes(broken[:cut])) in ("read", Reason.HOSTILE_PICKLE, Reason.UNREADABLE)


def _outcome(data: bytes) -> str:
    try:
        found = read_annotation(data, "a")
    except ModelRefused as error:
        return error.reason
    assert all(isinstance(name, str) for name in found)
    return "read"
