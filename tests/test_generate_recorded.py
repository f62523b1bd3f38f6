"""Recordings of whole batches, without a GPU: what is called, with which tensors, and that nothing is compiled anew."""

from __future__ import annotations

import gc
import itertools
import weakref
from collections import Counter, deque

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers", reason="needs the extra [controlnet]")

from _tiny_generators import CASES, folders, generator, shots  # noqa: E402, F401

from dst3d_datasets.generate import compiling  # noqa: E402

# ruff: noqa: F811


class Tape:
    """In place of a CUDA graph of one part: `replay` does that part again, with what the parts before it left."""

    made: list[Tape]
    users: Counter[int]
    owner: compiling._Graph
    log: list[tuple[str, int]]
    parts: compiling.Parts

    def __init__(self):
        self.number = len(self.made)
        self.made.append(self)
        self.is_open = False

    def capture_begin(self, pool, capture_error_mode):
        assert capture_error_mode == "thread_local"
        assert not any(tape.is_open for tape in self.made)
        assert self.users.get(pool) != 0, "CUDA's allocator does not record into memory that nobody holds any more"
        self.users[pool] += 1
        weakref.finalize(self, self.users.subtract, [pool])
        self.is_open = True

    def capture_end(self):
        self.is_open = False

    def replay(self):
        assert not self.is_open
        self.log.append(("launch", self.number))
        if self.number == 0:
            Tape.parts = self.owner._call()
        with torch.compiler.set_stance("fail_on_recompile"):
            try:
                next(self.parts)
            except StopIteration as end:
                self.owner._output.copy_(end.value)


class Event:
    """In place of a CUDA event."""

    def __init__(self, blocking):
        assert blocking  # a thread that waits leaves the processor to others

    def record(self):
        self.number = Tape.log[-1][1]

    def synchronize(self):
        Tape.log.append(("wait", self.number))


@pytest.fixture
def tapes(monkeypatch):
    Tape.made, Tape.log, Tape.users = [], [], Counter()
    recorded, handles = compiling._Graph._recorded, itertools.count(1)

    def of(graph):
        Tape.owner, Tape.made = graph, []
        with torch.compiler.set_stance("fail_on_recompile"):  # a recording in which something is compiled is lost
            return recorded(graph)

    monkeypatch.setattr(compiling._Graph, "_recorded", of)
    monkeypatch.setattr(compiling._Graph, "_shared", None)
    monkeypatch.setattr(torch.cuda, "graph_pool_handle", lambda: next(handles))
    monkeypatch.setattr(compiling._Graph, "_launched", deque())
    for name, fake in {"CUDAGraph": Tape, "Event": Event, "synchronize": lambda: None}.items():
        monkeypatch.setattr(torch.cuda, name, fake)
    return Tape


def test_the_first_call_is_not_recorded_the_second_is_and_every_later_one_replayed(tapes):
    seen = []

    def twice(tensor, factor):
        seen.append(tensor)
        result = tensor * factor
        yield
        return result

    double = compiling.Recorded(twice)
    assert double(torch.ones(2), 2.0).tolist() == [2.0, 2.0]
    double.is_on = True
    assert double.num_recorded == 0
    found = []
    for number in range(4):
        found.append(double(torch.full((2,), float(number)), 2.0).tolist())
        assert double.num_recorded == min(number, 1)
    assert found == [[0.0, 0.0], [2.0, 2.0], [4.0, 4.0], [6.0, 6.0]]
    assert len(tapes.made) == 2
    assert [what for what in tapes.log if what[0] == "launch"] == [("launch", 0), ("launch", 1)] * 3
    assert len({tensor.data_ptr() for tensor in seen[1:]}) == 1  # a recording reads where it was told to
    assert double(torch.ones(3), 2.0).tolist() == [2.0] * 3
    assert double.num_recorded == 1  # another shape is another recording


def test_a_part_is_launched_while_the_one_before_it_is_at_work_and_not_earlier(tapes):
    def counting(tensor):
        for _ in range(4):
            tensor = tensor + 1
            yield
        return tensor

    count = compiling.Recorded(counting)
    count.is_on = True
    assert [count(torch.zeros(1)).item() for _ in range(2)] == [4.0, 4.0]
    first = [("launch", 0), ("launch", 1)]
    for number in range(2, 5):
        first += [("wait", number - 2), ("launch", number)]
    assert tapes.log == first
    assert count(torch.zeros(1)).item() == 4.0  # the last two parts of the batch before may be under way
    assert tapes.log[len(first) :][:4] == [("wait", 3), ("launch", 0), ("wait", 4), ("launch", 1)]


def test_a_result_stays_what_it_was_when_the_recording_is_replayed(tapes):
    def double(tensor):
        yield
        return tensor * 2

    recorded = compiling.Recorded(double)
    recorded.is_on = True
    first, second, third = (recorded(torch.full((2,), float(number))) for number in range(3))
    assert [each.tolist() for each in (first, second, third)] == [[0.0] * 2, [2.0] * 2, [4.0] * 2]


def test_recordings_share_their_memory_and_it_goes_with_the_last_of_them(tapes):
    """A process draws with one generator, drops it, and draws with another."""

    def double(tensor):
        yield
        return tensor * 2

    def made():
        recorded = compiling.Recorded(double)
        recorded.is_on = True
        assert [recorded(torch.ones(1)).item() for _ in range(3)] == [2.0] * 3
        assert recorded.num_recorded == 1
        return recorded

    first, second = made(), made()
    assert tapes.users == {1: 4}  # two parts each
    del first
    assert tapes.users == {1: 3}  # the memory's own
    third = made()
    assert tapes.users == {1: 5}
    tapes.owner, tapes.made, tapes.parts = None, [], None
    del second, third
    gc.collect()
    assert tapes.users == {1: 0}
    made()
    assert tapes.users[2] == 2


def test_what_is_collected_when_a_recording_begins_does_not_take_the_memory_with_it(tapes):
    """A generator that nobody holds but itself lives until Python looks for such, as it does before a recording."""

    class Owner:
        def __init__(self):
            self.itself = self
            self.recorded = compiling.Recorded(self.double)
            self.recorded.is_on = True

        def double(self, tensor):
            yield
            return tensor * 2

    gc.disable()
    try:
        for _ in range(3):
            owner = Owner()
            assert [owner.recorded(torch.ones(1)).item() for _ in range(3)] == [2.0] * 3
            assert owner.recorded.num_recorded == 1
            tapes.owner, tapes.made, tapes.parts = None, [], None
            del owner
    finally:
        gc.enable()
    assert len(tapes.users) == 1


def test_a_shape_for_which_memory_ran_out_is_forgotten_with_its_tensors(tapes):
    """In its first call, or when it was to be recorded; should it come again, it begins anew."""
    fails, held = [], []

    def more(tensor):
        held.append(weakref.ref(tensor))
        yield
        if fails:
            raise torch.cuda.OutOfMemoryError(fails.pop())
        return tensor + 1

    recorded = compiling.Recorded(more)
    recorded.is_on = True
    for calls in range(2):
        for _ in range(calls):
            assert recorded(torch.zeros(1)).tolist() == [1.0]
        fails.append("not enough")
        with pytest.raises(torch.cuda.OutOfMemoryError, match="not enough"):
            recorded(torch.zeros(1))
        tapes.owner = None
        gc.collect()
        assert held
        assert all(reference() is None for reference in held)
        assert not any(tape.is_open for tape in tapes.made)
        assert recorded.num_recorded == 0
    assert [recorded(torch.full((1,), float(number))).item() for number in range(3)] == [1.0, 2.0, 3.0]
    assert recorded.num_recorded == 1


def test_what_cannot_be_recorded_is_called_and_that_is_told_once(tapes):
    def more(tensor):
        yield
        if any(tape.is_open for tape in tapes.made):
            raise RuntimeError("operation not permitted when stream is capturing\nand much more")
        return tensor + 1

    recorded = compiling.Recorded(more)
    recorded.is_on = True
    assert recorded(torch.zeros(1)).item() == 1.0
    with pytest.warns(UserWarning, match=r"without a recording, a little slower: operation not .* capturing$") as told:
        assert [recorded(torch.full((1,), value)).item() for value in (1.0, 2.0)] == [2.0, 3.0]
    assert len(told) == 1
    assert recorded.num_recorded == 0
    assert compiling._Graph._shared is None


@pytest.mark.parametrize(("pipeline", "nets"), CASES)
def test_nothing_is_compiled_anew_while_a_batch_is_recorded(monkeypatch, tapes, folders, pipeline, nets):
    """Dynamo's guards are real, what they guard is not compiled. SDXL's sizes are one row seen many times: of a copy,
    strides differ."""
    compile_ = torch.compile

    def guarded(function, *, fullgraph, dynamic):
        return compile_(function, fullgraph=fullgraph, dynamic=dynamic, backend="eager")

    monkeypatch.setattr(torch, "compile", guarded)
    torch._dynamo.reset()
    drawing = generator(folders, pipeline, nets, batch_size=2, steps=2, compile="always")
    drawing.drawing().sampler._recorded.is_on = True
    found = [np.stack(drawing.generate(shots(2))) for _ in range(3)]
    assert len(tapes.made) == 3  # one a step, and the pictures
    assert len([what for what in tapes.log if what[0] == "launch"]) == 6
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[1], found[2])
    other = np.stack(drawing.generate(shots(4)[2:]))
    assert np.abs(other.astype(int) - found[0]).mean() > 1
