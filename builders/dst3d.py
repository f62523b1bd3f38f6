"""A recipe as a `datasets` builder: rows are made when they are asked for, and then kept.

Shards of `datasets` are shards of the plan. Finished ones lie in our own store, because `datasets` deletes all its
work when anything fails: after a crash only the shard that was in the making is made again. Rows and splits are those
of a release of the same recipe; the order is the plan's, class by class (`.shuffle()` mixes them).
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing.process
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import datasets
import multiprocess.process
from dst3d_datasets.builders.released import features

from dst3d_datasets import schema
from dst3d_datasets.build import plan_for
from dst3d_datasets.card import card_text
from dst3d_datasets.columns import columns, members, released_label
from dst3d_datasets.engines.pool import visible_gpus
from dst3d_datasets.errors import ReleaseError, UsageError
from dst3d_datasets.home import default_home
from dst3d_datasets.nouns import ModelRef
from dst3d_datasets.plan import Plan, ShardSpec
from dst3d_datasets.receipt import Receipt
from dst3d_datasets.recipe import Recipe, builtin_recipes, load_recipe, to_yaml, validate
from dst3d_datasets.recipe.io import parse_yaml
from dst3d_datasets.run import claim, settled
from dst3d_datasets.shard import make_shard
from dst3d_datasets.splits import split_of
from dst3d_datasets.store import Store
from dst3d_datasets.tar import read_index, read_sample

VERSION = datasets.Version("1.0.0")  # of the columns; `schema.VERSION` is in the cache's name too
CUSTOM = "custom"  # name of the config whose recipe is given


@dataclass
class Dst3dConfig(datasets.BuilderConfig):  # type: ignore[misc]
    """What a builder makes.

    Attributes:
        recipe: the whole recipe as YAML; empty: the built-in recipe of the config's name.
        store: folder or fsspec address of the shards; empty: by fingerprint under `home.default_home()`.
        limit: at most this many samples; 0 for all.
    """

    recipe: str = ""
    store: str = ""
    limit: int = 0


class Dst3d(datasets.GeneratorBasedBuilder):  # type: ignore[misc]
    """Makes the samples of a recipe.

    Args:
        config_name: a built-in recipe (`quickstart`, ...), when no recipe is given.
        recipe: a recipe, a YAML file of one, or the name of a built-in one.
        overrides: fields to change, as `render.size=256`.
        store: folder or fsspec address of the shards; a run folder of the same recipe is fine, its shards are used.
        limit: at most this many samples, spread over the classes.
        data_files: what `load_dataset` calls a recipe file.
        hash: more to tell caches apart by.
        **kwargs: what `datasets.DatasetBuilder` takes.
    """

    VERSION = VERSION
    BUILDER_CONFIG_CLASS = Dst3dConfig
    BUILDER_CONFIGS = [Dst3dConfig(name=name, version=VERSION) for name in (*builtin_recipes(), CUSTOM)]  # noqa: RUF012
    DEFAULT_CONFIG_NAME = "quickstart"
    DEFAULT_WRITER_BATCH_SIZE = 64  # rows of pictures held in memory

    def __init__(
        self,
        *,
        config_name: str | None = None,
        recipe: Recipe | str | os.PathLike[str] | None = None,
        overrides: Sequence[str] = (),
        store: str | os.PathLike[str] | None = None,
        limit: int | None = None,
        data_files: Any = None,
        hash: str | None = None,
        **kwargs: Any,
    ) -> None:
        given = recipe if recipe is not None else _file_of(data_files)
        if given is not None and config_name not in (None, CUSTOM, "default"):
            raise UsageError(f"give a recipe or the name of a built-in one ({config_name!r}), not both")
        named = given is None and not overrides
        name = config_name if config_name not in (None, "default") else self.DEFAULT_CONFIG_NAME
        self._recipe = settled(
            _resolved(given if given is not None else name, overrides), Store(store) if store else None
        )
        self._plan, self._missing = plan_for(self._recipe, limit)
        config_kwargs: dict[str, Any] = {} if named else {"recipe": to_yaml(self._recipe)}
        config_kwargs |= {"limit": limit} if limit else {}
        config_kwargs |= {"store": os.fspath(store)} if store else {}
        super().__init__(
            config_name=name if named else CUSTOM, hash=_digest(self._plan, hash), **config_kwargs, **kwargs
        )

    def __getstate__(self) -> dict[str, Any]:
        """What worker processes are sent: not the plan, they get their specs."""
        return {key: value for key, value in self.__dict__.items() if key not in ("_plan", "_missing")}

    @property
    def store(self) -> Store:
        """Where the shards lie."""
        limited = f"-limit{self.config.limit}" if self.config.limit else ""
        return Store(self.config.store or default_home() / f"{self._plan.fingerprint}{limited}")

    def _info(self) -> datasets.DatasetInfo:
        return datasets.DatasetInfo(
            description=f"Samples of the recipe {self._recipe.name!r}, made by dst3d_datasets.",
            features=features(self._recipe.release.controls),
            citation=card_text("citation.md").removeprefix("```bibtex\n").removesuffix("\n```"),
        )

    def _split_generators(self, dl_manager: Any) -> list[datasets.SplitGenerator]:
        if self._recipe.scores:
            raise ReleaseError(
                "a recipe with scores cannot be streamed: filters judge whole classes; build and release it"
            )
        store = self.store
        claim(store, self._recipe, self._plan, self._missing, extend=not self.config.store)
        found: dict[str, list[ShardSpec]] = {name: [] for name in self._recipe.release.splits}
        for spec in self._plan:
            for name in sorted({_split(self._recipe, job.ref) for job in spec.jobs}):
                found[name].append(spec)
        text = to_yaml(self._recipe)
        return [
            datasets.SplitGenerator(
                name=name, gen_kwargs={"specs": specs, "recipe": text, "store": store.url, "split": name}
            )
            for name, specs in found.items()
            if specs
        ]

    def _generate_examples(
        self, specs: list[ShardSpec], recipe: str, store: str, split: str
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        parsed, opened = _parsed(recipe), Store(store)
        take_a_gpu()
        expected = sum(spec.num_samples for spec in specs)
        for spec in specs:
            receipt = made(parsed, spec, opened, expected)
            if receipt.num_samples:
                yield from _rows(parsed, spec, receipt, opened, split)


def _file_of(data_files: Any) -> str | None:
    """The recipe file that `load_dataset(..., data_files=...)` names."""
    if not data_files:
        return None
    files = data_files
    while not isinstance(files, (str, os.PathLike)):
        values = list(files.values()) if hasattr(files, "values") else list(files)
        if len(values) != 1:
            raise UsageError(f"data_files: give one recipe file (YAML), not {len(values)} files")
        files = values[0]
    return os.fspath(files)


def _resolved(given: Recipe | str | os.PathLike[str], overrides: Sequence[str]) -> Recipe:
    if not isinstance(given, Recipe):
        return load_recipe(os.fspath(given), list(overrides))
    if overrides:
        raise UsageError(
            "overrides are for recipe files and names; change the Recipe itself with model_copy(update=...)"
        )
    return given


def _digest(plan: Plan, more: str | None) -> str:
    """What tells the caches of `datasets` apart: every sample, its columns and its split."""
    release = plan.recipe.release
    content = [plan.digest, schema.VERSION, columns(release.controls), list(release.splits.items()), more]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:32]


@lru_cache(maxsize=4)
def _parsed(recipe: str) -> Recipe:
    return validate(parse_yaml(recipe, "recipe"))


def _split(recipe: Recipe, ref: ModelRef) -> str:
    return split_of(recipe.release.splits, recipe.seed, ref.source, ref.model_id)


def take_a_gpu() -> None:
    """Give each process of `num_proc` (or of a `DataLoader`) a GPU of its own, in turn; the parent keeps them all.

    `datasets` tells its processes no rank, but they are numbered from 1 as they are started. None of them has touched
    CUDA yet: the parent plans and never does.
    """
    ours, theirs = (m.process.current_process()._identity for m in (multiprocessing, multiprocess))
    identity, gpus = ours or theirs, visible_gpus()
    if identity and gpus:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpus[(identity[-1] - 1) % len(gpus)]


def made(recipe: Recipe, spec: ShardSpec, store: Store, expected: int | None = None) -> Receipt:
    """A shard that is there already, or made now; `expected` is for `make_shard`."""
    receipt = store.receipt(spec.shard_id)
    if receipt is not None and receipt.digest == spec.digest and store.has_all(receipt):
        return receipt
    return make_shard(recipe, spec, store, expected=expected)


def _rows(
    recipe: Recipe, spec: ShardSpec, receipt: Receipt, store: Store, split: str
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The rows of one shard that belong to a split."""
    prefixes = {job.ref.key(0).rpartition("-")[0] for job in spec.jobs if _split(recipe, job.ref) == split}
    wanted = members(recipe.release.controls)
    with store.open(receipt) as stream:
        for entry in read_index(stream):
            if entry.key.rpartition("-")[0] in prefixes:
                content = dict(read_sample(stream, entry).members)
                row = {name: _value(entry.key, name, content[name]) for name in wanted}
                yield entry.key, {**row, "__key__": entry.key, "__url__": f"{store.url}/{receipt.path}"}


def _value(key: str, member: str, content: bytes) -> Any:
    """A tar member as the value of its column, as the `webdataset` builder of `datasets` decodes it."""
    if member == "json":
        return json.loads(released_label(content, {}, True))
    if member == "cls":
        return int(content)
    if member == "txt":
        return content.decode()
    return {"path": f"{key}.{member}", "bytes": content}


def load_builder(
    recipe: Recipe | str | os.PathLike[str] = "quickstart",
    *,
    overrides: Sequence[str] = (),
    store: str | os.PathLike[str] | None = None,
    limit: int | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
) -> Dst3d:
    """A builder for `.as_streaming_dataset()`, or `.download_and_prepare(num_proc=2)` and `.as_dataset()`.

    Args:
        recipe: a recipe, a YAML file of one, or the name of a built-in one.
        overrides: fields to change, as `render.size=256`.
        store: where finished shards are kept; a run folder of the same recipe is fine, its shards are used.
        limit: at most this many samples, spread over the classes.
        cache_dir: the cache of `datasets`.

    Raises:
        RecipeError: the recipe is wrong, or there is none of that name.
        SourceError: a source's root is missing.
    """
    builtin = isinstance(recipe, str) and recipe in builtin_recipes() and not os.path.exists(recipe) and not overrides
    what: dict[str, Any] = {"config_name": recipe} if builtin else {"recipe": recipe, "overrides": overrides}
    return Dst3d(store=store, limit=limit, cache_dir=os.fspath(cache_dir) if cache_dir else None, **what)


def load(
    recipe: Recipe | str | os.PathLike[str] = "quickstart",
    split: str | None = None,
    *,
    streaming: bool = False,
    num_proc: int | None = None,
    **kwargs: Any,
) -> Any:
    """The samples of a recipe as a `Dataset` (or `IterableDataset`), made if need be.

    Args:
        recipe: as `load_builder` takes it.
        split: one split; None for all of them, by name.
        streaming: make samples as they are read.
        num_proc: processes that make shards.
        **kwargs: more for `load_builder`.
    """
    builder = load_builder(recipe, **kwargs)
    if streaming:
        return builder.as_streaming_dataset(split=split)
    builder.download_and_prepare(num_proc=num_proc)
    return builder.as_dataset(split=split)
