"""The companion `models`: a catalogue of aligned CAD models as a data set. No shapes are in it, only who and how.

data/models.parquet     typed rows: class, source and id, the rotation to the canonical frame, symmetry, licence, author
models.csv              the same rows as `catalogue.file` of a recipe reads them
README.md, manifest.json
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from string import Template
from typing import Any

from . import imagenet
from .arrow import arrow
from .attribution import table
from .card import card_text, size_category
from .companion import CARD, card_of, features_of, manifest_of
from .companion_set import Companion
from .errors import ReleaseError
from .licences import is_known, is_non_commercial
from .release_files import in_the_making, publish, write_file
from .release_version import MANIFEST
from .sources.catalogue_file import Row, catalogue_text

TABLE, CSV = "data/models.parquet", "models.csv"
_OPEN_CLASSES = 40  # a longer table is folded


def write_models(
    rows: Iterable[Row], folder: str | os.PathLike[str], *, pretty_name: str = "CAD models, aligned"
) -> Companion:
    """Write a catalogue as a data set.

    Args:
        rows: of the catalogue; each names its source and has an alignment, as `build_catalogue` makes them.
        folder: a local folder that is not there or is empty. If it holds this very data set already, nothing is done.
        pretty_name: heads the card.

    Returns:
        The data set, whose `push_to_hub` publishes it.

    Raises:
        ReleaseError: a row has no alignment, there is none at all, or the folder cannot be used.
        StoreError: the disk is full or read-only.
    """
    chosen = sorted(rows, key=lambda row: (row.synset, row.source, row.model_id))
    if not chosen:
        raise ReleaseError("there is not one model to make a data set of")
    bare = next((row for row in chosen if len(row.alignment) != 9 or not row.source), None)
    if bare is not None:
        raise ReleaseError(
            f"{bare.synset} {bare.model_id}: has no alignment or no source; make the rows with `dst3d catalogue`"
        )
    target = Path(os.path.realpath(folder))
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        return _same(target, chosen)
    text = catalogue_text(chosen).encode()
    with in_the_making(target, hashlib.sha256(text).hexdigest()) as place:
        _write_table(place / TABLE, chosen)
        csv = write_file(place, CSV, text)
        card = _card(chosen, place / TABLE, pretty_name)
        manifest = manifest_of("models", place, (TABLE, csv.path), {CARD: card}, _facts(chosen, pretty_name))
        write_file(place, CARD, card)
        write_file(place, MANIFEST, (json.dumps(manifest, indent=1, ensure_ascii=False) + "\n").encode())
        publish(place, target, {TABLE, CSV, CARD, MANIFEST})
    return Companion(os.fspath(folder), "models", manifest)


def _same(target: Path, rows: Sequence[Row]) -> Companion:
    """The data set in a folder, if it is of these very rows."""
    try:
        if (target / CSV).read_text(encoding="utf-8") == catalogue_text(rows):
            return Companion(os.fspath(target), "models", json.loads((target / MANIFEST).read_bytes()))
    except (OSError, ValueError):
        pass
    raise ReleaseError(f"{target}: holds something else; choose another folder, or empty it yourself")


def _write_table(path: Path, rows: Sequence[Row]) -> None:
    pa, parquet = arrow("a data set's tables")
    path.parent.mkdir(parents=True, exist_ok=True)
    content = pa.Table.from_pylist([_plain(row) for row in rows], schema=_schema(pa))
    parquet.write_table(content, path, compression="zstd")


def _plain(row: Row) -> dict[str, Any]:
    known = imagenet.by_synset().get(row.synset)
    return {
        "synset": row.synset,
        "class_name": known.name if known else "",
        "class_index": known.index if known else -1,
        "source": row.source,
        "model": row.model_id,
        "title": row.title,
        "licence": row.licence or "unknown",
        "author": row.author or "unknown",
        "url": row.url,
        "alignment": list(row.alignment),
        "distance": row.distance,
        "symmetry": row.symmetry,
        "strength": row.strength,
        "sampling": row.sampling,
        "exact": row.is_exact,
        "textureless": row.textureless,
        "tags": list(row.tags),
    }


def _schema(pa: Any) -> Any:
    text, whole, real, flag = pa.string(), pa.int64(), pa.float64(), pa.bool_()
    kinds = {"class_index": whole, "symmetry": whole, "strength": whole, "sampling": whole, "distance": real}
    kinds |= {"exact": flag, "textureless": flag, "alignment": pa.list_(real, 9), "tags": pa.list_(text)}
    names = _plain(Row(line=0, synset="", model_id=""))
    return pa.schema([(name, kinds.get(name, text)) for name in names])


def _facts(rows: Sequence[Row], pretty_name: str) -> dict[str, Any]:
    return {
        "pretty_name": pretty_name,
        "num_rows": len(rows),
        "num_classes": len({row.synset for row in rows}),
        "licences": dict(sorted(Counter(row.licence or "unknown" for row in rows).items())),
    }


def _card(rows: Sequence[Row], path: Path, pretty_name: str) -> bytes:
    _, parquet = arrow("a data set's tables")
    schema, meta = parquet.read_schema(path), parquet.read_metadata(path)
    size = sum(meta.row_group(group).total_byte_size for group in range(meta.num_row_groups))
    head = {
        "license": "other",
        "license_name": "per-model",
        "license_link": "README.md",
        "pretty_name": pretty_name,
        "tags": ["3d", "cad", "pose-estimation", "3d-dst"],
        "size_categories": [size_category(len(rows))],
    }
    body = Template(card_text("models.md")).substitute(
        pretty_name=pretty_name,
        num_models=f"{len(rows):,}",
        num_classes=f"{len({row.synset for row in rows}):,}",
        licences=_licences(rows),
        warnings=_warnings(rows),
        classes=_classes(rows),
        inexact=f"{sum(not row.is_exact for row in rows):,}",
        citations=card_text("citation.md"),
    )
    sizes = {"num_examples": len(rows), "num_bytes": size, "download_size": path.stat().st_size}
    return card_of(head, features_of(schema), sizes, body).encode()


def _licences(rows: Sequence[Row]) -> str:
    counts = Counter((row.source, row.licence or "unknown") for row in rows)
    return table(("source", "licence", "models"), [(*pair, f"{counts[pair]:,}") for pair in sorted(counts)])


def _warnings(rows: Sequence[Row]) -> str:
    found = {
        "have licences that rule out commercial use": sum(is_non_commercial(row.licence) for row in rows),
        "have a licence that nobody has stated": sum(not is_known(row.licence) for row in rows),
    }
    return "\n".join(f"> {count:,} models {what}." for what, count in found.items() if count)


def _classes(rows: Sequence[Row]) -> str:
    known = imagenet.by_synset()
    counts = Counter(row.synset for row in rows)
    good = Counter(row.synset for row in rows if row.strength != 2)
    lines = [
        (synset, known[synset].name if synset in known else "", f"{counts[synset]:,}", f"{good[synset]:,}")
        for synset in sorted(counts)
    ]
    text = table(("synset", "class", "models", "of the class itself"), lines)
    if len(lines) <= _OPEN_CLASSES:
        return text
    return f"<details><summary>{len(lines):,} classes</summary>\n\n{text}\n\n</details>"
