"""The `generate` bench's clock: what a stream's beginning and end cost is no part of a picture's time."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers", reason="needs the extra [controlnet]")

from dst3d_datasets.bench import generate, generate_build, generate_work
from dst3d_datasets.build import plan_for
from dst3d_datasets.generate import sampler
from dst3d_datasets.machine import one_thread_an_operator

EACH, BATCH = 3.0, 4  # seconds a batch, and pictures in it


class Clock:
    """Time that passes when it is told to."""

    def __init__(self):
        self.now = 0.0

    def perf_counter(self):
        return self.now


class Slow:
    """A generator with one batch under way: the first comes late (the host is held up by the next one's launch)."""

    def __init__(self, clock, late, end):
        self.clock, self.late, self.end = clock, late, end

    def generate(self, batch):
        self.clock.now += 100.0

    def stream(self, batches):
        begun = self.clock.now + 0.5  # words and controls of the first batch
        for number, batch in enumerate(batches):
            self.clock.now = max(self.clock.now, begun + (number + 1) * EACH + (self.late if number == 0 else 0.0))
            yield batch, [], 0.9 * EACH
        self.clock.now += self.end


@pytest.mark.parametrize("late", [0.0, 2.9])
@pytest.mark.parametrize("end", [0.0, 1.5])
def test_rate_is_that_of_a_long_stream(monkeypatch, late, end):
    clock = Clock()
    monkeypatch.setattr(generate_work, "time", clock)
    batches = [[object()] * BATCH for _ in range(6)]
    found = generate_work.rate(Slow(clock, late, end), batches)
    assert found["rate"] == pytest.approx(BATCH / EACH)
    assert found["busy"] == pytest.approx(0.9)
    assert found["warm"] == pytest.approx(200.0)


def test_memory_is_counted_from_the_first_batch_on(monkeypatch):
    """It is the one that is not replayed from a recording, whose memory no later batch takes anew."""
    clock, log = Clock(), []
    slow = Slow(clock, 0.0, 0.0)
    monkeypatch.setattr(generate_work, "time", clock)
    monkeypatch.setattr(generate_work, "peak", lambda reset=False: log.append("reset" if reset else "read") or 3.5)
    monkeypatch.setattr(slow, "generate", lambda batch: log.append("batch"))
    assert generate_work.rate(slow, [[object()]] * 2)["peak"] == 3.5
    assert log == ["reset", "batch", "batch", "read"]


def test_operations_are_counted_as_compiled_networks_have_them(monkeypatch):
    """Without those that a doubled picture's convolution saves: 5 of its 9, less what the edges cost."""
    options, wanted = {"pipeline": "tiny", "batch_size": 1, "steps": 1}, generate_work.shots(1, 64)
    found = generate_work.flops(generate_work.made(options), wanted)
    monkeypatch.setattr(sampler, "convolve_before_doubling", lambda network: None)
    generator = generate_work.made(options)
    doubling = []

    def note(conv, given, out):
        doubling.append(2 * 9 * conv.in_channels * out.numel())

    for network in (generator.drawing().pipeline.unet, generator.drawing().pipeline.vae):
        for module in network.modules():
            if type(module).__name__ == "Upsample2D":
                module.conv.register_forward_hook(note)
    saved = generate_work.flops(generator, wanted) - found
    assert 0.4 * sum(doubling) < saved * 1e12 < 5 / 9 * sum(doubling)


def test_rows_are_shown_as_they_are_measured(capsys, monkeypatch):
    table = generate.Table("tiny", 128, 0.5, 2, 3)
    table.columns = ("how", *table.columns[1:])
    table.add("one", 4, {"rate": 2.0, "peak": 1.0}, 0.1)
    assert capsys.readouterr().err.startswith("one: batch 4, images/s 2, x stock 1, TFLOP/image 0.1, TFLOP/s 0.2, ")
    monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    table.add("two", 4, {"rate": 3.0, "peak": 1.0}, 0.1)
    assert capsys.readouterr().err == ""
    assert [row[3] for row in table.rows] == [1.0, 1.5]


def test_another_process_draws_the_same():
    options = {"pipeline": "tiny", "batch_size": 2, "steps": 2, "compile": "never"}
    alone = generate_work.made(options)
    with one_thread_an_operator():
        here = alone.generate(generate_work.shots(2, 128))
    (found,) = generate_work.differences(iter([(here, generate_work.elsewhere(options, 2, 128))]))
    assert found == "at most 0, 0 on average"


@pytest.mark.parametrize("samples", [4, 256])
def test_whole_builds_are_three_shards_as_large_as_the_bench_says(samples):
    recipe = generate_build.recipe_of({"steps": 6, "guidance_interval": (0.0, 0.5), "mode": "fast"}, 128, samples)
    plan, missing = plan_for(recipe)
    assert [spec.num_samples for spec in plan] == [samples] * 3
    assert not missing
    assert (recipe.generator.guidance_scale, recipe.generator.steps) == (9.0, 6)


def test_a_build_is_timed_from_the_end_of_its_first_shard():
    """Batches of 2 pictures and 4 s each; half a second is lost between the second shard and the third."""
    ends = [104.0, 108.0, 112.0, 116.0, 120.5, 124.5]
    drawn = [generate_build.Drawn(end, 4.0, 2) for end in ends]
    found = generate_build.after(drawn, 4)
    assert found["rate"] == pytest.approx(8 / 16.5)
    assert found["busy"] == pytest.approx(16 / 16.5)


def test_batches_are_noted_while_they_are_watched():
    options = {"pipeline": "tiny", "batch_size": 2, "steps": 2, "device": "cpu"}
    generator, wanted = generate_work.made(options), generate_work.shots(6, 128)
    with generate_build.watched() as drawn:
        generator.generate(wanted)
    generator.generate(wanted[:2])
    assert [batch.count for batch in drawn] == [2, 2, 2]
    assert sorted(batch.ended for batch in drawn) == [batch.ended for batch in drawn]
    found = generate_build.after(drawn, 2)
    assert 0.3 < found["busy"] <= 1.0
