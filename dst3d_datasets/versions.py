"""Semantic versions of a data set, and which bump a difference calls for.

* major: labels or frames changed their meaning, or a label that was published says something else now.
* minor: samples were added, dropped, or drawn anew; every label that stays says what it said.
* patch: the same samples; only the card or other metadata differ.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from .errors import UsageError

Bump = Literal["major", "minor", "patch"]
BUMPS: tuple[Bump, ...] = ("major", "minor", "patch")
_FORM = re.compile(r"v?(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})")


@dataclass(frozen=True, order=True, slots=True)
class Version:
    """A version; its tag on the Hub is `v1.2.0`."""

    major: int
    minor: int
    patch: int

    @classmethod
    def parse(cls, text: str) -> Version:
        """The version that a text writes, with or without its `v`.

        Raises:
            UsageError: it is not three whole numbers.
        """
        match = _FORM.fullmatch(text)
        if match is None:
            raise UsageError(f"{text!r} is not a version: write three numbers, as in 1.2.0")
        return cls(*(int(number) for number in match.groups()))

    @classmethod
    def of_tag(cls, tag: str) -> Version | None:
        """The version of a tag, or None if the tag is no version's."""
        return cls.parse(tag) if tag.startswith("v") and _FORM.fullmatch(tag) else None

    @property
    def tag(self) -> str:
        """Its tag on the Hub."""
        return f"v{self}"

    def next(self, bump: Bump) -> Version:
        """The version that follows by a bump."""
        if bump == "major":
            return Version(self.major + 1, 0, 0)
        if bump == "minor":
            return Version(self.major, self.minor + 1, 0)
        return Version(self.major, self.minor, self.patch + 1)

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


def check_bump(version: Version, previous: Version, called_for: Bump, why: str) -> None:
    """See that a version follows another by the bump that the difference calls for.

    Raises:
        UsageError: it does not; the message names the version that does.
    """
    right = previous.next(called_for)
    if version == right:
        return
    given = next((bump for bump in BUMPS if version == previous.next(bump)), None)
    what = f"a {given} bump" if given else "none of the versions that can follow it"
    raise UsageError(
        f"version {version} is {what} after {previous}, and this release calls for a {called_for} bump ({why}): "
        f"publish it as {right}"
    )
