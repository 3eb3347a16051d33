"""Capacity for work with customers: the policies with contacts or service levels, and a role's monthly capacity.

A policy asks for contacts by three outcomes: `owner`, a choice of roles; `contacts`, a whole number; and `period`, a
choice of the words of `PERIODS`. It sets a service level by two: `mode`, a choice that says who answers a request, and
`answer_within`, a duration. The policy `governance/capacity` states capacities: for the fact `role`, a word of `owner`
or of `mode`, it decides `contacts_a_month`, a number above 0. A role for which no rule matches, or that it does not
know, has no stated capacity; while no version of it is in force, no role has.
"""

from __future__ import annotations

import datetime
from fractions import Fraction

from policy_service.approval.errors import ValidationFailed
from policy_service.language.evaluate import evaluate
from policy_service.language.outcome import Decided
from policy_service.language.policy import Policy
from policy_service.language.types import ChoiceType, DurationType, NumberType, Type
from policy_service.messages import Message

CAPACITY = "governance/capacity"
ROLE, CONTACTS_A_MONTH = "role", "contacts_a_month"
OWNER, CONTACTS, PERIOD = "owner", "contacts", "period"
MODE, ANSWER_WITHIN = "mode", "answer_within"
REQUESTS = "requests_a_month"
"""The fact with the number of a subject's requests."""
PERIODS = {
    "week": Fraction(13, 3),
    "month": Fraction(1),
    "quarter": Fraction(1, 3),
    "half_year": Fraction(1, 6),
    "year": Fraction(1, 12),
}
"""How many of each period a month has; a quarter has thirteen weeks."""


def asks_for_contacts(policy: Policy) -> bool:
    """Return True if a policy determines who makes how many contacts in which period."""
    owner, contacts, period = (_outcome_type(policy, name) for name in (OWNER, CONTACTS, PERIOD))
    return (
        not policy.returns_list
        and isinstance(owner, ChoiceType)
        and isinstance(contacts, NumberType)
        and contacts.scale == 0
        and isinstance(period, ChoiceType)
        and PERIODS.keys() >= set(period.of)
    )


def sets_service_level(policy: Policy) -> bool:
    """Return True if a policy determines who answers a request, and within which time."""
    mode, answer_within = (_outcome_type(policy, name) for name in (MODE, ANSWER_WITHIN))
    return not policy.returns_list and isinstance(mode, ChoiceType) and isinstance(answer_within, DurationType)


def _outcome_type(policy: Policy, name: str) -> Type | None:
    return policy.outcomes[name].type if name in policy.outcomes else None


def stated_capacity(policy: Policy, role: str, day: datetime.date) -> Fraction | None:
    """Return the contacts a role can make, or the requests it can answer, in a month; None if not stated."""
    check_capacity(policy)
    result = evaluate(policy, {ROLE: role}, day) if role in getattr(policy.facts[ROLE].type, "of", ()) else None
    if not isinstance(result, Decided):
        return None
    position = list(policy.outcomes).index(CONTACTS_A_MONTH)
    scale = getattr(policy.outcomes[CONTACTS_A_MONTH].type, "scale", 0)
    return Fraction(int(str(result.outcome[0][position])), 10**scale)


def check_capacity(policy: Policy) -> None:
    """Check that the service can use a new version of `governance/capacity`. Raises ValidationFailed."""
    version_name, problems = {"policy": policy.id, "version": policy.version}, []
    role, outcome = policy.facts.get(ROLE), policy.outcomes.get(CONTACTS_A_MONTH)
    if role is None or not isinstance(role.type, ChoiceType) or len(policy.facts) > 1:
        problems.append(
            Message("{policy} {version} must ask for `{fact}`, a choice, and nothing else.", **version_name, fact=ROLE)
        )
    if outcome is None or not isinstance(outcome.type, NumberType) or outcome.type.low <= 0 or policy.returns_list:
        problems.append(
            Message(
                "{policy} {version} must decide `{outcome}`, one number with a minimum above 0.",
                **version_name,
                outcome=CONTACTS_A_MONTH,
            )
        )
    if problems:
        raise ValidationFailed(problems)
