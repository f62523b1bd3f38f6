"""A generator that streams: its next batch is begun in time whatever becomes of the last one, and its errors arrive."""

from __future__ import annotations

import threading
from contextlib import nullcontext
from typing import Any

import pytest
from _toy import ToyGenerator, toy_recipe

from dst3d_datasets import stages
from dst3d_datasets.build import plan_for
from dst3d_datasets.relay import Relay
from dst3d_datasets.shard import make_shard
from dst3d_datasets.store import Store

pytestmark = pytest.mark.usefixtures("toys")
SOON = 20.0  # seconds after which a test gives up


@pytest.fixture
def begun(monkeypatch) -> list[str]:
    """Make the toy generator stream; the first keys of the batches that it has begun."""
    keys: list[str] = []

    def stream(self: Any, batches: Any, turn: Any = None) -> Any:
        with turn or nullcontext():
            for batch in batches:
                keys.append(batch[0].key)
                yield batch, self.generate(batch), 0.25

    monkeypatch.setattr(ToyGenerator, "stream", stream, raising=False)
    return keys


def threads() -> set[str]:
    return {thread.name for thread in threading.enumerate() if thread.name.startswith("dst3d-")}


def test_it_makes_what_one_without_a_stream_makes(tmp_path, begun, monkeypatch):
    recipe = toy_recipe()
    plan, _ = plan_for(recipe)
    streamed = [make_shard(recipe, spec, Store(tmp_path / "streamed")) for spec in plan]
    assert len(begun) == len(streamed)
    monkeypatch.delattr(ToyGenerator, "stream")
    plain = [make_shard(recipe, spec, Store(tmp_path / "plain")) for spec in plan]
    assert [receipt.sha256 for receipt in streamed] == [receipt.sha256 for receipt in plain]
    assert {receipt.seconds["generate"] for receipt in streamed} == {0.25}


def test_the_next_batch_is_begun_while_nobody_takes_the_last_ones_pictures(begun):
    recipe = toy_recipe(views={"per_model": 12})
    plan, _ = plan_for(recipe)
    work = stages.Work(recipe, stages.Tools(recipe))
    shots = [shot for spec in plan for shot in stages.render_shots(work, stages.load_models(work, spec.jobs))]
    is_begun = threading.Event()
    generate = work.tools.generator.generate

    def noted(batch: Any) -> Any:
        if len(begun) == 2:
            is_begun.set()
        return generate(batch)

    work.tools.generator.generate = noted
    pictures = stages.draw_pictures(work, shots)
    next(pictures)
    assert is_begun.wait(SOON)
    pictures.close()
    assert "dst3d-draw" not in threads()
    assert len(begun) < len(shots) // 4  # nor does it run away


def test_what_breaks_it_is_what_the_shard_fails_with(tmp_path, begun, monkeypatch):
    recipe = toy_recipe()
    plan, _ = plan_for(recipe)
    monkeypatch.setattr(ToyGenerator, "explode_on", {list(plan[1].keys())[-1]})
    with Relay(recipe, Store(tmp_path)) as relay:
        futures = [relay.submit(spec) for spec in list(plan)[:3]]
        found = [future.exception(SOON) for future in futures]
    assert "toy generator broke" in str(found[1])
    assert found[0] is found[2] is None
    assert len(list(Store(tmp_path).receipts())) == 2
    assert not threads()
