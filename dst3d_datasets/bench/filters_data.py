"""Samples of whole classes in memory, good ones and spoiled ones, as scorers read them."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .. import images
from ..engines.pool import available_cores
from ..machine import one_thread_an_operator
from ..nouns import ModelRef, Shot, View
from ..recipe import Recipe
from ..scores import Candidate
from ..seeds import seed_of
from ..tools import Tools
from ..views import sample_views
from .filters_planted import KINDS, RATES, chosen, elsewhere, kind_of, wrong_view
from .filters_shots import Subject, emptied, shots_of, subject_of

Pictures = NDArray[np.uint8]


@dataclass(slots=True)
class MemorySamples:
    """`scores.ClassSamples` of arrays."""

    class_id: str
    labels: Sequence[Mapping[str, Any]]
    pictures: Pictures  # (N, H, W, 3)
    controls: Mapping[str, NDArray[Any]]  # name -> (N, ...)

    def __len__(self) -> int:
        return len(self.labels)

    def __iter__(self) -> Iterator[Candidate]:
        for index, label in enumerate(self.labels):
            controls = {name: values[index] for name, values in self.controls.items()}
            yield Candidate(key=label["key"], label=label, image=self.pictures[index], controls=controls)


@dataclass
class MemoryScratch:
    """`scores.Scratch` of a dictionary; what a scorer leaves there can be read afterwards."""

    kept: dict[str, dict[str, NDArray[Any]]] = field(default_factory=dict)

    def load(self, name: str) -> dict[str, NDArray[Any]] | None:
        """What was saved under that name."""
        return self.kept.get(name)

    def save(self, name: str, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Keep arrays."""
        self.kept[name] = dict(arrays)


@dataclass(frozen=True, slots=True)
class Corpus:
    """The samples of a class, sorted by key, and of some of them a spoiled picture as well."""

    good: MemorySamples
    spoiled: Mapping[int, Pictures]  # index -> (H, W, 3)
    kinds: Mapping[int, str]  # index -> which of `KINDS`

    @property
    def models(self) -> list[str]:
        """(N,) the CAD model of each sample."""
        return [label["cad_id"] for label in self.good.labels]

    def at(self, rate: float) -> tuple[MemorySamples, list[str]]:
        """The samples with the `rate` of them spoiled, and (N,) kinds: empty for good ones."""
        pictures, kinds = self.good.pictures.copy(), [""] * len(self.good)
        for index in chosen([label["key"] for label in self.good.labels], rate):
            pictures[index], kinds[index] = self.spoiled[index], self.kinds[index]
        return replace(self.good, pictures=pictures), kinds

    def all_spoiled(self) -> MemorySamples:
        """The spoiled pictures alone, with their labels and controls, in order."""
        places = sorted(self.spoiled)
        return MemorySamples(
            self.good.class_id,
            [self.good.labels[index] for index in places],
            np.stack([self.spoiled[index] for index in places]),
            {name: values[places] for name, values in self.good.controls.items()},
        )


def corpora(
    recipe: Recipe, refs: Sequence[ModelRef], most: float = max(RATES), lenders: Sequence[ModelRef] = ()
) -> list[Corpus]:
    """Every class of some models, drawn with the recipe's generator; `most` of each is spoiled too.

    Args:
        recipe: sources, views a model, size, words and generator.
        refs: the models.
        most: the highest rate that `Corpus.at` will be asked for.
        lenders: models of another class, needed where `refs` are of one: a wrong class is drawn from the other ones.
    """
    tools = Tools(recipe)
    tools.ready()
    with one_thread_an_operator():
        return _corpora(recipe, tools, refs, most, lenders)


def _corpora(
    recipe: Recipe, tools: Tools, refs: Sequence[ModelRef], most: float, lenders: Sequence[ModelRef]
) -> list[Corpus]:
    subjects: dict[str, list[Subject]] = {}
    for ref in refs:
        subjects.setdefault(ref.class_id, []).append(subject_of(tools, ref))
    made, lent = [], [subject_of(tools, ref) for ref in lenders]
    for class_id, own in sorted(subjects.items()):
        others = [each for other, group in sorted(subjects.items()) if other != class_id for each in group] + lent
        made.append(_corpus(recipe, tools, class_id, own, others, most))
    return made


def _corpus(
    recipe: Recipe, tools: Tools, class_id: str, own: Sequence[Subject], others: Sequence[Subject], most: float
) -> Corpus:
    shots, owner = [], {}
    for subject in own:
        views = _views(recipe, subject.model.ref)
        seeds = [seed_of(recipe.seed, subject.model.ref.uid, "sample", view.index) for view in views]
        for shot in shots_of(recipe, tools, subject, views, seeds):
            if shot is not None:
                shots.append(shot)
                owner[shot.key] = subject
    shots.sort(key=lambda shot: shot.key)
    labels = [shot.label for shot in shots]
    places = chosen([shot.key for shot in shots], most)
    kinds = {index: kind_of(labels[index]) for index in places}
    pictures = pictures_of(recipe, tools, shots)
    wrong = _wrong_shots(recipe, tools, [(shots[i], kinds[i]) for i in places], owner, own, others)
    drawn = pictures_of(recipe, tools, wrong)
    spoiled = {
        index: np.ascontiguousarray(pictures[index][:, ::-1]) if kinds[index] == "mirrored" else picture
        for index, picture in zip(places, drawn, strict=True)
    }
    return Corpus(MemorySamples(class_id, labels, pictures, _controls(shots)), spoiled, kinds)


def _views(recipe: Recipe, ref: ModelRef) -> list[View]:
    count = recipe.views.per_model
    assert count is not None
    return sample_views(recipe, ref, 0, count)


def _wrong_shots(
    recipe: Recipe,
    tools: Tools,
    jobs: Sequence[tuple[Shot, str]],
    owner: Mapping[str, Subject],
    own: Sequence[Subject],
    others: Sequence[Subject],
) -> list[Shot]:
    """What each failure is drawn from, its seed that of the sample: views of one model are rendered together."""
    asked: dict[str, tuple[Subject, list[tuple[int, View, int]]]] = {}
    for number, (shot, kind) in enumerate(jobs):
        subject, view = owner[shot.key], wrong_view(kind, shot.view, shot.key)
        if kind == "class":
            subject = others[seed_of("filters", shot.key, "other") % len(others)]
            view = replace(view, distance=subject.model.ref.distance)
        elif kind == "edges":
            rest = [each for each in own if each is not subject] or list(own)
            subject = rest[seed_of("filters", shot.key, "other") % len(rest)]
            view = elsewhere(view, shot.label, shot.key)
        asked.setdefault(subject.model.ref.uid, (subject, []))[1].append((number, view, shot.seed))
    found: dict[int, Shot] = {}
    for subject, wanted in asked.values():
        made = shots_of(recipe, tools, subject, [view for _, view, _ in wanted], [seed for _, _, seed in wanted])
        for (number, _, _), wrong in zip(wanted, made, strict=True):
            right, kind = jobs[number]
            found[number] = emptied(right) if kind == "missing" or wrong is None else _worded(wrong, right, kind)
    return [found[number] for number in range(len(jobs))]


def _worded(wrong: Shot, right: Shot, kind: str) -> Shot:
    """A generator that ignores its edges still heeds its words."""
    return replace(wrong, prompt=right.prompt) if kind == "edges" else wrong


def pictures_of(recipe: Recipe, tools: Tools, shots: Sequence[Shot]) -> Pictures:
    """The generator's pictures of some shots, (N, H, W, 3), as a reader finds them: through JPEG."""
    generator = tools.generator
    batches = [shots[at : at + generator.batch_size] for at in range(0, len(shots), generator.batch_size)]
    threads = available_cores() if recipe.generator.kind == "render" else 1

    def draw(batch: Sequence[Shot]) -> list[Pictures]:
        return [_through_jpeg(picture, recipe.shards.jpeg_quality) for picture in generator.generate(batch)]

    with ThreadPoolExecutor(threads) as pool:
        drawn = [picture for batch in pool.map(draw, batches) for picture in batch]
    size = recipe.render.size
    return np.stack(drawn) if drawn else np.zeros((0, size, size, 3), np.uint8)


def _through_jpeg(picture: Pictures, quality: int) -> Pictures:
    with Image.open(io.BytesIO(images.encode_jpg(picture, quality))) as image:
        return np.asarray(image)


def _controls(shots: Sequence[Shot]) -> dict[str, NDArray[Any]]:
    """The controls that scorers ask for, as `loading.decode_sample` gives them."""
    return {
        "edge": np.stack([shot.controls.edge > 0 for shot in shots]),
        "mask": np.stack([shot.controls.mask > 0 for shot in shots]),
        "render": np.stack([shot.controls.render for shot in shots]),
    }


def counts(found: Sequence[str]) -> dict[str, int]:
    """How many samples of each kind; good ones are left out."""
    return {kind: sum(each == kind for each in found) for kind in KINDS}
