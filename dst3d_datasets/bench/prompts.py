"""Words of prompts: how fast captions are written, how many pass, and how diverse they are beside plain templates."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from .. import imagenet
from ..errors import MissingDependency
from ..nouns import ModelRef
from ..prompts.caption_table import topics_of
from ..prompts.gate import Subject, faults
from ..prompts.language_place import EMBEDDED, find_weights
from ..prompts.template import Template
from ..prompts.tokens import estimate
from ..prompts.writer import UNSAID, Topic, Writer
from ..recipe.options import PrimitivesOptions, TemplatePromptOptions
from ..registry import lookup
from .prompts_diversity import distinct_2, mean_distance, self_bleu
from .result import Cell, Measured

_SHOWN = 24  # samples to read


@dataclass(frozen=True, slots=True)
class _Texts:
    """What one way of making prompts gave."""

    how: str
    by_class: dict[str, list[str]]
    seconds: float
    first: float  # shares of the captions asked for that passed the gate: at the first draft, and in all
    passed: float


def run(quick: bool) -> Measured:
    """50 classes with 20 prompts each, 5 of them in style free; with `quick`, 2 classes and no style free."""
    num_classes, each = (2, 20) if quick else (50, 20)
    models = _models(num_classes, each)
    topics = topics_of([ref for refs in models.values() for ref in refs], estimate)
    found = [
        _template("template: reference", "reference", models, topics),
        _template("template: class and keywords", "keywords", models, topics),
    ]
    notes = [
        f"{num_classes} classes (style free: 5 at most), {each} prompts each; templates: one prompt a CAD model, "
        f"{each} procedural models a class where there are any, else one without keywords.",
        "First and passed: share of the captions asked for that passed the gate. Distance: mean cosine distance within "
        "a class by the packaged MiniLM; 0 where it is not installed.",
    ]
    try:
        found += _written(topics, each, {"phrases": num_classes} if quick else {"phrases": num_classes, "free": 5})
    except MissingDependency as error:
        notes.append(str(error))
    baseline = max(1e-9, distinct_2(_all(found[0])))
    columns = (
        "how",
        "prompts",
        "prompts/s",
        "first %",
        "passed %",
        "distinct-2",
        "x template",
        "self-BLEU",
        "distance",
    )
    distance = _distance()
    rows = [_row(texts, baseline, distance) for texts in found]
    samples = [text for texts in found for text in ("", f"{texts.how}:", "", *(f"- {t}" for t in _some(texts)))]
    return Measured(columns, rows, [*notes, *samples], {"samples": {texts.how: texts.by_class for texts in found}})


def _models(classes: int, each: int) -> dict[str, list[ModelRef]]:
    """Procedural models of the classes that have them, and of others spread over ImageNet one bare model each."""
    source = lookup("sources", "primitives")(PrimitivesOptions(kind="primitives", models_per_class=each))
    found: dict[str, list[ModelRef]] = {}
    for ref in source.models():
        found.setdefault(ref.class_id, []).append(ref)
    found = dict(list(found.items())[: max(1, classes // 2)])
    for entry in imagenet.classes()[7::11]:
        if len(found) < classes and entry.synset not in found:
            bare = ModelRef(
                source="bench", model_id="m", class_name=entry.name, synset=entry.synset, class_index=entry.index
            )
            found[entry.synset] = [bare] * each
    return found


def _template(how: str, text: str, models: dict[str, list[ModelRef]], topics: Sequence[Topic]) -> _Texts:
    template, start = Template(TemplatePromptOptions(text=text)), time.perf_counter()
    prompts = {name: [template.prompt(ref, 0).text for ref in refs] for name, refs in models.items()}
    seconds = time.perf_counter() - start
    subjects: dict[str, Subject] = {topic.class_id: topic.subject for topic in topics}
    good = [not faults(text, subjects[name]) for name, texts in prompts.items() for text in texts]
    share = sum(good) / max(1, len(good))
    return _Texts(how, prompts, seconds, share, share)


def _written(topics: Sequence[Topic], each: int, styles: dict[str, int]) -> list[_Texts]:
    try:
        from ..prompts.language import LanguageModel
    except ModuleNotFoundError as error:
        raise MissingDependency(f"no language model: the package {error.name!r} is not installed") from error
    model = LanguageModel(find_weights(EMBEDDED), banned=UNSAID)
    found = []
    for style, most in styles.items():
        writer, start = Writer(model, style), time.perf_counter()
        written = {topic.class_id: writer.write(topic, each, seed=0) for topic in topics[:most]}
        seconds = time.perf_counter() - start
        asked = max(1, each * min(most, len(topics)))
        first = sum(one.first for one in written.values()) / asked
        passed = sum(len(one.captions) for one in written.values()) / asked
        texts = {name: one.captions for name, one in written.items()}
        found.append(_Texts(f"SmolLM2-135M: {style}", texts, seconds, first, passed))
    return found


def _row(texts: _Texts, baseline: float, distance: Callable[[Sequence[str]], float]) -> tuple[Cell, ...]:
    everything = _all(texts)
    of_classes = [prompts for prompts in texts.by_class.values() if len(prompts) > 1]
    diverse = distinct_2(everything)
    return (
        texts.how,
        len(everything),
        len(everything) / max(1e-9, texts.seconds),
        100.0 * texts.first,
        100.0 * texts.passed,
        diverse,
        diverse / baseline,
        float(np.mean([self_bleu(prompts) for prompts in of_classes])) if of_classes else 0.0,
        float(np.mean([distance(prompts) for prompts in of_classes[:10]])) if of_classes else 0.0,
    )


def _distance() -> Callable[[Sequence[str]], float]:
    """Mean distance of a class's prompts, or 0 without the packaged model."""
    try:
        from ..prompts.language_embed import embed, embedder_folder
    except ModuleNotFoundError:
        return lambda texts: 0.0
    folder = embedder_folder()
    return lambda texts: 0.0 if folder is None else mean_distance(embed(texts, folder))


def _all(texts: _Texts) -> list[str]:
    return [prompt for prompts in texts.by_class.values() for prompt in prompts]


def _some(texts: _Texts) -> list[str]:
    everything = _all(texts)
    return everything[:: max(1, len(everything) // _SHOWN)][:_SHOWN]
