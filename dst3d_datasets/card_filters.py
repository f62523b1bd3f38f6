"""The card's section on filters: what decides, and how many samples of each class and view are kept."""

from __future__ import annotations

from typing import Any

from .attribution import table

_OPEN_CLASSES = 40  # a longer table is folded


def filters_section(manifest: dict[str, Any]) -> str:
    """The section, with its heading; empty where no filter has been run."""
    told = manifest["verdicts"]
    if told is None:
        return ""
    names = ", ".join(f"`{name}`" for name in manifest["scores"])
    parts = [
        "## Filters",
        f"Each label has the scores {names}: from 0 to 1, more is better, and -1 where a filter could not judge. "
        "`verdicts.parquet` has every score of every sample, rejected ones too, with the filters' raw values and the "
        "reason where one is not judged.",
        _decision(told),
        _classes(told),
        table(
            ("view", "samples", "kept", "share"),
            [(row["view_bin"], f"{row['samples']:,}", f"{row['kept']:,}", _share(row)) for row in told["bins"]],
        ),
    ]
    return "\n\n".join(parts)


def _decision(told: dict[str, Any]) -> str:
    if told["keep"] is None:
        return f"Nothing is rejected by them. They have judged all {told['samples']:,} samples:"
    bar = next(f"{name} {told['keep'][name]:g}" for name in ("rate", "threshold", "precision") if told["keep"][name])
    lost = told["samples"] - told["kept"]
    fate = "left out" if told["rejected"] == "drop" else "in here with `keep` false"
    said = [
        f"`{told['by']}` decides ({bar}): {told['kept']:,} of {told['samples']:,} samples are kept "
        f"({_share(told)}), and {lost:,} are rejected and {fate}."
    ]
    if told["retried"]:
        said.append(f"{told['retried']:,} of those kept were drawn again after a rejection.")
    if told["rescued"]:
        said.append(f"{told['rescued']:,} are kept only so that no view loses more than it may.")
    if told["not_judged"]:
        said.append(f"{told['not_judged']:,} could not be judged, and are kept.")
    return " ".join(said)


def _classes(told: dict[str, Any]) -> str:
    rows = [
        (row["class_name"], f"{row['samples']:,}", f"{row['kept']:,}", _share(row), f"{100 * row['lowest']:.1f}%")
        for row in told["classes"]
    ]
    text = table(("class", "samples", "kept", "share", "lowest share of a view"), rows)
    if len(rows) <= _OPEN_CLASSES:
        return text
    return f"<details><summary>{len(rows):,} classes</summary>\n\n{text}\n\n</details>"


def _share(row: dict[str, Any]) -> str:
    return f"{100 * row['rate']:.1f}%"
