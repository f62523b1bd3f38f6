"""Prompters: words for each sample, each a `Prompter`."""

from __future__ import annotations

from typing import Protocol

from ..nouns import ModelRef, Prompt

TABLE = {
    "template": "dst3d_datasets.prompts.template:Template",
    "captions": "dst3d_datasets.prompts.captions:Captions",
}


class Prompter(Protocol):
    """Chooses words. Built as `Class(options)`; must give the same prompt for the same arguments, always.

    One whose attribute `sees` is true is asked by `prompt_seeing(ref, seed, look)`, with what the render shows (see
    `look.Look`).
    """

    def prompt(self, ref: ModelRef, seed: int) -> Prompt:
        """The prompt of one sample; `seed` is the sample's own, 0 <= seed < 2**63."""
        ...

    def counts(self) -> dict[str, int]:
        """What the receipt should count since the last call, e.g. {"no_caption": 3}; empty when all went well."""
        ...
