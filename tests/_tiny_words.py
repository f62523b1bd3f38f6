"""Text encoders and tokenizers of the tiny families, and how a random network is made to look trained."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import transformers
from _tiny_pipeline import WIDTH, seeded, shake

LETTERS = [chr(code) for code in range(33, 127)]


def moved(build: Callable[[], Any], seed: int) -> Any:
    """A network with random weights that look trained: no layer is zero, no normalisation fresh."""
    network = shake(seeded(build, seed).eval(), seed)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim > 1 and not bool(parameter.any()):
                parameter += 0.2 * torch.randn(parameter.shape, generator=generator)
    return network


def t5(width: int = 2 * WIDTH, seed: int = 4) -> Any:
    """A one-layer T5 encoder."""
    config = transformers.T5Config(
        vocab_size=len(LETTERS) + 4, d_model=width, d_kv=8, d_ff=32, num_layers=1, num_heads=2, pad_token_id=0
    )
    return moved(lambda: transformers.T5EncoderModel(config), seed)


def t5_tokenizer() -> Any:
    """Pieces of one letter."""
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", -5.0), ("▁", -2.0), *((letter, -3.0) for letter in LETTERS)]
    return transformers.T5TokenizerFast(vocab=pieces, extra_ids=0)


def byte_tokenizer(**special: str) -> Any:
    """Qwen's kind of tokenizer with single bytes for its vocabulary."""
    words = [*_bytes(), "<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    made = transformers.Qwen2Tokenizer(vocab={word: index for index, word in enumerate(words)}, merges=[], **special)
    made.chat_template = "{% for m in messages %}<|im_start|>{{ m.role }} {{ m.content }}<|im_end|>{% endfor %}"
    return made


def _bytes() -> list[str]:
    """The 256 characters that stand for bytes in byte-level vocabularies."""
    seen = [*range(33, 127), *range(161, 173), *range(174, 256)]
    return [chr(code) for code in seen] + [chr(256 + index) for index in range(256 - len(seen))]
