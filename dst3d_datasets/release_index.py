"""What a run's finished shards hold, as compact arrays: 2.5 million samples take a quarter of a gigabyte."""

from __future__ import annotations

import hashlib
import json
import tarfile
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from .columns import members
from .errors import ReleaseError, StoreError
from .receipt import Receipt
from .recipe import Recipe
from .seeds import shuffle_key
from .splits import split_of
from .store import Store
from .tar import Entry, read_index, read_sample

_BLOCK = 512


@dataclass(frozen=True, slots=True)
class ModelUse:
    """A CAD model that has pictures in the release, by what its labels say."""

    prefix: str  # the key of its samples, less the view
    split: str
    synset: str
    class_name: str
    class_index: int
    source: str
    model_id: str
    title: str
    author: str
    licence: str
    url: str


@dataclass
class Index:
    """Every sample of a run, in the order of the receipts. N samples, M members a sample.

    A sample's key is not kept: it is its model's prefix and its view number.
    """

    receipts: list[Receipt]
    extensions: tuple[str, ...]  # (M,), of the members to be released, sorted
    models: list[ModelUse]
    shard: NDArray[np.uint32]  # (N,), which receipt
    model: NDArray[np.uint32]  # (N,), which model
    view: NDArray[np.uint32]  # (N,)
    offsets: NDArray[np.uint64]  # (N, M), of each member's content in its tar
    lengths: NDArray[np.uint32]  # (N, M), bytes

    def __len__(self) -> int:
        return len(self.shard)

    def key(self, sample: int) -> str:
        """The key of a sample."""
        return f"{self.models[self.model[sample]].prefix}-{self.view[sample]:05d}"

    def entry(self, sample: int) -> Entry:
        """Where the released members of a sample lie in its shard."""
        places = zip(self.extensions, self.offsets[sample].tolist(), self.lengths[sample].tolist(), strict=True)
        return Entry(self.key(sample), tuple(places))

    def num_bytes(self) -> NDArray[np.int64]:
        """(N,), what each sample takes in a tar, about: the label grows a little."""
        total = np.zeros(len(self), np.int64)
        for column in self.lengths.T:  # one at a time: a temporary array of all would outweigh the index
            lengths = column.astype(np.int64)
            total += _BLOCK + lengths + (-lengths) % _BLOCK
        return total

    def shuffled(self, seed: int) -> NDArray[np.int64]:
        """(N,), all samples in the order of the release: by name alone, whatever the order of the shards.

        Raises:
            ReleaseError: two samples have the same key.
        """
        keys = np.fromiter(
            (shuffle_key(seed, "release", self.key(sample)) for sample in range(len(self))), np.uint64, len(self)
        )
        order = np.argsort(keys, kind="stable")
        for position in np.flatnonzero(np.diff(keys[order]) == 0):
            a, b = int(order[position]), int(order[position + 1])
            if self.key(a) == self.key(b):
                where = " and ".join(self.receipts[self.shard[sample]].shard_id for sample in (a, b))
                raise ReleaseError(f"the key {self.key(a)} is there twice, in the shards {where}: the run is damaged")
        return order

    def select(self, samples: NDArray[np.int64]) -> Index:
        """The index of some samples alone, in the order of `samples`; models that have none of them are left out."""
        used, model = np.unique(self.model[samples], return_inverse=True)
        return Index(
            receipts=self.receipts,
            extensions=self.extensions,
            models=[self.models[number] for number in used.tolist()],
            shard=self.shard[samples],
            model=model.reshape(-1).astype(np.uint32),
            view=self.view[samples],
            offsets=self.offsets[samples],
            lengths=self.lengths[samples],
        )

    def splits(self) -> NDArray[np.object_]:
        """(N,), the name of each sample's split."""
        return np.array([model.split for model in self.models], dtype=object)[self.model]


@dataclass
class _Builder:
    """Collects an index shard by shard."""

    store: Store
    recipe: Recipe
    wanted: tuple[str, ...]
    models: list[ModelUse] = field(default_factory=list)
    by_prefix: dict[str, int] = field(default_factory=dict)
    shard: array[int] = field(default_factory=lambda: array("I"))
    model: array[int] = field(default_factory=lambda: array("I"))
    view: array[int] = field(default_factory=lambda: array("I"))
    offsets: array[int] = field(default_factory=lambda: array("Q"))
    lengths: array[int] = field(default_factory=lambda: array("I"))

    def add_shard(self, number: int, receipt: Receipt) -> str:
        """Index one shard. Empty if all is well, else what is wrong with it."""
        before = len(self.shard)
        with self.store.open(receipt) as stream:
            digest = hashlib.file_digest(stream, "sha256")  # type: ignore[arg-type]
            if digest.hexdigest() != receipt.sha256:
                return "its bytes are not those of the receipt (sha256 differs)"
            for entry in read_index(stream):
                self._add(number, stream, entry)
        count = len(self.shard) - before
        return "" if count == receipt.num_samples else f"{count} samples, not {receipt.num_samples}"

    def _add(self, number: int, stream: BinaryIO, entry: Entry) -> None:
        places = {extension: (offset, length) for extension, offset, length in entry.members}
        absent = [extension for extension in self.wanted if extension not in places]
        if absent:
            raise ReleaseError(
                f"the sample {entry.key} has no {', '.join(absent)}: the run does not hold every control that "
                f"release.controls names; it has {', '.join(places)}"
            )
        prefix, _, view = entry.key.rpartition("-")
        if prefix not in self.by_prefix:
            self.by_prefix[prefix] = len(self.models)
            self.models.append(self._model(prefix, stream, Entry(entry.key, (("json", *places["json"]),))))
        self.shard.append(number)
        self.model.append(self.by_prefix[prefix])
        self.view.append(int(view))
        self.offsets.extend(places[extension][0] for extension in self.wanted)
        self.lengths.extend(places[extension][1] for extension in self.wanted)

    def _model(self, prefix: str, stream: BinaryIO, entry: Entry) -> ModelUse:
        label = json.loads(read_sample(stream, entry).members[0][1])
        source, model_id = label["cad_source"], label["cad_id"]
        return ModelUse(
            prefix=prefix,
            split=split_of(self.recipe.release.splits, self.recipe.seed, source, model_id),
            synset=label["synset"],
            class_name=label["class_name"],
            class_index=label["class_index"],
            source=source,
            model_id=model_id,
            title=label["cad_title"],
            author=label["cad_author"],
            licence=label["cad_licence"],
            url=label["cad_url"],
        )


def build_index(
    store: Store, recipe: Recipe, receipts: Sequence[Receipt], progress: Callable[[int], None] = lambda done: None
) -> Index:
    """Read every shard once: its hash against the receipt, and where its samples lie.

    Args:
        store: the run's.
        recipe: the run's.
        receipts: of the shards that are released.
        progress: told how many more samples are indexed.

    Raises:
        StoreError: a shard is damaged; the message says how to make it again.
        ReleaseError: the shards lack a control that the recipe wants released.
    """
    used = [receipt for receipt in sorted(receipts, key=lambda receipt: receipt.shard_id) if receipt.num_samples]
    builder = _Builder(store, recipe, members(recipe.release.controls))
    for number, receipt in enumerate(used):
        try:
            wrong = builder.add_shard(number, receipt)
        except (KeyError, ValueError, OSError, tarfile.TarError) as error:
            wrong = f"cannot be read ({error!r})"
        if wrong:
            raise StoreError(
                f"{store.url}: {receipt.path}: {wrong}. Run `dst3d verify {store.url}`: it makes damaged shards again"
            )
        progress(receipt.num_samples)
    width = len(builder.wanted)
    return Index(
        receipts=used,
        extensions=builder.wanted,
        models=builder.models,
        shard=np.frombuffer(builder.shard, np.uint32),
        model=np.frombuffer(builder.model, np.uint32),
        view=np.frombuffer(builder.view, np.uint32),
        offsets=np.frombuffer(builder.offsets, np.uint64).reshape(-1, width),
        lengths=np.frombuffer(builder.lengths, np.uint32).reshape(-1, width),
    )
