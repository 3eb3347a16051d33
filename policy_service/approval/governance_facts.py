"""Governance policies: the version in force, the facts that the service supplies, and their required form."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterator, Mapping, Sequence

from sqlmodel import Session

from policy_service.approval.change import Version
from policy_service.approval.errors import OperationRejected
from policy_service.language.policy import Policy
from policy_service.language.types import ChoiceType, Value, ValueRejected, parse_value
from policy_service.messages import Message, join_comma, rebuild_message
from policy_service.registry.service import activation_in_force

VERDICT = "verdict"
"""The outcome of policies that allow or refuse."""
DECIDES_LIST = Message("{policy} {version} must decide one outcome, not a list of them.")
DEMANDS_UNKNOWN = Message("{policy} {version} demands {facts}, which the service does not know of every change.")


def governing_version(session: Session, policy: str, now: datetime.datetime) -> Version | None:
    """Return the version of a policy of governance that is in force; None when there is none."""
    active = activation_in_force(session, policy, now)
    return Version(active.policy, active.version, active.digest) if active is not None else None


def read_governance_facts(policy: Policy, values: Mapping[str, object], refusal: Message) -> dict[str, Value]:
    """Read those of the supplied facts that the policy declares; None is a fact that is not known.

    `refusal` is the pattern of a message about the policy, a fact, its value and what is expected instead. Raises
    OperationRejected.
    """
    facts: dict[str, Value] = {}
    for name, fact in policy.facts.items():
        if (value := values.get(name)) is None:
            continue
        try:
            facts[name] = parse_value(fact.type, value)
        except ValueRejected as error:
            about = {**version_name(policy), "fact": name, "value": str(value), "expected": error.expected}
            raise OperationRejected(rebuild_message(refusal.pattern, about)) from None
    return facts


def version_name(policy: Policy) -> dict[str, str]:
    """Return the values that name a version in a message."""
    return {"policy": policy.id, "version": policy.version}


def verdict_problems(policy: Policy, verdicts: Sequence[str]) -> Iterator[Message]:
    """Find whether a policy decides a verdict other than those."""
    verdict = policy.outcomes.get(VERDICT)
    if verdict is None or not isinstance(verdict.type, ChoiceType) or not set(verdict.type.of) <= set(verdicts):
        yield Message(
            "{policy} {version} must decide `{outcome}`, one of {values}.",
            **version_name(policy),
            outcome=VERDICT,
            values=join_comma(verdicts),
        )


def shape_problems(policy: Policy, known: Collection[str], *, is_list: Message, demands: Message) -> Iterator[Message]:
    """Find whether a policy decides a list, or demands other facts than those; both messages are patterns."""
    if policy.returns_list:
        yield rebuild_message(is_list.pattern, version_name(policy))
    if demanded := {fact.name for fact in policy.facts.values() if not fact.optional}.difference(known):
        yield rebuild_message(demands.pattern, {**version_name(policy), "facts": join_comma(sorted(demanded))})
