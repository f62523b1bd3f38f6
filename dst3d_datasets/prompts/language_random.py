"""A language model of SmolLM2-135M's shapes with random weights: for benches, where speed counts and words do not."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM

SHAPES: dict[str, Any] = {  # of HuggingFaceTB/SmolLM2-135M-Instruct's config.json
    "vocab_size": 49152, "hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30,
    "num_attention_heads": 9, "num_key_value_heads": 3, "max_position_embeddings": 8192, "tie_word_embeddings": True,
}  # fmt: skip
_LETTERS = "etaoinshrdlcumwf"


class Pieces:
    """A tokenizer without a vocabulary: every word and mark is a token, whose number is a hash. It says invented words.

    That is about as many tokens as SmolLM2's tokenizer makes of plain English (752 of 190 places, here 743).
    """

    all_special_ids: Sequence[int] = (0,)

    def __init__(self, size: int) -> None:
        self._size = size

    def __len__(self) -> int:
        return self._size

    def __call__(self, text: str, add_special_tokens: bool = False) -> dict[str, list[int]]:
        """{"input_ids": token numbers}; `add_special_tokens` is heeded by adding none."""
        pieces = re.findall(r"\w+|[^\w\s]", text)
        return {"input_ids": [1 + zlib.crc32(piece.encode()) % (self._size - 1) for piece in pieces]}

    def batch_decode(self, rows: Sequence[Sequence[int]]) -> list[str]:
        """The text of each row."""
        return [self.decode(row) for row in rows]

    def decode(self, ids: Sequence[int]) -> str:
        """A word of four letters for each token."""
        return "".join(" " + "".join(_LETTERS[token >> shift & 15] for shift in (0, 4, 8, 12)) for token in ids)


def random_network(seed: int = 0, **changes: Any) -> tuple[Any, Any]:
    """(model, tokenizer) as `language.LanguageModel` takes them.

    Args:
        seed: of the weights.
        changes: other values of `SHAPES`, for a smaller one.
    """
    shapes = {**SHAPES, **changes}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return LlamaForCausalLM(LlamaConfig(**shapes)), Pieces(shapes["vocab_size"])
