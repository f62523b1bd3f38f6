"""One piece of a scoring: one scorer judges one class."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..engines.worker import describe
from ..errors import Dst3dError, StoreError
from ..machine import one_thread_an_operator
from ..recipe import Recipe, validate
from ..registry import lookup
from ..scores import Judgement, Scorer
from ..store import Store
from .jobs import Place, places_there
from .redraw import RunRedraw
from .samples import ClassShards, RunSamples
from .tables import ScoreTable, StoreScratch, checked, facts_of, read_table, write_table


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker is told."""

    shards: ClassShards
    place: Place  # of the table it makes
    others: tuple[Place, ...] = ()  # tables of the same class that the scorer reads

    @property
    def name(self) -> str:
        """Class and scorer, as a person is told."""
        return f"{self.place.class_id} {self.place.kind}"


def make_scorer(recipe: Recipe, kind: str) -> Scorer:
    """The scorer of that kind with the recipe's options."""
    options = next(scorer for scorer in recipe.scores if scorer.kind == kind)
    scorer: Scorer = lookup("scores", kind)(options)
    return scorer


def needs_scores(scorer: Scorer) -> bool:
    """Whether a scorer reads what others have said: it has a method `fuse` and runs after them."""
    return hasattr(scorer, "fuse")


def worker(recipe_data: dict[str, Any], store_url: str) -> Callable[[Job, Callable[[int], None]], str]:
    """What a worker process calls for each job; scorers are kept from class to class."""
    return Worker(validate(recipe_data), Store(store_url))


class Worker:
    """Judges classes, one after the other; empty if all is well, else a message that says why there is no table.

    Args:
        recipe: names the scorers and their options.
        store: of the run.
    """

    def __init__(self, recipe: Recipe, store: Store) -> None:
        self._recipe, self._store = recipe, store
        self._scorers: dict[str, Any] = {}
        self._redraw = RunRedraw(recipe)

    def __call__(self, job: Job, progress: Callable[[int], None]) -> str:
        """Make one table. `progress` is told how many more samples are judged.

        Raises:
            StoreError: the store cannot be written.
        """
        told = 0

        def tell(share: float) -> None:
            nonlocal told
            done = int(min(max(share, 0.0), 1.0) * job.shards.num_samples)
            if done > told:
                progress(done - told)
                told = done

        try:
            self._judge(job, tell)
        except StoreError:
            raise
        except Dst3dError as error:
            return str(error)
        except Exception as error:
            return describe(error)
        tell(1.0)
        return ""

    def _judge(self, job: Job, progress: Callable[[float], None]) -> None:
        place = job.place
        if place.kind not in self._scorers:
            self._scorers[place.kind] = make_scorer(self._recipe, place.kind)
        scorer = self._scorers[place.kind]
        if hasattr(scorer, "redraw"):
            scorer.redraw = self._redraw
        samples = RunSamples(self._store, job.shards, scorer.controls)
        with one_thread_an_operator():
            if needs_scores(scorer):
                judgement = self._fused(scorer, job)
            else:
                judgement = scorer.judge(samples, StoreScratch(self._store, place.stem), progress)
        checked(judgement, len(samples), scorer.scores)
        table = ScoreTable(
            kind=place.kind,
            class_id=place.class_id,
            revision=scorer.revision,
            facts=facts_of(samples.keys, samples.attempts, samples.labels),
            scores=dict(judgement.scores),
            reasons=list(judgement.reasons),
            details=dict(judgement.details),
        )
        write_table(self._store, place.path, table)
        self._clear(place)

    def _fused(self, scorer: Any, job: Job) -> Judgement:
        table: dict[str, Any] = {}
        for place in job.others:
            table |= read_table(self._store, place.path).scores
        judgement: Judgement = scorer.fuse(table)
        return judgement

    def _clear(self, made: Place) -> None:
        """Remove what the finished table makes useless: its scratch, and the table of another revision."""
        for place, name, _ in list(places_there(self._store, made.class_id)):
            same = (place.kind, place.options, place.shards) == (made.kind, made.options, made.shards)
            if same and (place.revision != made.revision or name != made.path):
                self._store.remove(place.path if name == place.path else place.stem)
