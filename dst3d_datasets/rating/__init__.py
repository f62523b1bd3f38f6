"""Rating: a person says of a few hundred samples whether the picture shows what the label says, in minutes.

The answers are a table, `ratings.tsv`, that calibrates thresholds and trains the fused score. Every sample is asked
about twice, in two orders, with the first answers hidden: where a person disagrees with themself no filter can be
right, so the agreement is the ceiling of every figure that is measured against these ratings.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..errors import UsageError
from ..store import Store

COLUMNS = ("key", "good", "note", "pass", "seconds")


@dataclass(frozen=True, slots=True)
class Rating:
    """One answer."""

    key: str
    good: bool | None  # None: the person could not say
    note: str
    pass_: int  # 1, 2, ...
    seconds: float


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two passes of one person say the same."""

    both: int  # samples with a good or bad in both passes
    same: int  # those with the same answer
    kappa: float  # Cohen's; 1 when all are the same, 0 when it is no more than chance


class RatingTable:
    """The file of answers: one line a sample and pass, rewritten in one atomic replace with every answer.

    Args:
        address: a local path or an fsspec address.

    Raises:
        UsageError: there is such a file, and it is no table of ratings.
    """

    def __init__(self, address: str) -> None:
        folder, _, self._name = address.rpartition("/")
        self.address, self._store = address, Store(folder or ".")
        data = self._store.read(self._name)
        self._rows = {} if data is None else {(row.key, row.pass_): row for row in _parse(data, address)}

    def __len__(self) -> int:
        return len(self._rows)

    def of_pass(self, number: int) -> dict[str, Rating]:
        """The answers of one pass, by key."""
        return {row.key: row for row in self._rows.values() if row.pass_ == number}

    def put(self, ratings: Iterable[Rating]) -> None:
        """Keep answers; later ones replace earlier ones of the same sample and pass."""
        self._rows.update({(row.key, row.pass_): row for row in ratings})
        buffer = io.StringIO()
        writer = csv.writer(buffer, delimiter="\t", lineterminator="\n")
        writer.writerow(COLUMNS)
        for row in self._rows.values():
            good = "" if row.good is None else str(int(row.good))
            writer.writerow((row.key, good, " ".join(row.note.split()), row.pass_, f"{row.seconds:.1f}"))
        self._store.write(self._name, buffer.getvalue().encode())


def _parse(data: bytes, address: str) -> list[Rating]:
    reader = csv.DictReader(io.StringIO(data.decode("utf-8", "replace")), delimiter="\t")
    if tuple(reader.fieldnames or ()) != COLUMNS:
        raise UsageError(f"{address}: no table of ratings (its first line must be: {' '.join(COLUMNS)}, by tabs)")
    rows = []
    for number, row in enumerate(reader, 2):
        try:
            good = {"1": True, "0": False, "": None}[row["good"]]
            seconds = float(row["seconds"])
            if not math.isfinite(seconds) or int(row["pass"]) < 1:
                raise ValueError
            rows.append(Rating(row["key"], good, row["note"], int(row["pass"]), seconds))
        except (KeyError, ValueError, TypeError):
            raise UsageError(f"{address}: line {number} is no rating; mend it or choose another --out") from None
    return rows


def settled(table: RatingTable) -> dict[str, bool]:
    """Key -> the answer, for samples whose passes all say the same; those in doubt are left out."""
    said: dict[str, set[bool | None]] = {}
    for number in (1, 2):
        for row in table.of_pass(number).values():
            said.setdefault(row.key, set()).add(row.good)
    return {key: bool(answers.pop()) for key, answers in said.items() if len(answers) == 1 and None not in answers}


def agreement(first: dict[str, Rating], second: dict[str, Rating]) -> Agreement:
    """Compare two passes; samples that were not answered in both, or left open, do not count.

    Kappa is Cohen's (Educational and Psychological Measurement, 1960).
    """
    pairs = [(first[key].good, second[key].good) for key in first.keys() & second.keys()]
    return agreement_of([(bool(a), bool(b)) for a, b in pairs if a is not None and b is not None])


def agreement_of(pairs: Sequence[tuple[bool, bool]]) -> Agreement:
    """The same, of pairs of answers."""
    if not pairs:
        return Agreement(0, 0, 0.0)
    same = sum(a == b for a, b in pairs)
    shares = [sum(pair[column] for pair in pairs) / len(pairs) for column in (0, 1)]
    chance = shares[0] * shares[1] + (1 - shares[0]) * (1 - shares[1])
    kappa = 1.0 if chance >= 1.0 else (same / len(pairs) - chance) / (1.0 - chance)
    return Agreement(len(pairs), same, kappa)
