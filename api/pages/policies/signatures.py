"""Who put a version in force: the changes that submitted and activated it, with the signatures they carry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlmodel import Session

from policy_service.approval.change import Acted, Change, Person
from policy_service.approval.service import Action
from policy_service.approval.store import changes_named


@dataclass(frozen=True, slots=True)
class Signed:
    """A change as the pages of policies show it."""

    id: str
    title: str
    author: Person
    submitted_by: Person | None
    signatures: tuple[Acted, ...]

    @property
    def address(self) -> str:
        """Where the whole change is."""
        return f"/changes/{self.id}"


def read_signed(session: Session, names: Iterable[str | None]) -> Mapping[str, Signed]:
    """The changes with these identifiers; None is left out."""
    wanted = {name for name in names if name is not None}
    return {change.id: signed(change) for change in changes_named(session, wanted)} if wanted else {}


def signed(change: Change) -> Signed:
    """What is shown of a change."""
    title = change.submission.title if change.submission else change.draft.title
    submitted = [acted.by for acted in change.acted if acted.action is Action.SUBMIT]
    return Signed(change.id, title, change.author, submitted[-1] if submitted else None, change.signatures)
