"""Captions on one GPU (on the processor where there is none): the whole pass, gate, retries and tables included."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from .. import imagenet
from ..errors import MissingDependency
from ..nouns import ModelRef
from ..prompts.caption_table import Setting, topics_of, write_table
from ..prompts.gate import Doubles, faults
from ..prompts.language_place import EMBEDDED, find_weights
from ..prompts.scenes import Suited, compose, phrases, places
from ..prompts.tokens import estimate
from ..prompts.writer import UNSAID, Model, Topic, Writer
from .result import Cell, Measured

COUNT = 500  # captions of a class, as the goal says
_GOAL = 1000 * COUNT


def run(quick: bool) -> Measured:
    """SmolLM2-135M's shapes with random weights, and the true model where its package is installed."""
    columns = ("how", "classes", "drafts", "drafts/s", "captions/s", "passed %", "1000 x 500, min")
    try:
        from ..prompts.language import LanguageModel, best_device
        from ..prompts.language_random import random_network
    except ModuleNotFoundError as error:
        return Measured(columns, (), [f"not measured: the package {error.name!r} is not installed"])
    device = best_device()
    num = {"phrases": 20 if quick else 100, "free": 2 if quick else 10} if device != "cpu" else {"phrases": 1}
    topics = _topics(max(num.values()))
    model = LanguageModel(None, device, UNSAID, random_network())
    rows = [_row(f"random weights: {style}", model, style, topics[:most]) for style, most in num.items()]
    notes = [
        f"On {device}, {COUNT} captions a class; the model and its scores of things in general are there.",
        "Random weights of SmolLM2-135M's shapes write no sentences: of their style free only drafts/s counts.",
        f"The gate alone, one core: {_gate(2_000):,.0f} captions/s.",
    ]
    try:
        model = LanguageModel(find_weights(EMBEDDED), device, UNSAID)
        rows += [_row(f"SmolLM2-135M: {style}", model, style, topics[:most]) for style, most in num.items()]
    except MissingDependency as error:
        notes.append(f"The true model was not measured: {error}")
    return Measured(columns, rows, notes)


def _topics(classes: int) -> list[Topic]:
    """Classes spread over ImageNet, without keywords."""
    found = imagenet.classes()[:: max(1, 1000 // classes)][:classes]
    refs = [
        ModelRef(source="bench", model_id="m", class_name=entry.name, synset=entry.synset, class_index=entry.index)
        for entry in found
    ]
    return topics_of(refs, estimate)


def _row(how: str, model: Model, style: str, topics: list[Topic]) -> tuple[Cell, ...]:
    """One table written into a folder that is thrown away."""
    writer = Writer(model, style)
    writer.write(topics[0], 1, seed=1)  # what comes once: things in general are scored, memory is taken
    setting = Setting(0, COUNT, style, "bench@0", "upper estimate")
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        facts = write_table(Path(folder), topics, setting, lambda: writer)
        seconds = time.perf_counter() - start
    rate = facts["captions"] / seconds
    passed = 100.0 * facts["captions"] / (COUNT * len(topics))
    minutes: Cell = "" if "random" in how and style == "free" else _GOAL / max(1e-9, rate) / 60
    return how, len(topics), facts["drafts"], facts["drafts"] / seconds, rate, passed, minutes


def _gate(count: int) -> float:
    """Captions a second that the gate judges."""
    topic = _topics(1)[0]
    suited = Suited(tuple((place, 1.0) for place in places()), tuple((look, 1.0) for look in phrases("look")))
    captions = [compose(topic.name, topic.article, suited, seed) for seed in range(count)]
    doubles, start = Doubles(), time.perf_counter()
    for caption in captions:
        if not faults(caption, topic.subject):
            doubles.add(caption)
    return count / (time.perf_counter() - start)
