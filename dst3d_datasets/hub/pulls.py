"""Pull requests of a data set: what somebody proposes who may not write to `main`, and what becomes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .client import Repository, attempt

_UNDER_WAY = ("draft", "open")


@dataclass(frozen=True, slots=True)
class PullRequest:
    """One pull request."""

    number: int
    title: str
    status: str  # "draft", "open", "merged" or "closed"
    author: str
    url: str

    @property
    def ref(self) -> str:
        """The revision that its files are on."""
        return f"refs/pr/{self.number}"


def own_pull_request(repo: Repository, title: str, text: str) -> PullRequest:
    """This user's pull request of that title that is under way; made as a draft if there is none.

    Raises:
        AccessError: the token may not even propose.
    """

    def found_or_made() -> PullRequest:
        me = repo.api.whoami()["name"]
        listed = repo.api.get_repo_discussions(**repo.kind, author=me, discussion_type="pull_request")
        for each in map(_plain, listed):
            if each.title == title and each.author == me and each.status in _UNDER_WAY:
                return each
        return _plain(repo.api.create_pull_request(**repo.kind, title=title, description=text))

    return attempt(found_or_made, f"propose {title} to {repo.name}")


def pull_request(repo: Repository, number: int) -> PullRequest:
    """The pull request of that number.

    Raises:
        NotThere: there is none.
    """
    return attempt(
        lambda: _plain(repo.api.get_discussion_details(**repo.kind, discussion_num=number)),
        f"look at pull request {number} of {repo.name}",
    )


def offer(repo: Repository, proposed: PullRequest) -> None:
    """Let a draft be seen as ready."""
    if proposed.status == "draft":
        attempt(
            lambda: repo.api.change_discussion_status(**repo.kind, discussion_num=proposed.number, new_status="open"),
            f"open pull request {proposed.number} of {repo.name}",
        )


def merge(repo: Repository, proposed: PullRequest) -> None:
    """Merge it into `main`; one that is merged already is right.

    Raises:
        AccessError: the token may not.
        HubError: it cannot be merged as `main` stands.
    """

    def merged() -> None:
        if pull_request(repo, proposed.number).status != "merged":
            repo.api.merge_pull_request(**repo.kind, discussion_num=proposed.number)

    attempt(merged, f"merge pull request {proposed.number} of {repo.name}")


def _plain(each: Any) -> PullRequest:
    return PullRequest(int(each.num), str(each.title), str(each.status), str(each.author), str(each.url))
