"""Where weights come from and what pins them: folders by content, the Hub by commit. Knows no model library."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import EXIT_USAGE, Dst3dError

_WEIGHT_FILES = (".safetensors", ".json", ".txt", ".model")
_digests: dict[tuple[str, int, int], str] = {}


class WeightsError(Dst3dError):
    """Weights cannot be had or cannot be used; the message says which, why, and what to do."""

    exit_code = EXIT_USAGE


@dataclass(frozen=True, slots=True)
class Place:
    """Where one set of weights lies: a local folder, or a repository on the Hub at a revision; or one file of those."""

    name: str  # as the recipe writes it
    revision: str  # branch, tag or commit; meaningless for folders
    folder: Path | None  # the folder, or None for the Hub
    file: str = ""  # a .safetensors file in it; empty: all of the folder or repository

    @property
    def repo(self) -> str:
        """The repository on the Hub, `owner/name`."""
        return "/".join(self.name.split("/")[:2])


def place_of(name: str, revision: str, field: str, *, single: bool = False) -> Place:
    """Tell a folder from a Hub id.

    Args:
        name: what the recipe says: a folder or `owner/name`.
        revision: the Hub revision.
        field: path of the recipe's field, for the message.
        single: whether one .safetensors file will do, `owner/name/file.safetensors` on the Hub.

    Raises:
        WeightsError: it looks like a folder and is none.
    """
    path = Path(os.path.expandvars(name)).expanduser()
    if path.is_dir():
        return Place(name, revision, path)
    single = single and name.endswith(".safetensors")
    if path.exists() and single:
        return Place(name, revision, path.parent, path.name)
    if path.exists():
        raise WeightsError(f"{field}: {name} is a file; give the folder of a model, or a Hub id `owner/name`")
    if single and re.fullmatch(r"[\w][\w.-]*(/[\w][\w.-]*){2,}", name):
        return Place(name, revision, None, name.split("/", 2)[2])
    if not re.fullmatch(r"[\w][\w.-]*/[\w][\w.-]*", name) or name.startswith(("./", "../")):
        raise WeightsError(f"{field}: there is no folder {name}, and it is no Hub id (`owner/name`) either")
    return Place(name, revision, None)


def place_digest(place: Place) -> str:
    """`folder_digest` of a local place, or of its one file."""
    assert place.folder is not None  # the Hub's have commits
    return _file_digest(place.folder / place.file)[:16] if place.file else folder_digest(place.folder)


def folder_digest(folder: Path) -> str:
    """16 hexadecimal digits of the sha256 over names and contents of a model folder's weights and configurations.

    Each file's own hash is kept for this process under (path, mtime, size). Hidden files are left out.
    """
    state = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.suffix in _WEIGHT_FILES and p.is_file()):
        name = path.relative_to(folder).as_posix()
        if not any(part.startswith(".") for part in name.split("/")):
            state.update(f"{len(name)}:{name}{_file_digest(path)}".encode())
    return state.hexdigest()[:16]


def _file_digest(path: Path) -> str:
    stat = path.stat()
    key = (str(path), stat.st_mtime_ns, stat.st_size)
    if key not in _digests:
        with path.open("rb") as file:
            _digests[key] = hashlib.file_digest(file, "sha256").hexdigest()
    return _digests[key]


def explain(error: BaseException, place: Place, field: str, library: str = "diffusers") -> WeightsError:
    """Turn whatever a library raised while loading into one clear message.

    Args:
        error: the exception.
        place: what was being loaded.
        field: path of the recipe's field.
        library: whose models are looked for.
    """
    chain = list(_chain(error))
    names = {cls.__name__ for link in chain for cls in type(link).__mro__}
    text = " ".join(str(link) for link in chain)
    where = f"{field}: {place.name}" + ("" if place.folder else f" at revision {place.revision}")
    first, fetched = _first_line(error), f"{place.repo} {place.file}".strip()
    if place.folder is not None:
        hint = (
            f"the folder must be a complete {library} model with .safetensors weights (pickled .bin files are refused)"
        )
        return WeightsError(f"{where} cannot be loaded: {first}; {hint}")
    if "GatedRepoError" in names:
        return WeightsError(
            f"{where} is gated on the Hub: accept its terms on https://huggingface.co/{place.repo}, then run "
            "`hf auth login` or set HF_TOKEN"
        )
    if "RevisionNotFoundError" in names or "not a valid git identifier" in text:
        return WeightsError(f"{where}: the Hub has no such branch, tag or commit of it")
    if "RepositoryNotFoundError" in names or "not a valid model identifier" in text:
        return WeightsError(
            f"{where}: no such folder here and no such model on the Hub; if it is private, run `hf auth login` "
            f"or set HF_TOKEN"
        )
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "TRUE", "YES", "ON"):
        return WeightsError(
            f"{where} is not in the local cache and HF_HUB_OFFLINE is set; unset it, or download first: hf "
            f"download {fetched}"
        )
    if "LocalEntryNotFoundError" in names or ("HfHubHTTPError" in names and "EntryNotFoundError" not in names):
        return WeightsError(
            f"{where} is not in the local cache and the Hub cannot be reached ({_first_line(chain[-1])}); check the "
            f"network (HF_ENDPOINT, proxy), download it beforehand with `hf download {fetched}`, or give a folder"
        )
    return WeightsError(f"{where} cannot be loaded: {first}; is it a {library} model with .safetensors weights?")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _first_line(error: Any) -> str:
    text = str(error).strip()
    return " ".join(text.split())[:300] if text else type(error).__name__
