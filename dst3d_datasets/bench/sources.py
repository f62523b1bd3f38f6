"""Models opened a second from each form of a collection, what is fetched, and what the cache and the loader cost.

The collection is made for the bench: OBJ models with materials and textures, as ShapeNet's, served by a web server of
this machine; its network costs nothing, so cold figures are the cost of our own work.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from .child import in_child
from .result import Cell, Measured

_FORMS = ("tree", "zip over HTTP", "tar.gz")
_CODE = "from dst3d_datasets.bench.sources_work import {call}; result = dict(rows={call}({arguments}))"
_STREAMED = 1000


def run(quick: bool) -> Measured:
    """Each form in a process of its own, first with an empty cache (cold), then with another source object (warm)."""
    models = 24 if quick else 120
    rows: list[tuple[Cell, ...]] = []
    with tempfile.TemporaryDirectory(prefix="dst3d-bench-") as name:
        folder = Path(name)
        made = _child("make", f"{name!r}, {models}")
        for form in _FORMS:
            found = _child("open_all", f"{name!r}, {form!r}")
            for state, (rate, fetched, directory, packed) in zip(("cold", "warm"), found["rows"], strict=True):
                ratio = fetched / models / packed
                per_model = fetched / models / 1e3
                rows.append((form, state, rate, per_model, directory / 1e3, ratio, found["peak_mib"]))
        many = _child("stream", f"{name!r}, {100 if quick else _STREAMED}")
        cache, loads = _child("cache_costs", repr(str(folder / "costs")))["rows"], _child("loads", repr(name))["rows"]
    columns = ("form", "state", "models/s", "fetched kB/model", "index kB", "fetched/packed", "peak MiB")
    (count, rate), peak = many["rows"], many["peak_mib"]
    ours, theirs, size = loads
    notes = [
        f"{models} models of {made['rows'][0] / 1e6:.2f} MB (OBJ, MTL, JPEG), {made['rows'][1] / 1e6:.2f} MB packed; "
        "opened: fetched, unpacked, parsed, checked, in the canonical frame.",
        f"Cache: {cache[0]:.0f} MB/s written and {cache[1]:.0f} MB/s read with its digest checked, in files of 1 MB; "
        f"{1e3 * cache[2]:.2f} ms for one of 1 kB.",
        f"Streaming {count:,} models from a zip over HTTP through a cache of 50 MB: {rate:.3g} models/s, peak "
        f"{peak:.0f} MiB, interpreter and libraries included.",
        f"Loading that OBJ ({size / 1e6:.2f} MB): {1e3 * ours:.0f} ms a MB here, {1e3 * theirs:.0f} ms a MB by plain "
        f"trimesh.load ({ours / theirs:.2f} of it).",
    ]
    facts = {"stream": {"models": count, "rate": rate, "peak_mib": peak}, "cache": cache, "load_s_per_mb": loads[:2]}
    return Measured(columns, rows, notes, facts)


def _child(call: str, arguments: str) -> dict[str, Any]:
    return in_child(_CODE.format(call=call, arguments=arguments))
