"""Compiled networks and recorded batches on a GPU: the same pictures as the stock pipeline's, and as each other."""

from __future__ import annotations

import threading

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers", reason="needs the extra [controlnet]")

from _tiny_generators import CASES, folders, generator, shots  # noqa: E402, F401

from dst3d_datasets.generate import draw as drawing_module  # noqa: E402
from dst3d_datasets.turns import Turns  # noqa: E402

# ruff: noqa: F811

DEVICE = "cuda"
pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="compiling for a GPU needs a GPU")


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path_factory):
    """Nothing that was compiled before is found."""
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path_factory.mktemp("compiled")))


def compiled(folders, pipeline="own", nets=(), **options):
    given = {"device": DEVICE, "dtype": "float32", "batch_size": 4, "compile": "always", **options}
    drawing = generator(folders, pipeline, nets, **given)
    drawing.expect(4)
    return drawing


def gap(one, other):
    return np.abs(np.stack(one).astype(int) - np.stack(other))


@pytest.mark.parametrize(("pipeline", "nets"), CASES)
@pytest.mark.parametrize("scheduler", ["ddim", "dpmpp", "unipc"])
def test_compiled_pictures_are_the_stock_pipelines(monkeypatch, folders, pipeline, nets, scheduler):
    """The third time they come from a recording, where the scheduler allows one."""
    drawing = compiled(folders, pipeline, nets, scheduler=scheduler, steps=3)
    times = [drawing.generate(shots(4)) for _ in range(3)]
    sampler = drawing.drawing().sampler
    assert drawing.drawing().is_compiled
    assert bool(sampler._recorded.num_recorded) == (scheduler != "unipc" and DEVICE == "cuda")
    monkeypatch.setattr(drawing_module, "why_no_sampler", lambda pipeline: "for comparison")
    plain = generator(
        folders, pipeline, nets, scheduler=scheduler, steps=3, device=DEVICE, dtype="float32", batch_size=4
    ).generate(shots(4))
    for pictures in times:
        assert gap(pictures, plain).max() <= 1
        assert np.stack(pictures).std() > 5
    np.testing.assert_array_equal(times[1], times[2])


def test_a_recording_reads_what_it_is_given_anew(folders):
    """Other words, controls and seeds than those it was recorded with; a stream of batches, the next one begun before
    the last one is read."""
    drawing = compiled(folders)
    many = shots(12)
    for _ in range(2):
        drawing.generate(many[:4])
    streamed = [picture for _, pictures, _ in drawing.stream([many[:4], many[4:8], many[8:]]) for picture in pictures]
    alone = [picture for first in (8, 4, 0) for picture in drawing.generate(many[first : first + 4])]
    np.testing.assert_array_equal(streamed, [*alone[8:], *alone[4:8], *alone[:4]])
    assert gap(streamed[:4], streamed[4:8]).mean() > 1


def test_what_is_prepared_while_a_batch_is_recorded_is_no_part_of_the_recording(folders):
    """In a stream the second batch is recorded while the third one is prepared."""
    drawing, many = compiled(folders), shots(24)
    batches = [many[first : first + 4] for first in range(0, 24, 4)]
    streamed = [pictures for _, pictures, _ in drawing.stream(batches)]
    again = [pictures for _, pictures, _ in drawing.stream(batches)]
    alone = [drawing.generate(batch) for batch in batches]
    for number in range(6):
        np.testing.assert_array_equal(again[number], alone[number])
        assert gap(streamed[number], alone[number]).max() <= 1  # the first was not recorded
    assert gap(alone[2], alone[3]).mean() > 1


def test_two_streams_in_turn_draw_what_each_draws_alone(folders):
    """As the shards of a process do: the second one's first batch is begun before the first one's last pictures."""
    drawing, many = compiled(folders), shots(24)
    halves = [[many[first : first + 4] for first in range(start, start + 12, 4)] for start in (0, 12)]
    turns, found = Turns(), {}

    def draw(number, turn):
        stream = drawing.stream(halves[number], turn("generate"))
        found[number] = [picture for _, pictures, _ in stream for picture in pictures]
        turn.end()

    threads = [threading.Thread(target=draw, args=(number, turns.begin())) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(2):
        alone = [picture for batch in halves[number] for picture in drawing.generate(batch)]
        assert gap(found[number], alone).max() <= 1


def test_outside_the_guidance_interval_too(folders):
    """Two shapes of the network in one recording."""
    drawing = compiled(folders, steps=4, mode="fast", guidance_interval=(0.0, 0.5))
    found = [drawing.generate(shots(4)) for _ in range(3)]
    plain = generator(
        folders, steps=4, mode="fast", guidance_interval=(0.0, 0.5), device=DEVICE, dtype="float32", batch_size=4
    ).generate(shots(4))
    assert gap(found[2], plain).max() <= 1


def test_place_in_the_batch_and_neighbours_hardly_matter(folders):
    drawing = compiled(folders)
    wanted = shots(4)
    first = drawing.generate(wanted)
    turned = drawing.generate([*wanted[1:], wanted[0]])
    assert gap(first, [turned[-1], *turned[:-1]]).max() <= 1
