"""The `imported` scorer: the losses that the 3D-DST reference code's own K-fold filter gave to an imported tree."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import numpy as np

from ..errors import UsageError
from ..recipe.options import ImportedScoreOptions
from . import NOT_JUDGED, ClassSamples, Judgement, Scratch

_HEADS = 3  # azimuth, elevation and in-plane rotation: the loss is the sum of their cross-entropies
_PATH = re.compile(r"(?:.*/)?(n\d{8})/([^/]+)/[^/]+/(\d{3,6})_(\d{2})\.[a-z]{3,4}")
_MOST_SAMPLES = 100  # of one view, as the reference numbers them: an import's view is 100 * view + sample then
_NOT_THERE = "kcf_losses.json has no loss for it"


class ImportedLosses:
    """Reads `kcf_losses.json`, which maps the path of a picture to its loss: the score is exp(-loss / 3).

    Args:
        options: which file.
    """

    name = "imported"
    scores = ("imported",)
    controls = ()

    def __init__(self, options: ImportedScoreOptions) -> None:
        self._file = options.file

    @property
    def revision(self) -> str:
        """Digest of the file."""
        return hashlib.sha256(self._data).hexdigest()[:16]

    @cached_property
    def _data(self) -> bytes:
        try:
            return Path(self._file).read_bytes()
        except OSError as error:
            raise UsageError(f"{self._file}: cannot be read: {error.strerror or error}") from error

    @cached_property
    def _losses(self) -> dict[tuple[str, str, int], float]:
        try:
            plain = {path: float(loss) for path, loss in json.loads(self._data).items()}
        except (ValueError, TypeError, AttributeError) as error:
            raise UsageError(f"{self._file}: not a table of losses by the picture's path ({error})") from error
        matches = [(match, loss) for path, loss in plain.items() if (match := _PATH.fullmatch(path))]
        many = any(int(match[4]) for match, _ in matches)  # as an import tells: else its views are the tree's own
        return {
            (match[1], match[2], _MOST_SAMPLES * int(match[3]) + int(match[4]) if many else int(match[3])): loss
            for match, loss in matches
        }

    def judge(
        self, samples: ClassSamples, scratch: Scratch, progress: Callable[[float], None] = lambda share: None
    ) -> Judgement:
        """Look every sample up; one without a finite loss is not judged."""
        asked = ((label["synset"], label["cad_id"], label["view"]) for label in samples.labels)
        loss = np.array([self._losses.get(where, np.nan) for where in asked])
        known = np.isfinite(loss)
        score = np.where(known, np.exp(-np.maximum(np.where(known, loss, 0.0), 0.0) / _HEADS), NOT_JUDGED)
        progress(1.0)
        reasons = ["" if there else _NOT_THERE for there in known]
        return Judgement(scores={"imported": score}, reasons=reasons, details={"imported_loss": loss})
