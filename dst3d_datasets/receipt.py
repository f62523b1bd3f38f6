"""Receipts: the only proof that a shard exists."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from .errors import StoreError

SCHEMA = "dst3d-receipt/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A model that could not be used, in part or wholly."""

    uid: str
    reason: str  # a value of errors.Reason
    detail: str
    num_views: int  # samples that are missing because of it


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What a finished shard holds and how it came about. Written last, by one atomic replace."""

    shard_id: str
    class_id: str
    digest: str  # of the spec it fulfils
    fingerprint: str  # recipe.sample_fingerprint
    path: str  # of the tar inside the store; empty when every model was skipped
    sha256: str  # of the tar; empty without one
    num_bytes: int
    num_samples: int
    skipped: tuple[Skipped, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)  # e.g. prompts that fell back, batches that were halved
    seconds: dict[str, float] = field(default_factory=dict)  # busy seconds by stage, and "wall"
    generator: str = ""
    generator_revision: str = ""
    untrained: str = ""  # why the pictures must not be released; empty when they may
    versions: dict[str, str] = field(default_factory=dict)  # packages that can change pixels
    schema: str = SCHEMA

    def to_json(self) -> bytes:
        """As bytes, one key a line."""
        return (json.dumps(asdict(self), indent=1, sort_keys=True) + "\n").encode()

    @classmethod
    def from_json(cls, data: bytes, origin: str) -> Receipt:
        """Read a receipt.

        Raises:
            StoreError: the bytes are no receipt of this version; `origin` is named.
        """
        try:
            plain: dict[str, Any] = json.loads(data)
            if plain["schema"] != SCHEMA:
                raise StoreError(f"{origin}: written by another version ({plain['schema']}; this one reads {SCHEMA})")
            plain["skipped"] = tuple(Skipped(**row) for row in plain["skipped"])
            return cls(**plain)
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError(f"{origin}: not a readable receipt ({type(error).__name__}: {error})") from error
