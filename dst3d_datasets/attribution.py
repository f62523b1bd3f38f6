"""Whose the CAD models are: a table for programs and a page for people, as the models' licences ask for.

And what the terms of the generator's weights say of the pictures.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from .licences import generator_models, model_terms
from .release_index import ModelUse

LISTED_ON_PAGE = 2000  # above that many models the page points to the table
_COLUMNS = ("synset", "class_name", "source", "id", "title", "author", "licence", "url", "split", "images")

Use = tuple[ModelUse, int]  # a model and the number of its images


def sorted_uses(uses: Sequence[Use]) -> list[Use]:
    """By source, class and id."""
    return sorted(uses, key=lambda use: (use[0].source, use[0].synset, use[0].class_name, use[0].model_id))


def attribution_csv(uses: Sequence[Use]) -> bytes:
    """`attribution.csv`: one row a model."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for model, images in sorted_uses(uses):
        writer.writerow(
            [
                model.synset,
                model.class_name,
                model.source,
                model.model_id,
                model.title,
                model.author,
                model.licence,
                model.url,
                model.split,
                images,
            ]
        )
    return text.getvalue().encode()


def licence_table(uses: Sequence[Use]) -> str:
    """Markdown: models and images by source and licence."""
    models: Counter[tuple[str, str]] = Counter()
    images: Counter[tuple[str, str]] = Counter()
    for model, count in uses:
        models[model.source, model.licence] += 1
        images[model.source, model.licence] += count
    rows = [(*pair, f"{models[pair]:,}", f"{images[pair]:,}") for pair in sorted(models)]
    return table(("source", "licence", "models", "images"), rows)


def model_texts(recipe: dict[str, Any]) -> list[str]:
    """Terms of the weights that a recipe (as plain data) draws with: a table, and what each licence means, once."""
    names = generator_models(recipe["generator"])
    known = {name: model_terms(name) for name in names}
    rows = [
        (t.title, f"[{cell(t.licence)}]({t.licence_link})", t.outputs, t.commercial, t.training, t.source)
        if t
        else (cell(name), "not known here: see its page", "?", "?", "?", "-")
        for name, t in known.items()
    ]
    head = ("weights", "licence", "pictures are", "commercial use", "may train other models", "known from")
    meanings: dict[str, list[str]] = {}
    for terms in known.values():
        if terms and terms.id != "tiny":  # its text is a card of its own
            meanings.setdefault(terms.text, []).append(terms.title)
    texts = [f"**{', '.join(titles)}:** {text}" for text, titles in meanings.items()]
    return [table(head, rows, escaped=True), *texts] if rows else []


def attribution_page(uses: Sequence[Use], source_texts: Sequence[str]) -> bytes:
    """`ATTRIBUTION.md`: licences, the sources' own terms, and every model with its author."""
    parts = [
        "# Attribution",
        "The pictures of this data set show the CAD models below, each under its own licence. "
        "`attribution.csv` has the same list for programs, and every label repeats its model's "
        "`cad_author`, `cad_licence`, `cad_title` and `cad_url`.",
        licence_table(uses),
        *source_texts,
    ]
    if len(uses) > LISTED_ON_PAGE:
        parts.append(f"The {len(uses):,} models are listed in `attribution.csv`.")
    else:
        parts += ["## Models", _models(uses)]
    return ("\n\n".join(part.strip() for part in parts) + "\n").encode()


def _models(uses: Sequence[Use]) -> str:
    rows = []
    for model, images in sorted_uses(uses):
        name = cell(model.title or model.model_id)
        if re.fullmatch(r"https?://[^\s<>|]+", model.url):
            name = f"[{name}](<{model.url}>)"
        whose = [cell(text) for text in (model.author, model.licence, model.source, model.class_name)]
        rows.append((name, *whose, str(images)))
    return table(("model", "author", "licence", "source", "class", "images"), rows, escaped=True)


def cell(text: str) -> str:
    """Any text as one Markdown table cell: titles and authors are strangers' words."""
    clean = " ".join(text.split())
    for character in "\\`*_[]<>|":
        clean = clean.replace(character, f"\\{character}")
    return clean


def table(head: Sequence[str], rows: Sequence[Sequence[str]], escaped: bool = False) -> str:
    """A Markdown table. `escaped`: the cells are Markdown already."""
    shown = [[value if escaped else cell(value) for value in row] for row in rows]
    lines = ["| " + " | ".join(row) + " |" for row in [list(head), ["---"] * len(head), *shown]]
    return "\n".join(lines)
