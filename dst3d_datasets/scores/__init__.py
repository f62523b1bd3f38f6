"""Scorers: how far a picture can be trusted to show what its label says, each a `Scorer`.

Scores are a second pass over whole classes. They are tables beside the shards and never edit a shard.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..nouns import Camera

TABLE: dict[str, str] = {
    "edges": "dst3d_datasets.scores.edges:EdgeScorer",
    "mask": "dst3d_datasets.scores.mask:MaskScorer",
    "dino": "dst3d_datasets.scores.dino:DinoScorer",
    "clip": "dst3d_datasets.scores.clip:ClipScorer",
    "orientation": "dst3d_datasets.scores.orientation:OrientationScorer",
    "look": "dst3d_datasets.scores.look:LookScorer",
    "fused": "dst3d_datasets.scores.fused:FusedScorer",
    "imported": "dst3d_datasets.scores.imported:ImportedLosses",
    "kcf": "dst3d_datasets.scores.kcf:Kcf",
    "kcf_reference": "dst3d_datasets.scores.kcf_reference:KcfReference",
}

NOT_JUDGED = -1.0  # in place of a score, with a reason beside it


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One finished sample as a scorer sees it."""

    key: str
    label: Mapping[str, Any]  # the JSON label
    image: NDArray[np.uint8]  # (H, W, 3), sRGB
    controls: Mapping[str, NDArray[Any]]  # those the scorer asks for, as `loading.decode_sample` gives them


class ClassSamples(Protocol):
    """All samples of one class, sorted by key. Iterating decodes them one by one, as often as one likes."""

    class_id: str
    labels: Sequence[Mapping[str, Any]]  # N of them; no picture is decoded for these

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Candidate]: ...


class Scratch(Protocol):
    """A place for what is finished of a long judgement (a fold), so that a killed one goes on from there."""

    def load(self, name: str) -> dict[str, NDArray[Any]] | None:
        """The arrays saved under that name by an attempt with the same options and the same samples."""
        ...

    def save(self, name: str, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Keep arrays (of numbers or texts, no objects), in one atomic replace."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What a scorer says of the N samples of a class, in their order."""

    scores: Mapping[str, NDArray[np.float64]]  # name -> (N,) in [0, 1], more is better; or NOT_JUDGED
    reasons: Sequence[str]  # N texts: empty, or why the sample is not judged
    details: Mapping[str, NDArray[Any]] = field(default_factory=dict)  # name -> (N,): raw values for the table (losses)


class Redraw(Protocol):
    """Draws the CAD model of a label again. A scorer that needs it has an attribute `redraw`, None at first, which is
    filled in before `judge` is called."""

    def __call__(
        self, label: Mapping[str, Any], cameras: Sequence[Camera]
    ) -> Sequence[tuple[NDArray[np.uint8], NDArray[np.bool_]]]:
        """Of each camera the render control (H, W, 3), sRGB, in the sample's own light, and the mask (H, W).

        Raises:
            ModelRefused: the model cannot be had any more.
        """
        ...


class Scorer(Protocol):
    """Judges the samples of a class. Built as `Class(options)`, which loads nothing.

    A class too small, with one CAD model only, or otherwise beyond it is `NOT_JUDGED` with the reason, never an error.
    """

    name: str  # the recipe's `kind`
    scores: tuple[str, ...]  # names of the scores it gives, `[a-z0-9_]+`, unique over all scorers
    controls: tuple[str, ...]  # the controls it wants in a `Candidate`

    @property
    def revision(self) -> str:
        """What pins its judgement besides its options: a version of its method, digests or commits of its weights."""
        ...

    def judge(
        self, samples: ClassSamples, scratch: Scratch, progress: Callable[[float], None] = lambda share: None
    ) -> Judgement:
        """Judge a class.

        Args:
            samples: all samples of the class.
            scratch: where to keep what is finished.
            progress: told how much of the work is done, 0 to 1.
        """
        ...
