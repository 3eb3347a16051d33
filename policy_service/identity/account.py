"""Accounts: their state, and the permissions to change them.

An account is the fold of its creation and all later changes. Nothing is ever deleted, so that the signer of every
signature remains known.

    administrator   stands alone: who manages accounts neither writes policies nor signs them, nor decides
    signing roles   have no effect before another person has attested the account as it is now (see `attestation`)
    everyone else  may hold several roles; that nobody signs twice or signs their own work is the workflow's business
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from policy_service.actor import SIGNING_ROLES, Actor, PendingRoles, Role
from policy_service.identity.errors import FieldError, line_error
from policy_service.messages import Message

UNATTESTED = Message("Your signing roles have no effect until compliance has attested your account.")
PASSWORD_SET_BY_OTHER = Message(
    "Your signing roles have no effect yet: change your password, which was set by another person; "
    "then compliance must attest your account."
)
NAME = re.compile(r"[a-z][a-z0-9._-]{1,62}[a-z0-9]")
MAX_NAME = 64
MAX_PRINTED_NAME = 100
MAX_ISSUER = 300
MAX_EXTERNAL_SUBJECT = 255
"""Maximum length of a subject at a provider, characters (OpenID Connect Core 1.0 section 2)."""
PermissionResult = Literal[True] | str
"""True, or the reason why not."""


@dataclass(frozen=True, slots=True)
class ExternalIdentity:
    """The identity of a person at an identity provider: the issuer and the subject (OpenID Connect Core 2)."""

    issuer: str
    subject: str


@dataclass(frozen=True, slots=True)
class AccountChange:
    """One change of an account, and its actor; None for a field that did not change."""

    roles: frozenset[Role] | None = None
    enabled: bool | None = None
    external: ExternalIdentity | None = None
    password: bool = False
    """True if a password was set."""
    attested: bool = False
    """True if the account was attested in its state of that time."""
    by: str = ""
    seq: int = 0


@dataclass(frozen=True, slots=True)
class Account:
    """The current state of a person's account."""

    id: str
    name: str
    printed_name: str
    created_at: datetime
    roles: frozenset[Role] = frozenset()
    enabled: bool = False
    external: ExternalIdentity | None = None
    attested: bool = False
    """True if the account is attested in its current state."""
    password_by: str | None = None
    """The actor who set the current password."""
    editors: frozenset[str] = frozenset()
    """All other actors who created or changed it."""
    was_compliance: bool = False
    """True if it was ever attested in the role of compliance."""
    revision: int = 0
    """The number of its last change."""

    @property
    def etag(self) -> str:
        """The entity tag of the account's current state."""
        return f"{self.id}-{self.revision}"

    @property
    def signing_roles(self) -> frozenset[Role]:
        """The signing roles it was given, whether effective or not."""
        return self.roles.intersection(SIGNING_ROLES)

    @property
    def pending_roles(self) -> PendingRoles | None:
        """The roles that are not effective yet, and why."""
        if self.attested or not self.signing_roles:
            return None
        return PendingRoles(self.signing_roles, UNATTESTED if self.has_own_password else PASSWORD_SET_BY_OTHER)

    @property
    def waiting_roles(self) -> frozenset[Role]:
        """The roles that are not effective yet."""
        return self.pending_roles.roles if self.pending_roles else frozenset()

    @property
    def has_own_password(self) -> bool:
        """True if no other person set its password."""
        return self.password_by in {None, self.id}

    def actor(self, confirmed_at: datetime | None = None) -> Actor:
        """Return the person as an actor with the effective roles."""
        pending = self.pending_roles
        roles = self.roles - pending.roles if pending else self.roles
        return Actor(self.id, self.name, self.printed_name, roles, "person", confirmed_at, pending)


def fold(initial: Account, changes: Iterable[AccountChange]) -> Account:
    """Return the account after all its changes."""
    account = initial
    for change in changes:
        account = _apply(account, change)
    return account


def _apply(account: Account, change: AccountChange) -> Account:
    """Return the account after a change.

    A change that lets another person use its signing roles withdraws the attestation.
    """
    roles = account.roles if change.roles is None else change.roles
    is_by_other = change.by != account.id
    grants_access = change.password or change.external is not None or (change.enabled is True and not account.enabled)
    new_signing_roles = (roles - account.roles).intersection(SIGNING_ROLES)
    return replace(
        account,
        roles=roles,
        enabled=account.enabled if change.enabled is None else change.enabled,
        external=account.external if change.external is None else change.external,
        attested=change.attested or (account.attested and not (is_by_other and (grants_access or new_signing_roles))),
        password_by=change.by if change.password else account.password_by,
        editors=account.editors | {change.by} if is_by_other and not change.attested else account.editors,
        was_compliance=account.was_compliance or (change.attested and Role.COMPLIANCE in roles),
        revision=change.seq,
    )


def name_errors(name: str, printed_name: str) -> list[FieldError]:
    """List the errors of a new account's names."""
    errors = []
    if not NAME.fullmatch(name):
        expected = Message("3 to 64 small letters, digits, points, hyphens or underscores, beginning with a letter")
        errors.append(FieldError("name", name, expected))
    printed_name_error = line_error("printed_name", printed_name, MAX_PRINTED_NAME)
    return errors if printed_name_error is None else [*errors, printed_name_error]


def external_errors(external: ExternalIdentity) -> list[FieldError]:
    """List the errors of an external identity."""
    members = (("issuer", external.issuer, MAX_ISSUER), ("subject", external.subject, MAX_EXTERNAL_SUBJECT))
    return [error for each in members if (error := line_error(*each)) is not None]


def roles_error(roles: frozenset[Role]) -> FieldError | None:
    """Return the error of a set of roles; None when a person may hold them together."""
    if Role.ADMINISTRATOR in roles and len(roles) > 1:
        expected = Message("no other role beside administrator: who manages accounts neither writes nor signs")
        return FieldError("roles", ", ".join(sorted(roles)), expected)
    return None


def may_administer(actor: Actor) -> PermissionResult:
    """Return True if the actor may manage accounts and keys (an administrator or the system), else the reason."""
    if actor.is_system or (actor.kind == "person" and Role.ADMINISTRATOR in actor.roles):
        return True
    return Message("Only an administrator manages accounts and API keys.")


def may_change_roles(
    actor: Actor, account: Account, roles: frozenset[Role], accounts: Mapping[str, Account]
) -> PermissionResult:
    """Return True if the actor may replace the account's roles with these, else the reason."""
    if (permission := may_administer(actor)) is not True:
        return permission
    if actor.id == account.id:
        return Message("You cannot change your own roles: another administrator must.")
    if Role.ADMINISTRATOR not in roles and _is_last_administrator(account, accounts):
        return _last_administrator(account)
    return True


def may_link(actor: Actor, account: Account) -> PermissionResult:
    """Return True if the actor may link the account to an identity provider, else the reason."""
    if (permission := may_administer(actor)) is not True:
        return permission
    if actor.id == account.id:
        return Message("You cannot link your own account: another administrator must.")
    return True


def may_reset_password(actor: Actor, account: Account) -> PermissionResult:
    """Return True if the actor may set another person's password, else the reason."""
    if actor.id == account.id:
        return Message("Change your own password under “My account”.")
    return may_administer(actor)


def may_disable(actor: Actor, account: Account, accounts: Mapping[str, Account]) -> PermissionResult:
    """Return True if the actor may disable the account, else the reason."""
    if (permission := may_administer(actor)) is not True:
        return permission
    if _is_last_administrator(account, accounts):
        return _last_administrator(account)
    return True


def _last_administrator(account: Account) -> Message:
    return Message("{account} is the last enabled administrator: make another one first.", account=account.name)


def _is_last_administrator(account: Account, accounts: Mapping[str, Account]) -> bool:
    administrators = {each.id for each in accounts.values() if each.enabled and Role.ADMINISTRATOR in each.roles}
    return administrators == {account.id}
