"""Engines: ways to map `make_shard` over shard specs."""

from __future__ import annotations

TABLE = {"local": "dst3d_datasets.engines.local:LocalEngine"}
