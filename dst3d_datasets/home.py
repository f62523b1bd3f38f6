"""Where shards lie that nobody gave a folder for."""

from __future__ import annotations

import os
from pathlib import Path


def default_home() -> Path:
    """`$DST3D_HOME`, else `dst3d` in Hugging Face's own cache: `$HF_HOME`, `$XDG_CACHE_HOME/huggingface`, or
    `~/.cache/huggingface`."""
    if os.environ.get("DST3D_HOME"):
        return Path(os.environ["DST3D_HOME"]).expanduser()
    if os.environ.get("HF_HOME"):
        return Path(os.environ["HF_HOME"]).expanduser() / "dst3d"
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    return cache / "huggingface" / "dst3d"
