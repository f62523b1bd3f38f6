"""Shards side by side in one process: no pause between them, and nothing else changes."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest
from _toy import ToyGenerator, ToyPrompter, ToyRenderer, ToySource, toy_recipe

from dst3d_datasets import stages
from dst3d_datasets.build import plan_for
from dst3d_datasets.relay import Relay
from dst3d_datasets.shard import make_shard
from dst3d_datasets.store import Store
from dst3d_datasets.turns import Stopped, Turns

pytestmark = pytest.mark.usefixtures("toys")
SOON = 20.0  # seconds after which a test gives up


def made(tmp_path: Path, count: int | None = None, **sections: Any) -> list[Any]:
    """Receipts of the toy recipe's first shards, or what was raised instead, in order."""
    recipe = toy_recipe(**sections)
    plan, _ = plan_for(recipe)
    with Relay(recipe, Store(tmp_path)) as relay:
        futures = [relay.submit(spec) for spec in list(plan)[:count]]
        return [future.exception(SOON) or future.result() for future in futures]


def test_the_next_shard_is_rendered_while_the_last_one_is_drawn(tmp_path, monkeypatch):
    plan, _ = plan_for(toy_recipe())
    next_model = plan[3].jobs[0].ref.model_id  # of another class than those before
    is_rendered, seen = threading.Event(), []
    render, generate = ToyRenderer.render, ToyGenerator.generate

    def rendering(self, model, cameras, lights):
        if model.ref.model_id == next_model:
            is_rendered.set()
        return render(self, model, cameras, lights)

    def drawing(self, shots):
        if shots[-1].key == list(plan[2].keys())[-1]:
            seen.append(is_rendered.wait(SOON))
        return generate(self, shots)

    monkeypatch.setattr(ToyRenderer, "render", rendering)
    monkeypatch.setattr(ToyGenerator, "generate", drawing)
    assert [receipt.shard_id for receipt in made(tmp_path, 5)] == [spec.shard_id for spec in list(plan)[:5]]
    assert seen == [True]


def test_the_bytes_are_those_of_shards_made_alone(tmp_path):
    recipe = toy_recipe()
    plan, _ = plan_for(recipe)
    alone = [make_shard(recipe, spec, Store(tmp_path / "alone")) for spec in plan]
    together = made(tmp_path / "together")
    assert len(together) == 9
    assert [(r.path, r.sha256, r.counts) for r in together] == [(r.path, r.sha256, r.counts) for r in alone]


def test_a_shard_that_fails_leaves_the_others_alone(tmp_path):
    plan, _ = plan_for(toy_recipe())
    ToyGenerator.explode_on.add(next(iter(plan[3].keys())))
    ToySource.bad[plan[6].jobs[0].ref.model_id] = OSError("the toy source broke")
    found = made(tmp_path)
    failed = [number for number, each in enumerate(found) if isinstance(each, Exception)]
    assert failed[0] == 3
    assert all("toy source" in str(found[number]) for number in failed[1:])
    assert 6 in failed
    assert len(list(Store(tmp_path).receipts())) == 9 - len(failed) >= 5
    assert not list((tmp_path / "tmp").iterdir())


def test_a_shard_that_fails_has_left_every_stage_before_the_next_one_enters_it(tmp_path, monkeypatch):
    """An encoder fails while the generator still draws pictures of that shard."""
    large = {"views": {"per_model": 40}, "shards": {"samples": 40}}
    plan, _ = plan_for(toy_recipe(**large))
    broken, drawing, most = next(iter(plan[0].keys())), set(), []
    generate, encode = ToyGenerator.generate, stages.encode_sample

    def drawn(self, shots):
        drawing.add(shots[0].key)
        most.append(len(drawing))
        time.sleep(0.01)
        drawing.remove(shots[0].key)
        return generate(self, shots)

    def encoded(work, shot, picture):
        if shot.key == broken:
            raise RuntimeError("the encoder broke")
        return encode(work, shot, picture)

    monkeypatch.setattr(ToyGenerator, "batch_size", 1)
    monkeypatch.setattr(ToyGenerator, "generate", drawn)
    monkeypatch.setattr(stages, "encode_sample", encoded)
    found = made(tmp_path, 3, **large)
    assert [isinstance(each, Exception) for each in found] == [True, False, False]
    assert set(most) == {1}


def test_what_is_counted_is_counted_for_its_own_shard(tmp_path, monkeypatch):
    asked: list[str] = []

    def prompt(self, ref, seed):
        asked.append(ref.uid)
        return self.given(ref, seed)

    def counts(self):
        taken = {"asked": len(asked)}
        asked.clear()
        return taken

    monkeypatch.setattr(ToyPrompter, "given", ToyPrompter.prompt, raising=False)
    monkeypatch.setattr(ToyPrompter, "prompt", prompt)
    monkeypatch.setattr(ToyPrompter, "counts", counts)
    assert [receipt.counts["asked"] for receipt in made(tmp_path)] == [4, 4, 2] * 3


def test_each_second_is_counted_for_one_shard(tmp_path):
    start = time.perf_counter()
    receipts = made(tmp_path)
    wall = sum(receipt.seconds["wall"] for receipt in receipts)
    assert 0 < wall <= time.perf_counter() - start + 9 * 5e-5, "rounded to four digits"


def test_what_is_under_way_at_the_end_is_given_up(tmp_path, monkeypatch):
    is_drawing, may_go_on = threading.Event(), threading.Event()
    generate = ToyGenerator.generate

    def drawing(self, shots):
        is_drawing.set()
        assert may_go_on.wait(SOON)
        return generate(self, shots)

    monkeypatch.setattr(ToyGenerator, "generate", drawing)
    recipe = toy_recipe()
    plan, _ = plan_for(recipe)
    relay = Relay(recipe, Store(tmp_path))
    futures = [relay.submit(spec) for spec in list(plan)[:2]]
    assert is_drawing.wait(SOON)
    stop = relay._turns.stop
    monkeypatch.setattr(relay._turns, "stop", lambda: (stop(), may_go_on.set()))
    relay.close()
    assert all(isinstance(future.exception(SOON), Stopped) for future in futures)
    assert not list(Store(tmp_path).receipts())
    assert not list((tmp_path / "tmp").iterdir())
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("dst3d")]


def test_turns_are_taken_in_order_one_at_a_time():
    turns, log, inside = Turns(), [], []
    places = [turns.begin() for _ in range(4)]

    def shard(number: int) -> None:
        for stage in ("load", "render"):
            if (number, stage) == (1, "render"):
                break  # it ends early: nobody waits for it
            with places[number](stage):
                inside.append(stage)
                assert inside.count(stage) == 1
                log.append((stage, number))
                time.sleep(0.002)
                inside.remove(stage)
        places[number].end()

    threads = [threading.Thread(target=shard, args=(number,)) for number in (3, 1, 2, 0)]
    for thread in threads:
        thread.start()
        time.sleep(0.002)
    for thread in threads:
        thread.join(SOON)
    assert [number for stage, number in log if stage == "load"] == [0, 1, 2, 3]
    assert [number for stage, number in log if stage == "render"] == [0, 2, 3]
    turns.wait_below(1)


def test_who_waits_for_a_turn_is_told_when_there_will_be_none():
    turns, found = Turns(), []
    first, second = turns.begin(), turns.begin()

    def wait() -> None:
        try:
            with second("load"):
                found.append("its turn")
        except Stopped:
            found.append("stopped")

    with first("load"):
        thread = threading.Thread(target=wait)
        thread.start()
        turns.stop()
        thread.join(SOON)
    assert found == ["stopped"]
    with pytest.raises(Stopped):
        first.check()
