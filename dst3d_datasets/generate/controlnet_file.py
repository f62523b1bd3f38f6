"""ControlNets that are published as one .safetensors file rather than as a diffusers folder (Z-Image's, for one)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..weights import Place, explain


def fetch(place: Place, field: str) -> tuple[Path, str]:
    """The file here, downloaded if it lies on the Hub and is not in the cache yet, and its commit (empty for a folder).

    Raises:
        WeightsError: it cannot be had.
    """
    if place.folder is not None:
        return place.folder / place.file, ""
    from huggingface_hub import hf_hub_download  # late: a recipe may be planned without it

    try:
        path = Path(hf_hub_download(place.repo, place.file, revision=place.revision))
    except Exception as error:  # whatever the Hub client raises becomes one message
        raise explain(error, place, field) from error
    return path, path.parts[path.parts.index("snapshots") + 1]


def config_beside(path: Path) -> dict[str, Any]:
    """The network's configuration from a `config.json` beside the file; empty without one."""
    place = path.parent / "config.json"
    return dict(json.loads(place.read_text(encoding="utf-8"))) if place.is_file() else {}
