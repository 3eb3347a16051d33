"""Lists changes, the newest first, a page at a time."""

from __future__ import annotations

from dataclasses import dataclass

from sqlmodel import Session, col, select

from policy_service.approval.change import Change, Kind, State
from policy_service.approval.store import fold_rows
from policy_service.approval.tables import ChangeRow

MAX_PAGE = 100
"""Changes of one page."""
FOLDED = 50
"""Changes that are read at a time."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which changes to list; what is None does not matter."""

    state: State | None = None
    kind: Kind | None = None
    author: str | None = None
    """The identifier of an account."""
    policy: str | None = None
    """A policy that the change submitted, or goes back to. Files that were never submitted are not looked into."""

    def takes(self, change: Change) -> bool:
        """Whether a change is wanted, as far as its rows do not tell."""
        versions = (*(change.submission.versions if change.submission else ()), *change.draft.versions)
        return (self.state is None or change.state is self.state) and (
            self.policy is None or any(version.policy == self.policy for version in versions)
        )


@dataclass(frozen=True, slots=True)
class Page:
    """Some changes, and where the next page begins; None at the end."""

    changes: tuple[Change, ...]
    cursor: str | None


def changes(session: Session, wanted: Wanted = Wanted(), *, cursor: str | None = None, limit: int = 20) -> Page:
    """The changes that are wanted, the newest first, behind the cursor of the page before."""
    found: list[Change] = []
    limit = max(1, min(limit, MAX_PAGE))
    while True:
        query = select(ChangeRow).order_by(col(ChangeRow.id).desc()).limit(FOLDED)
        if cursor is not None:
            query = query.where(ChangeRow.id < cursor)
        if wanted.kind is not None:
            query = query.where(ChangeRow.kind == wanted.kind)
        if wanted.author is not None:
            query = query.where(ChangeRow.author == wanted.author)
        rows = session.exec(query).all()
        for change in fold_rows(session, rows):
            if len(found) == limit:
                return Page(tuple(found), found[-1].id)
            if wanted.takes(change):
                found.append(change)
        if len(rows) < FOLDED:
            return Page(tuple(found), None)
        cursor = rows[-1].id
