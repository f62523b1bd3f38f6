"""Releases through `datasets`: their types, and loading. A release needs nothing of this, it only saves words."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import datasets

from dst3d_datasets.columns import columns
from dst3d_datasets.recipe import ALL_CONTROLS


def features(controls: Sequence[str] = ALL_CONTROLS, scores: Sequence[str] = ()) -> datasets.Features:
    """The types of a release's columns, the same as its card gives.

    For `load_dataset("webdataset", data_files=..., features=features())`: with `data_files` the card is not read.

    Args:
        controls: the controls that the release carries; a column that its tars lack reads as None.
        scores: names of the filters whose scores its labels carry.
    """
    typed: datasets.Features = datasets.Features._from_yaml_list(columns(controls, scores))
    return typed


def first_row(path: str, revision: str) -> dict[str, Any]:
    """The first sample of the first split of a published release: whether it loads, fresh from the Hub.

    Args:
        path: the id of a repository.
        revision: the version on the Hub, such as "v1.2.0".
    """
    splits = datasets.load_dataset(
        path, revision=revision, streaming=True, download_mode="force_redownload", verification_mode="no_checks"
    )
    row: dict[str, Any] = next(iter(next(iter(splits.values()))))
    return row


def load_release(
    path: str | os.PathLike[str],
    split: str | None = None,
    *,
    streaming: bool = True,
    revision: str | None = None,
    **kwargs: Any,
) -> Any:
    """Load a release from a folder or from the Hub.

    Args:
        path: a folder that `make_release` wrote, or the id of a repository.
        split: one split; None for all of them, by name.
        streaming: read on the go, or copy into the cache of `datasets` first.
        revision: the version on the Hub, such as "v1.2.0".
        **kwargs: more for `datasets.load_dataset`.

    Returns:
        What `datasets.load_dataset` returns.
    """
    return datasets.load_dataset(os.fspath(path), split=split, streaming=streaming, revision=revision, **kwargs)
