"""A table of captions on disk: one part a class, written once, then joined to `captions.csv`.

    FOLDER/parts/<class>.csv    the class's rows: class, class_name, caption
    FOLDER/parts/<class>.json   the part's proof: its digest, what it was written with, and what was rejected
    FOLDER/captions.csv         all rows, in the order of the classes: what `prompts: {kind: captions}` reads
    FOLDER/captions.json        the sum of the proofs
    FOLDER/README.md            the card

A part's digest covers all that decides its captions, and nothing of other classes: a class is written again when its
own digest is another, and a stopped pass goes on where it stopped.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from ..errors import StoreError
from ..nouns import ModelRef
from .gate import MAX_TOKENS, Subject
from .keywords import clean_keywords
from .names import name_of, synonyms
from .writer import Topic, Writer, Written

COLUMNS = ("class", "class_name", "caption")
VERSION = 1  # of what is written from the same inputs
_DATA = ("prompt_scenes.tsv", "prompt_words.tsv", "prompt_names.tsv")


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
        is_animal = 0 <= first.class_index < 398
        subject = Subject(names, tokens, MAX_TOKENS)
        found.append(Topic(class_id, name.text, name.number, subject, tuple(common), not is_animal))
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
) -> dict[str, Any]:
    """Write what is missing of a table, and join it.

    Args:
        folder: where; made if needed.
        topics: the classes.
        setting: what decides their captions.
        writer: gives the writer; called only when a class is to be written, since it loads a model.
        progress: told how many more classes are done.

    Returns:
        What `captions.json` holds: counts over all classes, and each class's own.

    Raises:
        StoreError: the folder cannot be written.
    """
    try:
        parts = folder / "parts"
        parts.mkdir(parents=True, exist_ok=True)
        ready: Writer | None = None
        for topic in topics:
            if _proof(parts, topic, setting) is None:
                ready = ready or writer()
                _put_part(parts, topic, setting, ready.write(topic, setting.count, setting.seed))
            progress(1)
        return _join(folder, topics, setting)
    except OSError as error:
        raise StoreError(f"{folder}: cannot be written: {error.strerror or error}") from error


def count_done(folder: Path, topics: Sequence[Topic], setting: Setting) -> int:
    """How many classes of a table are written already."""
    return sum(_proof(folder / "parts", topic, setting) is not None for topic in topics)


def _proof(parts: Path, topic: Topic, setting: Setting) -> dict[str, Any] | None:
    try:
        proof = json.loads((parts / f"{topic.class_id}.json").read_text(encoding="utf-8"))
        rows = (parts / f"{topic.class_id}.csv").read_bytes()
    except (OSError, ValueError):
        return None
    is_whole = proof.get("digest") == digest_of(topic, setting) and proof.get("sha256") == _sha256(rows)
    return dict(proof) if is_whole else None


def _put_part(parts: Path, topic: Topic, setting: Setting, written: Written) -> None:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerows((topic.class_id, topic.name, caption) for caption in written.captions)
    data = text.getvalue().encode()
    proof = {
        "digest": digest_of(topic, setting),
        "sha256": _sha256(data),
        "class": topic.class_id,
        "class_name": topic.name,
        "captions": len(written.captions),
        "first_try": written.first,
        "drafts": written.drafts,
        "given_up": written.given_up,
        "rejected": dict(sorted(written.rejected.items())),
    }
    _replace(parts / f"{topic.class_id}.csv", data)
    _replace(parts / f"{topic.class_id}.json", json.dumps(proof, indent=1).encode())


def _join(folder: Path, topics: Sequence[Topic], setting: Setting) -> dict[str, Any]:
    proofs, rejected = [], Counter[str]()
    whole = tempfile.NamedTemporaryFile(dir=folder, prefix=".captions-", delete=False)  # noqa: SIM115 - renamed below
    with whole:
        whole.write((",".join(COLUMNS) + "\n").encode())
        for topic in topics:
            proof = _proof(folder / "parts", topic, setting)
            assert proof is not None
            proofs.append({key: proof[key] for key in proof if key not in ("digest", "sha256")})
            rejected.update(proof["rejected"])
            whole.write((folder / "parts" / f"{topic.class_id}.csv").read_bytes())
        whole.flush()
        os.fsync(whole.fileno())
    Path(whole.name).chmod(0o644)
    os.replace(whole.name, folder / "captions.csv")
    total = {key: sum(proof[key] for proof in proofs) for key in ("captions", "first_try", "drafts", "given_up")}
    facts = {"fingerprint": setting.fingerprint, **asdict(setting), "classes": len(topics), **total}
    facts |= {"rejected": dict(rejected.most_common()), "of_classes": proofs}
    _replace(folder / "captions.json", json.dumps(facts, indent=1).encode())
    return facts


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
