"""`make_shard`: THE unit of work. One process, one device, streaming inside, one atomic commit at the end.

Load -> render -> generate -> encode -> write run side by side through bounded queues, so memory does not grow with the
shard and the generator never waits for a picture to be compressed. Every engine only maps this function, or lets a
`relay.Relay` do the same for shard after shard.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from .machine import one_thread_an_operator, short_turns, versions
from .nouns import Sample
from .plan import ModelViews, ShardSpec
from .receipt import Receipt, Skipped
from .recipe import Recipe
from .stages import Work, draw_pictures, encode_samples, load_models, render_shots
from .store import Store
from .stream import ahead
from .tar import TarWriter
from .tools import tools_for
from .turns import Turn, Turns

MODELS_AHEAD = 2
PICTURES_AHEAD = 8  # that are drawn while the last ones are encoded and written


def make_shard(
    recipe: Recipe,
    spec: ShardSpec,
    store: Store,
    progress: Callable[[int], None] = lambda done: None,
    expected: int | None = None,
) -> Receipt:
    """Make one shard and commit it.

    Args:
        recipe: the recipe the spec was planned from.
        spec: what to make.
        store: where to put it.
        progress: told how many more samples are finished (written or skipped).
        expected: how many samples this process is going to make in all, about; None: those of this shard. It decides
            whether a generator compiles its networks, and nothing else.

    Returns:
        The receipt, which is already in the store. Models that cannot be used are in `receipt.skipped`.

    Raises:
        StoreError: the store cannot be written; nothing of this shard is kept.
        Dst3dError: the generator or renderer cannot be used at all.
    """
    turns = Turns()
    tools_for(recipe).ready()
    with one_thread_an_operator(), short_turns():
        return make_in_turn(recipe, spec, store, turns.begin(), progress, expected)


def make_in_turn(
    recipe: Recipe,
    spec: ShardSpec,
    store: Store,
    turn: Turn,
    progress: Callable[[int], None],
    expected: int | None,
) -> Receipt:
    """`make_shard` beside other shards of the process, which has made the recipe's tools ready.

    Args:
        recipe: as in `make_shard`, like the rest.
        spec: what to make.
        store: where to put it.
        turn: its place among them.
        progress: told how many more samples are finished.
        expected: how many samples the process is going to make.

    Raises:
        Stopped: the process makes no more; and what `make_shard` raises.
    """
    work = Work(recipe, tools_for(recipe), spec.attempt, turn=turn, expected=expected or spec.num_samples)

    def fill(writer: TarWriter) -> Receipt:
        count = 0
        for sample in _samples(work, spec):
            turn.check()
            with work.clock("write"):
                writer.write(sample)
            count += 1
            progress(1)
        progress(spec.num_samples - count)
        return _receipt(work, spec, count)

    return store.commit(spec.shard_id, spec.class_id, fill)


def iter_samples(recipe: Recipe, jobs: Iterable[ModelViews], skipped: list[Skipped] | None = None) -> Iterator[Sample]:
    """The samples of some views, without a store (for previews).

    Models that cannot be used are left out, and noted in `skipped` if that is given.
    """
    work = Work(recipe, tools_for(recipe), skipped=[] if skipped is None else skipped)
    yield from encode_samples(work, draw_pictures(work, render_shots(work, load_models(work, jobs))))


def _samples(work: Work, spec: ShardSpec) -> Iterator[Sample]:
    models = ahead(load_models(work, spec.jobs), MODELS_AHEAD, "load")
    shots = ahead(render_shots(work, models), 2 * work.tools.generator.batch_size, "render")
    return encode_samples(work, ahead(draw_pictures(work, shots), PICTURES_AHEAD, "generate"))


def _receipt(work: Work, spec: ShardSpec, count: int) -> Receipt:
    tools = work.tools
    return Receipt(
        shard_id=spec.shard_id,
        class_id=spec.class_id,
        digest=spec.digest,
        fingerprint=spec.fingerprint,
        path="",
        sha256="",
        num_bytes=0,
        num_samples=count,
        skipped=tuple(work.skipped),
        counts=dict(work.counts),
        seconds={stage: round(seconds, 4) for stage, seconds in sorted(work.clock.seconds.items())}
        | {"wall": round(work.turn.lap(), 4)},
        generator=tools.generator.name,
        generator_revision=tools.generator.revision,
        untrained=tools.generator.untrained,
        versions=versions() | getattr(tools.renderer, "versions", {}),
    )
