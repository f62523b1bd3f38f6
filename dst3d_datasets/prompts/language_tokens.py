"""The true token count, by the tokenizer of a pipeline."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from transformers import CLIPTokenizer


def tokenizer_counter(folder: Path) -> Callable[[str], int]:
    """A function from a text to its number of tokens, end marks included, by the CLIP tokenizer in a folder."""
    tokenizer = CLIPTokenizer.from_pretrained(str(folder))

    def count(text: str) -> int:
        return len(tokenizer(text)["input_ids"])

    return count
