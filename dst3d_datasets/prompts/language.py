"""A causal language model that goes on with lines of text: transformers' room, with a loop of its own.

The loop is short because the task is: many short continuations of one long beginning. The beginning (the examples) is
read once for all rows, every row draws from a column of numbers of its own (see `seeds.uniforms`), so that its words do
not depend on its neighbours' draws, and words that may never be said are struck out of the vocabulary beforehand.
"""

from __future__ import annotations

import inspect
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stderr
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

from ..errors import RecipeError
from ..seeds import uniforms
from .language_gguf import read_once
from .language_place import Weights

_STOPS = "\n.;:!?"  # a piece of text that holds one of these ends the line
_PLAIN = re.compile(r"[ ]?[a-z]*(?:[-'][a-z]+)?|[ ]?,")  # lower case words and commas are all that a line may hold


@dataclass(frozen=True, slots=True)
class Sampling:
    """How words are drawn."""

    temperature: float = 0.8
    candidates: int = 40  # only the likeliest words are drawn from
    least: float = 0.03  # nor any below this share of the likeliest one's probability (min-p)
    max_tokens: int = 24


class LanguageModel:
    """A model in memory.

    Args:
        weights: where it is, pinned.
        device: where it runs, e.g. "cpu" or "cuda".
        banned: word beginnings that are never said, lower case ("view" also strikes "views").
        network: a model and its tokenizer that are in memory already; for tests and benches.
    """

    def __init__(
        self,
        weights: Weights | None,
        device: str = "cpu",
        banned: Sequence[str] = (),
        network: tuple[Any, Any] | None = None,
    ) -> None:
        self.device = torch.device(device)
        self._most, self.wide = (64, 1) if self.device.type == "cpu" else (1024, 512)  # rows at once
        self._dtype = torch.float32 if self.device.type == "cpu" else torch.bfloat16
        if network is None:
            assert weights is not None
            network = _load(weights, self._dtype)
        self.model, self.tokenizer = network[0].to(self.device, self._dtype).eval(), network[1]
        known = inspect.signature(self.model.forward).parameters
        self._cache = "cache" if "cache" in known else "past_key_values"  # its name before transformers 5.24
        self._bias, self._stops = self._vocabulary(tuple(banned))

    @torch.inference_mode()
    def complete(
        self,
        beginning: str,
        rows: Sequence[str],
        seeds: Sequence[int],
        sampling: Sampling | None = None,
        unsaid: Sequence[str] = (),
    ) -> list[str]:
        """Go on with every row until its line ends.

        Args:
            beginning: text that all rows share, not empty; read once.
            rows: what follows it in each row; not empty, no trailing space.
            seeds: one for each row.
            sampling: how words are drawn.
            unsaid: words that no row may say again, lower case (those of the class: it stands in the row already).

        Returns:
            What was written after each row, stripped; a line that did not end in time is cut at its last comma, or is
            returned as it is without one.
        """
        sampling = sampling or Sampling()
        if len(rows) > self._most:
            parts = [slice(start, start + self._most) for start in range(0, len(rows), self._most)]
            return [
                text for part in parts for text in self.complete(beginning, rows[part], seeds[part], sampling, unsaid)
            ]
        noise = self._noise(seeds, sampling)
        bias = self._without(unsaid)
        cache, mask, logits = self._read(beginning, rows)
        position = mask.sum(dim=1)
        written = torch.full((len(rows), sampling.max_tokens), -1, dtype=torch.long, device=self.device)
        done = torch.zeros(len(rows), dtype=torch.bool, device=self.device)
        for step in range(sampling.max_tokens):
            token = self._draw(logits + bias, noise[:, step], sampling)
            done |= self._stops[token]
            written[:, step] = torch.where(done, -1, token)
            if step + 1 == sampling.max_tokens or (step % 8 == 7 and bool(done.all())):  # asking costs a wait
                break
            mask = torch.cat([mask, torch.ones_like(mask[:, :1])], dim=1)
            out = self._next(token[:, None], cache, attention_mask=mask, position_ids=position[:, None])
            cache, logits, position = out[self._cache], out.logits[:, -1], position + 1
        return [self._text(row, bool(end)) for row, end in zip(written.tolist(), done.tolist(), strict=True)]

    @torch.inference_mode()
    def likelihood(self, beginning: str, endings: Sequence[str]) -> list[float]:
        """The log-probability of each ending after a beginning.

        Endings that begin alike are read together: step k reads one token for every different beginning of k tokens.

        Args:
            beginning: text that all endings follow, not empty.
            endings: not empty, no space at either end.
        """
        ids = [self._ids(f" {ending}") for ending in endings]
        found, rows = [0.0] * len(ids), [0] * len(ids)  # rows: where each ending's beginning is among those read
        out = self._next(torch.tensor([self._ids(beginning)], device=self.device), None)
        for step in range(max(map(len, ids), default=0)):
            chances = out.logits[:, -1].float().log_softmax(dim=-1)
            alive = [place for place, each in enumerate(ids) if len(each) > step]
            tokens = torch.tensor([ids[place][step] for place in alive], device=self.device)
            scores = chances[torch.tensor([rows[place] for place in alive], device=self.device), tokens].tolist()
            branches: dict[tuple[int, int], int] = {}  # (row, token) -> its row in the next step
            for place, score in zip(alive, scores, strict=True):
                found[place] += score
                if len(ids[place]) > step + 1:
                    rows[place] = branches.setdefault((rows[place], ids[place][step]), len(branches))
            if branches:
                cache = out[self._cache]
                cache.reorder_cache(torch.tensor([row for row, _ in branches], device=self.device))
                out = self._next(torch.tensor([[token] for _, token in branches], device=self.device), cache)
        return found

    def _next(self, ids: torch.Tensor, cache: Any, **more: torch.Tensor) -> Any:
        """The model's answer to tokens (rows, n) after what the cache holds."""
        return self.model(input_ids=ids, use_cache=True, **{self._cache: cache}, **more)

    def _read(self, beginning: str, rows: Sequence[str]) -> tuple[Any, torch.Tensor, torch.Tensor]:
        """The cache, the mask (rows, tokens) and the next word's logits (rows, vocabulary) after reading the text."""
        first = self._ids(beginning)
        ids = [self._ids(row) for row in rows]
        longest = max(map(len, ids))
        padded = torch.tensor([[0] * (longest - len(row)) + row for row in ids], device=self.device)
        real = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in ids], device=self.device)
        cache = self._next(torch.tensor([first], device=self.device), None)[self._cache]
        cache.batch_repeat_interleave(len(rows))
        mask = torch.cat([torch.ones((len(rows), len(first)), dtype=real.dtype, device=self.device), real], dim=1)
        positions = len(first) + (real.cumsum(dim=1) - 1).clamp(min=0)
        out = self._next(padded, cache, attention_mask=mask, position_ids=positions)
        return out[self._cache], mask, out.logits[:, -1]

    def _draw(self, logits: torch.Tensor, noise: torch.Tensor, sampling: Sampling) -> torch.Tensor:
        """One token a row (rows,), by the Gumbel trick: the largest of the scaled logits plus noise (rows, k)."""
        best, ids = logits.float().topk(noise.shape[1], dim=1)
        scaled = best / sampling.temperature
        is_likely = best - best[:, :1] >= float(np.log(sampling.least))
        chosen = torch.where(is_likely, scaled + noise, -torch.inf).argmax(dim=1)
        return ids.gather(1, chosen[:, None])[:, 0]

    def _without(self, words: Sequence[str]) -> torch.Tensor:
        """(vocabulary,): the bias with the beginnings of these words struck out, too."""
        bias = self._bias.clone()
        for token, text in enumerate(self._texts):
            if any(_begins(text.strip(), word) for word in words):
                bias[token] = -torch.inf
        return bias

    def _noise(self, seeds: Sequence[int], sampling: Sampling) -> torch.Tensor:
        """Gumbel noise (rows, steps, k), each row a function of its seed alone."""
        shape = (sampling.max_tokens, min(sampling.candidates, len(self._bias)))
        columns = [uniforms("token", seed, count=shape[0] * shape[1]).reshape(shape) for seed in seeds]
        return torch.from_numpy(-np.log(-np.log(np.stack(columns)))).float().to(self.device)

    def _vocabulary(self, banned: tuple[str, ...]) -> tuple[torch.Tensor, torch.Tensor]:
        """(vocabulary,) each: -inf for tokens that are never said, and whether a token ends the line."""
        size = self.model.get_output_embeddings().weight.shape[0]
        special = set(self.tokenizer.all_special_ids)
        bias, stops = torch.full((size,), -torch.inf), torch.zeros(size, dtype=torch.bool)
        self._texts = self.tokenizer.batch_decode([[token] for token in range(min(size, len(self.tokenizer)))])
        for token, text in enumerate(self._texts):
            if token in special or text[:1] in _STOPS or text.startswith(" ;"):
                stops[token] = True
                bias[token] = 0.0
            elif text and _PLAIN.fullmatch(text) and not text.strip().startswith(banned):
                bias[token] = 0.0
        return bias.to(self.device), stops.to(self.device)

    def _ids(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def _text(self, tokens: list[int], ended: bool) -> str:
        text = self.tokenizer.decode([token for token in tokens if token >= 0]).strip()
        if not ended and "," in text:
            text = text.rpartition(",")[0]
        return " ".join(text.strip(" ,").split())


def best_device() -> str:
    """ "cuda" where it can be used, else "cpu"."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def _begins(piece: str, word: str) -> bool:
    """Whether a piece of text is a word, its plural, or long enough a beginning of it to lead there."""
    return piece in (word, f"{word}s") or (len(piece) >= 4 and word.startswith(piece))


def _load(weights: Weights, dtype: torch.dtype) -> tuple[Any, Any]:
    source: dict[str, Any] = {"gguf_file": weights.gguf} if weights.gguf else {}
    if weights.revision:
        source["revision"] = weights.revision
    with ExitStack() as stack:
        stack.enter_context(quiet())
        if weights.gguf:
            stack.enter_context(read_once())
        try:
            tokenizer = AutoTokenizer.from_pretrained(weights.where, **source)
            if not weights.gguf:
                source["use_safetensors"] = True  # no pickles
            return AutoModelForCausalLM.from_pretrained(weights.where, dtype=dtype, **source), tokenizer
        except (OSError, ValueError, ImportError) as error:
            said = " ".join(str(error).split())[:300] or type(error).__name__
            raise RecipeError(f"model: {weights.name or weights.where} cannot be loaded: {said}") from error


@contextmanager
def quiet() -> Iterator[None]:
    """No bars of transformers in the middle of ours; that of GGUF heeds no setting, only where stderr leads."""
    bars: Any = logging
    speaking = bars.is_progress_bar_enabled()
    bars.disable_progress_bar()
    try:
        with redirect_stderr(io.StringIO()):
            yield
    finally:
        if speaking:
            bars.enable_progress_bar()
