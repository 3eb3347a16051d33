"""The reader's own drafts of a policy: trying their text, and giving it a case as an example."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlmodel import Session

from policy_service import PolicyError, load_bytes
from policy_service.actor import Actor
from policy_service.approval import service as approval
from policy_service.approval.service import Change, ChangeFilter, ChangeState
from policy_service.database import Transaction
from policy_service.language.definedness import names_in
from policy_service.language.edit import JsonValue, add_example
from policy_service.language.evaluate import evaluate
from policy_service.language.outcome import Conflict, Decided, MissingFacts, NoRuleMatched, Values
from policy_service.language.policy import AS_OF, Policy
from policy_service.language.types import Value, format_value

MAX_OFFERED = 20
"""Drafts that are offered, the newest."""


@dataclass(frozen=True, slots=True)
class OwnDraft:
    """A draft that the reader may write in."""

    id: str
    title: str


def read_own_drafts(session: Session, actor: Actor, policy: str) -> tuple[OwnDraft, ...]:
    """The newest drafts of the actor that hold a text of the policy."""
    result = approval.list_changes(
        session, ChangeFilter(states=frozenset({ChangeState.DRAFT}), author=actor.id), limit=MAX_OFFERED
    )
    return tuple(
        OwnDraft(change.id, change.draft.title)
        for change in result.changes
        if next(policy_texts(session, change, policy), None) is not None
    )


def read_draft_policy(session: Session, change: str, policy: str) -> Policy | None:
    """The policy as a draft has it; None when it holds no valid text of it. Raises UnknownChange."""
    match = next(policy_texts(session, approval.read_change(session, change), policy), None)
    return None if match is None else match[1]


def policy_texts(session: Session, change: Change, policy: str) -> Iterator[tuple[str, Policy]]:
    """The valid texts of a policy in a draft, each under its digest."""
    for name in change.draft.texts:
        try:
            loaded = load_bytes(approval.read_text(session, name))
        except PolicyError:
            continue
        if loaded.id == policy:
            yield name, loaded


def example_entry(policy: Policy, facts: Mapping[str, Value], as_of: date, example_name: str) -> dict[str, JsonValue]:
    """A case as a policy file writes an example: its facts, and what the policy answers."""
    entry: dict[str, Any] = {"name": example_name}
    if any(AS_OF in names_in(rule.when) for rule in policy.rules):
        entry["as_of"] = as_of.isoformat()
    entry["facts"] = {name: format_value(policy.facts[name].type, value) for name, value in facts.items()}
    result = evaluate(policy, facts, as_of)
    match result:
        case Decided():
            outcomes = [_outcome_entry(policy, values) for values in result.outcome]
            entry["outcome"] = outcomes if policy.returns_list else outcomes[0]
            entry |= {"rule": result.rules[0]} if len(result.rules) == 1 else {"rules": list(result.rules)}
        case MissingFacts():
            entry["missing"] = list(result.names)
        case NoRuleMatched():
            entry["status"] = "no_rule_matched"
        case Conflict():
            entry |= {"status": "conflict", "rules": list(result.rules)}
    return entry


@dataclass(frozen=True, slots=True)
class DraftUpdate:
    """A draft as it was read, and its texts as they are to be."""

    change: Change
    texts: tuple[bytes, ...]


def updated_draft(session: Session, change: str, policy: str, example: Mapping[str, JsonValue]) -> DraftUpdate:
    """A draft with one more example in its text of a policy. Slow. Raises ExampleRefused, UnknownChange."""
    draft = approval.read_change(session, change)
    digests = {name for name, _ in policy_texts(session, draft, policy)}
    texts = ((name, approval.read_text(session, name)) for name in draft.draft.texts)
    return DraftUpdate(draft, tuple(add_example(text, example) if name in digests else text for name, text in texts))


def save_draft(transaction: Transaction, actor: Actor, update: DraftUpdate) -> str:
    """Writes the draft anew, if it is still as it was read; gives its address. Raises what editing a draft does."""
    change, draft = update.change, update.change.draft
    approval.edit(
        transaction,
        actor,
        change.id,
        title=draft.title,
        reason=draft.reason,
        effective=draft.effective,
        texts=update.texts,
        expected=change.etag,
    )
    return f"/changes/{change.id}/draft?done=example"


def _outcome_entry(policy: Policy, values: Values) -> dict[str, Any]:
    pairs = zip(policy.outcomes.values(), values, strict=False)
    return {outcome.name: format_value(outcome.type, value) for outcome, value in pairs}
