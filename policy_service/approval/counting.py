"""Which signatures count now: those whose signers still may sign.

A change says what was signed, and that does not alter. Whether a signature counts is asked again whenever a change
under review is read, until it is scheduled:

| a signature does not count while   | which may turn when                                              |
|------------------------------------|------------------------------------------------------------------|
| its signer has no enabled account  | the account is disabled or enabled                               |
| its signer does not hold the role  | roles are changed; the account is vouched for, or no longer is   |
| its signer wrote what the text says| a text that decides the same is drafted or submitted by the signer |

What a signature that does not count was for is owed again. With everybody's signature there again, it counts again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlmodel import Session

from policy_service.actor import Role
from policy_service.approval.change import Acted, Change, State
from policy_service.approval.workflow import word
from policy_service.approval.writers import writers_of
from policy_service.identity.account import Account
from policy_service.identity.service import accounts
from policy_service.sentences import Sentence

REVIEWED = frozenset({State.SUBMITTED, State.SIGNED_OFF})
"""The states in which it matters whether signatures count."""


def as_it_counts(session: Session, changes: Sequence[Change]) -> list[Change]:
    """The changes, those under review with who wrote them and which signatures do not count now."""
    reviewed = [change for change in changes if change.state in REVIEWED]
    if not reviewed:
        return [settled(change) for change in changes]
    wrote = writers_of(session, {each.digest for change in reviewed for each in change.submitted.versions})
    signers = accounts(session, {signature.by.id for change in reviewed for signature in change.signatures})
    return [judged(change, wrote, signers) if change.state in REVIEWED else settled(change) for change in changes]


def settled(change: Change) -> Change:
    """A change that is not under review: nobody asks whether its signatures count."""
    return replace(change, writers=frozenset(), void={}) if change.writers or change.void else change


def judged(change: Change, wrote: Mapping[str, frozenset[str]], signers: Mapping[str, Account]) -> Change:
    """A change under review, with what `wrote` and `signers` say of its signatures; its state follows from who owes."""
    writers = frozenset().union(*(wrote[each.digest] for each in change.submitted.versions))
    found = ((signature.number, why_void(signature, writers, signers)) for signature in change.signatures)
    void = {number: why for number, why in found if why is not None}
    marked = replace(change, writers=writers, void=void)
    return replace(marked, state=State.SUBMITTED if marked.owed else State.SIGNED_OFF)


def why_void(signature: Acted, writers: frozenset[str], signers: Mapping[str, Account]) -> str | None:
    """Why a signature does not count now; None when it does."""
    person = signature.by.printed_name
    if (why := why_lost(person, signature.role, signers.get(signature.by.id))) is not None:
        return why
    if signature.by.id in writers:
        return Sentence("{person} wrote a text that decides the same.", person=person)
    return None


def why_lost(person: str, role: Role | None, account: Account | None) -> str | None:
    """Why a person with this account could not sign in a role now; None when they could."""
    if account is None or not account.enabled:
        return Sentence("{person} has no enabled account any more.", person=person)
    if role not in account.actor().roles:
        return Sentence("{person} no longer holds the role of {role}.", person=person, role=word(role))
    return None
