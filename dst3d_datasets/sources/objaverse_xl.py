"""Objaverse-XL: tables of annotations that name files all over the web; those that are files are fetched and checked.

Columns: fileIdentifier, source, license, fileType, sha256 (and metadata, which is not read). GitHub's files are fetched
from its raw address, the Smithsonian's from their own. A thing of Thingiverse is a page and not a file, and Sketchfab's
models are Objaverse 1.0's: the source of kind `objaverse` has them.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, NamedTuple
from urllib.parse import quote, unquote, urlsplit

from .. import imagenet
from ..errors import HostDown, MissingDependency, ModelRefused, NotListable, Reason, SourceError
from ..nouns import CadModel, ModelRef
from ..recipe.options import ObjaverseXLOptions
from .canonical import canonicalise
from .mesh import FORMATS, load
from .mesh_sniff import kind_of
from .objaverse import LICENCES
from .root import Root

_EXPECTED = "annotations (csv or parquet) with the columns fileIdentifier, source, fileType and sha256"
_BLOB = re.compile(r"^https://github\.com/([^/]+)/([^/]+)/blob/([^/]+)/(.+)$")
_SHA256 = re.compile(r"^[0-9a-f]{64}$")
_TABLES = (".csv", ".parquet")
_MOST_TABLE = 2**33  # bytes


class _Row(NamedTuple):
    """One annotated file."""

    identifier: str
    source: str
    licence: str
    kind: str  # the suffix, lower case
    sha256: str


class ObjaverseXL:
    """The files that annotations name. A model's id is its sha256; its address is found as well."""

    def __init__(self, options: ObjaverseXLOptions) -> None:
        self.name = options.name or options.kind
        self._options = options

    def models(self) -> Iterator[ModelRef]:
        """Every file that can be fetched and read, by its sha256; all of one class, since the tables name none."""
        for sha256 in sorted(self._rows):
            row = self._rows[sha256]
            if row.kind in FORMATS and isinstance(_address(row), str):
                yield self._ref(row, "object", "", -1)

    def find(self, synset: str, model_id: str) -> ModelRef | None:
        """See `Source.find`; the id is the sha256 or the fileIdentifier."""
        row = self._rows.get(self._by_identifier.get(model_id, model_id))
        if row is None:
            return None
        known = imagenet.by_synset().get(synset)
        return self._ref(row, known.name if known else synset, synset, known.index if known else -1)

    def open(self, ref: ModelRef) -> CadModel:
        """See `Source.open`."""
        data = self._content(ref)
        return canonicalise(load(data, self._rows[ref.model_id].kind, bounds=self._options), ref)

    def fetch(self, ref: ModelRef) -> None:
        """Bring a file into the cache, ahead of `open`."""
        self._content(ref)

    def _content(self, ref: ModelRef) -> bytes:
        """The file's bytes, which are those that were annotated."""
        row = self._rows.get(ref.model_id)
        if row is None:
            raise ModelRefused(Reason.MISSING, f"source {ref.source!r} has no model {ref.model_id!r}")
        address = _address(row)
        if not isinstance(address, str):
            raise address
        folder, _, quoted = address.rpartition("/")
        name = unquote(quoted)
        place = Root(self._options.model_copy(update={"root": folder}), self.name, _EXPECTED, _page(row))
        cache, url = place.cache, place.backend.url(name)
        data = cache.read(url, row.sha256)
        if data is None:
            with cache.lock(url):
                data = cache.read(url, row.sha256)
                if data is None:
                    data = self._download(place, name, row)
                    cache.write(url, row.sha256, data)
        return data

    def _download(self, place: Root, name: str, row: _Row) -> bytes:
        pieces, size = [], 0
        try:
            for piece in place.backend.chunks(name):
                pieces.append(piece)
                size += len(piece)
                if size > self._options.max_bytes:
                    raise ModelRefused(Reason.TOO_LARGE, f"more than {self._options.max_bytes} bytes")
        except FileNotFoundError:
            raise ModelRefused(Reason.MISSING, f"{place.backend.url(name)}: gone from there") from None
        except HostDown as error:
            raise ModelRefused(Reason.UNREACHABLE, str(error)) from None
        data = b"".join(pieces)
        if hashlib.sha256(data).hexdigest() != row.sha256:
            kind_of(data, row.kind)  # a page or an LFS pointer says more of what went wrong
            raise ModelRefused(Reason.UNREADABLE, f"{place.backend.url(name)}: its sha256 is not the annotated one")
        return data

    def _ref(self, row: _Row, class_name: str, synset: str, index: int) -> ModelRef:
        return ModelRef(
            source=self.name,
            model_id=row.sha256,
            class_name=class_name,
            synset=synset,
            class_index=index,
            licence=LICENCES.get(row.licence, row.licence or "unknown"),
            author=_author(row),
            url=row.identifier,
            title=unquote(urlsplit(row.identifier).path.rpartition("/")[2].rpartition(".")[0]).replace("_", " "),
        )

    @cached_property
    def _by_identifier(self) -> dict[str, str]:
        return {row.identifier: sha256 for sha256, row in self._rows.items()}

    @cached_property
    def _rows(self) -> dict[str, _Row]:
        """sha256 -> the first row that has it."""
        rows: dict[str, _Row] = {}
        for root, name in self._tables():
            data = root.index(name, _MOST_TABLE)
            if data is None:
                raise root.error(f"there is no {name}")
            try:
                for fields in _parquet(data) if name.endswith(".parquet") else _csv(data):
                    row = _row(fields)
                    if _SHA256.match(row.sha256):
                        rows.setdefault(row.sha256, row)
            except (ValueError, KeyError, csv.Error, OSError) as error:
                raise root.error(f"{name} cannot be read: {error}") from error
        return rows

    def _tables(self) -> list[tuple[Root, str]]:
        """The files of annotations: the root itself, or those in it and one folder below."""
        address = self._options.root
        if address.lower().endswith(_TABLES):
            folder, _, name = address.rpartition("/")
            return [(Root(self._options.model_copy(update={"root": folder or "."}), self.name, _EXPECTED), name)]
        root = Root(self._options, self.name, _EXPECTED)
        try:
            entries = sorted(root.entries())
            names = [entry.name for entry in entries if not entry.is_folder]
            for entry in entries:
                if entry.is_folder and not entry.name.startswith("."):
                    names += [f"{entry.name}/{each.name}" for each in sorted(root.entries(entry.name))]
        except NotListable as error:
            raise SourceError(f"{error}; name the table itself") from error
        found = [(root, name) for name in names if name.lower().endswith(_TABLES)]
        if not found:
            raise root.error("no table in it")
        return found


def _address(row: _Row) -> str | ModelRefused:
    """Where a row's file is fetched from, or why it cannot be."""
    blob = _BLOB.match(row.identifier)
    if blob:
        owner, repository, commit, path = blob.groups()
        return f"https://raw.githubusercontent.com/{owner}/{repository}/{commit}/{quote(unquote(path))}"
    parts = urlsplit(row.identifier)
    if "sketchfab" in row.source or (parts.hostname or "").endswith("sketchfab.com"):
        why = "a model of Sketchfab is one of Objaverse 1.0: use a source of kind objaverse"
    elif parts.scheme not in ("http", "https") or not parts.hostname:
        why = f"its identifier is no web address ({parts.scheme or 'none'})"
    elif parts.path.rpartition(".")[2].lower() not in FORMATS:
        why = f"its identifier leads to a page of {parts.hostname}, not to a file"
    else:
        return f"{parts.scheme}://{parts.netloc}{quote(unquote(parts.path))}"
    return ModelRefused(Reason.UNSUPPORTED, why)


def _page(row: _Row) -> str:
    parts = urlsplit(row.identifier)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _author(row: _Row) -> str:
    blob = _BLOB.match(row.identifier)
    return blob[1] if blob else (row.source or "unknown")


def _row(fields: Mapping[str, Any]) -> _Row:
    def text(name: str) -> str:
        return str(fields.get(name) or "").strip()

    if "fileIdentifier" not in fields:
        raise ValueError("no column fileIdentifier")
    kind = text("fileType").lower().lstrip(".") or text("fileIdentifier").rpartition(".")[2].lower()
    return _Row(text("fileIdentifier"), text("source").lower(), text("license"), kind, text("sha256").lower())


def _csv(data: bytes) -> Iterator[dict[str, Any]]:
    csv.field_size_limit(2**24)
    yield from csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""))


def _parquet(data: bytes) -> Iterator[dict[str, Any]]:
    try:
        import pyarrow
        import pyarrow.parquet as parquet
    except ImportError as error:
        raise MissingDependency(
            'annotations in parquet need pyarrow; run: pip install "dst3d-datasets[objaverse]"'
        ) from error
    wanted = ["fileIdentifier", "source", "license", "fileType", "sha256"]
    try:
        file = parquet.ParquetFile(io.BytesIO(data))
        for batch in file.iter_batches(columns=[name for name in wanted if name in file.schema_arrow.names]):
            yield from batch.to_pylist()
    except pyarrow.ArrowException as error:
        raise ValueError(str(error)) from error
