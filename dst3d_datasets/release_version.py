"""A release as one version of many: what its card and manifest say of the versions before it."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from . import croissant
from .cost import MARK as COST_MARK
from .cost import cost_section
from .errors import ReleaseError
from .release_diff import Difference
from .versions import Version

CARD, MANIFEST = "README.md", "manifest.json"
_TOLD_ANEW = (CARD, croissant.FILE)  # they name the version
MARK = "<!-- versions -->"  # where the card tells its versions
HERE = "path/to/this/folder"  # what a card calls its own place until it has one on the Hub
_HERE = f'REPO, REVISION = "{HERE}", None  # or the id of this data set on the Hub, and a version'
_COPY = "FOLDER = REPO  # a copy of it on this machine"


def same_data(a: dict[str, Any], b: dict[str, Any]) -> bool:
    """Whether two manifests, of one version or not, are of the same files, the card aside."""
    return a["content"] == b["content"] and _data(a) == _data(b)


def _data(manifest: dict[str, Any]) -> dict[str, str]:
    return {row["path"]: row["sha256"] for row in manifest["files"] if row["path"] not in _TOLD_ANEW}


def described(change: Difference | None, message: str) -> list[str]:
    """What the change log says of a version: the maker's words, and the numbers."""
    numbers = ["First version."] if change is None else change.lines()
    return [line for line in (message.strip(), *numbers) if line]


def versioned(
    card: str,
    manifest: dict[str, Any],
    version: Version,
    url: str,
    lines: list[str],
    before: dict[str, Any] | None,
    cost: dict[str, Any] | None = None,
) -> dict[str, bytes]:
    """The files of a release that change when it becomes a version.

    Args:
        card: the release's, as it was made.
        manifest: its manifest.
        version: what it becomes.
        url: page of the data set on the Hub.
        lines: of the change log.
        before: the manifest of the version before; None for the first one.
        cost: what `cost.json` says; None where nobody knows.

    Returns:
        path -> content: the card, with its versions, and the manifest, with theirs. No date is in them, so that a
        publication that was cut is gone on with on another day.
    """
    history = [{"version": str(version), "lines": lines}, *(before or {}).get("history", [])]
    told = _on_the_hub(card, url, version).replace(COST_MARK, cost_section(cost) if cost else "")
    texts = {CARD: _card(told, version, history).encode()}
    if "kind" not in manifest:  # the Hub itself makes that of a companion's plain tables
        texts[croissant.FILE] = croissant.croissant(manifest, url=url, version=str(version))
    rows = [row for row in manifest["files"] if row["path"] not in texts]
    rows += [
        {"path": path, "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)} for path, data in texts.items()
    ]
    final = manifest | {
        "version": str(version),
        "history": history,
        **({"cost": cost} if cost else {}),
        "files": sorted(rows, key=lambda row: str(row["path"])),
    }
    return texts | {MANIFEST: (json.dumps(final, indent=1, ensure_ascii=False) + "\n").encode()}


def _card(text: str, version: Version, history: list[dict[str, Any]]) -> str:
    """The card with the version in its head (which `datasets` makes part of its cache's name) and the change log."""
    parts = text.split("---\n", 2)
    if len(parts) != 3 or parts[0] or MARK not in parts[2]:
        raise ReleaseError(f"{CARD}: not a card as this package writes it; make the data set again")
    log = [f"### {each['version']}\n\n" + "\n".join(f"- {line}" for line in each["lines"]) for each in history]
    head = _with_version(parts[1], version)
    return f"---\n{head}---\n{parts[2].replace(MARK, _section(version, log))}"


def _on_the_hub(card: str, url: str, version: Version) -> str:
    """The card whose code reads the version from the Hub, where it read a folder."""
    name = "/".join(url.split("/")[-2:])
    here = f'REPO, REVISION = "{name}", "{version.tag}"'
    copy = (
        "from huggingface_hub import snapshot_download\n"
        'FOLDER = snapshot_download(REPO, repo_type="dataset", revision=REVISION)  # all of it, on this machine'
    )
    card = card.replace(_HERE, here).replace(_COPY, copy)
    card = card.replace(f'load_dataset("{HERE}"', f'load_dataset("{name}", revision="{version.tag}"')
    return card.replace(f"file: {HERE}", f"file: hf://datasets/{name}@{version.tag}")


def _with_version(head: str, version: Version) -> str:
    """The card's YAML with the version in each of its `configs`; line by line, as reading it whole takes long."""
    lines, inside = [], False
    for line in head.splitlines():
        if not line.startswith((" ", "-")):
            inside = line == "configs:"
        lines.append(line)
        if inside and line.startswith("- config_name:"):
            lines.append(f"  version: {version}")
    return "\n".join(lines) + "\n"


def _section(version: Version, log: list[str]) -> str:
    said = f'This is version {version}. Tags are never moved: pin one with `revision="{version.tag}"`.'
    return "## Versions\n\n" + "\n\n".join([said, *log])
