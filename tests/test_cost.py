"""What a release cost: from receipts to the published card, and not into the release's bytes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from _fake_run import tree
from _publish import NAME, hub, released
from minihub import MiniHub

from dst3d_datasets.cost import cost_of, cost_section
from dst3d_datasets.receipt import Receipt

__all__ = ["hub"]


def receipt(number: int, device: str = "", wall: float = 3600.0, images: int = 100) -> Receipt:
    return Receipt(
        shard_id=f"s-{number}",
        class_id="s",
        digest="",
        fingerprint="",
        path="",
        sha256="",
        num_bytes=0,
        num_samples=images,
        seconds={"generate": 0.75 * wall, "render": 0.25 * wall, "wall": wall},
        versions={"device": device} if device else {},
    )


def test_gpu_hours_only_where_there_was_a_gpu() -> None:
    mixed = cost_of([receipt(0, "NVIDIA H200"), receipt(1, "NVIDIA H200", 1800.0, 50), receipt(2, "", 360.0, 7)])
    assert mixed.gpu_hours == {"NVIDIA H200": 1.5}
    assert (mixed.gpu_images, mixed.processor_hours, mixed.images) == ({"NVIDIA H200": 150}, 0.1, 157)
    assert mixed.stages == {"generate": 0.75, "render": 0.25}
    text = cost_section(json.loads(mixed.to_json()))
    assert "| GPU-hours, NVIDIA H200 | 1.5 | 150 |" in text
    assert "| processor-hours, no GPU | 0.1 | 7 |" in text
    assert "generate 75 %, render 25 %" in text
    assert "GPU-hours" not in cost_section(json.loads(cost_of([receipt(0)]).to_json()))
    assert "processor-hours" not in cost_section(json.loads(cost_of([receipt(0, "A GPU", 36.0)]).to_json()))


def test_it_is_beside_the_release_and_told_by_the_published_card(hub: MiniHub, tmp_path: Path) -> None:
    release = released(tmp_path / "one", models=1)
    cost = json.loads((tmp_path / "one" / "cost.json").read_bytes())
    assert cost["images"] == release.num_samples
    assert cost["processor_hours"] > 0
    assert "cost.json" not in {row["path"] for row in release.manifest["files"]}
    assert "What it cost" not in (tmp_path / "one" / "README.md").read_text()
    release.push_to_hub(NAME, "1.0.0")
    published = hub.repos[NAME].tree("v1.0.0")
    assert "## What it cost" in published["README.md"].data.decode()
    assert json.loads(published["manifest.json"].data)["cost"] == cost
    again = released(tmp_path / "two", models=1)  # its shards took another time
    assert json.loads((tmp_path / "two" / "cost.json").read_bytes()) != cost
    assert tree(tmp_path / "one") == tree(tmp_path / "two")
    assert again.push_to_hub(NAME, "1.0.0").was_there


def test_shards_of_unknown_time_count_as_none() -> None:
    assert cost_of([replace(receipt(0), seconds={})]).processor_hours == 0.0
    assert "0 |" in cost_section(json.loads(cost_of([replace(receipt(0), seconds={})]).to_json()))
