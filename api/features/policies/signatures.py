"""Who put a version in force: the changes that submitted and activated it, with the signatures they carry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlmodel import Session

from policy_service.approval.change import ActionRecord, Change, Person
from policy_service.approval.service import Action
from policy_service.approval.store import read_changes


@dataclass(frozen=True, slots=True)
class SignedChange:
    """A change as the pages of policies show it."""

    id: str
    title: str
    author: Person
    submitted_by: Person | None
    signatures: tuple[ActionRecord, ...]

    @property
    def address(self) -> str:
        """Where the whole change is."""
        return f"/changes/{self.id}"


def read_signed_changes(session: Session, names: Iterable[str | None]) -> Mapping[str, SignedChange]:
    """The changes with these identifiers; None is left out."""
    identifiers = {name for name in names if name is not None}
    return {change.id: signed_change(change) for change in read_changes(session, identifiers)} if identifiers else {}


def signed_change(change: Change) -> SignedChange:
    """What is shown of a change."""
    title = change.submission.title if change.submission else change.draft.title
    submitters = [acted.by for acted in change.actions if acted.action is Action.SUBMIT]
    return SignedChange(change.id, title, change.author, submitters[-1] if submitters else None, change.signatures)
