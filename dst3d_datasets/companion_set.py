"""A companion data set on this machine's disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .hub.publish import Publication


@dataclass(frozen=True)
class Companion:
    """A table with a card: the models, or the captions; see `companion`."""

    path: str
    kind: str  # of KINDS
    manifest: dict[str, Any]  # every file with its sha256, columns and counts
    texts: Mapping[str, bytes] = field(default_factory=dict)  # files that are made for it: path -> content

    def push_to_hub(self, repository: str, version: str = "next", **options: Any) -> Publication:
        """Publish it as a version of a data set on the Hub: `hub.publish.publish`, which names the options."""
        from .hub.publish import publish

        return publish(Path(self.path), self.manifest, repository, version, texts=self.texts, **options)
