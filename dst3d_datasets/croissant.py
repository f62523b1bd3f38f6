"""Croissant metadata (mlcommons.org/croissant, version 1.1): what a release holds, for machines that never heard of us.

The tables of labels are described field by field, so that any Croissant reader can iterate the labels; the tars are
described as files.
"""

from __future__ import annotations

import json
from typing import Any

from .release_table import fields, is_table

FILE = "croissant.json"
_TYPES = {"string": "sc:Text", "int64": "cr:Int64", "float64": "cr:Float64", "bool": "sc:Boolean"}
_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "arrayShape": "cr:arrayShape",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}


def croissant(manifest: dict[str, Any], *, url: str = "", version: str = "") -> bytes:
    """The file `croissant.json` of a release.

    Args:
        manifest: the release's; the rows of its files must name tars and tables.
        url: page of the data set on the Hub; empty for a release on disk, whose files are named by their paths.
        version: of the data set; empty if it has none yet.
    """
    release = manifest["recipe"]["release"]
    rows = [row for row in manifest["files"] if is_table(row["path"]) or row["path"].startswith("data/")]
    tables = [row["path"] for row in rows if is_table(row["path"])]
    prefix = f"{url}/resolve/v{version}/" if url and version else ""
    plain = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.1",
        "name": release["pretty_name"],
        "description": (
            f"{manifest['num_samples']:,} images with exact 3D annotations (camera pose, intrinsics, mask, depth, "
            "normals), made from CAD models by rendering and generation."
        ),
        "license": release["licence"],
        **({"url": url} if url else {}),
        **({"version": version} if version else {}),
        "citeAs": "Ma et al., Generating Images with 3D Annotations Using Diffusion Models, ICLR 2024",
        "distribution": [_file(row, prefix) for row in rows],
        "recordSet": [_records(table) for table in tables],
    }
    return (json.dumps(plain, indent=1, ensure_ascii=False) + "\n").encode()


def _file(row: dict[str, Any], prefix: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": row["path"],
        "name": row["path"],
        "contentUrl": f"{prefix}{row['path']}",
        "contentSize": f"{row['bytes']} B",
        "encodingFormat": "application/x-parquet" if is_table(row["path"]) else "application/x-tar",
        "sha256": row["sha256"],
    }


def _records(table: str) -> dict[str, Any]:
    """One table of labels as records: the columns of every label, and where its sample lies."""
    name = "labels/" + table.removeprefix("index/").removesuffix(".parquet")
    own = [("split", "string", "name of the split"), ("shard", "string", "path of the tar that holds the sample")]
    own += [("offset", "int64", "first byte of the sample in its tar"), ("num_bytes", "int64", "length in its tar")]
    columns = [_field(name, table, column, kind, doc) for column, kind, doc in own]
    columns += [_field(name, table, field.name, field.kind, field.doc, field.shape) for field in fields()]
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": "Labels of one block of tars, a record each sample.",
        "key": {"@id": f"{name}/key"},
        "field": columns,
    }


def _field(records: str, table: str, column: str, kind: str, doc: str, shape: tuple[int, ...] = ()) -> dict[str, Any]:
    flat = 1
    for length in shape:
        flat *= length
    array = {"isArray": True, "arrayShape": str(flat)} if shape else {}
    note = f"; {' x '.join(map(str, shape))} numbers, row by row" if len(shape) > 1 else ""
    return {
        "@type": "cr:Field",
        "@id": f"{records}/{column}",
        "name": f"{records}/{column}",
        "description": doc + note,
        "dataType": _TYPES[kind],
        **array,
        "source": {"fileObject": {"@id": table}, "extract": {"column": column}},
    }
