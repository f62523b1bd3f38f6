"""A person's way through the passes: what is asked next, what was answered, and what is shown."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Sequence
from typing import Any

from ..errors import UsageError
from ..nouns import Sample
from ..report import tile
from ..store import Store
from . import Agreement, Rating, RatingTable, agreement
from .choose import Chosen, order_of, read

SEEN = ("picture", "render", "pose")  # columns of `report` that a person compares


class Session:
    """Passes over the chosen samples; safe for several threads.

    Args:
        store: the run's.
        chosen: the samples.
        table: where the answers are kept; those of an earlier sitting count.
        passes: how many times every sample is asked about.
    """

    def __init__(self, store: Store, chosen: Sequence[Chosen], table: RatingTable, passes: int = 2) -> None:
        self._store, self._table, self.passes = store, table, passes
        self._chosen = {each.key: each for each in chosen}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._chosen)

    @property
    def current(self) -> int:
        """The first pass that is not finished; one more than `passes` when all are."""
        with self._lock:
            for number in range(1, self.passes + 1):
                if self._chosen.keys() - self._table.of_pass(number).keys():
                    return number
        return self.passes + 1

    def order(self, pass_: int) -> list[Chosen]:
        """The samples in the order of a pass."""
        return order_of(list(self._chosen.values()), pass_)

    def answers(self, pass_: int) -> dict[str, Rating]:
        """The answers of a pass that are of the chosen samples."""
        with self._lock:
            found = self._table.of_pass(pass_)
        return {key: rating for key, rating in found.items() if key in self._chosen}

    def put(self, ratings: Sequence[Rating]) -> None:
        """Keep answers.

        Raises:
            UsageError: one of a sample that is not asked about, or of a pass that is not on.
        """
        for rating in ratings:
            if rating.key not in self._chosen or not 1 <= rating.pass_ <= self.passes:
                raise UsageError(f"{rating.key}, pass {rating.pass_}: not asked about")
        with self._lock:
            self._table.put(ratings)

    def agreement(self) -> Agreement:
        """Between the first two passes, as far as both are answered."""
        return agreement(self.answers(1), self.answers(2))

    def sample(self, key: str) -> Sample:
        """What is shown of a sample.

        Raises:
            KeyError: it is not asked about.
        """
        return read(self._store, self._chosen[key])

    def jpeg(self, key: str, column: str, side: int) -> bytes:
        """One of `SEEN` as a JPEG of `side` x `side` pixels.

        Raises:
            KeyError: no such sample, or no such column.
        """
        if column not in SEEN:
            raise KeyError(column)
        buffer = io.BytesIO()
        tile(self.sample(key), column, side).save(buffer, "JPEG", quality=92, subsampling=0)
        return buffer.getvalue()

    def state(self) -> dict[str, Any]:
        """What the page needs to go on: the pass, its samples in order, and the answers of this pass alone."""
        number = self.current
        answers = {} if number > self.passes else self.answers(number)
        items = [
            {
                "key": each.key,
                "class_name": each.class_name,
                "good": answers[each.key].good if each.key in answers else None,
                "note": answers[each.key].note if each.key in answers else "",
                "answered": each.key in answers,
            }
            for each in (self.order(number) if number <= self.passes else [])
        ]
        said = self.agreement()
        agreed = {"both": said.both, "same": said.same, "kappa": said.kappa}
        return {"pass": number, "passes": self.passes, "items": items, "agreement": agreed}


def rating_of(data: bytes) -> Rating:
    """An answer as the page sends it.

    Raises:
        ValueError: it is none.
    """
    plain = json.loads(data)
    try:
        good, seconds = plain["good"], float(plain["seconds"])
        if good not in (True, False, None) or not 0.0 <= seconds < 1e7:
            raise ValueError("good is true, false or null, and seconds a number from 0 on")
        return Rating(str(plain["key"]), good, str(plain["note"])[:500], int(plain["pass"]), min(seconds, 600.0))
    except (KeyError, TypeError) as error:
        raise ValueError(f"an answer has key, good, note, pass and seconds ({error})") from error
