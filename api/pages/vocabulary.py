"""What the closed sets of the library are called on the pages: states, actions, roles, kinds."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from policy_service.actor import Role
from policy_service.approval.service import Action, Meaning, State
from policy_service.language.policy import Hit
from policy_service.registry.model import ActivationKind
from policy_service.sentences import Sentence

_NAMES: tuple[tuple[Enum, Sentence], ...] = (
    (Role.AUTHOR, Sentence("author")),
    (Role.SALES_DIRECTOR, Sentence("sales director")),
    (Role.FINANCE_DIRECTOR, Sentence("finance director")),
    (Role.GENERAL_MANAGER, Sentence("general manager")),
    (Role.COMPLIANCE, Sentence("compliance")),
    (Role.INTEGRATION, Sentence("integration")),
    (Role.ADMINISTRATOR, Sentence("administrator")),
    (State.DRAFT, Sentence("draft")),
    (State.SUBMITTED, Sentence("submitted")),
    (State.SIGNED_OFF, Sentence("signed off")),
    (State.SCHEDULED, Sentence("scheduled")),
    (State.REJECTED, Sentence("rejected")),
    (State.WITHDRAWN, Sentence("withdrawn")),
    (State.CANCELLED, Sentence("cancelled")),
    (Action.CREATE, Sentence("created")),
    (Action.EDIT, Sentence("edited")),
    (Action.COMMENT, Sentence("commented")),
    (Action.SUBMIT, Sentence("submitted")),
    (Action.SIGN_OFF, Sentence("signed")),
    (Action.REQUEST_CHANGES, Sentence("asked for changes")),
    (Action.REJECT, Sentence("rejected")),
    (Action.WITHDRAW, Sentence("withdrew")),
    (Action.SCHEDULE, Sentence("scheduled")),
    (Action.CANCEL, Sentence("cancelled")),
    (Meaning.APPROVED, Sentence("I approve the content, its effect and the day.")),
    (Meaning.CONFORMS, Sentence("I checked that it conforms to the regulation and was drawn up as it must be.")),
    (ActivationKind.INITIAL, Sentence("imported at set-up")),
    (ActivationKind.CHANGE, Sentence("change")),
    (ActivationKind.ROLLBACK, Sentence("rollback")),
    (ActivationKind.SUSPENSION, Sentence("suspension")),
    (ActivationKind.ENDING, Sentence("ending")),
    (ActivationKind.STOP, Sentence("suspension: no version applies")),
    (Hit.UNIQUE, Sentence("exactly one rule matches")),
    (Hit.ANY, Sentence("any of the matching rules, which agree")),
    (Hit.FIRST, Sentence("the first matching rule")),
    (Hit.PRIORITY, Sentence("the matching rule with the best outcome")),
    (Hit.RULE_ORDER, Sentence("all matching rules, in their order")),
    (Hit.OUTPUT_ORDER, Sentence("all matching rules, the best outcome first")),
    (Hit.COLLECT, Sentence("all matching rules, collected")),
)
_BY_KIND: Mapping[tuple[type, str], Sentence] = {(type(thing), thing.value): name for thing, name in _NAMES}
"""By kind and value: members of different kinds may be written alike."""
DOMAINS: Mapping[str, Sentence] = {
    "tiering": Sentence("Tiering"),
    "followup": Sentence("Follow-up"),
    "service_levels": Sentence("Service levels"),
    "rewards": Sentence("Rewards and penalties"),
    "governance": Sentence("Governance"),
}
"""What the domains that the product ships are called."""


def name_of(thing: Enum) -> Sentence:
    """What a member of a closed set is called. Raises KeyError when it was forgotten here."""
    return _BY_KIND[type(thing), thing.value]


def domain_name(domain: str) -> str:
    """What a domain is called; one of the company's own is called as it is written."""
    return DOMAINS.get(domain, domain)
