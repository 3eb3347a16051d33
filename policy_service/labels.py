"""Titles of the library's closed sets: states, actions, roles, kinds."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from policy_service.actor import Role
from policy_service.approval.provenance import SuspensionMeaning
from policy_service.approval.service import Action, ChangeState, Meaning
from policy_service.language.policy import Hit
from policy_service.messages import Message
from policy_service.registry.model import ActivationKind

_LABELS: tuple[tuple[Enum, Message], ...] = (
    (Role.AUTHOR, Message("author")),
    (Role.SALES_DIRECTOR, Message("sales director")),
    (Role.FINANCE_DIRECTOR, Message("finance director")),
    (Role.GENERAL_MANAGER, Message("general manager")),
    (Role.COMPLIANCE, Message("compliance")),
    (Role.INTEGRATION, Message("integration")),
    (Role.ADMINISTRATOR, Message("administrator")),
    (ChangeState.DRAFT, Message("draft")),
    (ChangeState.UNDER_ANALYSIS, Message("under analysis")),
    (ChangeState.SUBMITTED, Message("submitted")),
    (ChangeState.SIGNED_OFF, Message("approved")),
    (ChangeState.SCHEDULED, Message("scheduled")),
    (ChangeState.REJECTED, Message("rejected")),
    (ChangeState.WITHDRAWN, Message("withdrawn")),
    (ChangeState.CANCELLED, Message("cancelled")),
    (Action.CREATE, Message("created")),
    (Action.EDIT, Message("edited")),
    (Action.COMMENT, Message("commented")),
    (Action.ANALYSE, Message("had it analysed")),
    (Action.END_ANALYSIS, Message("ended the analysis")),
    (Action.SUBMIT, Message("submitted")),
    (Action.SIGN_OFF, Message("signed")),
    (Action.REQUEST_CHANGES, Message("requested changes")),
    (Action.REJECT, Message("rejected")),
    (Action.WITHDRAW, Message("withdrew")),
    (Action.SCHEDULE, Message("scheduled")),
    (Action.CANCEL, Message("cancelled")),
    (Meaning.APPROVED, Message("I approve the content, its effect and the day.")),
    (Meaning.CONFORMS, Message("I checked that it conforms to the regulation and was drawn up correctly.")),
    (SuspensionMeaning.SUSPENDS, Message("I suspend the version that was in force.")),
    (SuspensionMeaning.RATIFIES, Message("I ratify the suspension.")),
    (ActivationKind.INITIAL, Message("imported at set-up")),
    (ActivationKind.CHANGE, Message("change")),
    (ActivationKind.ROLLBACK, Message("rollback")),
    (ActivationKind.SUSPENSION, Message("suspension")),
    (ActivationKind.ENDING, Message("ending")),
    (ActivationKind.STOP, Message("suspension: no version applies")),
    (Hit.UNIQUE, Message("exactly one rule matches")),
    (Hit.ANY, Message("any of the matching rules, which agree")),
    (Hit.FIRST, Message("the first matching rule")),
    (Hit.PRIORITY, Message("the matching rule with the best outcome")),
    (Hit.RULE_ORDER, Message("all matching rules, in their order")),
    (Hit.OUTPUT_ORDER, Message("all matching rules, the best outcome first")),
    (Hit.COLLECT, Message("all matching rules, collected")),
)
_LABELS_BY_KIND: Mapping[tuple[type, str], Message] = {(type(thing), thing.value): name for thing, name in _LABELS}
"""By kind and value, since members of different kinds may be equal."""
DOMAINS: Mapping[str, Message] = {
    "tiering": Message("Tiering"),
    "followup": Message("Follow-up"),
    "service_levels": Message("Service levels"),
    "rewards": Message("Rewards and penalties"),
    "governance": Message("Governance"),
}
"""The titles of the shipped domains."""


ENGINES: Mapping[str, Message] = {
    "definition": Message("definition"),
    "durable_rules": Message("rules engine"),
    "python": Message("standby engine"),
}
"""The titles of evaluators."""


def enum_label(member: Enum) -> Message:
    """Return the label of an enum's member. Raises KeyError when it has none."""
    return _LABELS_BY_KIND[type(member), member.value]


def engine_name(engine: str) -> str:
    """Return the label of an engine."""
    return ENGINES.get(engine, engine)


def domain_name(domain: str) -> str:
    """Return the label of a domain; a company's own domain is shown by its name."""
    return DOMAINS.get(domain, domain)
