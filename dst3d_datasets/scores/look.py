"""`look`: is the picture pleasant, and fit for everybody? Image classifiers of the Hub, asked for one of their labels.

Any model that transformers loads for image classification will do, also CLIP with a linear head, as
`CLIPForImageClassification`. Of several labels the score is the probability of the named one; a network with one output
gives a mark, which `aesthetic_range` brings to 0..1. Neither score says whether the label is right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..recipe.filter_options import LookScoreOptions
from ..stream import batched
from ..weights import WeightsError
from . import ClassSamples, Judgement, Scratch
from .networks import Network


class Classifier:
    """A classifier and the label that is asked about.

    Args:
        field: path of the recipe's field, for messages.
        model: folder or Hub id.
        revision: of the Hub.
        label: the good one.
        marks: what is 0 and what is 1 of a network with one output.
        device: where it runs.

    Raises:
        WeightsError: there is no such folder, and it is no Hub id either.
    """

    def __init__(
        self, field: str, model: str, revision: str, label: str, marks: tuple[float, float], device: str
    ) -> None:
        self._field, self._label, self._marks = field, label, marks
        self.network = Network(model, revision, field, device)
        self._model: Any = None

    def __call__(self, pictures: Sequence[NDArray[np.uint8]]) -> NDArray[np.float64]:
        """Scores (B,), 0..1, of pictures (H, W, 3).

        Raises:
            WeightsError: the network cannot be had, or has no such label.
        """
        if self._model is None:
            self._model = self.network.load("AutoModelForImageClassification")
        with torch.inference_mode():
            logits = self._model(pixel_values=self.network.tensor(pictures)).logits.double().cpu()
        if logits.shape[1] == 1:
            low, high = self._marks
            return np.clip((logits[:, 0].numpy() - low) / (high - low), 0.0, 1.0)
        labels = {str(name): int(index) for index, name in self._model.config.id2label.items()}
        if self._label not in labels:
            raise WeightsError(f"{self._field}_label: {self._label!r} is none of its labels: {', '.join(labels)}")
        return np.clip(torch.softmax(logits, 1)[:, labels[self._label]].numpy(), 0.0, 1.0)


class LookScorer:
    """Gives `aesthetic`, `safe` or both, as far as the options name a classifier.

    Args:
        options: the classifiers and their good labels.

    Raises:
        WeightsError: there is no such folder, and it is no Hub id either.
    """

    name = "look"
    controls: tuple[str, ...] = ()

    def __init__(self, options: LookScoreOptions) -> None:
        self.options = options
        self._asked: dict[str, Classifier] = {}
        if options.aesthetic:
            self._asked["aesthetic"] = Classifier(
                "scores.look.aesthetic",
                options.aesthetic,
                options.aesthetic_revision,
                options.aesthetic_label,
                options.aesthetic_range,
                options.device,
            )
        if options.safe:
            self._asked["safe"] = Classifier(
                "scores.look.safe", options.safe, options.safe_revision, options.safe_label, (0.0, 1.0), options.device
            )
        self.scores: tuple[str, ...] = tuple(self._asked)

    @property
    def revision(self) -> str:
        """Version of the method, and what pins each classifier."""
        return "-".join(["1", *(classifier.network.pinned for classifier in self._asked.values())])

    def judge(
        self, samples: ClassSamples, scratch: Scratch, progress: Callable[[float], None] = lambda share: None
    ) -> Judgement:
        """Judge every picture by itself; nothing of the class is learnt.

        Raises:
            WeightsError: a network cannot be had, or has no such label.
        """
        found = {name: np.zeros(len(samples)) for name in self.scores}
        done = 0
        for batch in batched(samples, self.options.batch_size):
            for name, classifier in self._asked.items():
                found[name][done : done + len(batch)] = classifier([sample.image for sample in batch])
            done += len(batch)
            progress(done / len(samples))
        return Judgement(scores=found, reasons=[""] * len(samples))
