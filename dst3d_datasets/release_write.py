"""Writing the files of a release: tars, tables, card, attribution, and the manifest of them all."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from . import croissant, schema
from .attribution import Use, attribution_csv, attribution_page, model_texts
from .camera_picture import camera_picture
from .card import render_card, source_texts
from .grid import sample_grid
from .recipe import Recipe
from .release_files import FileRow, SampleReader, Verdict, file_row, write_file, write_split
from .release_index import Index
from .release_judged import Judged
from .release_placement import Base, blocks, group_in, place
from .release_table import BLOCK, fields, write_block
from .store import Store
from .subsets import group_of, groups_with

MANIFEST = "manifest.json"


def write_release(
    folder: Path,
    store: Store,
    recipe: Recipe,
    index: Index,
    facts: dict[str, Any],
    judged: Judged,
    base: Base | None,
    progress: Callable[[int], None],
) -> set[str]:
    """Write every file of a release.

    Args:
        folder: the release in the making; what an earlier attempt finished is kept.
        store: of the run.
        recipe: of the run.
        index: of its samples.
        facts: what the manifest says of the run.
        judged: what the filters say of the samples.
        base: the release that this one follows.
        progress: told how many more samples are written.

    Returns:
        The paths of all files in the release.
    """
    rows, splits = _write_tars(folder, store, recipe, index, judged.verdict, base, progress)
    images = np.bincount(index.model, minlength=len(index.models)).tolist()
    uses: list[Use] = [use for use in zip(index.models, images, strict=True) if use[1]]
    manifest = facts | {
        "num_samples": len(index),
        "num_models": len({(model.source, model.model_id) for model in index.models}),
        "members": list(index.extensions),
        "label_schema": schema.VERSION,
        "label_fields": [field.name for field in fields()],
        "splits": splits,
        "subsets": _subsets(recipe.release.subsets, rows, splits),
    }
    grid, captions = sample_grid(folder / rows[0].path)
    texts = {
        "README.md": render_card(manifest, uses, captions).encode(),
        "ATTRIBUTION.md": attribution_page(uses, [*source_texts(manifest["recipe"]), *model_texts(manifest["recipe"])]),
        "attribution.csv": attribution_csv(uses),
        "recipe.yaml": yaml.safe_dump(manifest["recipe"], sort_keys=False, allow_unicode=True, width=110).encode(),
        "_info.json": _timm_info(rows, splits),
        "assets/camera.jpg": camera_picture(),
        "assets/grid.jpg": grid,
    }
    rows += [write_file(folder, name, data) for name, data in (texts | judged.files).items()]
    manifest["files"] = [_row(row) for row in sorted(rows, key=lambda row: row.path)]
    rows.append(write_file(folder, croissant.FILE, croissant.croissant(manifest)))
    manifest["files"] = [_row(row) for row in sorted(rows, key=lambda row: row.path)]
    write_file(folder, MANIFEST, (json.dumps(manifest, indent=1, ensure_ascii=False) + "\n").encode())
    return {row.path for row in rows} | {MANIFEST}


def _write_tars(
    folder: Path,
    store: Store,
    recipe: Recipe,
    index: Index,
    verdict: Verdict,
    base: Base | None,
    progress: Callable[[int], None],
) -> tuple[list[FileRow], dict[str, Any]]:
    rows: list[FileRow] = []
    splits: dict[str, Any] = {}
    by_split = _grouped(recipe, index)
    with SampleReader(store, index) as reader:
        for name, groups in by_split.items():
            tars = [
                tar
                for group, samples in groups.items()
                for tar in place(index, samples, name, group, recipe.release.shard_bytes, base)
            ]
            written = write_split(folder, tars, reader, verdict, progress)
            tables = _write_tables(folder, name, written)
            splits[name] = {
                **_sums(written, tables),
                "num_models": len({(m.source, m.model_id) for m in index.models if m.split == name}),
                "shards": [row.path for row in written],
            }
            rows += [*written, *tables]
    return rows, splits


def _grouped(recipe: Recipe, index: Index) -> dict[str, dict[str, NDArray[np.int64]]]:
    """Split -> group -> samples in the order of names; none of them is empty."""
    order = index.shuffled(recipe.seed)
    wanted = recipe.release.subsets
    names = [(model.split, group_of(model.synset, wanted, model.split)) for model in index.models]
    known = sorted(set(names))
    code = np.array([known.index(name) for name in names])[index.model[order]]
    found: dict[str, dict[str, NDArray[np.int64]]] = {name: {} for name in recipe.release.splits}
    for number, (split, group) in enumerate(known):
        found[split][group] = order[code == number]
    return {split: groups for split, groups in found.items() if groups}


def _sums(tars: list[FileRow], tables: list[FileRow]) -> dict[str, int]:
    return {
        "num_samples": sum(row.num_samples or 0 for row in tars),
        "num_bytes": sum(row.num_bytes for row in tars),
        "label_bytes": sum(row.num_bytes for row in tables if row.path.endswith(".tar")),
    }


def _subsets(wanted: Sequence[str], rows: list[FileRow], splits: dict[str, Any]) -> dict[str, Any]:
    """Subset -> split -> its groups and sizes, of those that hold anything."""
    found: dict[str, Any] = {}
    for subset in wanted:
        for split, told in splits.items():
            groups = groups_with(subset, sorted({group_in(shard) for shard in told["shards"]}))
            own = [row for row in rows if row.path.rpartition("-")[0].split("/")[1:] in [[split, g] for g in groups]]
            if groups:
                tars, tables = ([row for row in own if row.path.startswith(f"{kind}/")] for kind in ("data", "labels"))
                found.setdefault(subset, {})[split] = {"groups": groups, **_sums(tars, tables)}
    return found


def _write_tables(folder: Path, split: str, tars: list[FileRow]) -> list[FileRow]:
    """The labels of one split, without pictures."""
    samples = {row.path: row.num_samples or 0 for row in tars}
    rows = []
    for name, shards in blocks(samples, BLOCK):
        held = sum(samples[shard] for shard in shards)
        rows += [file_row(folder, path, held) for path in write_block(folder, split, name, shards)]
    return rows


def _timm_info(rows: list[FileRow], splits: dict[str, Any]) -> bytes:
    """`_info.json` as timm's `reader_wds` reads it: files relative to the release, and how many samples each holds."""
    lengths = {row.path: row.num_samples for row in rows}
    info = {
        name: {
            "name": name,
            "num_samples": split["num_samples"],
            "filenames": split["shards"],
            "shard_lengths": [lengths[path] for path in split["shards"]],
        }
        for name, split in splits.items()
    }
    return (json.dumps({"splits": info}, indent=1) + "\n").encode()


def _row(row: FileRow) -> dict[str, Any]:
    plain = asdict(row)
    plain["bytes"] = plain.pop("num_bytes")
    return {key: value for key, value in plain.items() if value is not None}
