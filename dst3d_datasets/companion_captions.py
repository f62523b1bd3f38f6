"""The companion `captions`: the folder that `dst3d captions` wrote, as a data set whose tables are those in it.

Of the folder are read `captions.json`, which says how they were written, and `data/*.parquet`, one row a caption; the
card and the manifest are made of them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .arrow import arrow
from .attribution import table
from .card import card_text, size_category
from .companion import CARD, KINDS, card_of, features_of, manifest_of
from .companion_set import Companion
from .errors import ReleaseError
from .release_version import HERE

FACTS = "captions.json"
_OPEN_CLASSES = 40  # a longer table is folded


def open_captions(folder: Path) -> Companion:
    """A folder of captions as a data set to be published.

    Raises:
        ReleaseError: it is not whole, or its tables are not those that `captions.json` tells of.
    """
    try:
        facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        said = int(facts["captions"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ReleaseError(f"{folder}: no folder of captions that `dst3d captions` finished ({error!r})") from error
    paths = sorted(path.relative_to(folder).as_posix() for path in folder.glob("data/*.parquet"))
    if not paths:
        raise ReleaseError(
            f"{folder}: has no data/*.parquet; write the captions again with this version's `dst3d captions`"
        )
    _, parquet = arrow("a data set's tables")
    metas = [parquet.read_metadata(folder / path) for path in paths]
    rows = sum(meta.num_rows for meta in metas)
    if rows != said:
        raise ReleaseError(
            f"{folder}: its tables hold {rows:,} captions and {FACTS} says {said:,}: run `dst3d captions`"
        )
    sizes = {
        "num_examples": rows,
        "num_bytes": sum(meta.row_group(i).total_byte_size for meta in metas for i in range(meta.num_row_groups)),
        "download_size": sum((folder / path).stat().st_size for path in paths),
    }
    schema = _one_schema(folder, paths)
    card = _card(facts, features_of(schema), sizes).encode()
    counts = {"num_rows": rows, "num_classes": int(facts["classes"]), "model": facts["model"]}
    texts = {CARD: card}
    return Companion(str(folder), "captions", manifest_of("captions", folder, [*paths, FACTS], texts, counts), texts)


def _one_schema(folder: Path, paths: Sequence[str]) -> Any:
    """The columns of the tables, which must be the same in all."""
    _, parquet = arrow("a data set's tables")
    first = parquet.read_schema(folder / paths[0])
    odd = next((path for path in paths if not parquet.read_schema(folder / path).equals(first)), None)
    if odd is not None:
        raise ReleaseError(
            f"{folder}: {odd} has other columns than {paths[0]}: write the captions again, in a new folder"
        )
    return first


def captions_text(facts: Mapping[str, Any], name: str) -> str:
    """What is said of some captions, from `captions.json`; `name` is their folder's."""
    rejected = ", ".join(f"{reason} {count:,}" for reason, count in facts["rejected"].items()) or "none"
    about = [(f"`{column}`", *words) for column, words in facts.get("columns", {}).items()]
    columns = table(("column", "type", ""), about, escaped=True)
    return card_text("captions.md").format(**{**facts, "rejected": rejected, "columns": columns, "folder": name})


def _card(facts: dict[str, Any], features: list[dict[str, Any]], sizes: Mapping[str, int]) -> str:
    head = {
        "license": "other",
        "license_name": "terms-of-the-language-model",
        "license_link": "README.md",
        "pretty_name": "Captions for image generation, by class",
        "language": ["en"],
        "task_categories": ["text-generation"],
        "tags": ["captions", "prompts", "synthetic", "3d-dst"],
        "size_categories": [size_category(sizes["num_examples"])],
    }
    title, _, text = captions_text(facts, HERE).partition("\n")
    body = card_text("captions_data.md").format(
        title=title,
        text=text.strip(),
        model=facts["model"],
        classes=_classes(facts),
        citations=card_text("citation.md"),
    )
    return card_of(head, features, sizes, body)


def _classes(facts: Mapping[str, Any]) -> str:
    rows = [
        (
            str(row["class"]),
            str(row["class_name"]),
            f"{row['captions']:,}",
            f"{row['first_try']:,}",
            f"{row['drafts']:,}",
        )
        for row in facts["of_classes"]
    ]
    text = table(("class", "name", KINDS["captions"].noun, "passed at once", "drafts"), rows)
    return (
        text
        if len(rows) <= _OPEN_CLASSES
        else f"<details><summary>{len(rows):,} classes</summary>\n\n{text}\n\n</details>"
    )
