"""The data set card: `README.md`, from the templates in `cards/` and what the manifest says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from importlib import resources
from string import Template
from typing import Any

import yaml

from .attribution import Use, licence_table, model_texts, table
from .card_filters import filters_section
from .columns import columns
from .licences import generator_models, model_terms, split_head, terms_of
from .schema import LABEL, Field

_SIZES = ("n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M", "10M<n<100M", "100M<n<1B")
_TASKS = ("image-classification", "object-detection", "depth-estimation", "image-segmentation")
_TAGS = ("3d", "pose-estimation", "camera-pose", "synthetic", "cad", "webdataset", "3d-dst")
_MEMBERS = {
    "jpg": "the image, RGB",
    "json": "the label, see below",
    "cls": "the class index of ImageNet-1k as text; -1 outside it",
    "txt": "the prompt",
    "depth.png": "z-depth of the object, 16 bit; see `depth_scale` and `depth_offset`; 0 is background",
    "edge.png": "Canny edges of the render, and its outline where they miss it, 0 or 255",
    "line.png": "outlines, creases and part borders, one pixel wide, from the geometry alone, 0 or 255",
    "mask.png": "the object's silhouette, 0 or 255",
    "normal.png": "the object's surface normals in camera axes",
    "part.png": "which part of the CAD model, 16 bit: 1 + its index; 0 is background",
    "render.jpg": "the CAD render that the edges are taken from",
}
_RELEASE_FIELDS = (
    Field("scores", "float64", "the score that each filter gave"),
    Field("keep", "bool", "the filters' verdict"),
)
_OPEN_CLASSES = 40  # a longer table is folded


def card_text(name: str) -> str:
    """A text of `cards/`, such as `sources/shapenet.md`, less its head; empty if there is none of that name."""
    place = resources.files("dst3d_datasets.cards")
    for part in name.split("/"):
        place = place / part
    return split_head(place.read_text(encoding="utf-8"))[1].strip() if place.is_file() else ""


def render_card(manifest: dict[str, Any], uses: Sequence[Use], captions: Sequence[str]) -> str:
    """The whole `README.md`.

    Args:
        manifest: the release's, complete but for its list of files.
        uses: every CAD model with the number of its images.
        captions: of the columns of `assets/grid.jpg`.
    """
    recipe = manifest["recipe"]
    texts = source_texts(recipe)
    body = Template(card_text("data.md")).substitute(
        warnings=_warnings(manifest),
        pretty_name=recipe["release"]["pretty_name"],
        num_samples=f"{manifest['num_samples']:,}",
        num_classes=f"{len({(use[0].synset, use[0].class_name) for use in uses}):,}",
        captions=", ".join(captions),
        split_table=_split_table(manifest),
        controls=", ".join(repr(name) for name in recipe["release"]["controls"]),
        first_split=next(iter(manifest["splits"])),
        member_table=table(
            ("file", "what"), [(f"`KEY.{name}`", _MEMBERS[name]) for name in manifest["members"]], escaped=True
        ),
        label_table=_label_table(manifest["scores"]),
        class_table=_class_table(uses),
        licence_table=licence_table(uses),
        sources="\n\n".join(texts),
        generators=_generators(manifest),
        skipped=_skipped(manifest),
        filters=filters_section(manifest),
        again=_again(manifest),
        versions=table(
            ("package", "version"), [(name, ", ".join(found)) for name, found in manifest["versions"].items()]
        ),
        fidelity=_fidelity(manifest),
        citations=card_text("citation.md"),
    )
    return f"---\n{_header(manifest)}---\n\n{body.strip()}\n"


def source_texts(recipe: dict[str, Any]) -> list[str]:
    """Terms and citation of every kind of source in a recipe (as plain data), where `cards/` has them."""
    kinds = sorted({source["kind"] for source in recipe["sources"]})
    known = [terms for kind in kinds if (terms := terms_of(kind)) is not None]
    rows = [(t.name, t.licence, t.derived, t.attribution, t.commercial, t.access) for t in known]
    head = ("collection", "licence", "pictures may be given on", "credit is due", "commercial use", "terms and access")
    texts = [text for kind in kinds if (text := card_text(f"sources/{kind}.md"))]
    return [table(head, rows), *texts] if rows else texts


def _header(manifest: dict[str, Any]) -> str:
    release = manifest["recipe"]["release"]
    licence: dict[str, str] = {"license": release["licence"]}
    if release["licence"] == "other":
        licence |= {"license_name": "several-see-attribution", "license_link": "ATTRIBUTION.md"}
    configs = _configs(manifest)
    header: dict[str, Any] = {
        **licence,
        "pretty_name": release["pretty_name"],
        "task_categories": list(_TASKS),
        "tags": list(_TAGS),
        "size_categories": [size_category(manifest["num_samples"])],
        "configs": [config for config, _ in configs],
        "dataset_info": [info for _, info in configs],
    }
    text: str = yaml.safe_dump(header, sort_keys=False, allow_unicode=True, width=110)
    return text


def _configs(manifest: dict[str, Any]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Every config of the data set as its entries in `configs` and in `dataset_info`; the first one is the default.

    All of them are tars, because `datasets` reads every config with the builder that fits the first one.
    """
    release, scores = manifest["recipe"]["release"], manifest["scores"]
    typed = columns(release["controls"], scores)
    words = [column for column in typed if column.get("dtype") != "image"]
    whole = {name: {**split, "groups": ["*"]} for name, split in manifest["splits"].items()}
    found = [("default", "data", typed, whole), ("labels", "labels", words, whole)]
    found += [(name, "data", typed, splits) for name, splits in manifest["subsets"].items()]
    return [_config(name, folder, features, splits) for name, folder, features, splits in found]


def _config(
    name: str, folder: str, features: list[dict[str, Any]], splits: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    size = "label_bytes" if folder == "labels" else "num_bytes"
    total = sum(split[size] for split in splits.values())
    files = [
        {"split": name, "path": _one([f"{folder}/{name}/{_pattern(group)}" for group in split["groups"]])}
        for name, split in splits.items()
    ]
    info = [
        {"name": name, "num_bytes": split[size], "num_examples": split["num_samples"]} for name, split in splits.items()
    ]
    config = {"config_name": name, "data_files": files} | ({"default": True} if name == "default" else {})
    return config, {
        "config_name": name,
        "features": features,
        "splits": info,
        "download_size": total,
        "dataset_size": total,
    }


def _pattern(group: str) -> str:
    return "*.tar" if group == "*" else f"{group}-*.tar"


def _one(paths: list[str]) -> str | list[str]:
    return paths[0] if len(paths) == 1 else paths


def size_category(num_samples: int) -> str:
    """The Hub's name for a size, as in `1K<n<10K`."""
    for power, name in enumerate(_SIZES):
        if num_samples < 1000 * 10**power:
            return name
    return "n>1B"


def _warnings(manifest: dict[str, Any]) -> str:
    lines = []
    if manifest["untrained"]:
        lines.append(
            f"> **Not for use.** The pictures come from weights that were never trained: {manifest['untrained']}."
        )
    if manifest["partial"]:
        done, planned = manifest["partial"]["shards"], manifest["partial"]["planned"]
        lines.append(f"> **Not complete.** This release holds {done:,} of {planned:,} planned shards.")
    if manifest["limit"] is not None:
        lines.append(f"> **A trial.** The plan was cut to {manifest['limit']:,} samples.")
    if manifest["recipe"]["generator"]["kind"] == "imported":
        lines.append(
            "> **Imported.** The pictures were made by the 3D-DST reference code. Labels and controls were computed "
            "anew, from its cameras and the CAD models, and checked against its renders."
        )
    terms = manifest["terms"]
    if terms["non_commercial"]:
        share = f"{terms['non_commercial']:,} of {terms['models']:,} CAD models"
        lines.append(
            f"> **Not for commercial use as a whole.** The terms of {share} rule that out: see `attribution.csv`."
        )
    for name in generator_models(manifest["recipe"]["generator"]):
        weights = model_terms(name)
        if weights and weights.refused:
            lines.append(f"> **Not for every use.** The terms of {weights.title} restrict what the pictures may train.")
    if terms["unknown"]:
        lines.append(f"> **Unknown licences.** Nobody has stated the licence of {terms['unknown']:,} CAD models.")
    if terms["acknowledged"]:
        named = ", ".join(f"`{name}`" for name in terms["acknowledged"])
        lines.append(f"> **Terms apply.** The maker has seen to the terms of {named}; do so before you give it on.")
    return "\n>\n".join(lines)


def _split_table(manifest: dict[str, Any]) -> str:
    rows = [
        (
            name,
            f"{split['num_samples']:,}",
            f"{split['num_models']:,}",
            str(len(split["shards"])),
            _megabytes(split["num_bytes"]),
        )
        for name, split in manifest["splits"].items()
    ]
    text = table(("split", "images", "CAD models", "files", "MB"), rows)
    empty = [name for name in manifest["recipe"]["release"]["splits"] if name not in manifest["splits"]]
    return f"{text}\n\nNo model fell into the split{'s' * (len(empty) > 1)} {', '.join(empty)}." if empty else text


def _megabytes(num_bytes: int) -> str:
    return f"{num_bytes / 1e6:,.1f}"


def _label_table(scores: Sequence[str]) -> str:
    fields = [*LABEL, *(field for field in _RELEASE_FIELDS if field.name != "scores" or scores)]
    rows = []
    for field in fields:
        shape = " x ".join(str(length) for length in field.shape)
        kind = f"struct of {field.kind}" if field.name == "scores" else field.kind
        rows.append((f"`{field.name}`", f"{kind} {shape}".strip(), field.doc.replace("|", "\\|")))
    return table(("field", "type", "meaning"), rows, escaped=True)


def _class_table(uses: Sequence[Use]) -> str:
    models: Counter[tuple[int, str, str]] = Counter()
    images: Counter[tuple[int, str, str]] = Counter()
    for model, count in uses:
        who = (model.class_index, model.synset, model.class_name)
        models[who] += 1
        images[who] += count
    rows = [(str(who[0]), who[1] or "-", who[2], f"{models[who]:,}", f"{images[who]:,}") for who in sorted(models)]
    text = table(("index", "synset", "class", "CAD models", "images"), rows)
    if len(rows) <= _OPEN_CLASSES:
        return text
    return f"<details><summary>{len(rows):,} classes</summary>\n\n{text}\n\n</details>"


def _generators(manifest: dict[str, Any]) -> str:
    options = {key: value for key, value in manifest["recipe"]["generator"].items() if value not in ("", None, [])}
    rows = [(f"`{key}`", f"`{value}`") for key, value in options.items()]
    made_by = [f"Pictures by `{name}`, revision `{revision}`." for name, revision in manifest["generators"]]
    text = card_text(f"generators/{options['kind']}.md")
    parts = [*made_by, text, *model_texts(manifest["recipe"]), table(("option", "value"), rows, escaped=True)]
    return "\n\n".join(part for part in parts if part)


def _fidelity(manifest: dict[str, Any]) -> str:
    if manifest["recipe"]["generator"]["kind"] == "render":
        return " Here the picture *is* the render, so they agree."
    if not manifest["scores"]:
        return " No filter has been run on this release: expect pictures that do not show what their label says."
    return ""


def _again(manifest: dict[str, Any]) -> str:
    how = "imported" if manifest["recipe"]["generator"]["kind"] == "imported" else "built"
    return Template(card_text(f"again/{how}.md")).substitute(fingerprint=manifest["fingerprint"])


def _skipped(manifest: dict[str, Any]) -> str:
    if not manifest["skipped"]:
        return "No model was left out."
    rows = [
        (f"`{reason}`", f"{row['models']:,}", f"{row['samples']:,}" if row["samples"] else "-")
        for reason, row in manifest["skipped"].items()
    ]
    text = table(("reason", "models", "images that are missing"), rows, escaped=True)
    return f"Models that could not be used are left out, wholly or in some views:\n\n{text}"
