"""Accounts: what they are made from, and who may change what of them.

An account is its making and all changes since, folded in order. Nothing of it is ever deleted: who signed is known for
as long as the signature is.

    administrator   stands alone: who manages accounts neither writes policies nor signs them, nor decides
    signing roles   have no effect before somebody else has vouched for the account as it is now (see `vouching`)
    everybody else  may hold several roles; that nobody signs twice or signs their own work is the workflow's business
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from policy_service.actor import SIGNING_ROLES, Actor, Role, Waiting
from policy_service.identity.refusals import Fault, fault_of_line
from policy_service.sentences import Sentence

UNVOUCHED = Sentence("Your signing roles wait until compliance has vouched for your account.")
GIVEN_BY_ANOTHER = Sentence(
    "Your signing roles wait: change your password, which somebody else gave you; "
    "then compliance has to vouch for your account."
)
NAME = re.compile(r"[a-z][a-z0-9._-]{1,62}[a-z0-9]")
LONGEST_PRINTED_NAME = 100
LONGEST_ISSUER = 300
LONGEST_EXTERNAL_SUBJECT = 255
"""Characters of a person's name at a provider (OpenID Connect Core 1.0 section 2)."""
Verdict = Literal[True] | str
"""True, or the reason why not."""


@dataclass(frozen=True, slots=True)
class External:
    """How a provider of identities knows the person: who provides, and the name it gives (OpenID Connect Core 2)."""

    issuer: str
    subject: str


@dataclass(frozen=True, slots=True)
class AccountChange:
    """What was changed of an account, and by whom; what is None stayed."""

    roles: frozenset[Role] | None = None
    enabled: bool | None = None
    external: External | None = None
    password: bool = False
    """Whether the account was given a password."""
    vouched: bool = False
    """Whether it was vouched for, as it was then."""
    by: str = ""
    seq: int = 0


@dataclass(frozen=True, slots=True)
class Account:
    """A person's account as it is now."""

    id: str
    name: str
    printed_name: str
    created_at: datetime
    roles: frozenset[Role] = frozenset()
    enabled: bool = False
    external: External | None = None
    vouched: bool = False
    """Whether somebody vouched for it as it is now."""
    password_by: str | None = None
    """Who gave it the password it has."""
    hands: frozenset[str] = frozenset()
    """Everybody else who made it or changed anything of it."""
    began_compliance: bool = False
    """Whether it was ever vouched for in the role of compliance."""
    revision: int = 0
    """The number of its last change."""

    @property
    def etag(self) -> str:
        """What names the account as it is now."""
        return f"{self.id}-{self.revision}"

    @property
    def signing_roles(self) -> frozenset[Role]:
        """The roles it was given that a signature may be asked of, whether they have effect or not."""
        return self.roles.intersection(SIGNING_ROLES)

    @property
    def waiting(self) -> Waiting | None:
        """The roles that have no effect yet, and why."""
        if self.vouched or not self.signing_roles:
            return None
        return Waiting(self.signing_roles, UNVOUCHED if self.has_own_password else GIVEN_BY_ANOTHER)

    @property
    def has_own_password(self) -> bool:
        """Whether nobody else gave it the password it has, if it has one."""
        return self.password_by in {None, self.id}

    def actor(self, confirmed_at: datetime | None = None) -> Actor:
        """The person as one who acts, in the roles that have effect."""
        waiting = self.waiting
        roles = self.roles - waiting.roles if waiting else self.roles
        return Actor(self.id, self.name, self.printed_name, roles, "person", confirmed_at, waiting)


def fold(made: Account, changes: Iterable[AccountChange]) -> Account:
    """The account after all its changes."""
    account = made
    for change in changes:
        account = _after(account, change)
    return account


def _after(account: Account, change: AccountChange) -> Account:
    """The account after one more change; what lets somebody else act in its signing roles takes the vouching away."""
    roles = account.roles if change.roles is None else change.roles
    by_another = change.by != account.id
    opens = change.password or change.external is not None or (change.enabled is True and not account.enabled)
    given = (roles - account.roles).intersection(SIGNING_ROLES)
    return replace(
        account,
        roles=roles,
        enabled=account.enabled if change.enabled is None else change.enabled,
        external=account.external if change.external is None else change.external,
        vouched=change.vouched or (account.vouched and not (by_another and (opens or given))),
        password_by=change.by if change.password else account.password_by,
        hands=account.hands | {change.by} if by_another and not change.vouched else account.hands,
        began_compliance=account.began_compliance or (change.vouched and Role.COMPLIANCE in roles),
        revision=change.seq,
    )


def faults_of_names(name: str, printed_name: str) -> list[Fault]:
    """What is wrong with the names of a new account."""
    faults = []
    if not NAME.fullmatch(name):
        expected = Sentence("3 to 64 small letters, digits, points, hyphens or underscores, beginning with a letter")
        faults.append(Fault("name", name, expected))
    printed = fault_of_line("printed_name", printed_name, LONGEST_PRINTED_NAME)
    return faults if printed is None else [*faults, printed]


def faults_of_external(external: External) -> list[Fault]:
    """What is wrong with how a provider of identities is said to know a person."""
    lines = (("issuer", external.issuer, LONGEST_ISSUER), ("subject", external.subject, LONGEST_EXTERNAL_SUBJECT))
    return [fault for each in lines if (fault := fault_of_line(*each)) is not None]


def fault_of_roles(roles: frozenset[Role]) -> Fault | None:
    """What is wrong with a set of roles; None when a person may hold them together."""
    if Role.ADMINISTRATOR in roles and len(roles) > 1:
        expected = Sentence("no other role beside administrator: who manages accounts neither writes nor signs")
        return Fault("roles", ", ".join(sorted(roles)), expected)
    return None


def may_administer(actor: Actor) -> Verdict:
    """Whether the actor manages accounts and keys: an administrator, the command line, or the service itself."""
    if actor.is_set_up or (actor.kind == "person" and Role.ADMINISTRATOR in actor.roles):
        return True
    return Sentence("Only an administrator manages accounts and API keys.")


def may_change_roles(
    actor: Actor, account: Account, roles: frozenset[Role], everybody: Mapping[str, Account]
) -> Verdict:
    """Whether the actor may give the account these roles instead of those it has."""
    if (verdict := may_administer(actor)) is not True:
        return verdict
    if actor.id == account.id:
        return Sentence("Nobody changes their own roles: another administrator has to do it.")
    if Role.ADMINISTRATOR not in roles and _is_last_administrator(account, everybody):
        return _last_administrator(account)
    return True


def may_link(actor: Actor, account: Account) -> Verdict:
    """Whether the actor may say how a provider of identities knows the person."""
    if (verdict := may_administer(actor)) is not True:
        return verdict
    if actor.id == account.id:
        return Sentence("Nobody links their own account: another administrator has to do it.")
    return True


def may_disable(actor: Actor, account: Account, everybody: Mapping[str, Account]) -> Verdict:
    """Whether the actor may disable the account."""
    if (verdict := may_administer(actor)) is not True:
        return verdict
    if _is_last_administrator(account, everybody):
        return _last_administrator(account)
    return True


def _last_administrator(account: Account) -> Sentence:
    return Sentence("{account} is the last enabled administrator: make another one first.", account=account.name)


def _is_last_administrator(account: Account, everybody: Mapping[str, Account]) -> bool:
    administrators = {each.id for each in everybody.values() if each.enabled and Role.ADMINISTRATOR in each.roles}
    return administrators == {account.id}
