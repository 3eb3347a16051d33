"""Signature validity: a signature counts while its signer is still allowed to sign.

The record of signatures never changes. Whether a signature counts is evaluated whenever a change under review is read,
until it is scheduled:

| a signature does not count while   | which may turn when                                              |
|------------------------------------|------------------------------------------------------------------|
| its signer has no enabled account  | the account is disabled or enabled                               |
| its signer does not hold the role  | roles are changed; the account is attested, or no longer is   |
| its signer wrote what the text says| a text that decides the same is drafted or submitted by the signer |

The role of a signature that does not count must sign again. If the reason disappears, the signature counts again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlmodel import Session

from policy_service.actor import Role
from policy_service.approval.change import ActionRecord, Change, ChangeState
from policy_service.approval.workflow import role_name
from policy_service.approval.writers import writers_of
from policy_service.identity.account import Account
from policy_service.identity.service import accounts
from policy_service.messages import Message

REVIEW_STATES = frozenset({ChangeState.SUBMITTED, ChangeState.SIGNED_OFF})
"""The states in which signature validity matters."""


def with_signature_validity(session: Session, changes: Sequence[Change]) -> list[Change]:
    """Return the changes; those under review with their writers and void signatures."""
    under_review = [change for change in changes if change.state in REVIEW_STATES]
    if not under_review:
        return [without_signature_validity(change) for change in changes]
    authors = writers_of(
        session, {each.digest for change in under_review for each in change.frozen_submission.versions}
    )
    signers = accounts(session, {signature.by.id for change in under_review for signature in change.signatures})
    return [
        evaluate_signatures(change, authors, signers)
        if change.state in REVIEW_STATES
        else without_signature_validity(change)
        for change in changes
    ]


def without_signature_validity(change: Change) -> Change:
    """Return a change that is not under review, for which signature validity does not matter."""
    return replace(change, writers=frozenset(), void={}) if change.writers or change.void else change


def evaluate_signatures(
    change: Change, authors: Mapping[str, frozenset[str]], signers: Mapping[str, Account]
) -> Change:
    """Return a change under review with its void signatures, and the state that follows.

    `authors` are the writers of its texts, `signers` the accounts.
    """
    writers = frozenset().union(*(authors[each.digest] for each in change.frozen_submission.versions))
    reasons = ((signature.number, void_reason(signature, writers, signers)) for signature in change.signatures)
    void = {number: reason for number, reason in reasons if reason is not None}
    evaluated = replace(change, writers=writers, void=void)
    return replace(evaluated, state=ChangeState.SUBMITTED if evaluated.missing_roles else ChangeState.SIGNED_OFF)


def void_reason(signature: ActionRecord, writers: frozenset[str], signers: Mapping[str, Account]) -> str | None:
    """Return why a signature is void now; None when it is valid."""
    person = signature.by.printed_name
    if (reason := lost_role_reason(person, signature.role, signers.get(signature.by.id))) is not None:
        return reason
    if signature.by.id in writers:
        return Message("{person} wrote a text that decides the same.", person=person)
    return None


def lost_role_reason(person: str, role: Role | None, account: Account | None) -> str | None:
    """Return why the account's owner could not sign in a role now; None if they could."""
    if account is None or not account.enabled:
        return Message("{person} no longer has an enabled account.", person=person)
    if role not in account.actor().roles:
        return Message("{person} no longer holds the role of {role}.", person=person, role=role_name(role))
    return None
