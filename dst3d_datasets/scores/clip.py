"""`clip`: does the picture show an object of its class? CLIP's zero-shot classification (Radford et al., ICML 2021).

The class's name stands against the names of ImageNet's other classes, or those of `distractors`; the score is its share
of the softmax at the network's own temperature. It says nothing of pose: a car from behind is a car.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from .. import imagenet
from ..recipe.filter_options import ClipScoreOptions
from ..stream import batched
from ..weights import WeightsError
from . import NOT_JUDGED, Candidate, ClassSamples, Judgement, Scratch
from .networks import Network, around_object

_FIELD = "scores.clip.model"
_TEXTS = 64  # embedded at once


class ClipScorer:
    """Gives `clip_margin`; the logits' margin and the name that comes next are in the details.

    Args:
        options: the network, the words, and the other names.

    Raises:
        WeightsError: there is no such folder, and it is no Hub id either.
    """

    name = "clip"
    scores = ("clip_margin",)
    controls: tuple[str, ...] = ()

    def __init__(self, options: ClipScoreOptions) -> None:
        self.options = options
        self._network = Network(options.model, options.revision, _FIELD, options.device)
        self._model: Any = None
        self._tokenizer: Any = None
        self._known: dict[str, Tensor] = {}

    @property
    def revision(self) -> str:
        """Version of the method, and what pins the weights."""
        return f"1-{self._network.pinned}"

    def judge(
        self, samples: ClassSamples, scratch: Scratch, progress: Callable[[float], None] = lambda share: None
    ) -> Judgement:
        """Judge every picture by itself; nothing of the class is learnt.

        Raises:
            WeightsError: the network cannot be had, or does not compare pictures with words.
        """
        count, done = len(samples), 0
        share, margin = np.full(count, NOT_JUDGED), np.zeros(count)
        others: list[str] = []
        with torch.inference_mode():
            for batch in batched(samples, self.options.batch_size):
                shares, margins, nexts = self._batch(batch)
                share[done : done + len(batch)], margin[done : done + len(batch)] = shares, margins
                others += nexts
                done += len(batch)
                progress(done / count)
        details = {"clip_logit_margin": margin, "clip_other": np.array(others, dtype=np.str_)}
        return Judgement(scores={"clip_margin": share}, reasons=[""] * count, details=details)

    def _batch(self, batch: Sequence[Candidate]) -> tuple[NDArray[np.float64], NDArray[np.float64], list[str]]:
        pictures = [around_object(each.image, each.label) if self.options.crop else each.image for each in batch]
        seen = self.pictures(pictures)
        scale = float(self._network_model().logit_scale.exp())
        shares, margins, nexts = [], [], []
        for row, sample in zip(seen, batch, strict=True):
            names = names_for(sample.label["synset"], sample.label["class_name"], self.options.distractors)
            logits = scale * (self.texts(names) @ row).double()
            shares.append(float(torch.softmax(logits, 0)[0]))
            best = int(logits[1:].argmax())
            margins.append(float(logits[0] - logits[1 + best]))
            nexts.append(names[1 + best])
        return np.clip(shares, 0.0, 1.0), np.array(margins), nexts

    def pictures(self, pictures: Sequence[NDArray[np.uint8]]) -> Tensor:
        """Embeddings (B, D) of pictures, of length 1, on the CPU."""
        found = self._network_model().get_image_features(pixel_values=self._network.tensor(pictures))
        return functional.normalize(_pooled(found).float(), dim=-1).cpu()

    def texts(self, names: Sequence[str]) -> Tensor:
        """Embeddings (N, D) of names, averaged over the templates, of length 1; kept for this process."""
        new = [name for name in dict.fromkeys(names) if name not in self._known]
        for few in batched(new, max(1, _TEXTS // len(self.options.templates))):
            said = [template.format(class_name=name) for name in few for template in self.options.templates]
            words = self._words(said)
            each = functional.normalize(_pooled(self._network_model().get_text_features(**words)).float(), dim=-1)
            means = functional.normalize(each.view(len(few), len(self.options.templates), -1).mean(1), dim=-1).cpu()
            self._known.update(zip(few, means, strict=True))
        return torch.stack([self._known[name] for name in names])

    def _words(self, texts: list[str]) -> dict[str, Tensor]:
        model = self._network_model()
        if self._tokenizer is None:
            self._tokenizer = self._network.tokenizer()
        longest = int(model.config.text_config.max_position_embeddings)
        words = self._tokenizer(texts, padding="max_length", max_length=longest, truncation=True, return_tensors="pt")
        taken = ("input_ids", "attention_mask")
        return {name: words[name].to(self._network.device) for name in taken if name in words}

    def _network_model(self) -> Any:
        if self._model is None:
            model = self._network.load("AutoModel")
            if not all(hasattr(model, name) for name in ("get_text_features", "get_image_features", "logit_scale")):
                raise WeightsError(f"{_FIELD}: {self.options.model} does not compare pictures with words")
            self._model = model
        return self._model


def _pooled(found: Any) -> Tensor:
    """The embeddings, whichever way this version of transformers hands them over."""
    pooled: Tensor = found if isinstance(found, Tensor) else found.pooler_output
    return pooled


def names_for(synset: str, class_name: str, distractors: Sequence[str] = ()) -> list[str]:
    """The class's name for a prompt, then the others, each once and none the class's own.

    Args:
        synset: of the class; empty outside WordNet.
        class_name: what the label calls it.
        distractors: the other names; empty: ImageNet-1k's.
    """
    entry = imagenet.by_synset().get(synset)
    is_own = entry is not None and class_name in entry.names
    own = _spoken().get(synset, class_name) if is_own else class_name
    others = list(distractors) or [_spoken().get(each.synset, each.name) for each in imagenet.classes()]
    alike = {own, class_name, *(entry.names if entry is not None else ())}
    return [own, *dict.fromkeys(name for name in others if name not in alike)]


@cache
def _spoken() -> dict[str, str]:
    """Synset -> what to call a class whose WordNet name means something else too (`data/prompt_names.tsv`)."""
    text = (resources.files("dst3d_datasets") / "data" / "prompt_names.tsv").read_text(encoding="utf-8")
    return {row[0]: row[1] for row in (line.split("\t") for line in text.splitlines()) if len(row) > 1}
