"""Actors: a person with an account, a machine with an API key, the service itself, or the command line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

ActorKind = Literal["person", "machine", "service", "command_line"]
COMMAND_LINE = "command-line"
"""The identifier of the command line as an actor; its name is that of the operating system's user."""
REAUTHENTICATION_VALIDITY = timedelta(minutes=5)
"""How long a re-authentication counts as fresh (21 CFR 11.200 is the model)."""


class Role(StrEnum):
    """The permissions of an actor; an administrator as such may neither write nor sign."""

    AUTHOR = "author"
    SALES_DIRECTOR = "sales_director"
    FINANCE_DIRECTOR = "finance_director"
    GENERAL_MANAGER = "general_manager"
    COMPLIANCE = "compliance"
    INTEGRATION = "integration"
    ADMINISTRATOR = "administrator"


SIGNING_ROLES = (Role.SALES_DIRECTOR, Role.FINANCE_DIRECTOR, Role.GENERAL_MANAGER, Role.COMPLIANCE)
"""The roles that can be required to sign."""
DIRECTORS = (Role.SALES_DIRECTOR, Role.FINANCE_DIRECTOR, Role.GENERAL_MANAGER)
"""The roles that may suspend a policy in an emergency and record overrides."""


@dataclass(frozen=True, slots=True)
class PendingRoles:
    """Roles of a person that are not effective yet, and the reason as a message."""

    roles: frozenset[Role]
    reason: str


@dataclass(frozen=True, slots=True)
class Actor:
    """An actor; `confirmed_at` is the time of the person's last re-authentication for this action."""

    id: str
    """The identifier of the account or of the API key."""
    name: str
    """The name of the account or of the key."""
    printed_name: str
    """The name shown with a signature."""
    roles: frozenset[Role]
    kind: ActorKind = "person"
    confirmed_at: datetime | None = None
    pending_roles: PendingRoles | None = None

    def pending_reason(self, roles: Iterable[Role]) -> str | None:
        """Return why the actor cannot act in one of these roles yet; None unless the role is pending."""
        return (
            self.pending_roles.reason
            if self.pending_roles is not None and self.pending_roles.roles.intersection(roles)
            else None
        )

    @property
    def is_system(self) -> bool:
        """True if it is the service or its command line, used by a person with write access on the machine."""
        return self.kind in {"service", "command_line"}

    def is_fresh(self, now: datetime) -> bool:
        """Return True if the person re-authenticated at most `REAUTHENTICATION_VALIDITY` ago."""
        return self.confirmed_at is not None and timedelta() <= now - self.confirmed_at <= REAUTHENTICATION_VALIDITY


SERVICE = Actor("service", "service", "policy-service", frozenset(), "service")
"""The service as an actor: it imports, seals and signs checkpoints."""
