"""A data set of captions on disk: one part a class, written once, then joined to tables.

    FOLDER/captions.json                        the manifest; written last, and so the proof that the rest is whole
    FOLDER/data/train-00000-of-00001.parquet    all rows in the order of the classes, see `caption_files.COLUMNS`
    FOLDER/README.md                            the card (by `dst3d captions`)
    FOLDER/parts/<class>.parquet, .json         the class's rows, and their proof; never published

What is published as a `captions` data set is `README.md`, `captions.json` and `data/*.parquet`; `load_dataset(FOLDER)`
and `prompts: {kind: captions, file: FOLDER}` read the tables. The manifest holds:

* `format`: "dst3d-captions/1"; `fingerprint`: 16 hexadecimal digits over all that decides every class's captions;
* `recipe`: fingerprint of the recipe whose classes these are; `seed`, `count`, `style`, `tokens`: see `Setting`;
* `model`: the language model, pinned: `name@revision`, or `name@sha256:digest` for files on disk;
* `classes`, `captions`, `first_try`, `drafts`, `given_up`: counts; `rejected`: drafts by the gate's reasons;
* `of_classes`: the same counts of each class, with `class`, `class_name`, `class_index`;
* `files`: `path`, `rows`, `bytes` and `sha256` of each table; `columns`: type and meaning of each column.

A part's digest covers all that decides its captions, and nothing of other classes: a class is written again when its
own digest is another, and a stopped pass goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from ..errors import StoreError
from ..nouns import ModelRef
from .caption_files import COLUMNS, join_parts, part_bytes
from .gate import MAX_TOKENS, Subject
from .keywords import clean_keywords
from .names import name_of, synonyms
from .writer import Topic, Writer, Written

FORMAT = "dst3d-captions/1"
MANIFEST, DATA, PARTS = "captions.json", "data", "parts"
VERSION = 2  # of what is written from the same inputs
_LIVING, _GROWN = range(398), range(924, 999)  # ImageNet's animals; its dishes, landscapes, people and plants
_DATA = ("prompt_scenes.tsv", "prompt_classes.tsv", "prompt_words.tsv", "prompt_names.tsv")


@dataclass(frozen=True, slots=True)
class Setting:
    """What decides the captions of every class."""

    seed: int
    count: int  # captions of a class
    style: str
    model: str  # pinned; see `language_place.Weights.pinned`
    tokens: str  # how tokens are counted

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits over the setting and the word lists of this package."""
        state = hashlib.sha256(json.dumps([VERSION, asdict(self)], sort_keys=True).encode())
        for name in _DATA:
            state.update((resources.files("dst3d_datasets") / "data" / name).read_bytes())
        return state.hexdigest()[:16]


def topics_of(refs: Iterable[ModelRef], tokens: Callable[[str], int], keywords: int = 2) -> list[Topic]:
    """The classes of some models, sorted by id, each with its models' commonest keywords.

    Args:
        refs: the models.
        tokens: counts a caption's tokens.
        keywords: how many keywords of a class the language model is told.
    """
    by_class: dict[str, list[ModelRef]] = {}
    for ref in refs:
        by_class.setdefault(ref.class_id, []).append(ref)
    found = []
    for class_id, models in sorted(by_class.items()):
        first = min(models, key=lambda ref: ref.uid)
        counts = Counter(word for ref in models for word in clean_keywords(ref.keywords, ref.class_name)[0])
        common = sorted(counts, key=lambda word: (-counts[word], word))[:keywords]
        name = name_of(first)
        names = tuple(dict.fromkeys(each for ref in models for each in synonyms(ref)))
        is_thing = first.class_index not in _LIVING and first.class_index not in _GROWN
        subject = Subject(names, tokens, MAX_TOKENS)
        where = (first.class_index, first.synset)
        found.append(Topic(class_id, name.text, name.number, subject, tuple(common), is_thing, *where))
    return found


def digest_of(topic: Topic, setting: Setting) -> str:
    """32 hexadecimal digits over all that decides one class's captions."""
    about = [topic.class_id, topic.name, topic.number, topic.subject.names, topic.keywords, topic.has_looks]
    return hashlib.sha256(json.dumps([setting.fingerprint, about]).encode()).hexdigest()[:32]


def write_table(
    folder: Path,
    topics: Sequence[Topic],
    setting: Setting,
    writer: Callable[[], Writer],
    progress: Callable[[int], None] = lambda done: None,
    recipe: str = "",
) -> dict[str, Any]:
    """Write what is missing of a table, and join it.

    Args:
        folder: where; made if needed.
        topics: the classes.
        setting: what decides their captions.
        writer: gives the writer; called only when a class is to be written, since it loads a model.
        progress: told how many more classes are done.
        recipe: fingerprint of the recipe whose classes these are, for the manifest.

    Returns:
        The manifest.

    Raises:
        MissingDependency: pyarrow is not installed.
        StoreError: the folder cannot be written.
    """
    try:
        parts = folder / PARTS
        parts.mkdir(parents=True, exist_ok=True)
        ready: Writer | None = None
        for topic in topics:
            if _proof(parts, topic, setting) is None:
                ready = ready or writer()
                _put_part(parts, topic, setting, ready.write(topic, setting.count, setting.seed))
            progress(1)
        return _join(folder, topics, setting, recipe)
    except OSError as error:
        raise StoreError(f"{folder}: cannot be written: {error.strerror or error}") from error


def count_done(folder: Path, topics: Sequence[Topic], setting: Setting) -> int:
    """How many classes of a table are written already."""
    return sum(_proof(folder / PARTS, topic, setting) is not None for topic in topics)


def _proof(parts: Path, topic: Topic, setting: Setting) -> dict[str, Any] | None:
    try:
        proof = json.loads((parts / f"{topic.class_id}.json").read_text(encoding="utf-8"))
        rows = (parts / f"{topic.class_id}.parquet").read_bytes()
    except (OSError, ValueError):
        return None
    is_whole = proof.get("digest") == digest_of(topic, setting) and proof.get("sha256") == _sha256(rows)
    return dict(proof) if is_whole else None


def _put_part(parts: Path, topic: Topic, setting: Setting, written: Written) -> None:
    data = part_bytes(list(_rows(topic, setting, written)))
    proof = {
        "digest": digest_of(topic, setting),
        "sha256": _sha256(data),
        "class": topic.class_id,
        "class_name": topic.name,
        "class_index": topic.class_index,
        "captions": len(written.captions),
        "first_try": written.first,
        "drafts": written.drafts,
        "given_up": written.given_up,
        "rejected": dict(sorted(written.rejected.items())),
    }
    _replace(parts / f"{topic.class_id}.parquet", data)
    _replace(parts / f"{topic.class_id}.json", json.dumps(proof, indent=1).encode())


def _rows(topic: Topic, setting: Setting, written: Written) -> Iterator[dict[str, Any]]:
    model, _, revision = setting.model.partition("@")
    of_class = {
        "class": topic.class_id,
        "class_name": topic.name,
        "class_index": topic.class_index,
        "synset": topic.synset,
        "style": setting.style,
        "model": model,
        "revision": revision,
    }
    for one in written.captions:
        own = {"caption": one.text, "number": one.number, "attempts": one.attempts, "seed": one.seed}
        yield {**of_class, **own}


def _join(folder: Path, topics: Sequence[Topic], setting: Setting, recipe: str) -> dict[str, Any]:
    parts = folder / PARTS
    proofs, rejected = [], Counter[str]()
    for topic in topics:
        proof = _proof(parts, topic, setting)
        assert proof is not None
        proofs.append({key: proof[key] for key in proof if key not in ("digest", "sha256")})
        rejected.update(proof["rejected"])
    (folder / MANIFEST).unlink(missing_ok=True)
    files = join_parts([parts / f"{topic.class_id}.parquet" for topic in topics], folder / DATA)
    _drop_csv(folder / "captions.csv")
    total = {key: sum(proof[key] for proof in proofs) for key in ("captions", "first_try", "drafts", "given_up")}
    facts = {"format": FORMAT, "fingerprint": setting.fingerprint, "recipe": recipe, **asdict(setting)}
    facts |= {"classes": len(topics), **total, "rejected": dict(rejected.most_common()), "of_classes": proofs}
    facts |= {"files": files, "columns": {name: list(about) for name, about in COLUMNS.items()}}
    _replace(folder / MANIFEST, json.dumps(facts, indent=1).encode())
    return facts


def _drop_csv(path: Path) -> None:
    """Remove the table that version 1 wrote, which readers would prefer; any other file of that name stays."""
    try:
        with path.open("rb") as file:
            is_ours = file.readline() == b"class,class_name,caption\n"
    except FileNotFoundError:
        return
    if is_ours:
        path.unlink()


def _replace(path: Path, data: bytes) -> None:
    """Write a file whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
