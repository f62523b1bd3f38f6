"""The columns of a released sample and their types: one list from which README, readers and builders are fed.

The list is what `datasets` writes into a card as `dataset_info.features`; nothing here needs `datasets`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from .schema import LABEL, Field

CONTROL_MEMBERS = {
    "depth": "depth.png",
    "edge": "edge.png",
    "line": "line.png",
    "mask": "mask.png",
    "normal": "normal.png",
    "part": "part.png",
    "render": "render.jpg",
}
_BY_READER = ("__key__", "__url__")  # what `datasets` adds by itself; before version 5 it fails if they are not typed
_ALWAYS = ("cls", "jpg", "json", "txt")


def members(controls: Sequence[str]) -> tuple[str, ...]:
    """Extensions of a released sample's tar members, in their order.

    >>> members(["edge"])
    ('cls', 'edge.png', 'jpg', 'json', 'txt')
    """
    return tuple(sorted({*_ALWAYS, *(CONTROL_MEMBERS[control] for control in controls)}))


def columns(controls: Sequence[str], scores: Sequence[str] = ()) -> list[dict[str, Any]]:
    """The types of a release's columns, as the plain data of `dataset_info.features` in a card.

    Args:
        controls: which controls the release carries.
        scores: names of the filters whose scores the labels carry; `scores` is left out when there is none, because a
            struct may not be empty.
    """
    label = [_typed(field) for field in LABEL]
    if scores:
        label.append({"name": "scores", "struct": [{"name": name, "dtype": "float64"} for name in sorted(scores)]})
    label.append({"name": "keep", "dtype": "bool"})
    types: dict[str, dict[str, Any]] = {
        "cls": {"dtype": "int64"},
        "json": {"struct": label},
        "txt": {"dtype": "string"},
    }
    named = [{"name": name, **types.get(name, {"dtype": "image"})} for name in members(controls)]
    return named + [{"name": name, "dtype": "string"} for name in _BY_READER]


def _typed(field: Field) -> dict[str, Any]:
    typed: dict[str, Any] = {"dtype": field.kind}
    for length in reversed(field.shape):
        inner = typed["dtype"] if set(typed) == {"dtype"} else typed
        typed = {"list": inner, "length": length}
    return {"name": field.name, **typed}


def released_label(label: bytes, scores: Mapping[str, float], keep: bool) -> bytes:
    """A shard's label (what `schema.encode` made) with what only a release knows: every score, and the verdict.

    Raises:
        ValueError: the bytes are no JSON object, or a score is not a finite number.
    """
    if not label.endswith(b"}") or len(label) < 3:
        raise ValueError("the label is not a JSON object")
    if not all(math.isfinite(score) for score in scores.values()):
        raise ValueError(f"scores must be finite numbers: {dict(scores)}")
    added: dict[str, Any] = {"keep": keep}
    if scores:
        added = {"scores": {name: float(scores[name]) for name in sorted(scores)}, **added}
    return label[:-1] + b"," + json.dumps(added, separators=(",", ":")).encode()[1:]
