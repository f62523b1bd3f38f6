"""What can be published: a release, or one of its companions; which it is, is seen from what lies in the folder."""

from __future__ import annotations

import json
import os
from pathlib import Path

from .companion import KINDS, SCHEMA
from .companion_captions import FACTS, open_captions
from .companion_set import Companion
from .errors import ReleaseError
from .release import Release, open_release
from .release_files import file_sha256
from .release_version import MANIFEST


def open_publishable(path: str | os.PathLike[str]) -> Release | Companion:
    """The data set in a folder: what `dst3d release`, `dst3d catalogue --release` or `dst3d captions` wrote.

    Raises:
        ReleaseError: there is none, or a file of it is missing or damaged.
    """
    folder = Path(path)
    if folder.is_file():
        raise ReleaseError(
            f"{folder}: is a file. A catalogue is published as a folder: dst3d catalogue RECIPE --release FOLDER, "
            "with this one as the recipe's catalogue.file"
        )
    if (folder / FACTS).is_file() and not (folder / MANIFEST).exists():
        return open_captions(folder)
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
    except (OSError, ValueError):
        return open_release(folder)  # which says what is wrong
    if manifest.get("schema") != SCHEMA:
        return open_release(folder)
    if manifest.get("kind") not in KINDS:
        raise ReleaseError(f"{folder}: holds {manifest.get('kind')!r}, which this version does not know")
    for row in manifest["files"]:
        local = folder / row["path"]
        if not local.is_file() or file_sha256(local) != row["sha256"]:
            raise ReleaseError(f"{folder}: {row['path']} is missing or not what the manifest says: make it again")
    return Companion(os.fspath(path), manifest["kind"], manifest)
