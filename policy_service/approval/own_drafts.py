"""A person's own drafts of a policy: reads their texts, and adds an example."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlmodel import Session

from policy_service.actor import Actor
from policy_service.approval.change import Change, ChangeState
from policy_service.approval.drafts import edit
from policy_service.approval.queries import ChangeFilter, list_changes
from policy_service.approval.store import read_change, read_text
from policy_service.database import Transaction
from policy_service.language.diagnostics import PolicyError
from policy_service.language.edit import JsonValue, add_example
from policy_service.language.load import load_bytes
from policy_service.language.policy import Policy

MAX_OFFERED = 20
"""Maximum number of drafts offered, the newest."""


@dataclass(frozen=True, slots=True)
class OwnDraft:
    """One of the person's drafts."""

    id: str
    title: str


def read_own_drafts(session: Session, actor: Actor, policy: str) -> tuple[OwnDraft, ...]:
    """Return the actor's newest drafts with a valid text of the policy."""
    result = list_changes(
        session, ChangeFilter(states=frozenset({ChangeState.DRAFT}), author=actor.id), limit=MAX_OFFERED
    )
    return tuple(
        OwnDraft(change.id, change.draft.title)
        for change in result.items
        if next(policy_texts(session, change, policy), None) is not None
    )


def read_draft_policy(session: Session, change: str, policy: str) -> Policy | None:
    """Return the policy in a draft; None if it has no valid text of it. Raises UnknownChange."""
    match = next(policy_texts(session, read_change(session, change), policy), None)
    return None if match is None else match[1]


def policy_texts(session: Session, change: Change, policy: str) -> Iterator[tuple[str, Policy]]:
    """Yield the valid texts of a policy in a draft, by digest."""
    for name in change.draft.texts:
        try:
            loaded = load_bytes(read_text(session, name))
        except PolicyError:
            continue
        if loaded.id == policy:
            yield name, loaded


@dataclass(frozen=True, slots=True)
class DraftUpdate:
    """A draft as read, and its new texts."""

    change: Change
    texts: tuple[bytes, ...]


def draft_with_example(session: Session, change: str, policy: str, example: Mapping[str, JsonValue]) -> DraftUpdate:
    """Return a draft with an example added to its text of a policy. Slow. Raises ExampleRejected, UnknownChange."""
    draft = read_change(session, change)
    digests = {name for name, _ in policy_texts(session, draft, policy)}
    texts = ((name, read_text(session, name)) for name in draft.draft.texts)
    return DraftUpdate(draft, tuple(add_example(text, example) if name in digests else text for name, text in texts))


def save_draft(transaction: Transaction, actor: Actor, update: DraftUpdate) -> Change:
    """Update the draft if it is unchanged since it was read. Raises what `edit` does."""
    change, draft = update.change, update.change.draft
    return edit(
        transaction,
        actor,
        change.id,
        title=draft.title,
        reason=draft.reason,
        effective=draft.effective,
        texts=update.texts,
        ends=draft.ends,
        afterwards=draft.afterwards,
        simulated_over=draft.simulated_over,
        expected=change.etag,
    )
