"""Access rules: public, any principal, or people and machines in some roles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from policy_service.actor import DIRECTORS, SIGNING_ROLES, Actor, Role
from policy_service.messages import Message, join_and, join_or

EVERY_ROLE = frozenset(Role)
ROLES: Mapping[Role, Message] = {
    Role.AUTHOR: Message("author"),
    Role.SALES_DIRECTOR: Message("sales director"),
    Role.FINANCE_DIRECTOR: Message("finance director"),
    Role.GENERAL_MANAGER: Message("general manager"),
    Role.COMPLIANCE: Message("compliance"),
    Role.INTEGRATION: Message("integration"),
    Role.ADMINISTRATOR: Message("administrator"),
}
"""The roles in messages."""


@dataclass(frozen=True, slots=True)
class Access:
    """The access of a request: public, any principal, or some roles."""

    roles: frozenset[Role] = frozenset()
    authenticated: bool = True
    """True if authentication is required."""
    machines: bool = True
    """True if an API key is sufficient."""
    roleless: bool = False
    """True if a principal without a role is admitted."""


PUBLIC = Access(authenticated=False)
ANY_PRINCIPAL = Access(EVERY_ROLE, roleless=True)
ANY_PERSON = Access(EVERY_ROLE, machines=False, roleless=True)


def people_and_machines(*roles: Role) -> Access:
    """Return access for people and machines in one of these roles."""
    return Access(frozenset(roles))


def people(*roles: Role) -> Access:
    """Return access for people in one of these roles."""
    return Access(frozenset(roles), machines=False)


READERS = people_and_machines(Role.AUTHOR, *SIGNING_ROLES, Role.ADMINISTRATOR)
"""May read changes and suspensions: those who take part, administrators, and keys with the scope `compliance`."""
REVIEWERS = people_and_machines(Role.INTEGRATION, *SIGNING_ROLES)
"""May read decisions about subjects and their overrides; authors of policies may not."""
AUDITORS = people_and_machines(*SIGNING_ROLES)
"""May read the log: directors and compliance; only compliance may verify and export it whole (R-GOV-7)."""
POPULATING = people_and_machines(Role.AUTHOR, *SIGNING_ROLES)
"""May register populations and run policies over them; nobody can read their rows."""
TAKING_PART = people(Role.AUTHOR, *SIGNING_ROLES, Role.ADMINISTRATOR)
"""May read the pages of changes and suspensions."""
REVIEWING = people(Role.INTEGRATION, *SIGNING_ROLES)
"""May read the pages of decisions and overrides."""
AUDITING = people(*SIGNING_ROLES)
"""May read the pages of the log."""
WRITING = people(Role.AUTHOR)
DISCUSSING = people(Role.AUTHOR, *SIGNING_ROLES)
SIGNING = people(*SIGNING_ROLES)
DIRECTING = people(*DIRECTORS)
COMPLYING = people(Role.COMPLIANCE)
ADMINISTERING = people(Role.ADMINISTRATOR)
ATTESTING = people(Role.COMPLIANCE, Role.ADMINISTRATOR)
"""May read and attest accounts; an administrator only the first one of compliance."""


def check_permission(actor: Actor, access: Access) -> Literal[True] | str:
    """Return True if the actor may make the request, else the reason."""
    if actor.kind == "machine" and not access.machines:
        return Message("An API key can only read and decide; this needs a person who is signed in.")
    if access.roleless or actor.roles & access.roles:
        return True
    if (reason := actor.pending_reason(access.roles)) is not None:
        return reason
    needed = join_or(_role_names(access.roles))
    if not actor.roles:
        return Message("This is for {needed}; you have no role.", needed=needed)
    return Message("This is for {needed}; you are {held}.", needed=needed, held=join_and(_role_names(actor.roles)))


def _role_names(roles: Iterable[Role]) -> Iterable[str]:
    """Return roles in their usual order, in words."""
    return (ROLES[role] for role in Role if role in roles)
