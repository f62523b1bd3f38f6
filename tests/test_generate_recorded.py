"""Recordings of whole batches, without a GPU: what is called, with which tensors, and that nothing is compiled anew."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers", reason="needs the extra [controlnet]")

from _tiny_generators import CASES, folders, generator, shots  # noqa: E402, F401

from dst3d_datasets.generate import compiling  # noqa: E402

# ruff: noqa: F811


class Tape:
    """In place of a CUDA graph: `replay` calls the function again."""

    def __init__(self, graph):
        self.graph, self.replays = graph, 0

    def replay(self):
        self.replays += 1
        with torch.compiler.set_stance("fail_on_recompile"):
            self.graph._output.copy_(self.graph._call())


@pytest.fixture
def tapes(monkeypatch):
    made = []

    def recorded(graph):
        with torch.compiler.set_stance("fail_on_recompile"):  # a recording in which something is compiled is lost
            graph._output = graph._call()
        made.append(Tape(graph))
        return made[-1]

    monkeypatch.setattr(compiling._Graph, "_recorded", recorded)
    return made


def test_the_first_call_is_not_recorded_the_second_is_and_every_later_one_replayed(tapes):
    seen = []

    def twice(tensor, factor):
        seen.append(tensor)
        return tensor * factor

    double = compiling.Recorded(twice)
    assert double(torch.ones(2), 2.0).tolist() == [2.0, 2.0]
    double.is_on = True
    assert double.num_recorded == 0
    found = [double(torch.full((2,), float(number)), 2.0).tolist() for number in range(4)]
    assert found == [[0.0, 0.0], [2.0, 2.0], [4.0, 4.0], [6.0, 6.0]]
    assert double.num_recorded == 1
    assert [tape.replays for tape in tapes] == [3]
    assert len({tensor.data_ptr() for tensor in seen[1:]}) == 1  # a recording reads where it was told to
    assert double(torch.ones(3), 2.0).tolist() == [2.0] * 3
    assert double.num_recorded == 1  # another shape is another recording


def test_a_result_stays_what_it_was_when_the_recording_is_replayed(tapes):
    double = compiling.Recorded(lambda tensor: tensor * 2)
    double.is_on = True
    first, second, third = (double(torch.full((2,), float(number))) for number in range(3))
    assert [each.tolist() for each in (first, second, third)] == [[0.0] * 2, [2.0] * 2, [4.0] * 2]
    assert len(tapes) == 1


def test_a_first_call_that_fails_is_done_again_before_anything_is_recorded(tapes):
    calls = []

    def fails_once(tensor):
        calls.append(tensor)
        if len(calls) == 1:
            raise torch.cuda.OutOfMemoryError("not enough")
        return tensor + 1

    more = compiling.Recorded(fails_once)
    more.is_on = True
    with pytest.raises(torch.cuda.OutOfMemoryError):
        more(torch.zeros(1))
    assert more(torch.zeros(1)).tolist() == [1.0]
    assert not tapes
    assert more(torch.zeros(1)).tolist() == [1.0]
    assert len(tapes) == 1


@pytest.mark.parametrize(("pipeline", "nets"), CASES)
def test_nothing_is_compiled_anew_while_a_batch_is_recorded(monkeypatch, tapes, folders, pipeline, nets):
    """Dynamo's guards are real, what they guard is not compiled. SDXL's sizes are one row seen many times: of a copy,
    strides differ."""
    compile_ = torch.compile

    def guarded(function, *, fullgraph, dynamic, options):
        return compile_(function, fullgraph=fullgraph, dynamic=dynamic, backend="eager")

    monkeypatch.setattr(torch, "compile", guarded)
    torch._dynamo.reset()
    drawing = generator(folders, pipeline, nets, batch_size=2, steps=2, compile="always")
    drawing.drawing().sampler._recorded.is_on = True
    found = [np.stack(drawing.generate(shots(2))) for _ in range(3)]
    assert [tape.replays for tape in tapes] == [2]
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[1], found[2])
    other = np.stack(drawing.generate(shots(4)[2:]))
    assert np.abs(other.astype(int) - found[0]).mean() > 1
