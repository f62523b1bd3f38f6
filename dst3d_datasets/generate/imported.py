"""The `imported` generator: pictures that a tree of the reference code already holds, and nobody can draw again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..errors import UsageError
from ..nouns import Shot
from ..recipe.options import ImportedGeneratorOptions


class ImportedGenerator:
    """Stands for pictures that are there; `reference.build.import_tree` puts them into shards by itself.

    Args:
        options: which pictures of which tree.
    """

    name = "imported"
    batch_size = 1
    untrained = ""

    def __init__(self, options: ImportedGeneratorOptions) -> None:
        self._options = options

    @property
    def revision(self) -> str:
        """Digest of the tree, and the name of its folders of pictures."""
        return f"{self._options.tree[:16]}-{self._options.pictures}"

    def generate(self, shots: Sequence[Shot]) -> list[NDArray[np.uint8]]:
        """Refuse.

        Raises:
            UsageError: always; the message says what makes these shards.
        """
        raise UsageError(
            f"the pictures of this run ({self._options.pictures}) were imported, and cannot be made: "
            "run `dst3d import` with the same tree and --out again"
        )
