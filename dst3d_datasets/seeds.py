"""The only randomness of the library: numbers derived from names, never from order, rank, batch or time.

A *name* is a tuple of strings and integers, by habit (recipe seed, model uid, purpose). `seed_of` gives one integer for
a name; `uniforms` gives a whole column of numbers in which entry i depends on the name and on i alone, so that a longer
column begins with the shorter one.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

Name = str | int


def _digest(names: tuple[Name, ...], size: int) -> bytes:
    """Hash a tuple of names; lengths are hashed too, so ("ab", "c") and ("a", "bc") differ."""
    state = hashlib.blake2b(digest_size=size, person=b"dst3d/1")
    for name in names:
        data = (f"i{name}" if isinstance(name, int) else f"s{name}").encode()
        state.update(len(data).to_bytes(8, "little") + data)
    return state.digest()


def seed_of(*names: Name) -> int:
    """One seed, 0 <= seed < 2**63 (what `torch.Generator.manual_seed` and JSON readers both take)."""
    return int.from_bytes(_digest(names, 8), "little") >> 1


def sample_seed(seed: int, uid: str, view: int, attempt: int = 0) -> int:
    """The seed of one sample's picture: of its first attempt, or of the attempt-th time that it is drawn again."""
    again: tuple[Name, ...] = ("attempt", attempt) if attempt else ()
    return seed_of(seed, uid, "sample", view, *again)


def uniform(*names: Name) -> float:
    """One number in (0, 1): never 0 and never 1, so that every inverse distribution function takes it."""
    return ((seed_of(*names) >> 10) + 0.5) * 2.0**-53


def uniforms(*names: Name, count: int, first: int = 0) -> NDArray[np.float64]:
    """Numbers `first` to `first + count - 1` of a name's column, in (0, 1), shape (count,).

    Entry i is the same whatever `count` and `first` are, and none before `first` is computed. Philox (Salmon et al.,
    SC 2011) keyed by the hashed name; NumPy guarantees the raw stream of a bit generator.
    """
    philox = np.random.Philox(key=int.from_bytes(_digest(names, 16), "little"))
    philox.advance(first // 4)  # a step of the counter gives four numbers
    raw = philox.random_raw(first % 4 + count)[first % 4 :]
    return ((raw >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52


def shuffle_key(*names: Name) -> int:
    """An unsigned 64-bit sort key: sorting things by it shuffles them, the same way wherever they come from."""
    return int.from_bytes(_digest(names, 8), "big")
