"""What making the pictures took, from the receipts of the shards.

A release's bytes do not depend on how long anything took, so this lies beside them, in `cost.json`, which the manifest
does not list; a published card tells it.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from .attribution import table
from .receipt import Receipt

FILE = "cost.json"
MARK = "<!-- cost -->"  # where a published card tells it
DEVICE = "device"  # the key of Receipt.versions with the name of the GPU that the generator ran on, if it ran on one
_HOUR = 3600.0


@dataclass(frozen=True)
class Cost:
    """Time of the shards that a release is made of. What was lost on the way (killed processes) is in no receipt."""

    images: int
    gpu_hours: dict[str, float] = field(default_factory=dict)  # by name of the device: one process holds one of them
    gpu_images: dict[str, int] = field(default_factory=dict)  # how many pictures each made
    processor_hours: float = 0.0  # of processes that drew without a GPU: one each, wall time
    stages: dict[str, float] = field(default_factory=dict)  # share of busy time, by stage

    def to_json(self) -> bytes:
        """As the file `cost.json`."""
        return (json.dumps(asdict(self), indent=1) + "\n").encode()


def cost_of(receipts: Iterable[Receipt]) -> Cost:
    """The cost of some shards."""
    hours: defaultdict[str, float] = defaultdict(float)
    stages: defaultdict[str, float] = defaultdict(float)
    images: Counter[str] = Counter()
    for receipt in receipts:
        device = receipt.versions.get(DEVICE, "")
        hours[device] += receipt.seconds.get("wall", 0.0) / _HOUR
        images[device] += receipt.num_samples
        for stage, seconds in receipt.seconds.items():
            if stage != "wall":
                stages[stage] += seconds
    busy = sum(stages.values()) or 1.0
    devices = sorted(device for device in hours if device)
    return Cost(
        images=sum(images.values()),
        gpu_hours={device: round(hours[device], 9) for device in devices},
        gpu_images={device: images[device] for device in devices},
        processor_hours=round(hours[""], 9),
        stages={stage: round(seconds / busy, 4) for stage, seconds in sorted(stages.items())},
    )


def cost_section(cost: Mapping[str, Any]) -> str:
    """What a card says of it, from `cost.json` as plain data."""
    rows = [
        (f"GPU-hours, {device}", _hours(hours), f"{cost['gpu_images'][device]:,}")
        for device, hours in cost["gpu_hours"].items()
    ]
    rest = cost["images"] - sum(cost["gpu_images"].values())
    if cost["processor_hours"] or rest:
        rows.append(("processor-hours, no GPU", _hours(cost["processor_hours"]), f"{rest:,}"))
    busiest = sorted(cost["stages"].items(), key=lambda stage: -stage[1])
    shares = ", ".join(f"{stage} {100 * share:.0f} %" for stage, share in busiest if share >= 0.005)
    return "\n\n".join(
        part
        for part in (
            "## What it cost",
            table(("of", "hours", "pictures drawn"), rows),
            "Wall time of the processes that made the shards, one device each, loading models and weights included. "
            "What was thrown away on the way is not in it." + (f" Busy time by stage: {shares}." if shares else ""),
        )
        if part
    )


def _hours(hours: float) -> str:
    return f"{hours:,.0f}" if hours >= 100 else f"{hours:.3g}"
