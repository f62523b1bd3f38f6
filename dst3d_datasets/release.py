"""`make_release`: from the shards of a run to a data set for the Hub.

Samples of all classes are mixed, by name; splits are by CAD model; public tars are sized for streaming. The same run
gives the same bytes. The release appears as a whole or not at all, and an attempt that was cut is gone on with.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .cost import FILE as COST
from .cost import cost_of
from .errors import ReleaseError
from .public_recipe import public_recipe
from .receipt import Receipt
from .recipe import Recipe
from .release_files import in_the_making, publish, write_file
from .release_index import build_index
from .release_judged import chosen, judge
from .release_placement import Base
from .release_terms import check_terms
from .release_write import MANIFEST, write_release
from .run import Run, read_run
from .store import Store

if TYPE_CHECKING:
    from .hub.publish import Publication

SCHEMA = "dst3d-release/1"


@dataclass(frozen=True)
class Release:
    """A release on this machine's disk."""

    path: str
    content: str  # digest of what it was made from
    fingerprint: str  # of the recipe
    num_samples: int
    num_shards: int
    num_bytes: int  # of the tars
    splits: dict[str, int]  # name -> samples

    @property
    def manifest(self) -> dict[str, Any]:
        """The whole `manifest.json`: every file with its sha256, the recipe, versions, and what was left out."""
        plain: dict[str, Any] = json.loads((Path(self.path) / MANIFEST).read_bytes())
        return plain

    def push_to_hub(self, repository: str, version: str = "next", **options: Any) -> Publication:
        """Publish it as a version of a data set on the Hub: `hub.publish.publish`, which names the options."""
        from .hub.publish import publish

        return publish(Path(self.path), self.manifest, repository, version, **options)


def open_release(path: str | os.PathLike[str]) -> Release:
    """The release that lies in a folder.

    Raises:
        ReleaseError: there is none, or a file of it is missing or has another length.
    """
    folder = Path(path)
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        if manifest["schema"] != SCHEMA:
            raise ReleaseError(f"{folder}: made by another version of dst3d_datasets ({manifest['schema']})")
        for row in manifest["files"]:
            if (folder / row["path"]).stat().st_size != row["bytes"]:
                raise ReleaseError(f"{folder}: {row['path']} is damaged: its length is not that of the manifest")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ReleaseError(f"{folder}: not a whole release ({error})") from error
    splits = manifest["splits"]
    return Release(
        path=os.fspath(path),
        content=manifest["content"],
        fingerprint=manifest["fingerprint"],
        num_samples=manifest["num_samples"],
        num_shards=sum(len(split["shards"]) for split in splits.values()),
        num_bytes=sum(split["num_bytes"] for split in splits.values()),
        splits={name: split["num_samples"] for name, split in splits.items()},
    )


def make_release(
    run: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    allow_partial: bool = False,
    allow_untrained: bool = False,
    acknowledge: Iterable[str] = (),
    follows: Base | None = None,
    progress: Callable[[int], None] | None = None,
) -> Release:
    """Write a run's samples as a data set.

    Args:
        run: the run's folder or fsspec address.
        out: a local folder that is not there or is empty. If it holds this very release already, nothing is done.
        allow_partial: release what is there although shards are yet to be made.
        allow_untrained: release pictures of weights that were never trained (the card says so).
        acknowledge: sources and weights whose terms forbid giving pictures on, and for which you have seen to it.
        follows: the release that this one follows: every sample stays in the tar it was in (see `release_placement`).
        progress: told how many more samples are written.

    Raises:
        ReleaseError: the run or the folder cannot be used; the message says why and what to do.
        UsageError: the recipe names scorers, and the run has not been scored.
        StoreError: a shard is damaged, or the disk is full or read-only; what is finished is kept, hidden beside `out`.
        BusyError: another process is writing this release.
    """
    store, target = Store(run), Path(os.path.realpath(out))
    recipe, outline = read_run(store)
    receipts = _usable(store, outline, allow_partial, allow_untrained)
    judged = judge(store, recipe, outline)
    facts = _facts(recipe, outline, receipts) | judged.facts
    content = _content(facts, receipts, follows)
    if _is_there(store, target, content):
        return open_release(out)
    index = build_index(store, recipe, receipts)
    index, judged = chosen(judged, index, outline, recipe.release.rejected)
    facts |= check_terms(recipe, index.models, acknowledge)
    with in_the_making(target, content) as folder:
        facts |= {"content": content, "follows": follows.content if follows else ""}
        names = write_release(folder, store, recipe, index, facts, judged, follows, progress or (lambda done: None))
        write_file(folder, COST, cost_of(receipts).to_json())
        publish(folder, target, names | {COST})
    return open_release(out)


def _usable(store: Store, run: Run, allow_partial: bool, allow_untrained: bool) -> list[Receipt]:
    """The receipts of the run's finished shards.

    Raises:
        ReleaseError: some are missing, untrained, or hold nothing, and that is not allowed.
    """
    receipts = [receipt for receipt in store.receipts() if run.is_done(receipt) and store.has_all(receipt)]
    planned = len(run.shards) + len(run.retries)
    absent = planned - len(receipts)
    if absent and not allow_partial:
        raise ReleaseError(
            f"{store.url}: {absent:,} of {planned:,} shards are not made yet. Run `dst3d build` or `dst3d regenerate` "
            f"again (`dst3d status {store.url}` shows what is there), or allow a partial release (--allow-partial)"
        )
    untrained = next((receipt.untrained for receipt in receipts if receipt.untrained), "")
    if untrained and not allow_untrained:
        raise ReleaseError(
            f"{store.url}: these pictures must not be released: {untrained}. Build with trained weights, or allow it "
            "for a test (--allow-untrained)"
        )
    if not any(receipt.num_samples for receipt in receipts):
        raise ReleaseError(
            f"{store.url}: there is not one sample to release; `dst3d status {store.url}` shows why models are left out"
        )
    return sorted(receipts, key=lambda receipt: receipt.shard_id)


def _facts(recipe: Recipe, run: Run, receipts: list[Receipt]) -> dict[str, Any]:
    """What the manifest says of the run: the same whenever and wherever the release is made."""
    planned = len(run.shards) + len(run.retries)
    versions: dict[str, set[str]] = {}
    for receipt in receipts:
        for package, number in receipt.versions.items():
            versions.setdefault(package, set()).add(number)
    return {
        "schema": SCHEMA,
        "made_by": f"dst3d-datasets {version('dst3d-datasets')}",
        "fingerprint": run.fingerprint,
        "plan": run.plan,
        "limit": run.limit,
        "partial": {"shards": len(receipts), "planned": planned} if len(receipts) < planned else None,
        "untrained": next((receipt.untrained for receipt in receipts if receipt.untrained), ""),
        "generators": sorted({(receipt.generator, receipt.generator_revision) for receipt in receipts}),
        "skipped": _skipped(run, receipts),
        "versions": {package: sorted(numbers) for package, numbers in sorted(versions.items())},
        "recipe": public_recipe(recipe),
    }


def _skipped(run: Run, receipts: list[Receipt]) -> dict[str, dict[str, int]]:
    """Models and samples that are missing, by reason."""
    models: dict[str, set[str]] = {}
    samples: dict[str, int] = {}
    for row in run.missing:
        models.setdefault(row.reason, set()).add(f"{row.synset}/{row.model_id}")
    for receipt in receipts:
        for skipped in receipt.skipped:
            models.setdefault(skipped.reason, set()).add(skipped.uid)
            samples[skipped.reason] = samples.get(skipped.reason, 0) + skipped.num_views
    return {reason: {"models": len(models[reason]), "samples": samples.get(reason, 0)} for reason in sorted(models)}


def _content(facts: dict[str, Any], receipts: list[Receipt], follows: Base | None) -> str:
    """32 hexadecimal digits over all that a release is made of."""
    shards = [(receipt.shard_id, receipt.sha256) for receipt in receipts]
    made_of = [facts, shards, *([follows.content] if follows else [])]
    return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()[:32]


def _is_there(store: Store, out: Path, content: str) -> bool:
    """Whether `out` is this very release already.

    Raises:
        ReleaseError: `out` may not be used.
    """
    if store.local is not None:
        run = Path(os.path.realpath(store.local))
        if out == run or any(out.is_relative_to(run / name) for name in ("shards", "receipts", "tmp", "locks")):
            raise ReleaseError(f"{out}: lies among the run's own files; choose a folder beside it")
    if not out.exists():
        return False
    if not out.is_dir():
        raise ReleaseError(f"{out}: is a file; choose another folder")
    if not any(out.iterdir()):
        return False
    try:
        if open_release(out).content == content:
            return True
        what = "holds another release"
    except ReleaseError as error:
        why = str(error).removeprefix(f"{out}: ") if (out / MANIFEST).exists() else "other files are there"
        what = f"is not empty ({why})"
    raise ReleaseError(f"{out}: {what}; choose another folder, or empty it yourself")
