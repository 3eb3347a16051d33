"""The reader's own drafts of a policy: trying their text, and giving it a case as an example."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlmodel import Session

from api.pages.changes.examples import Plain, with_example
from policy_service import PolicyError, load_bytes
from policy_service.actor import Actor
from policy_service.approval import service as approval
from policy_service.approval.service import Change, State, Wanted
from policy_service.database import Transaction
from policy_service.language.evaluate import evaluate
from policy_service.language.outcome import Conflict, Decided, MissingFacts, NoRuleMatched, Values
from policy_service.language.policy import AS_OF, Policy
from policy_service.language.presence import names
from policy_service.language.types import Value, write

OFFERED = 20
"""Drafts that are offered, the newest."""


@dataclass(frozen=True, slots=True)
class MyDraft:
    """A draft that the reader may write in."""

    id: str
    title: str


def drafts_of(session: Session, actor: Actor, policy: str) -> tuple[MyDraft, ...]:
    """The newest drafts of the actor that hold a text of the policy."""
    found = approval.changes(session, Wanted(states=frozenset({State.DRAFT}), author=actor.id), limit=OFFERED)
    return tuple(
        MyDraft(change.id, change.draft.title)
        for change in found.changes
        if next(texts_of(session, change, policy), None) is not None
    )


def drafted(session: Session, change: str, policy: str) -> Policy | None:
    """The policy as a draft has it; None when it holds no valid text of it. Raises UnknownChange."""
    found = next(texts_of(session, approval.read_change(session, change), policy), None)
    return None if found is None else found[1]


def texts_of(session: Session, change: Change, policy: str) -> Iterator[tuple[str, Policy]]:
    """The valid texts of a policy in a draft, each under its digest."""
    for name in change.draft.texts:
        try:
            read = load_bytes(approval.read_text(session, name))
        except PolicyError:
            continue
        if read.id == policy:
            yield name, read


def example_of(policy: Policy, facts: Mapping[str, Value], as_of: date, called: str) -> dict[str, Plain]:
    """A case as a policy file writes an example: its facts, and what the policy answers."""
    said: dict[str, Any] = {"name": called}
    if any(AS_OF in names(rule.when) for rule in policy.rules):
        said["as_of"] = as_of.isoformat()
    said["facts"] = {name: write(policy.facts[name].type, value) for name, value in facts.items()}
    result = evaluate(policy, facts, as_of)
    match result:
        case Decided():
            outcomes = [_outcome(policy, values) for values in result.outcome]
            said["outcome"] = outcomes if policy.lists else outcomes[0]
            said |= {"rule": result.rules[0]} if len(result.rules) == 1 else {"rules": list(result.rules)}
        case MissingFacts():
            said["missing"] = list(result.names)
        case NoRuleMatched():
            said["status"] = "no_rule_matched"
        case Conflict():
            said |= {"status": "conflict", "rules": list(result.rules)}
    return said


@dataclass(frozen=True, slots=True)
class Written:
    """A draft as it was read, and its texts as they are to be."""

    change: Change
    texts: tuple[bytes, ...]


def with_one_more(session: Session, change: str, policy: str, example: Mapping[str, Plain]) -> Written:
    """A draft with one more example in its text of a policy. Slow. Raises ExampleRefused, UnknownChange."""
    found = approval.read_change(session, change)
    wanted = {name for name, _ in texts_of(session, found, policy)}
    texts = ((name, approval.read_text(session, name)) for name in found.draft.texts)
    return Written(found, tuple(with_example(text, example) if name in wanted else text for name, text in texts))


def keep(transaction: Transaction, actor: Actor, written: Written) -> str:
    """Writes the draft anew, if it is still as it was read; gives its address. Raises what editing a draft does."""
    change, draft = written.change, written.change.draft
    approval.edit(
        transaction,
        actor,
        change.id,
        title=draft.title,
        reason=draft.reason,
        effective=draft.effective,
        texts=written.texts,
        expected=change.etag,
    )
    return f"/changes/{change.id}/draft?done=example"


def _outcome(policy: Policy, values: Values) -> dict[str, Any]:
    pairs = zip(policy.outcomes.values(), values, strict=False)
    return {outcome.name: write(outcome.type, value) for outcome, value in pairs}
