"""Benches: `dst3d bench NAME`. A bench is one module with `run(quick) -> Measured`, and one line in `BENCHES`."""

from __future__ import annotations

import difflib
import importlib

from ..errors import UsageError
from .result import Measured, Result, machine

__all__ = ["BENCHES", "Measured", "Result", "listing", "run"]

BENCHES: dict[str, str] = {
    "plan": "planning 2.5 million samples: seconds and memory",
    "render": "views with every control a second, by engine and faces",
    "render-memory": "memory of a process after 1,000 to 100,000 views, by engine",
    "render-device": "views with every control a second on one GPU: kept there, and on the host",
    "build": "the shards of the recipe `render`: images a second and where the time goes",
    "load": "samples written to tar and read back a second, by reader",
    "sources": "models opened a second from a tree, a zip over HTTP and a tar.gz; bytes fetched; cache and loader",
    "generate": "pictures a second: stock pipeline, exact and fast mode; share of the device's limit, equality",
    "generate-build": "whole builds, exact and fast mode: pictures a second, share of the time the device is busy",
    "tiny": "the shipped diffusion model: edges and words followed, speed, failures by view",
    "kcf": "K-fold consistency: seconds a class and AUROC against planted wrong labels, reference and ours",
    "prompts": "captions written a second, the share that pass the gate, and how diverse they are beside templates",
    "prompts-device": "captions written a second on one GPU, gate, retries and tables included",
    "filters": "filters on failures planted, natural and rated by hand; and what a network learns from what they keep",
    "quickstart": "from a command to the first picture, and to a loaded sample",
}


def listing() -> dict[str, str]:
    """Every bench and what it measures."""
    return dict(BENCHES)


def run(name: str, *, quick: bool = False) -> Result:
    """Run one bench.

    Args:
        name: a key of `BENCHES`.
        quick: smaller, to end within 50 s on two cores.

    Raises:
        UsageError: there is no such bench.
        MissingDependency: it needs a package that is not installed.
    """
    if name not in BENCHES:
        near = difflib.get_close_matches(name, BENCHES, n=1)
        hint = f" did you mean {near[0]!r}?" if near else ""
        raise UsageError(f"there is no bench {name!r};{hint} known: {', '.join(BENCHES)}")
    module = importlib.import_module(f"{__package__}.{name.replace('-', '_')}")
    measured: Measured = module.run(quick)
    return Result(name=name, title=BENCHES[name], quick=quick, machine=machine(), measured=measured)
